//! The effect of a contract change on callers is reported, and the generated code is updated in the same run.

use serde_json::{Value, json};

use crate::project::{CONTRACT, Project, Run};

const SCHEMAS: &str = "/components/schemas";

/// Changes the value at `pointer` in the contract, regenerates, and returns the run.
fn report(project: &Project, pointer: &str, change: impl FnOnce(&mut Value)) -> Run {
    project.change(CONTRACT, pointer, change);
    let run = project.regen(&[]);
    assert_eq!(run.status, 0, "{}", run.err);
    run
}

#[test]
fn a_new_optional_response_field_is_compatible() {
    let project = Project::real();
    let run = report(&project, &format!("{SCHEMAS}/User/properties"), |properties| {
        properties["nickname"] = json!({ "type": "string", "description": "A nickname." });
    });
    let place =
        "POST /api/v5/sessions/bot: response 200 /users/0/nickname: new, optional: {\"type\":\"string\"}";
    assert!(run.lines("compatible").contains(&place), "{}", run.out);
    let field = "generated code: new: types::User.nickname: Option<String>";
    assert!(run.lines("compatible").contains(&field), "{}", run.out);
    assert!(run.lines("breaking").is_empty(), "{}", run.out);
    assert!(run.out.contains("version: 0.1.0 -> 0.1.1: a compatible change"), "{}", run.out);
    assert!(project.read("src/api/generated.rs").contains("pub nickname:"));
}

#[test]
fn a_removed_response_field_is_breaking() {
    let project = Project::real();
    let run = report(&project, &format!("{SCHEMAS}/User/properties"), |properties| {
        properties.as_object_mut().unwrap().remove("flagCount");
    });
    // The example still has the field, which is valid because the schema allows additional properties.
    let place = "POST /api/v5/sessions/bot: response 200 /users/0/flagCount: gone, optional: {\"type\":\"integer\",\"format\":\"int64\"}";
    assert!(run.lines("breaking").contains(&place), "{}", run.out);
    let field = "generated code: gone: types::User.flag_count: Option<i64>";
    assert!(run.lines("breaking").contains(&field), "{}", run.out);
    assert!(run.out.contains("version: 0.1.0 -> 0.2.0: a breaking change"), "{}", run.out);
    assert!(!project.read("src/api/generated.rs").contains("flag_count"));
}

#[test]
fn a_new_required_request_field_is_breaking() {
    let project = Project::committed();
    project.change(
        CONTRACT,
        "/paths/~1things/post/requestBody/content/application~1json/example",
        |example| {
            example["color"] = json!("red");
        },
    );
    let run = report(&project, &format!("{SCHEMAS}/NewThing"), |schema| {
        schema["properties"]["color"] = json!({ "type": "string" });
        schema["required"] = json!(["name", "color"]);
    });
    let place = "POST /things: request /color: new, required: {\"type\":\"string\",\"required\":true}";
    assert_eq!(run.lines("breaking")[0], place);
    assert!(run.out.contains("version: 0.1.0 -> 0.2.0"), "{}", run.out);
    assert!(project.read("src/api/generated.rs").contains("pub color:"));
}

#[test]
fn widening_a_request_length_is_compatible_and_narrowing_it_is_breaking() {
    let project = Project::committed();
    let run = report(&project, &format!("{SCHEMAS}/Name/maxLength"), |limit| *limit = json!(20));
    assert_eq!(run.lines("compatible"), ["POST /things: request /name: maxLength 10 -> 20"]);
    assert!(run.lines("breaking").is_empty());
    let run = report(&project, &format!("{SCHEMAS}/Name/maxLength"), |limit| *limit = json!(5));
    assert_eq!(run.lines("breaking"), ["POST /things: request /name: maxLength 10 -> 5"]);
}

#[test]
fn a_new_value_and_a_new_error_status_are_compatible() {
    let project = Project::committed();
    project.change(CONTRACT, "/paths/~1things/post/responses", |responses| {
        responses["409"] = responses["400"].clone();
    });
    let run =
        report(&project, &format!("{SCHEMAS}/State/enum"), |values| *values = json!(["new", "old", "lost"]));
    let reported = run.lines("compatible");
    assert!(reported.contains(&"POST /things: response 200 /state: new value \"lost\""), "{reported:?}");
    assert!(reported.contains(&"POST /things: response 409: new"), "{reported:?}");
    assert!(run.lines("breaking").is_empty(), "{}", run.out);
}

#[test]
fn a_change_of_the_generated_code_alone_affects_the_version() {
    let project = Project::committed();
    // For the service, an optional field is compatible, but the type of the Rust field changes.
    let run = report(&project, &format!("{SCHEMAS}/NewThing"), |schema| {
        schema.as_object_mut().unwrap().remove("required");
    });
    assert!(run.lines("compatible").contains(&"POST /things: request /name: now optional"), "{}", run.out);
    let gone = "generated code: gone: types::NewThing.name: Name";
    assert!(run.lines("breaking").contains(&gone), "{}", run.out);
    assert!(run.out.contains("version: 0.1.0 -> 0.2.0"), "{}", run.out);
}

#[test]
fn prose_is_not_a_change_for_callers() {
    let project = Project::real();
    let run = report(&project, &format!("{SCHEMAS}/User/description"), |text| *text = json!("A person."));
    assert!(run.out.contains("only descriptions, examples or references\n"), "{}", run.out);
    assert!(run.out.contains("version: 0.1.0 -> 0.1.0: no change for callers\n"), "{}", run.out);
}

#[test]
fn without_a_commit_there_is_no_comparison() {
    let run = Project::small().regen(&[]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.contains("not compared with the last commit: "), "{}", run.out);
}

#[test]
fn an_operation_whose_path_moved_is_one_change_with_its_new_path() {
    let project = Project::committed();
    let run = report(&project, "/paths", |paths| {
        let mut item = paths.as_object_mut().unwrap().remove("/things").unwrap();
        item["post"]["deprecated"] = json!(true);
        paths["/v2/things"] = item;
    });
    let moved = run.lines("breaking");
    assert_eq!(moved, ["POST /things: probably moved to POST /v2/things"], "{}", run.out);
    assert!(run.lines("compatible").contains(&"POST /things: deprecated: none -> true"), "{}", run.out);
}

#[test]
fn a_removed_and_an_unlike_new_operation_are_two_changes() {
    let project = Project::committed();
    let run = report(&project, "/paths", |paths| {
        let mut item = paths.as_object_mut().unwrap().remove("/things").unwrap();
        item["post"]["operationId"] = json!("other");
        paths["/elsewhere/entirely"] = item;
    });
    assert!(run.lines("breaking").contains(&"POST /things: gone"), "{}", run.out);
    assert!(run.lines("compatible").contains(&"POST /elsewhere/entirely: new"), "{}", run.out);
}
