//! The deliberate differences between the contract and the vendor's description.
//!
//! `openapi/deviations.json` lists their locations, the vendor's version and the reason. A comparison expects exactly
//! the vendor's version that is listed, and reports anything else as a difference. The table in `openapi/README.md` is
//! generated from the same file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::normalize;

/// The lines before and after the table in the README.
const MARKERS: (&str, &str) = ("<!-- made from deviations.json -->\n", "<!-- to here -->\n");

/// A deliberate difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// Method and path.
    #[serde(skip)]
    pub operation: String,
    /// The locations. `*` matches any single word.
    places: Vec<String>,
    /// The vendor's version, normalized, or `null` if the vendor does not have this part.
    pub vendor: Value,
    /// The vendor's version as text.
    says: String,
    /// The contract's version as text.
    contract: String,
    reason: String,
}

/// How a deviation matched in a comparison: `None` if none of its locations exists, and otherwise whether the contract
/// differs from the vendor's version at one of them.
pub type Matched = Option<bool>;

/// Returns the deviations of all operations, from those of each.
pub fn of_all(operations: BTreeMap<String, Vec<Deviation>>) -> Vec<Deviation> {
    let each = operations.into_iter().flat_map(|(operation, deviations)| {
        deviations.into_iter().map(move |deviation| Deviation {
            operation: operation.clone(),
            vendor: normalize::part(&deviation.vendor),
            ..deviation
        })
    });
    each.collect()
}

impl Deviation {
    /// Returns whether the deviation applies to `place`.
    pub fn is_at(&self, place: &str) -> bool {
        self.places.iter().any(|pattern| {
            let (pattern, place) = (pattern.split(' '), place.split(' '));
            pattern.clone().count() == place.clone().count()
                && pattern.zip(place).all(|(pattern, word)| pattern == "*" || pattern == word)
        })
    }

    /// Describes the deviation in one line.
    pub fn line(&self) -> String {
        format!("{}: the vendor says {}, the contract {}", self.places(), self.says, self.contract)
    }

    /// Returns the locations as text.
    pub fn places(&self) -> String {
        self.places.join(", ")
    }
}

/// Replaces the table in `readme` with that of `deviations`.
pub fn in_readme(readme: &str, deviations: &[Deviation]) -> Result<String, String> {
    let (begin, end) = MARKERS;
    let missing = |marker: &str| format!("missing line {}", marker.trim_end());
    let (before, rest) = readme.split_once(begin).ok_or_else(|| missing(begin))?;
    let (_, after) = rest.split_once(end).ok_or_else(|| missing(end))?;
    let mut table =
        String::from("| place | the vendor says | the contract says | reason |\n|---|---|---|---|\n");
    for Deviation { places, says, contract, reason, .. } in deviations {
        let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
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
    fn a_star_matches_exactly_one_word() {
        let deviation = &of_all(serde_json::from_str(ONE).unwrap())[0];
        assert!(deviation.is_at("response 401 /code"));
        assert!(!deviation.is_at("response 401 /code/x"));
        assert!(!deviation.is_at("response 401 header /code"));
    }

    #[test]
    fn only_the_table_is_replaced() {
        let readme = "a\n<!-- made from deviations.json -->\nold\n<!-- to here -->\nb\n";
        let made = in_readme(readme, &of_all(serde_json::from_str(ONE).unwrap())).unwrap();
        assert!(made.starts_with("a\n") && made.ends_with("-->\nb\n") && !made.contains("old"), "{made}");
        assert!(made.contains("| `response * /code` | s | c | r |\n"), "{made}");
        assert_eq!(in_readme(&made, &of_all(serde_json::from_str(ONE).unwrap())).unwrap(), made);
        assert!(in_readme("a", &[]).unwrap_err().contains("made from deviations.json"));
    }
}
