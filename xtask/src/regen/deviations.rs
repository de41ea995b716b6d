//! Where the contract differs from the vendor's description on purpose.
//!
//! `openapi/deviations.json` has each such place, what the vendor says there and why the contract does not. A
//! comparison expects the vendor to say exactly that: if it says anything else one day, this is news. The table in
//! `openapi/README.md` is made from the same file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Around the table in the README.
const MARKS: (&str, &str) = ("<!-- made from deviations.json -->\n", "<!-- to here -->\n");

/// One deliberate difference.
#[derive(Debug)]
pub struct Deviation {
    /// Method and path.
    pub operation: String,
    /// What the vendor says, if it says anything.
    pub vendor: Option<Value>,
    entry: Entry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Where on the wire; `*` stands for any word.
    places: Vec<String>,
    /// What the vendor says, as OpenAPI; `null` for nothing.
    vendor: Value,
    /// The same for people.
    says: String,
    /// What the contract says, for people.
    contract: String,
    reason: String,
}

/// What became of a deviation in a comparison.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// One of its places is there.
    pub visited: bool,
    /// At one of them the contract says something else than is noted of the vendor.
    pub differs: bool,
}

/// Reads the deviations from `text`.
pub fn parse(text: &str) -> Result<Vec<Deviation>, String> {
    let entries: BTreeMap<String, Vec<Entry>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut deviations = Vec::new();
    for (operation, entries) in entries {
        for entry in entries {
            let vendor = Some(entry.vendor.clone()).filter(|vendor| !vendor.is_null());
            deviations.push(Deviation { operation: operation.clone(), vendor, entry });
        }
    }
    Ok(deviations)
}

impl Deviation {
    /// Whether the deviation is about `place`.
    pub fn is_at(&self, place: &str) -> bool {
        self.entry.places.iter().any(|pattern| {
            let (pattern, place) = (pattern.split(' '), place.split(' '));
            pattern.clone().count() == place.clone().count()
                && pattern.zip(place).all(|(pattern, word)| pattern == "*" || pattern == word)
        })
    }

    /// What is deliberately different, in a line.
    pub fn line(&self) -> String {
        let Entry { says, contract, .. } = &self.entry;
        format!("{}: the vendor says {says}, the contract {contract}", self.places())
    }

    /// The places, for people.
    pub fn places(&self) -> String {
        self.entry.places.join(", ")
    }
}

/// `readme` with the table of `deviations` in it.
pub fn in_readme(readme: &str, deviations: &[Deviation]) -> Result<String, String> {
    let (begin, end) = MARKS;
    let missing = |mark: &str| format!("the line {} is missing", mark.trim_end());
    let (before, rest) = readme.split_once(begin).ok_or_else(|| missing(begin))?;
    let (_, after) = rest.split_once(end).ok_or_else(|| missing(end))?;
    let mut table =
        String::from("| place | the vendor says | the contract says | reason |\n|---|---|---|---|\n");
    for Deviation { entry, .. } in deviations {
        let places: Vec<String> = entry.places.iter().map(|place| format!("`{place}`")).collect();
        let Entry { says, contract, reason, .. } = entry;
        table += &format!("| {} | {says} | {contract} | {reason} |\n", places.join(", "));
    }
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{ "GET /a": [
        { "places": ["response * /code"], "vendor": null, "says": "s", "contract": "c", "reason": "r" }
    ] }"#;

    #[test]
    fn a_star_stands_for_any_one_word() {
        let deviation = &parse(ONE).unwrap()[0];
        assert!(deviation.is_at("response 401 /code"));
        assert!(!deviation.is_at("response 401 /code/x"));
        assert!(!deviation.is_at("response 401 header /code"));
    }

    #[test]
    fn the_table_is_replaced_and_the_rest_of_the_page_stays() {
        let readme = "a\n<!-- made from deviations.json -->\nold\n<!-- to here -->\nb\n";
        let made = in_readme(readme, &parse(ONE).unwrap()).unwrap();
        assert!(made.starts_with("a\n") && made.ends_with("-->\nb\n") && !made.contains("old"), "{made}");
        assert!(made.contains("| `response * /code` | s | c | r |\n"), "{made}");
        assert_eq!(in_readme(&made, &parse(ONE).unwrap()).unwrap(), made);
        assert!(in_readme("a", &[]).unwrap_err().contains("made from deviations.json"));
    }
}
