//! A contract to judge by: the crate's own, or a copy that a test has altered.
//!
//! Everything is looked up when asked for and may be missing, because the altered copies lack this or that
//! and the checks have to survive it to say so.

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

pub const SCHEMAS: &str = "/components/schemas";

#[derive(Clone)]
pub struct Contract {
    pub document: Value,
}

/// The operation: the crate has one, and so has its contract.
pub struct Operation<'a> {
    /// Where it is in the document.
    pub pointer: String,
    pub path: &'a str,
    pub method: &'a str,
    pub value: &'a Value,
}

impl Contract {
    pub fn of_the_crate() -> Self {
        let text = include_str!("../../openapi/social-plus-bot.json");
        Self { document: serde_json::from_str(text).unwrap() }
    }

    pub fn at(&self, pointer: &str) -> &Value {
        self.document.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = members(self.at("/paths"));
        let operations = paths.flat_map(|(path, item)| {
            members(item).map(move |(method, value)| {
                let pointer = format!("/paths/{}/{method}", escaped(path));
                Operation { pointer, path, method, value }
            })
        });
        operations.collect()
    }

    /// Where the schema of the request's JSON body is.
    pub fn request(&self) -> Option<String> {
        let operation = self.operations().into_iter().next()?;
        Some(format!("{}/requestBody/content/application~1json/schema", operation.pointer))
    }

    /// The documented answers: status, and where its response is.
    pub fn responses(&self) -> Vec<(String, String)> {
        let operations = self.operations();
        let Some(operation) = operations.first() else { return Vec::new() };
        let responses = operation.value.get("responses").unwrap_or(&Value::Null);
        members(responses)
            .map(|(status, _)| (status.to_owned(), format!("{}/responses/{status}", operation.pointer)))
            .collect()
    }

    /// Where the response for `status` is: its own, or the default one.
    pub fn response(&self, status: u16) -> Option<String> {
        let responses = self.responses();
        let of = |wanted: &str| responses.iter().find(|(status, _)| status == wanted);
        of(&status.to_string()).or_else(|| of("default")).map(|(_, pointer)| pointer.clone())
    }

    /// Follows references from `pointer` to where the schema itself is.
    pub fn resolved(&self, pointer: &str) -> String {
        self.followed(pointer.to_owned(), self.at(pointer)).0
    }

    /// Follows references from `schema`, which is at `pointer`.
    pub fn followed<'a>(&'a self, mut pointer: String, mut schema: &'a Value) -> (String, &'a Value) {
        while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            pointer = reference.trim_start_matches('#').to_owned();
            schema = self.at(&pointer);
        }
        (pointer, schema)
    }

    /// Judges instances of the schema at `pointer`; if there is none, anything will do.
    pub fn validator(&self, pointer: &str) -> Validator {
        let schema = json!({
            "allOf": [self.document.pointer(pointer).unwrap_or(&json!({}))],
            "components": self.at("/components"),
        });
        // Of the drafts, this is the one that OpenAPI 3.0 takes its keywords from.
        let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
        options.build(&schema).unwrap()
    }
}

/// The members of an object, and none of anything else.
pub fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The items of an array, and none of anything else.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A name as a part of a JSON pointer.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
