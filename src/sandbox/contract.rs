//! The registration as the contract has it, and whether a request keeps to it.
//!
//! Path, method, header, content type and schema are all read from the contract, so that the sandbox can't
//! come to disagree with it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Value, json};

use crate::api::deviation::CONTRACT;
use crate::api::types::RegisterBotSession;

const OPERATION: &str = "registerBotSession";

/// The operation that registers a bot.
pub(super) struct Registration {
    method: Method,
    path: &'static str,
    key_header: HeaderName,
    content_type: &'static str,
    schema: Value,
    validator: Validator,
}

impl Registration {
    /// Reads it from the contract.
    ///
    /// # Errors
    ///
    /// Says what the contract lacks.
    pub(super) fn read() -> Result<Self, String> {
        let (path, method, operation) =
            operation().ok_or_else(|| format!("the contract has no operation {OPERATION}"))?;
        let key_header = CONTRACT
            .pointer("/components/securitySchemes/ApiKey/name")
            .and_then(Value::as_str)
            .ok_or("the contract names no header for the API key")?;
        let (content_type, body) = operation
            .pointer("/requestBody/content")
            .and_then(Value::as_object)
            .and_then(|content| content.iter().next())
            .ok_or("the contract has no content type for a registration")?;
        // The schemas refer to each other by their place in the contract, so they keep it.
        let schema = json!({
            "allOf": body.get("schema").into_iter().collect::<Vec<_>>(),
            "components": CONTRACT.get("components"),
        });
        // Of the drafts, this is the one that OpenAPI 3.0 takes its keywords from.
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .build(&schema)
            .map_err(|error| format!("the contract's schema of a registration: {error}"))?;
        Ok(Self {
            method: method
                .to_uppercase()
                .parse()
                .map_err(|_| format!("the contract has a method {method}"))?,
            path,
            key_header: key_header.parse().map_err(|_| format!("the contract has a header {key_header}"))?,
            content_type,
            schema,
            validator,
        })
    }

    /// Whether a request is meant for this operation.
    pub(super) fn matches(&self, method: &Method, path: &str) -> bool {
        *method == self.method && path == self.path
    }

    /// The header that the API key travels in.
    pub(super) fn key_header(&self) -> &HeaderName {
        &self.key_header
    }

    /// The API key of a request.
    ///
    /// # Errors
    ///
    /// The rule that the request breaks.
    pub(super) fn key<'a>(&self, headers: &'a HeaderMap) -> Result<&'a [u8], String> {
        match headers.get(&self.key_header) {
            None => Err(format!("{}: missing (required)", self.key_header)),
            Some(key) if key.is_empty() => Err(format!("{}: empty (required)", self.key_header)),
            Some(key) => Ok(key.as_bytes()),
        }
    }

    /// What a request asks for.
    ///
    /// # Errors
    ///
    /// The rules that it breaks.
    pub(super) fn body(&self, headers: &HeaderMap, body: &[u8]) -> Result<RegisterBotSession, Vec<String>> {
        let mut broken = Vec::new();
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(self.content_type) {
            broken.push(format!("{CONTENT_TYPE}: not {}", self.content_type));
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(body) => {
                broken.extend(self.validator.iter_errors(&body).map(|error| self.describe(&error)));
                if broken.is_empty() {
                    // The type is generated from the same schema.
                    return serde_json::from_value(body).map_err(|error| vec![format!("body: {error}")]);
                }
            }
            Err(error) => broken.push(format!("body: not JSON ({error})")),
        }
        Err(broken)
    }

    /// The place, what is wrong there without the value, and the rule with its limit.
    fn describe(&self, error: &ValidationError<'_>) -> String {
        let place = error.instance_path();
        let keyword = error.kind().keyword();
        if let ValidationErrorKind::Required { property } = error.kind() {
            return format!("{place}/{}: missing ({keyword})", property.as_str().unwrap_or_default());
        }
        let rule = self.schema.pointer(error.schema_path().as_str()).unwrap_or(&Value::Null);
        let place = if place.is_empty() { "body" } else { place.as_str() };
        format!("{place}: {} ({keyword} {rule})", error.masked())
    }
}

fn operation() -> Option<(&'static str, &'static str, &'static Value)> {
    let paths = CONTRACT.get("paths")?.as_object()?;
    paths.iter().find_map(|(path, item)| {
        let mut operations = item.as_object()?.iter();
        let (method, operation) = operations
            .find(|(_, operation)| operation.get("operationId").is_some_and(|id| id == OPERATION))?;
        Some((path.as_str(), method.as_str(), operation))
    })
}
