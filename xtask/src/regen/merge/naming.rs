//! Names for schemas that the vendor writes out.
//!
//! An object, a combination or an enumeration becomes a component named after the field that holds it; one that is
//! already there is used again.

use serde_json::{Value, json};

use super::{Node, normalize, placeholder};

const SCHEMAS: &str = "#/components/schemas/";

/// `schema` as it can stand in another one: by reference if it needs a name.
pub fn nested(contract: &mut Value, schema: &Value, field: &str, owner: Option<String>) -> Option<Value> {
    if normalize::type_of(schema) == Some("array") {
        let mut made = schema.clone();
        let items = nested(contract, schema.get("items")?, &one_of(field), owner)?;
        made.as_object_mut()?.insert("items".to_owned(), items);
        made.as_object_mut()?.insert("description".to_owned(), placeholder());
        return Some(made);
    }
    let combines = ["oneOf", "anyOf", "allOf", "not"].iter().any(|it| schema.get(it).is_some());
    if !combines && normalize::type_of(schema) != Some("object") && schema.get("enum").is_none() {
        let mut made = schema.clone();
        made.as_object_mut()?.insert("description".to_owned(), placeholder());
        return Some(made);
    }
    let name = match known(contract, schema) {
        Some(name) => name,
        None => {
            let name = free_name(contract, field, owner)?;
            // The name is taken before the fields below ask for theirs.
            contract.pointer_mut("/components/schemas")?.as_object_mut()?.insert(name.clone(), json!({}));
            let made = body(contract, schema, Some(name.clone()))?;
            contract.pointer_mut("/components/schemas")?.as_object_mut()?.insert(name.clone(), made);
            name
        }
    };
    Some(json!({ "$ref": format!("{SCHEMAS}{name}") }))
}

/// `schema` as it can stand as a component.
pub fn body(contract: &mut Value, schema: &Value, owner: Option<String>) -> Option<Value> {
    let mut made = schema.as_object()?.clone();
    for (name, property) in made.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        *property = nested(contract, property, name, owner.clone())?;
    }
    let called = owner.clone().unwrap_or_default();
    for combination in ["oneOf", "anyOf", "allOf"] {
        let items = made.get_mut(combination).and_then(Value::as_array_mut).into_iter().flatten();
        for (index, item) in items.enumerate() {
            *item = nested(contract, item, &format!("{called}{}", index + 1), owner.clone())?;
        }
    }
    for (keyword, suffix) in [("items", "Item"), ("additionalProperties", "Value"), ("not", "Not")] {
        if let Some(inner) = made.get_mut(keyword).filter(|inner| inner.is_object()) {
            *inner = nested(contract, inner, &format!("{called}{suffix}"), owner.clone())?;
        }
    }
    made.insert("description".to_owned(), placeholder());
    Some(Value::Object(made))
}

/// A component that says exactly the same. One that says next to nothing is no proof of being meant.
fn known(contract: &Value, schema: &Value) -> Option<String> {
    if schema.get("properties").is_none() && schema.get("enum").is_none() {
        return None;
    }
    let components = Node::root(contract).get("components")?.get("schemas")?;
    let found =
        components.members().into_iter().find(|(_, component)| normalize::node(component) == *schema)?;
    Some(found.0.to_owned())
}

/// A name after `field`, after its owner too if that is taken.
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

/// `created_by` and `createdBy` are `CreatedBy`.
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

/// What one of `fields` is called.
fn one_of(fields: &str) -> String {
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
    fn names_come_from_the_field_and_lists_are_named_after_one() {
        assert_eq!(pascal("created_by"), "CreatedBy");
        assert_eq!(pascal(&one_of("badges")), "Badge");
        assert_eq!(pascal(&one_of("categories")), "Category");
        assert_eq!(pascal(&one_of("access")), "Access");
    }

    #[test]
    fn a_name_that_is_taken_gets_its_owner_in_front_and_a_known_schema_is_used_again() {
        let mut contract = json!({ "components": { "schemas": {
            "Badge": { "type": "string", "enum": ["a"] },
        } } });
        let other = json!({ "type": "string", "enum": ["b"] });
        let made = nested(&mut contract, &other, "badge", Some("User".to_owned())).unwrap();
        assert_eq!(made, json!({ "$ref": "#/components/schemas/UserBadge" }));
        let same = json!({ "type": "string", "enum": ["a"] });
        let made = nested(&mut contract, &same, "other", None).unwrap();
        assert_eq!(made, json!({ "$ref": "#/components/schemas/Badge" }));
    }
}
