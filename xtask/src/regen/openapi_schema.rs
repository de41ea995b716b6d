//! Validates a document with the official JSON Schema of OpenAPI 3.0.
//!
//! Most parts of a document can be either a value or a reference, so the schema's own errors only say that neither
//! alternative matches. This module picks the intended alternative and returns its errors.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

/// The maximum length of an error message. Longer ones contain a large value and are replaced.
const MAX_MESSAGE: usize = 160;

/// Builds a validator for JSON Schema draft 4, whose keywords OpenAPI 3.0 uses.
pub fn validator(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
    options.build(schema).map_err(|error| error.to_string())
}

/// Returns the JSON pointer and message of each violation of OpenAPI 3.0 in `document`.
pub fn violations(document: &Value) -> Result<Vec<(String, String)>, String> {
    let schema = serde_json::from_str(include_str!("../../openapi-3.0/schema.json"));
    let validator = schema.map_err(|error| error.to_string()).and_then(|schema| validator(&schema));
    Ok(errors(&validator.map_err(|reason| format!("invalid OpenAPI 3.0 schema: {reason}"))?, document))
}

/// Returns the JSON pointer and message of each error in `instance`.
pub fn errors(validator: &Validator, instance: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    validator.iter_errors(instance).for_each(|error| collect(&error, &mut found));
    found
}

/// Adds the errors of the intended alternative to `found`.
fn collect(error: &ValidationError<'_>, found: &mut Vec<(String, String)>) {
    if let ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } =
        error.kind()
    {
        // One of the alternatives is usually a reference.
        let is_for_references = |error: &ValidationError<'_>| matches!(error.kind(), ValidationErrorKind::Required { property } if property == "$ref");
        let mut alternatives = context.iter().filter(|errors| !errors.iter().any(is_for_references));
        // If more than one alternative remains, the intended one is ambiguous.
        if let (Some(errors), None) = (alternatives.next(), alternatives.next()) {
            return errors.iter().for_each(|error| collect(error, found));
        }
    }
    let text = error.to_string();
    let message = if text.len() > MAX_MESSAGE { format!("violates {}", error.schema_path()) } else { text };
    found.push((error.instance_path().to_string(), message));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_errors_include_the_location() {
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "", "version": "" },
            "paths": {},
            "components": { "schemas": { "A": { "type": "object", "properties": { "b": { "type": "enum" } } } } },
        });
        let violations = violations(&document).unwrap();
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!(violations[0].0, "/components/schemas/A/properties/b/type");
        assert!(violations[0].1.contains("\"enum\" is not one of"), "{violations:?}");
    }

    #[test]
    fn other_openapi_versions_are_rejected() {
        let violations =
            violations(&json!({ "openapi": "3.1.0", "info": { "title": "", "version": "" }, "paths": {} }));
        assert_eq!(violations.unwrap()[0].0, "/openapi");
    }
}
