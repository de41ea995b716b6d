//! Bad input gets one clear line and exit status 2, and the contract stays as it is.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::project::{CONTRACT, Project};
use super::vendor::description;

const NAME: &str = "/paths/~1things/post/requestBody/content/application~1json/schema/properties/name";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Has `bytes` written into the contract, and sees that this fails with `reason`.
fn refused(file: &str, bytes: &[u8], reason: &str) {
    let project = Project::small();
    fs::write(project.path(file), bytes).unwrap();
    let before = project.read(CONTRACT);
    let run = project.regen(&["--from", file, "--write"]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.err.starts_with(&format!("error: {file}: {reason}")), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    assert_eq!(run.out, "");
    assert_eq!(project.read(CONTRACT), before);
}

#[test]
fn a_file_that_is_not_there() {
    let project = Project::small();
    let run = project.regen(&["--from", "missing.json"]);
    assert_eq!((run.status, run.err.lines().count()), (2, 1));
    assert!(run.err.starts_with("error: missing.json: "), "{}", run.err);
}

#[test]
fn a_truncated_document() {
    let text = description().to_string();
    for length in [0, 1, 100, text.len() / 2, text.len() - 1] {
        refused("vendor.json", &text.as_bytes()[..length], "failed to parse: EOF while parsing");
    }
}

#[test]
fn a_document_that_is_something_else() {
    refused("vendor.json", b"<html>", "failed to parse: expected value");
    refused("vendor.json", b"[]", "failed to parse: invalid type: sequence");
    refused("vendor.json", b"{\"paths\": \"\xff\"}", "invalid UTF-8 at byte 11");
}

#[test]
fn damaged_gzip() {
    let whole = gzip(description().to_string().as_bytes());
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    refused("vendor.json.gz", &flipped, "invalid gzip: ");
    refused("vendor.json.gz", &whole[..whole.len() / 2], "invalid gzip: ");
    refused("vendor.json.gz", &whole[..whole.len() - 1], "invalid gzip: ");
    refused("vendor.json.gz", description().to_string().as_bytes(), "invalid gzip: ");
}

#[test]
fn gzip_that_unfolds_to_far_too_much() {
    refused("vendor.json.gz", &gzip(&vec![b' '; 65 << 20]), "invalid gzip: larger than 64 MiB");
}

#[test]
fn a_document_without_our_operation() {
    for pointer in ["/paths/~1things", "/paths", ""] {
        let mut description = description();
        *description.pointer_mut(pointer).unwrap() = json!({});
        refused("vendor.json", description.to_string().as_bytes(), "missing operation POST /things\n");
    }
}

#[test]
fn a_cycle() {
    let mut description = description();
    *description.pointer_mut(NAME).unwrap() = json!({ "$ref": "#/components/schemas/A" });
    description["components"]["schemas"] = json!({
        "A": { "type": "array", "items": { "$ref": "#/components/schemas/B" } },
        "B": { "type": "array", "items": { "$ref": "#/components/schemas/A" } },
    });
    let reason = "#/components/schemas/B/items: cyclic reference #/components/schemas/A";
    refused("vendor.json", description.to_string().as_bytes(), reason);

    let mut description = self::description();
    let around = "#/paths/~1things/post/requestBody";
    *description.pointer_mut(NAME).unwrap() = json!({ "$ref": around });
    refused(
        "vendor.json",
        description.to_string().as_bytes(),
        &format!("#{NAME}: cyclic reference {around}"),
    );
}

#[test]
fn references_that_lead_nowhere() {
    for target in ["#/components/schemas/Gone", "other.json#/A", "#", ""] {
        let mut description = description();
        *description.pointer_mut(NAME).unwrap() = json!({ "$ref": target });
        let reason = format!("#{NAME}: unresolved reference {target}");
        refused("vendor.json", description.to_string().as_bytes(), &reason);
    }
}

#[test]
fn references_that_unfold_to_far_too_much() {
    let mut description = description();
    *description.pointer_mut(NAME).unwrap() = json!({ "$ref": "#/components/schemas/0" });
    for level in 0..40 {
        let next = json!({ "$ref": format!("#/components/schemas/{}", level + 1) });
        description["components"]["schemas"][level.to_string()] = json!({ "oneOf": [next, next] });
    }
    description["components"]["schemas"]["40"] = json!({ "type": "string" });
    refused("vendor.json", description.to_string().as_bytes(), "#/components/schemas/");
}

#[test]
fn data_files_that_can_not_be_read_are_named() {
    for file in ["openapi/repairs.json", "openapi/deviations.json"] {
        let project = Project::small();
        project.write("vendor.json", &description().to_string());
        project.write(file, "{ \"POST /things\": [{ \"at\": 1 }] }");
        let run = project.regen(&["--from", "vendor.json"]);
        assert_eq!(run.status, 1, "{}", run.out);
        assert!(run.err.starts_with(&format!("error: {file}: ")), "{}", run.err);
    }
}

#[test]
fn wrong_usage_says_the_right_one() {
    let project = Project::small();
    for arguments in [&["--write"][..], &["--from"], &["--check", "--write"], &["--from", "a", "b"], &["x"]] {
        let run = project.regen(arguments);
        assert_eq!(run.status, 2, "{arguments:?}");
        assert!(run.err.contains("cargo xtask regen --from FILE"), "{}", run.err);
    }
}
