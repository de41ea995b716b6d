//! The vendor's description, of which only what our operations reach has to be sound.
//!
//! It is a single document of 10 to 20 MB with schemas in it that no OpenAPI parser accepts. So it is taken apart
//! no further than needed: members on the way to an operation are looked at, all others stay text. What comes out
//! is a small document that has our operations and nothing else, every reference written out, and that is held
//! against the official schema as a root.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::node::{join, segments};
use super::repairs::{Repair, Repairs};
use super::{contract, openapi_schema};

/// More levels than that no description has.
const DEPTH: usize = 128;

/// Nor more values in an operation, all references written out.
const VALUES: usize = 200_000;

/// What the vendor says of our operations.
pub struct Extract {
    /// A sound document with our operations in it.
    pub document: Value,
    /// Repairs that were made, with their operation.
    pub repaired: Vec<(String, Repair)>,
    /// Repairs of defects that are no longer there.
    pub unneeded: Vec<(String, Repair)>,
}

/// Finds the operations of `ours` in the vendor's `text`.
///
/// # Errors
///
/// Says in a line what is missing or unsound, and where.
pub fn read(text: &str, ours: &Value, repairs: &Repairs) -> Result<Extract, String> {
    let text = Text { root: members(text, "#")?, parts: RefCell::default() };
    let mut extract = Extract { document: Value::Null, repaired: Vec::new(), unneeded: Vec::new() };
    let mut paths = Map::new();
    for (path, method, _) in contract::operations(ours) {
        let name = contract::name(&path, &method);
        let place = join("/paths", &path);
        let missing = || format!("it has no operation {name}");
        let item = text.find(&place)?.ok_or_else(missing)?;
        let item = members(item.get(), &place)?;
        let operation = item.get(method.as_str()).ok_or_else(missing)?;
        let place_of_operation = join(&place, &method);
        let mut operation: Value = value(operation, &place_of_operation)?;
        for repair in repairs.get(&name).into_iter().flatten() {
            let of = if repair.apply(&mut operation) { &mut extract.repaired } else { &mut extract.unneeded };
            of.push((name.clone(), repair.clone()));
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
            "#{place}: not OpenAPI 3.0: {wrong}; if it is a defect, openapi/repairs.json can mend it"
        ));
    }
    extract.document = document;
    Ok(extract)
}

/// The vendor's text, members apart.
struct Text<'a> {
    root: BTreeMap<String, &'a RawValue>,
    /// Objects on the way to what was found, by their JSON pointers.
    parts: RefCell<BTreeMap<String, Rc<BTreeMap<String, &'a RawValue>>>>,
}

impl<'a> Text<'a> {
    /// The text of what `pointer` points to.
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

    /// `value` with what it refers to in place of references, and without examples.
    fn resolved(&self, value: Value, place: &str) -> Result<Value, String> {
        let mut resolver = Resolver { text: self, trail: Vec::new(), values: 0 };
        resolver.value(value, place, false, 0)
    }

    /// Adds the security schemes that `document` mentions.
    fn add_security_schemes(&self, document: &mut Value) -> Result<(), String> {
        let mut mentioned = Vec::new();
        let operations = contract::operations(document).into_iter();
        let holders = operations.filter_map(|(_, _, pointer)| document.pointer(&pointer));
        for holder in holders.chain([&*document]) {
            let alternatives = holder.get("security").and_then(Value::as_array).into_iter().flatten();
            mentioned.extend(alternatives.filter_map(Value::as_object).flat_map(|it| it.keys().cloned()));
        }
        for name in mentioned {
            let place = join("/components/securitySchemes", &name);
            let scheme = self.find(&place)?.ok_or_else(|| format!("#{place}: is referred to but missing"))?;
            document["components"]["securitySchemes"][name] =
                self.resolved(value(scheme, &place)?, &place)?;
        }
        Ok(())
    }
}

/// Resolver out one value.
struct Resolver<'t, 'a> {
    text: &'t Text<'a>,
    /// What is being written out right now, outermost first.
    trail: Vec<String>,
    values: usize,
}

impl Resolver<'_, '_> {
    /// `names`: whether the members of `value` are named by the author of the document.
    fn value(&mut self, value: Value, place: &str, names: bool, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return Err(format!("#{place}: too deep or too large, all references written out"));
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
        let missing = || format!("#{place}: {target} is referred to but missing");
        let decoded = percent_decode_str(target).decode_utf8().map_err(|_| missing())?;
        let pointer = decoded.strip_prefix('#').ok_or_else(missing)?.to_owned();
        if self.trail.contains(&pointer) {
            return Err(format!("#{place}: {target} is a cycle: it refers to itself"));
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
        format!("{place}not the JSON of a description: {error}")
    })
}

/// Members or items, each under its name.
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
