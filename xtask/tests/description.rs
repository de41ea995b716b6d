//! `cargo xtask regen --from` with the vendor's description as it is published.
//!
//! The description is not part of the project. If it is missing, these tests are reported as ignored.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

#[allow(dead_code)]
mod project;

use project::Project;

const RESPONSE: &str = "/responses/200/content/application~1json/schema";
const REQUEST: &str = "/requestBody/content/application~1json/schema";

/// A test that gets the path of the description.
type Test = fn(&Path);

fn main() -> ExitCode {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/upstream/apidocs-bundled.json.gz");
    let missing = !file.exists();
    if missing {
        eprintln!("ignored: {} does not exist", file.display());
    }
    let tests: [(&str, Test); 4] = [
        ("it_has_no_differences_and_takes_at_most_2_seconds_and_300_megabytes", no_differences),
        ("every_repair_is_needed", every_repair_is_needed),
        ("each_change_is_reported_and_nothing_else", each_change_is_reported),
        ("a_damaged_description_is_reported_in_one_line", damage),
    ];
    let trial = |(name, test): (&str, Test)| {
        let file: PathBuf = file.clone();
        let run = move || -> Result<(), Failed> {
            test(&file);
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(missing)
    };
    libtest_mimic::run(&Arguments::from_args(), tests.into_iter().map(trial).collect()).exit_code()
}

fn unpacked(file: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// Returns the description without paths, and our operation.
fn ours(file: &Path) -> (Value, Value) {
    let mut description: Value = serde_json::from_str(&unpacked(file)).unwrap();
    let operation = description["paths"]["/api/v5/sessions/bot"]["post"].take();
    description["paths"] = json!({});
    (description, operation)
}

fn with(description: &Value, operation: &Value) -> String {
    let mut description = description.clone();
    description["paths"]["/api/v5/sessions/bot"]["post"] = operation.clone();
    description.to_string()
}

/// The time limit is CPU time, so that other processes on the machine have no effect.
fn no_differences(file: &Path) {
    let project = Project::real();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -t 2 && ulimit -v 300000 && exec \"$0\" regen --from \"$1\""]);
    command.arg(env!("CARGO_BIN_EXE_xtask")).arg(file);
    command.env("CARGO_MANIFEST_DIR", project.path("xtask"));
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}{}", String::from_utf8_lossy(&output.stderr));
    let reported: Vec<&str> = out.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(reported.iter().filter(|word| **word == "deliberate").count(), 9, "{out}");
    assert_eq!(reported.iter().filter(|word| **word == "repaired").count(), 2, "{out}");
    assert_eq!(reported.len(), 12, "{out}");
}

fn every_repair_is_needed(file: &Path) {
    let (description, operation) = ours(file);
    let text = with(&description, &operation);
    let count = 2;
    for index in 0..count {
        let project = Project::real();
        project.change("openapi/repairs.json", "/POST ~1api~1v5~1sessions~1bot", |it| {
            assert_eq!(it.as_array().unwrap().len(), count);
            it.as_array_mut().unwrap().remove(index);
        });
        let run = project.regen_with(&["--from", "-"], text.as_bytes());
        assert_ne!(run.status, 0, "{}", run.out);
    }
}

fn each_change_is_reported(file: &Path) {
    let user = format!("{RESPONSE}/properties/users/items");
    let cases: [(&str, Value, &str); 10] = [
        (
            &format!("{user}/properties/nickname"),
            json!({ "type": "string", "maxLength": 9 }),
            "new         response 200 /users/0/nickname: new, optional: {\"type\":\"string\",\"maxLength\":9}",
        ),
        (
            &format!("{user}/properties/flagCount"),
            Value::Null,
            "gone        response 200 /users/0/flagCount: gone, optional: {\"type\":\"integer\"}",
        ),
        (
            &format!("{user}/properties/isBrand"),
            json!({ "type": "string" }),
            "changed     response 200 /users/0/isBrand: type {\"type\":\"boolean\"} -> {\"type\":\"string\"}",
        ),
        (
            &format!("{user}/required"),
            json!(["userId", "createdAt", "updatedAt", "path"]),
            "changed     response 200 /users/0/path: now required",
        ),
        (
            &format!("{RESPONSE}/properties/userType/enum"),
            json!(["bot", "guest", "visitor", "signed-in"]),
            "new         response 200 /userType: new value \"guest\"",
        ),
        (
            &format!("{REQUEST}/properties/deviceId/maxLength"),
            json!(200),
            "changed     request /deviceId: maxLength 150 -> 200",
        ),
        (
            &format!("{REQUEST}/required"),
            json!(["deviceId", "deviceInfo"]),
            "changed     request /deviceInfo: now required",
        ),
        (
            "/responses/429",
            json!({ "description": "Words.", "content": {} }),
            "new         response 429: new",
        ),
        (
            &format!("{RESPONSE}/properties/roles/items/properties/priority"),
            json!({ "type": "integer" }),
            "new         response 200 /roles/0/priority: new, optional: {\"type\":\"integer\"}",
        ),
        ("/responses/403/description", json!("Other words."), ""),
    ];
    let (description, operation) = ours(file);
    let project = Project::real();
    for (pointer, value, expected) in cases {
        let mut changed = operation.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(name).unwrap();
        } else {
            parent.insert(name.to_owned(), value);
        }
        let run = project.regen_with(&["--from", "-"], with(&description, &changed).as_bytes());
        let reported: Vec<String> = run
            .out
            .lines()
            .filter(|line| line.starts_with(['n', 'g', 'c', 'o']))
            .map(|line| line.replace("POST /api/v5/sessions/bot: ", ""))
            .map(|line| line.split(" (").next().unwrap_or_default().to_owned())
            .collect();
        let expected: Vec<&str> = if expected.is_empty() { Vec::new() } else { vec![expected] };
        assert_eq!(reported, expected, "{pointer}\n{}{}", run.out, run.err);
        assert_eq!(run.status, if expected.is_empty() { 0 } else { 3 });
    }
}

fn damage(file: &Path) {
    let project = Project::real();
    let text = unpacked(file);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    for bytes in [&text.as_bytes()[..text.len() / 2], &packed[..packed.len() / 2]] {
        let run = project.regen_with(&["--from", "-"], bytes);
        assert_eq!(run.status, 2, "{}", run.out);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(run.err.starts_with("error: standard input: "), "{}", run.err);
    }
}
