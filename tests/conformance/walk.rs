//! Walking an instance along its schema: which parts of the contract it exercises, in which ways a single
//! one of them can be broken, and what is the same in another spelling.

use serde_json::{Value, json};

use crate::contract::{Contract, escaped, items, members};
use crate::parts::alternative;
use crate::values::NO_DATES;

/// A place in an instance, and the schema that holds there.
struct Place<'a> {
    /// A JSON pointer into the instance.
    at: String,
    value: &'a Value,
    /// Where the schema is in the contract, references followed.
    pointer: String,
    schema: &'a Value,
    /// The part that led here, a property or the items of an array, and what it refers to: of several
    /// alternatives, all.
    through: Option<String>,
    union: (String, &'a Value),
    /// The part that says this has to be there.
    required: Option<String>,
}

fn places<'a>(contract: &'a Contract, pointer: &str, instance: &'a Value) -> Vec<Place<'a>> {
    let place = |at, value, through: Option<String>, schema, required| {
        let union = contract.followed(through.clone().unwrap_or_else(|| pointer.to_owned()), schema);
        let (pointer, schema) = chosen(contract, &union, value);
        Place { at, value, pointer, schema, through, union, required }
    };
    let mut found = vec![place(String::new(), instance, None, contract.at(pointer), None)];
    let mut next = 0;
    while let Some(Place { at, value, pointer, schema, .. }) = found.get(next) {
        let mut within = Vec::new();
        let required = items(&schema["required"]);
        for (name, property) in members(&schema["properties"]) {
            let Some(value) = value.get(name) else { continue };
            let name = escaped(name);
            let required = required.iter().any(|required| *required == *name);
            let required = required.then(|| format!("{pointer}/required/{name}"));
            let through = Some(format!("{pointer}/properties/{name}"));
            within.push(place(format!("{at}/{name}"), value, through, property, required));
        }
        if let Some(schema) = schema.get("items") {
            for (index, value) in items(value).iter().enumerate() {
                let through = Some(format!("{pointer}/items"));
                within.push(place(format!("{at}/{index}"), value, through, schema, None));
            }
        }
        found.extend(within);
        next += 1;
    }
    found
}

/// Of several alternatives, the one whose type the value has.
fn chosen<'a>(contract: &'a Contract, union: &(String, &'a Value), value: &Value) -> (String, &'a Value) {
    let (pointer, schema) = union;
    let each = items(&schema["oneOf"]).iter().enumerate();
    let mut each = each.map(|(at, one)| contract.followed(format!("{pointer}/oneOf/{at}"), one));
    each.find(|(_, one)| has_type(value, &one["type"])).unwrap_or_else(|| union.clone())
}

fn has_type(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("number") => value.is_number(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

/// The parts that a valid instance exercises by what it holds. Of a length, only an instance that reaches it
/// does.
pub fn exercised(contract: &Contract, pointer: &str, instance: &Value) -> Vec<String> {
    let mut parts = Vec::new();
    for place in places(contract, pointer, instance) {
        let Place { value, pointer: at, schema, through, union, required, .. } = place;
        for (keyword, rule) in members(schema) {
            let length = || value.as_str().map(|text| text.chars().count() as u64);
            let reached = match keyword {
                "type" | "format" | "pattern" => true,
                "minLength" | "maxLength" => length() == rule.as_u64(),
                "additionalProperties" => value.as_object().is_some_and(|members| !members.is_empty()),
                _ => false,
            };
            if reached {
                parts.push(format!("{at}/{keyword}"));
            }
            if keyword == "enum" {
                parts.push(format!("{at}/enum/{}", escaped(value.as_str().unwrap_or_default())));
            }
        }
        let (union, alternatives) = union;
        let alternatives = items(&alternatives["oneOf"]).iter().map(alternative);
        let chosen = alternatives.filter(|name| at.ends_with(&format!("/{name}")));
        parts.extend(chosen.map(|name| format!("{union}/oneOf/{name}")));
        parts.extend(through);
        parts.extend(required);
    }
    parts
}

/// One thing wrong with an instance that is otherwise as it was.
#[derive(Clone, Debug)]
pub struct Break {
    /// The parts of the contract that it breaks; none for what the contract does not know.
    pub parts: Vec<String>,
    pub keyword: &'static str,
    /// A JSON pointer to what is wrong.
    pub at: String,
    /// Whether it is a null in place of a field that need not be there.
    pub is_absent: bool,
    edit: Edit,
}

#[derive(Clone, Debug)]
enum Edit {
    Remove,
    Set(Value),
}

impl Break {
    pub fn apply(&self, instance: &Value) -> Value {
        let mut broken = instance.clone();
        match &self.edit {
            Edit::Remove => remove(&mut broken, &self.at),
            Edit::Set(value) => set(&mut broken, &self.at, value.clone()),
        }
        broken
    }

    /// What is left of the instance for a reader that leaves out what it can't hold.
    pub fn left(&self, instance: &Value) -> Value {
        let mut left = self.apply(instance);
        if self.keyword != "enum" {
            remove(&mut left, &self.at);
        }
        left
    }

    pub fn is_null(&self) -> bool {
        is_null(&self.edit)
    }
}

fn is_null(edit: &Edit) -> bool {
    matches!(edit, Edit::Set(Value::Null))
}

fn remove(instance: &mut Value, at: &str) {
    let Some((parent, name)) = at.rsplit_once('/') else { return *instance = Value::Null };
    match instance.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&unescaped(name))),
        Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
        _ => {}
    }
}

fn set(instance: &mut Value, at: &str, value: Value) {
    let Some((parent, name)) = at.rsplit_once('/') else { return *instance = value };
    match instance.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.insert(unescaped(name), value)),
        Some(Value::Array(items)) => items[name.parse::<usize>().unwrap()] = value,
        _ => {}
    }
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// A member that no schema knows, with a name that takes escaping to point at.
pub const UNKNOWN: &str = "a~member/that is not documented 𝄞";

/// Each way in which one thing of the instance can be wrong.
pub fn breaks(contract: &Contract, pointer: &str, instance: &Value) -> Vec<Break> {
    let mut found = Vec::new();
    for place in places(contract, pointer, instance) {
        let Place { at, value, pointer, schema, through, union, required } = place;
        let rule = |keyword: &str| vec![format!("{pointer}/{keyword}")];
        let is_property =
            through.as_deref().and_then(|through| through.rsplit('/').nth(1)) == Some("properties");
        let is_optional = is_property && required.is_none();
        let mut add = |keyword, parts, edit| {
            let is_absent = is_optional && is_null(&edit);
            found.push(Break { parts, keyword, at: at.clone(), is_absent, edit });
        };

        if let Some(required) = required {
            add("required", vec![required], Edit::Remove);
        }
        // Where there are alternatives, what is none of them breaks all of them.
        let alternatives = items(&union.1["oneOf"]).iter().enumerate();
        let each =
            alternatives.map(|(one, schema)| contract.followed(format!("{}/oneOf/{one}", union.0), schema));
        let mut types = each.collect::<Vec<_>>();
        if types.is_empty() {
            types.push((pointer.clone(), schema));
        }
        let typed = types.iter().all(|(_, one)| one.get("type").is_some());
        for wrong in [json!(null), json!(true), json!(1.5), json!("text"), json!([]), json!({}), json!(1)] {
            let fits = types.iter().any(|(_, one)| has_type(&wrong, &one["type"]));
            if typed && !fits {
                let parts = types.iter().map(|(one, _)| format!("{one}/type")).chain(through.clone());
                add("type", parts.collect(), Edit::Set(wrong));
            }
        }
        if schema.get("enum").is_some() {
            for wrong in ["", "no documented value", "\u{10ffff}"] {
                add("enum", rule("enum"), Edit::Set(json!(wrong)));
            }
        }
        match schema["format"].as_str() {
            Some("date-time") => {
                NO_DATES.iter().for_each(|wrong| add("format", rule("format"), Edit::Set(json!(wrong))));
            }
            Some("int64") => {
                for wrong in [json!(u64::MAX), json!(1e300), json!(-1e19)] {
                    add("format", rule("format"), Edit::Set(wrong));
                }
            }
            _ => {}
        }
        // A text that stays the same but for its length.
        let cut = |length: usize| Edit::Set(json!("𝄞".repeat(length)));
        if let Some(least) = schema["minLength"].as_u64().and_then(|least| least.checked_sub(1)) {
            add("minLength", rule("minLength"), cut(least as usize));
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            add("maxLength", rule("maxLength"), cut(most as usize + 1));
        }
        if value.is_object() && schema.get("properties").is_some() {
            for unknown in [json!(null), json!({ "deep": [{}] })] {
                let at = format!("{at}/{}", escaped(UNKNOWN));
                let (parts, edit) = (Vec::new(), Edit::Set(unknown));
                found.push(Break { parts, keyword: "unknown", at, is_absent: false, edit });
            }
        }
    }
    found
}

/// The instance in the one spelling in which everything that means the same is the same.
///
/// - A date is its instant: the offset is gone, and of the fraction nine digits stay.
/// - A whole number is a whole number: `5.0` is `5`.
///
/// All else means only itself.
pub fn normal(contract: &Contract, pointer: &str, instance: &Value) -> Value {
    let mut normal = instance.clone();
    for Place { at, value, schema, .. } in places(contract, pointer, instance) {
        let same = match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some("date-time")) => value.as_str().and_then(instant).map(Value::from),
            (Some("integer"), _) => value
                .as_f64()
                .filter(|number| value.is_f64() && number.fract() == 0.0)
                .map(|number| json!(number as i64)),
            _ => None,
        };
        if let Some(same) = same {
            set(&mut normal, &at, same);
        }
    }
    normal
}

/// Day, second and nanosecond in UTC of a date of RFC 3339, read by this suite's own means. A leap second
/// is second 86400 of its day.
fn instant(text: &str) -> Option<String> {
    let text = text.to_uppercase();
    let (date, time) = text.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    // Counted from the first of March of year 0, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day;

    let (clock, zone) = time.split_at_checked(8)?;
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let end = zone.find(['Z', '+', '-'])?;
    let (fraction, zone) = zone.split_at(end);
    let nanos = format!("{:0<9.9}", fraction.trim_start_matches('.'));
    let offset = match zone.strip_prefix(['+', '-']) {
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
        None => 0,
    };
    let minutes = day * 1440 + hour * 60 + minute - offset;
    Some(format!("{} {} {nanos}", minutes.div_euclid(1440), minutes.rem_euclid(1440) * 60 + second))
}
