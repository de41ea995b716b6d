//! What the official schema of OpenAPI 3.0 says of a document.
//!
//! Most places of a document may hold a thing or a reference to one, so the schema's own errors read "none of
//! two". Here the alternative that was meant is found, and its errors are told.

use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

/// Errors about longer values are told without them.
const SHOWN: usize = 160;

static OPENAPI: LazyLock<Result<Validator, String>> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../openapi-3.0/schema.json"))
        .map_err(|error| format!("the schema of OpenAPI 3.0: {error}"))?;
    validator(&schema).map_err(|error| format!("the schema of OpenAPI 3.0: {error}"))
});

/// A validator by JSON Schema draft 4, the one that OpenAPI 3.0 builds on.
pub fn validator(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
    options.build(schema).map_err(|error| error.to_string())
}

/// Each place where `document` is not OpenAPI 3.0: a JSON pointer and what is wrong there.
pub fn violations(document: &Value) -> Result<Vec<(String, String)>, String> {
    Ok(errors(OPENAPI.as_ref()?, document))
}

/// Each place of `instance` that `validator` refuses, and why.
pub fn errors(validator: &Validator, instance: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for error in validator.iter_errors(instance) {
        collect_errors(&error, &mut found);
    }
    found
}

/// Adds the errors that `error` comes down to.
fn collect_errors(error: &ValidationError<'_>, found: &mut Vec<(String, String)>) {
    if let ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } =
        error.kind()
    {
        let mut thing = context.iter().filter(|errors| !expects_reference(errors));
        // If more than one alternative is left, none of them can be told to be the one that was meant.
        if let (Some(errors), None) = (thing.next(), thing.next()) {
            errors.iter().for_each(|error| collect_errors(error, found));
            return;
        }
    }
    let pointer = error.instance_path().to_string();
    let text = error.to_string();
    let says = if text.len() > SHOWN { format!("it breaks the rule {}", error.schema_path()) } else { text };
    found.push((pointer, says));
}

/// Whether all that is wrong is that the value is no reference.
fn expects_reference(errors: &[ValidationError<'_>]) -> bool {
    errors.iter().any(|error| match error.kind() {
        ValidationErrorKind::Required { property } => property == "$ref",
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_deep_in_a_document_is_told_where_it_is() {
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
    fn another_version_of_openapi_is_refused() {
        let violations =
            violations(&json!({ "openapi": "3.1.0", "info": { "title": "", "version": "" }, "paths": {} }));
        assert_eq!(violations.unwrap()[0].0, "/openapi");
    }
}
