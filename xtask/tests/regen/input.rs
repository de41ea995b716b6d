//! Invalid input leads to a one-line error and exit status 2, and the contract is not changed.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::vendor::description;
use crate::project::{CONTRACT, Project};

const NAME: &str = "/paths/~1things/post/requestBody/content/application~1json/schema/properties/name";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Asserts that comparing the contract with `bytes` fails with `reason` and changes nothing.
fn rejected(file: &str, bytes: &[u8], reason: &str) {
    let project = Project::small();
    fs::write(project.path(file), bytes).unwrap();
    let before = project.read(CONTRACT);
    let run = project.regen(&["--from", file]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.err.starts_with(&format!("error: {file}: {reason}")), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    assert_eq!(run.out, "");
    assert_eq!(project.read(CONTRACT), before);
}

#[test]
fn a_missing_file_is_reported() {
    let project = Project::small();
    let run = project.regen(&["--from", "missing.json"]);
    assert_eq!((run.status, run.err.lines().count()), (2, 1));
    assert!(run.err.starts_with("error: missing.json: "), "{}", run.err);
}

#[test]
fn a_truncated_document_is_rejected() {
    let text = description().to_string();
    for length in [0, 1, 100, text.len() / 2, text.len() - 1] {
        rejected("vendor.json", &text.as_bytes()[..length], "failed to parse: EOF while parsing");
    }
}

#[test]
fn other_content_is_rejected() {
    rejected("vendor.json", b"<html>", "failed to parse: expected value");
    rejected("vendor.json", b"[]", "failed to parse: invalid type: sequence");
    rejected("vendor.json", b"{\"paths\": \"\xff\"}", "invalid UTF-8 at byte 11");
}

#[test]
fn damaged_gzip_is_rejected() {
    let complete = gzip(description().to_string().as_bytes());
    let mut flipped = complete.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    rejected("vendor.json.gz", &flipped, "invalid gzip: ");
    rejected("vendor.json.gz", &complete[..complete.len() / 2], "invalid gzip: ");
    rejected("vendor.json.gz", &complete[..complete.len() - 1], "invalid gzip: ");
}

#[test]
fn a_decompression_bomb_is_rejected() {
    rejected("vendor.json.gz", &gzip(&vec![b' '; 65 << 20]), "invalid gzip: larger than 64 MiB");
}

#[test]
fn a_document_without_our_operation_is_rejected() {
    for pointer in ["/paths/~1things", "/paths", ""] {
        let mut description = description();
        *description.pointer_mut(pointer).unwrap() = json!({});
        rejected("vendor.json", description.to_string().as_bytes(), "missing operation POST /things\n");
    }
}

#[test]
fn a_schema_within_itself_is_reported_as_a_difference() {
    let project = Project::small();
    let mut description = description();
    *description.pointer_mut(NAME).unwrap() = json!({ "$ref": "#/components/schemas/A" });
    description["components"]["schemas"] = json!({
        "A": { "type": "array", "items": { "$ref": "#/components/schemas/B" } },
        "B": { "type": "array", "items": { "$ref": "#/components/schemas/A" } },
    });
    project.write("vendor.json", &description.to_string());
    let run = project.regen(&["--from", "vendor.json"]);
    assert_eq!(run.status, 3, "{}{}", run.out, run.err);
    assert!(run.out.contains("POST /things: request /name: type "), "{}", run.out);

    let mut description = self::description();
    *description.pointer_mut(NAME).unwrap() = json!({ "$ref": "#/paths/~1things/post/requestBody" });
    let reason = format!("#{NAME}");
    rejected("vendor.json", description.to_string().as_bytes(), &reason);
}

#[test]
fn unresolved_references_are_rejected() {
    for target in ["#/components/schemas/Gone", "other.json#/A", "#", ""] {
        let mut description = description();
        *description.pointer_mut(NAME).unwrap() = json!({ "$ref": target });
        let reason = format!("#{NAME}: unresolved reference `{target}`");
        rejected("vendor.json", description.to_string().as_bytes(), &reason);
    }
}

#[test]
fn exponentially_growing_references_are_rejected() {
    let mut description = description();
    *description.pointer_mut(NAME).unwrap() = json!({ "$ref": "#/components/schemas/0" });
    for level in 0..40 {
        let next = json!({ "$ref": format!("#/components/schemas/{}", level + 1) });
        description["components"]["schemas"][level.to_string()] = json!({ "oneOf": [next, next] });
    }
    description["components"]["schemas"]["40"] = json!({ "type": "string" });
    rejected("vendor.json", description.to_string().as_bytes(), "#/components/schemas/");
}

#[test]
fn invalid_data_files_are_named() {
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
fn invalid_arguments_print_the_usage() {
    let project = Project::small();
    for arguments in
        [&["--write"][..], &["--from"], &["--check", "--from", "a"], &["--from", "a", "b"], &["x"]]
    {
        let run = project.regen(arguments);
        assert_eq!(run.status, 2, "{arguments:?}");
        assert!(run.err.contains("--help"), "{}", run.err);
    }
    let run = project.regen(&["--help"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.contains("cargo xtask regen") && run.out.contains("--from <FILE>"), "{}", run.out);
}
