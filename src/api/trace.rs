//! The spans of requests, with the field names of OpenTelemetry's conventions for HTTP clients.

use reqwest::{Request, Response};
use tracing::Span;
use tracing::field::Empty;

use crate::api::{Transport, redact};

impl Transport {
    /// The span of a request, with the key and `others` redacted in its path. Nothing is formatted unless it is recorded.
    pub(crate) fn span(&self, request: &Request, others: &[&str]) -> Span {
        let url = request.url();
        tracing::info_span!(
            target: "social_plus_bot::http",
            "request",
            otel.name = %request.method(),
            otel.kind = "client",
            http.request.method = %request.method(),
            server.address = url.host_str(),
            server.port = url.port_or_known_default(),
            url.scheme = url.scheme(),
            // Without the query, which can contain tokens.
            url.path = redact::text(url.path(), &self.secrets(others)),
            http.response.status_code = Empty,
            error.type = Empty,
        )
    }
}

/// Records how a request ended.
pub(crate) fn record(span: &Span, response: &reqwest::Result<Response>) {
    match response {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.record("error.type", status.as_str());
            }
        }
        Err(error) if error.is_timeout() => {
            span.record("error.type", "timeout");
        }
        Err(_) => {
            span.record("error.type", "connection");
        }
    }
}
