//! `cargo xtask public-api`: compares the public API with `public-api.txt`, so that each change of it is seen in review,
//! and lists the types of other crates in it that are not meant to be there.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use similar::TextDiff;

use crate::run::{self, root};
use crate::rustdoc;

const FILE: &str = "public-api.txt";

/// The Rust version whose description of an API is understood. Its format differs between versions.
pub const RUST: &str = "1.95";

/// The crates whose types and traits may be in the public API. A new major version of one of them is a breaking change
/// of this crate.
const ALLOWED: [&str; 14] = [
    "alloc",
    "core",
    "std",
    // Requests and responses, and their parts.
    "bytes",
    "http",
    "reqwest",
    // Dates of sessions.
    "chrono",
    // Deserialization of the service's types, which have free-form fields.
    "serde_core",
    "serde_json",
    // With the features of these names.
    "reqwest_middleware",
    "schemars",
    "tower_layer",
    "tower_service",
    // The generated client.
    "progenitor_client",
];

/// Compares the public API with the file, or writes it if `bless`.
pub fn run(bless: bool) -> Result<(), String> {
    if !is_supported()? {
        return Err(format!(
            "the public API is described by Rust {RUST}; run `cargo +{RUST} xtask public-api`"
        ));
    }
    rustdoc::document("-Z unstable-options --output-format json")?;
    let described = root().join("target/doc/social_plus_bot.json");
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", described.display());
    let text = fs::read_to_string(&described).map_err(|error| at(&error))?;
    let api = public_api::Builder::from_rustdoc_json(&described)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .map_err(|error| at(&error))?;
    let (api, file) = (api.to_string(), root().join(FILE));
    if bless {
        fs::write(&file, &api).map_err(|error| format!("{FILE}: {error}"))?;
    }
    let foreign = foreign(&serde_json::from_str(&text).map_err(|error| at(&error))?);
    for name in &foreign {
        print_line!("not meant to be in the public API: {name}");
    }
    let expected =
        fs::read_to_string(&file).map_err(|error| format!("{FILE}: {error}"))?.replace("\r\n", "\n");
    if expected != api {
        let diff = TextDiff::from_lines(&expected, &api);
        print_line!(
            "{}",
            diff.unified_diff().context_radius(0).header(FILE, "the code").to_string().trim_end()
        );
        return Err(
            "the public API has changed; if that is meant, run `cargo xtask public-api --bless`".to_owned()
        );
    }
    match foreign.len() {
        0 => Ok(()),
        count => Err(format!("{count} items of other crates are in the public API; see {}", file!())),
    }
}

/// Returns whether the description of this Rust version is understood.
pub fn is_supported() -> Result<bool, String> {
    let version = run::output(std::process::Command::new("rustc").arg("--version"))?;
    Ok(version.starts_with(&format!("rustc {RUST}.")))
}

/// Returns the items of other crates that the public API in `rustdoc` mentions and that are not allowed.
fn foreign(rustdoc: &Value) -> BTreeSet<String> {
    let items = || rustdoc["index"].as_object().into_iter().flatten();
    // What each type has, such as `Into` or `Send`, is not a decision of this crate.
    let implied: BTreeSet<&str> = items()
        .filter(|(_, item)| {
            let of = &item["inner"]["impl"];
            !of["blanket_impl"].is_null() || of["is_synthetic"] == true
        })
        .map(|(id, _)| id.as_str())
        .collect();
    let members = items().filter(|(id, _)| implied.contains(id.as_str()));
    let members =
        members.flat_map(|(_, item)| item["inner"]["impl"]["items"].as_array().into_iter().flatten());
    let members: BTreeSet<String> = members.map(Value::to_string).collect();

    let mut found = BTreeSet::new();
    for (id, item) in items() {
        if !implied.contains(id.as_str()) && !members.contains(id) {
            mentioned(&item["inner"], rustdoc, &mut found);
        }
    }
    found
}

/// Adds the items that `value`, a part of the description, refers to by their number.
fn mentioned(value: &Value, rustdoc: &Value, found: &mut BTreeSet<String>) {
    if let Some(id) = value["id"].as_u64() {
        let item = &rustdoc["paths"][id.to_string()];
        let of = &rustdoc["external_crates"][item["crate_id"].to_string()]["name"];
        if let Some(of) = of.as_str().filter(|of| !ALLOWED.contains(of)) {
            let path = item["path"].as_array().into_iter().flatten().filter_map(Value::as_str);
            found.insert(format!("{} (of the crate {of})", path.collect::<Vec<_>>().join("::")));
        }
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| mentioned(value, rustdoc, found)),
        Value::Object(members) => members.values().for_each(|value| mentioned(value, rustdoc, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_of_crates_that_are_not_allowed_are_found_wherever_they_are() {
        let path = |id: u32| json!({ "resolved_path": { "path": "x", "id": id, "args": null } });
        let url_host = &path(9)["resolved_path"];
        let rustdoc = json!({
            "index": {
                "1": { "inner": { "function": { "sig": { "output": path(7) } } } },
                "2": { "inner": { "struct_field": { "borrowed_ref": { "type": path(8) } } } },
                "3": { "inner": { "impl": { "trait": url_host, "is_synthetic": false, "blanket_impl": path(9), "items": [6] } } },
                "4": { "inner": { "impl": { "trait": url_host, "is_synthetic": true, "blanket_impl": null, "items": [] } } },
                "5": { "inner": { "struct_field": path(1) } },
                "6": { "inner": { "function": { "sig": { "output": path(9) } } } },
            },
            "paths": {
                "1": { "crate_id": 0, "path": ["this", "Own"] },
                "7": { "crate_id": 3, "path": ["url", "Url"] },
                "8": { "crate_id": 4, "path": ["http", "StatusCode"] },
                "9": { "crate_id": 3, "path": ["url", "Host"] },
            },
            "external_crates": { "3": { "name": "url" }, "4": { "name": "http" } },
        });
        assert_eq!(foreign(&rustdoc), BTreeSet::from(["url::Url (of the crate url)".to_owned()]));
    }
}
