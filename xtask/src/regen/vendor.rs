//! Extracts our operations from the vendor's description.
//!
//! The description is a single document of 10 to 20 MB, with schemas that no OpenAPI parser accepts. So it is parsed
//! lazily: only the members on the path to an operation are parsed. The result is a small document with our operations
//! only and all references inlined, which is validated with the official schema.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::node::{join, segments};
use super::repairs::{Repair, Repairs};
use super::{contract, openapi_schema};

/// The maximum nesting depth, with references inlined.
const DEPTH: usize = 128;

/// The maximum number of values in an operation, with references inlined.
const VALUES: usize = 200_000;

/// Our operations, extracted from the vendor's description.
pub struct Extract {
    /// A valid document with our operations.
    pub document: Value,
    /// The repairs that were applied, with their operations.
    pub repaired: Vec<(String, Repair)>,
    /// The repairs whose defect is gone, with their operations.
    pub unneeded: Vec<(String, Repair)>,
}

/// Extracts the operations of `ours` from the vendor's `text`.
///
/// # Errors
///
/// Returns a one-line message with the location of what is missing or invalid.
pub fn read(text: &str, ours: &Value, repairs: &Repairs) -> Result<Extract, String> {
    let text = Text { root: members(text, "#")?, parts: RefCell::default() };
    let mut extract = Extract { document: Value::Null, repaired: Vec::new(), unneeded: Vec::new() };
    let mut paths = Map::new();
    for (path, method, _) in contract::operations(ours) {
        let name = contract::name(&path, &method);
        let place = join("/paths", &path);
        let missing = || format!("missing operation {name}");
        let item = text.find(&place)?.ok_or_else(missing)?;
        let item = members(item.get(), &place)?;
        let operation = item.get(method.as_str()).ok_or_else(missing)?;
        let place_of_operation = join(&place, &method);
        let mut operation: Value = value(operation, &place_of_operation)?;
        for repair in repairs.get(&name).into_iter().flatten() {
            let list =
                if repair.apply(&mut operation) { &mut extract.repaired } else { &mut extract.unneeded };
            list.push((name.clone(), repair.clone()));
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method.as_str()] = text.resolved(operation, &place_of_operation)?;
        for shared in ["parameters", "servers"] {
            if let Some(raw) = item.get(shared) {
                let place = join(&place, shared);
                entry[shared] = text.resolved(value(raw, &place)?, &place)?;
            }
        }
    }
    let mut document = json!({ "openapi": "3.0.3", "info": { "title": "", "version": "" }, "paths": paths });
    for shared in ["servers", "security"] {
        if let Some(raw) = text.find(&join("", shared))? {
            document[shared] = text.resolved(value(raw, &join("", shared))?, &join("", shared))?;
        }
    }
    text.add_security_schemes(&mut document)?;
    if let Some((place, wrong)) = openapi_schema::violations(&document)?.first() {
        return Err(format!(
            "#{place}: not OpenAPI 3.0: {wrong}; if this is a defect of the description, add a repair to \
             openapi/repairs.json"
        ));
    }
    extract.document = document;
    Ok(extract)
}

/// The vendor's text, parsed lazily.
struct Text<'a> {
    root: BTreeMap<String, &'a RawValue>,
    /// The objects and arrays that were parsed so far, by JSON pointer.
    parts: RefCell<BTreeMap<String, Rc<BTreeMap<String, &'a RawValue>>>>,
}

impl<'a> Text<'a> {
    /// Returns the text of the value at `pointer`.
    fn find(&self, pointer: &str) -> Result<Option<&'a RawValue>, String> {
        let mut names = segments(pointer);
        let Some(first) = names.next() else { return Ok(None) };
        let Some(mut found) = self.root.get(&first).copied() else { return Ok(None) };
        let mut place = join("", &first);
        for name in names {
            let part = self.parts.borrow().get(&place).cloned();
            let part = match part {
                Some(part) => part,
                None => {
                    let part = Rc::new(parts(found, &place)?);
                    self.parts.borrow_mut().insert(place.clone(), Rc::clone(&part));
                    part
                }
            };
            let Some(next) = part.get(&name).copied() else { return Ok(None) };
            found = next;
            place = join(&place, &name);
        }
        Ok(Some(found))
    }

    /// Returns `value` with references inlined and without examples.
    fn resolved(&self, value: Value, place: &str) -> Result<Value, String> {
        let mut resolver = Resolver { text: self, trail: Vec::new(), values: 0 };
        resolver.value(value, place, false, 0)
    }

    /// Adds the security schemes that `document` uses.
    fn add_security_schemes(&self, document: &mut Value) -> Result<(), String> {
        let mut used = Vec::new();
        let operations = contract::operations(document).into_iter();
        let holders = operations.filter_map(|(_, _, pointer)| document.pointer(&pointer));
        for holder in holders.chain([&*document]) {
            let alternatives = holder.get("security").and_then(Value::as_array).into_iter().flatten();
            used.extend(alternatives.filter_map(Value::as_object).flat_map(|it| it.keys().cloned()));
        }
        for name in used {
            let place = join("/components/securitySchemes", &name);
            let scheme = self.find(&place)?.ok_or_else(|| format!("#{place}: missing"))?;
            document["components"]["securitySchemes"][name] =
                self.resolved(value(scheme, &place)?, &place)?;
        }
        Ok(())
    }
}

/// Resolves the references of one value.
struct Resolver<'t, 'a> {
    text: &'t Text<'a>,
    /// The references that are being resolved, outermost first.
    trail: Vec<String>,
    values: usize,
}

impl Resolver<'_, '_> {
    /// `names` is true if the author of the document chose the member names of `value`.
    fn value(&mut self, value: Value, place: &str, names: bool, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return Err(format!("#{place}: too deep or too large with references resolved"));
        }
        match value {
            Value::Object(members) => {
                if let (false, Some(target)) = (names, members.get("$ref").and_then(Value::as_str)) {
                    return self.target(target, place, depth);
                }
                let mut written = Map::new();
                for (name, member) in members {
                    if !names && (name == "example" || name == "examples" || name.starts_with("x-")) {
                        continue;
                    }
                    let place = join(place, &name);
                    let names_below = !names && name == "properties";
                    let member = self.value(member, &place, names_below, depth + 1)?;
                    written.insert(name, member);
                }
                Ok(Value::Object(written))
            }
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                let items =
                    items.map(|(at, item)| self.value(item, &join(place, &at.to_string()), false, depth + 1));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            scalar => Ok(scalar),
        }
    }

    fn target(&mut self, target: &str, place: &str, depth: usize) -> Result<Value, String> {
        let missing = || format!("#{place}: unresolved reference `{target}`");
        let decoded = percent_decode_str(target).decode_utf8().map_err(|_| missing())?;
        let pointer = decoded.strip_prefix('#').ok_or_else(missing)?.to_owned();
        if self.trail.contains(&pointer) {
            return Err(format!("#{place}: cyclic reference {target}"));
        }
        let raw = self.text.find(&pointer)?.ok_or_else(missing)?;
        let found = value(raw, &pointer)?;
        self.trail.push(pointer.clone());
        let written = self.value(found, &pointer, false, depth + 1)?;
        self.trail.pop();
        Ok(written)
    }
}

fn value(raw: &RawValue, place: &str) -> Result<Value, String> {
    serde_json::from_str(raw.get()).map_err(|error| format!("#{place}: {error}"))
}

fn members<'a>(text: &'a str, place: &str) -> Result<BTreeMap<String, &'a RawValue>, String> {
    serde_json::from_str(text).map_err(|error| {
        let place = if place == "#" { String::new() } else { format!("#{place}: ") };
        format!("{place}failed to parse: {error}")
    })
}

/// Parses the members of an object or the items of an array, by name or index.
fn parts<'a>(raw: &'a RawValue, place: &str) -> Result<BTreeMap<String, &'a RawValue>, String> {
    if raw.get().starts_with('[') {
        let items: Vec<&'a RawValue> =
            serde_json::from_str(raw.get()).map_err(|error| format!("#{place}: {error}"))?;
        return Ok(items.into_iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect());
    }
    if !raw.get().starts_with('{') {
        return Ok(BTreeMap::new());
    }
    members(raw.get(), place)
}
