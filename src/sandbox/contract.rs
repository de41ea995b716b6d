//! Validates registration requests against the contract.
//!
//! The path, method, key header, content type and schema are read from the contract, so the sandbox cannot
//! diverge from it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Value, json};

use crate::api::schema::CONTRACT;
use crate::api::types::RegisterBotSession;

const OPERATION: &str = "registerBotSession";

/// The operation that registers a bot, as the contract defines it.
pub(super) struct Registration {
    method: Method,
    path: &'static str,
    key_header: HeaderName,
    content_type: &'static str,
    schema: Value,
    validator: Validator,
}

impl Registration {
    /// Reads the operation from the contract.
    ///
    /// # Errors
    ///
    /// Returns an error that names the part that is missing from the contract or invalid.
    pub(super) fn read() -> Result<Self, String> {
        let (path, method, operation) =
            operation().ok_or_else(|| format!("the contract has no operation {OPERATION}"))?;
        let key_header = CONTRACT
            .pointer("/components/securitySchemes/ApiKey/name")
            .and_then(Value::as_str)
            .ok_or("the contract has no header name for the API key")?;
        let (content_type, body) = operation
            .pointer("/requestBody/content")
            .and_then(Value::as_object)
            .and_then(|content| content.iter().next())
            .ok_or("the contract has no content type for the registration request")?;
        // Schemas refer to each other by JSON pointer, so the components stay where the contract has them.
        let schema = json!({
            "allOf": body.get("schema").into_iter().collect::<Vec<_>>(),
            "components": CONTRACT.get("components"),
        });
        // OpenAPI 3.0 schemas use the keywords of draft 4.
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .build(&schema)
            .map_err(|error| format!("invalid registration schema in the contract: {error}"))?;
        Ok(Self {
            method: method
                .to_uppercase()
                .parse()
                .map_err(|_| format!("invalid method in the contract: {method}"))?,
            path,
            key_header: key_header
                .parse()
                .map_err(|_| format!("invalid header name in the contract: {key_header}"))?,
            content_type,
            schema,
            validator,
        })
    }

    /// Returns whether a request is for this operation.
    pub(super) fn matches(&self, method: &Method, path: &str) -> bool {
        *method == self.method && path == self.path
    }

    /// The header that carries the API key.
    pub(super) fn key_header(&self) -> &HeaderName {
        &self.key_header
    }

    /// Extracts the API key from the request headers.
    ///
    /// # Errors
    ///
    /// Returns the violation if the key is missing or empty.
    pub(super) fn key<'a>(&self, headers: &'a HeaderMap) -> Result<&'a [u8], String> {
        match headers.get(&self.key_header) {
            None => Err(format!("{}: missing (required)", self.key_header)),
            Some(key) if key.is_empty() => Err(format!("{}: empty (required)", self.key_header)),
            Some(key) => Ok(key.as_bytes()),
        }
    }

    /// Validates and decodes the request body.
    ///
    /// # Errors
    ///
    /// Returns every violation of the contract.
    pub(super) fn body(&self, headers: &HeaderMap, body: &[u8]) -> Result<RegisterBotSession, Vec<String>> {
        let mut violations = Vec::new();
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(self.content_type) {
            violations.push(format!("{CONTENT_TYPE}: not {}", self.content_type));
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(body) => {
                violations.extend(self.validator.iter_errors(&body).map(|error| self.describe(&error)));
                if violations.is_empty() {
                    // The type is generated from the same schema, so decoding is not expected to fail.
                    return serde_json::from_value(body).map_err(|error| vec![format!("body: {error}")]);
                }
            }
            Err(error) => violations.push(format!("body: not JSON ({error})")),
        }
        Err(violations)
    }

    /// Describes a violation: its location, the problem and the broken rule. The value is masked.
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
