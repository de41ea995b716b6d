//! The schemas of the contract.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;
use serde_json::Value;

/// The end of the contract's references to the schema of a token.
const TOKEN: &str = "/AccessToken";

/// The contract.
pub(crate) static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    // The build has parsed the same file, so the fallback is never used.
    serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap_or_default()
});

/// The schemas by name. Looking up keywords in the document for every value would take longer than decoding the
/// response.
static SCHEMAS: LazyLock<HashMap<String, Schema>> = LazyLock::new(|| {
    let schemas = CONTRACT.pointer("/components/schemas");
    schemas.and_then(|schemas| HashMap::deserialize(schemas).ok()).unwrap_or_default()
});

/// The schema that allows everything.
pub(crate) static ANYTHING: Schema = Schema {
    reference: None,
    referenced: OnceLock::new(),
    one_of: Vec::new(),
    r#type: None,
    properties: None,
    required: Vec::new(),
    items: None,
    format: None,
    r#enum: None,
};

/// A schema, with the keywords that are validated.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Schema {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    /// The schema that `reference` leads to, once it was looked up.
    #[serde(skip)]
    referenced: OnceLock<&'static Schema>,
    one_of: Vec<Schema>,
    pub(crate) r#type: Option<String>,
    pub(crate) properties: Option<HashMap<String, Schema>>,
    pub(crate) required: Vec<String>,
    pub(crate) items: Option<Box<Schema>>,
    format: Option<String>,
    r#enum: Option<Vec<Value>>,
}

impl Schema {
    /// The schema of objects with this name, or one that allows everything if the name is unknown.
    pub(crate) fn of(name: &str) -> &'static Self {
        Self::named(name).resolved("object")
    }

    fn named(name: &str) -> &'static Self {
        SCHEMAS.get(name).unwrap_or(&ANYTHING)
    }

    /// Follows references, and selects the alternative for values of type `found`.
    pub(crate) fn resolved(&'static self, found: &str) -> &'static Self {
        let mut schema = self;
        while let Some(path) = &schema.reference {
            schema =
                schema.referenced.get_or_init(|| Self::named(path.rsplit('/').next().unwrap_or_default()));
        }
        if schema.one_of.is_empty() {
            return schema;
        }
        let mut alternatives = schema.one_of.iter().map(|alternative| alternative.resolved(found));
        let fallback = alternatives.clone().next();
        alternatives
            .find(|alternative| alternative.r#type.as_deref() == Some(found))
            .or(fallback)
            .unwrap_or(schema)
    }

    /// Whether an object can have a field with this name.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.properties.as_ref().is_none_or(|properties| properties.contains_key(field))
    }

    /// The name of the field that holds a token, if there is one.
    pub(crate) fn token(&self) -> Option<&str> {
        let mut properties = self.properties.iter().flatten();
        let token =
            properties.find(|(_, schema)| schema.reference.as_deref().is_some_and(|it| it.ends_with(TOKEN)));
        token.map(|(name, _)| name.as_str())
    }

    /// Whether a string has the documented format.
    pub(crate) fn allows_format(&self, text: &str) -> bool {
        !self.is_date_time() || is_date_time(text)
    }

    pub(crate) fn is_date_time(&self) -> bool {
        self.format.as_deref() == Some("date-time")
    }

    /// Whether a string is one of the documented values, if those are listed.
    pub(crate) fn allows_value(&self, text: &str) -> bool {
        self.r#enum.as_ref().is_none_or(|known| known.iter().any(|value| value == text))
    }
}

/// Checks both the documented format and the parser that the types use. RFC 3339 has four-digit years. A date whose
/// offset moves it outside them in UTC could be read, but not written again.
fn is_date_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok()
        && text.parse::<DateTime<Utc>>().is_ok_and(|date| (0..=9999).contains(&date.year()))
}
