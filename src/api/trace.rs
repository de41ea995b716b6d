//! The spans of requests, with the field names of OpenTelemetry's conventions for HTTP clients.

use std::error::Error;

use reqwest::{Request, Response};
use tracing::Span;
use tracing::field::Empty;

use crate::api::{Transport, redact};
use crate::error::chain;

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

/// The types of errors in spans.
pub(crate) const TIMEOUT: &str = "timeout";
pub(crate) const CONNECTION: &str = "connection";

/// Records how a request ended: with a response, or an error of this type.
pub(crate) fn record(span: &Span, response: Result<&Response, &str>) {
    match response {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.record("error.type", status.as_str());
            }
        }
        Err(error_type) => {
            span.record("error.type", error_type);
        }
    }
}

/// The type of an error of reqwest, which layers wrap in errors of their own.
pub(crate) fn error_type(error: &(dyn Error + 'static)) -> &'static str {
    match chain(error).find_map(|error| error.downcast_ref::<reqwest::Error>()) {
        Some(error) if error.is_timeout() => TIMEOUT,
        Some(_) => CONNECTION,
        // What OpenTelemetry calls an error that has no name of its own.
        None => "_OTHER",
    }
}
