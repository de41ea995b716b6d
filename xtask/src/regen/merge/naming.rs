//! Names schemas that the vendor's description inlines.
//!
//! An object, a combination or an enumeration becomes a component that is named after its field. An identical
//! component is reused.

use serde_json::{Value, json};

use super::{Node, normalize, placeholder};

const SCHEMAS: &str = "#/components/schemas/";

/// Converts `schema` for use within another schema: a reference to a component if it needs a name.
pub fn nested(contract: &mut Value, schema: &Value, field: &str, owner: Option<String>) -> Option<Value> {
    if normalize::type_of(schema) == Some("array") {
        let mut unnamed = schema.clone();
        let items = nested(contract, schema.get("items")?, &singular(field), owner)?;
        unnamed.as_object_mut()?.insert("items".to_owned(), items);
        unnamed.as_object_mut()?.insert("description".to_owned(), placeholder());
        return Some(unnamed);
    }
    let combines = ["oneOf", "anyOf", "allOf", "not"].iter().any(|it| schema.get(it).is_some());
    if !combines && normalize::type_of(schema) != Some("object") && schema.get("enum").is_none() {
        let mut unnamed = schema.clone();
        unnamed.as_object_mut()?.insert("description".to_owned(), placeholder());
        return Some(unnamed);
    }
    let name = match find_identical(contract, schema) {
        Some(name) => name,
        None => {
            let name = free_name(contract, field, owner)?;
            // Reserve the name before the fields choose theirs.
            contract.pointer_mut("/components/schemas")?.as_object_mut()?.insert(name.clone(), json!({}));
            let component = body(contract, schema, Some(name.clone()))?;
            contract.pointer_mut("/components/schemas")?.as_object_mut()?.insert(name.clone(), component);
            name
        }
    };
    Some(json!({ "$ref": format!("{SCHEMAS}{name}") }))
}

/// Converts `schema` for use as a component.
pub fn body(contract: &mut Value, schema: &Value, owner: Option<String>) -> Option<Value> {
    let mut component = schema.as_object()?.clone();
    for (name, property) in
        component.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
    {
        *property = nested(contract, property, name, owner.clone())?;
    }
    let prefix = owner.clone().unwrap_or_default();
    for combination in ["oneOf", "anyOf", "allOf"] {
        let items = component.get_mut(combination).and_then(Value::as_array_mut).into_iter().flatten();
        for (index, item) in items.enumerate() {
            *item = nested(contract, item, &format!("{prefix}{}", index + 1), owner.clone())?;
        }
    }
    for (keyword, suffix) in [("items", "Item"), ("additionalProperties", "Value"), ("not", "Not")] {
        if let Some(inner) = component.get_mut(keyword).filter(|inner| inner.is_object()) {
            *inner = nested(contract, inner, &format!("{prefix}{suffix}"), owner.clone())?;
        }
    }
    component.insert("description".to_owned(), placeholder());
    Some(Value::Object(component))
}

/// Finds an identical component. Schemas without properties or an enumeration are too generic to match.
fn find_identical(contract: &Value, schema: &Value) -> Option<String> {
    if schema.get("properties").is_none() && schema.get("enum").is_none() {
        return None;
    }
    let components = Node::root(contract).get("components")?.get("schemas")?;
    let found =
        components.members().into_iter().find(|(_, component)| normalize::node(component) == *schema)?;
    Some(found.0.to_owned())
}

/// Returns an unused name, derived from `field`, or from its owner and `field` if that is taken.
fn free_name(contract: &Value, field: &str, owner: Option<String>) -> Option<String> {
    let schemas = contract.pointer("/components/schemas")?.as_object()?;
    let short = pascal(field);
    let long = format!("{}{short}", owner.unwrap_or_default());
    let numbered = (2..1000).map(|number| format!("{long}{number}"));
    [short.clone(), long.clone()]
        .into_iter()
        .chain(numbered)
        .find(|name| !name.is_empty() && !schemas.contains_key(name))
}

/// Converts a name to Pascal case: `created_by` and `createdBy` become `CreatedBy`.
fn pascal(field: &str) -> String {
    let words =
        field.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let mut characters = word.chars();
            characters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
        })
        .collect()
}

/// Returns the singular of an English plural.
fn singular(fields: &str) -> String {
    if let Some(stem) = fields.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match fields.strip_suffix('s') {
        Some(stem) if !stem.ends_with('s') => stem.to_owned(),
        _ => fields.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_derived_from_fields_and_plurals_become_singular() {
        assert_eq!(pascal("created_by"), "CreatedBy");
        assert_eq!(pascal(&singular("badges")), "Badge");
        assert_eq!(pascal(&singular("categories")), "Category");
        assert_eq!(pascal(&singular("access")), "Access");
    }

    #[test]
    fn taken_names_get_the_owner_as_prefix_and_identical_schemas_are_reused() {
        let mut contract = json!({ "components": { "schemas": {
            "Badge": { "type": "string", "enum": ["a"] },
        } } });
        let other = json!({ "type": "string", "enum": ["b"] });
        let reference = nested(&mut contract, &other, "badge", Some("User".to_owned())).unwrap();
        assert_eq!(reference, json!({ "$ref": "#/components/schemas/UserBadge" }));
        let same = json!({ "type": "string", "enum": ["a"] });
        let reference = nested(&mut contract, &same, "other", None).unwrap();
        assert_eq!(reference, json!({ "$ref": "#/components/schemas/Badge" }));
    }
}
