//! Each rule is held, and a breach is told with its place.

use serde_json::{Value, json};

use super::project::{CONTRACT, Project};

const OPERATION: &str = "/paths/~1things/post";
const SCHEMAS: &str = "/components/schemas";

/// Breaks the contract at `pointer` and sees that this is told as `breach` and nothing is written.
fn refused(pointer: &str, damage: impl FnOnce(&mut Value), breach: &str) {
    let project = Project::small();
    project.change(CONTRACT, pointer, damage);
    let before = (project.read(CONTRACT), project.read("src/api/generated.rs"));
    for arguments in [&[][..], &["--check"]] {
        let run = project.regen(arguments);
        assert_eq!(run.status, 1, "{}", run.out);
        assert!(run.err.contains(&format!("{CONTRACT}: {breach}")), "{breach}\n{}", run.err);
        assert_eq!((project.read(CONTRACT), project.read("src/api/generated.rs")), before);
    }
}

fn without(name: &'static str) -> impl FnOnce(&mut Value) {
    move |value| _ = value.as_object_mut().unwrap().remove(name).unwrap()
}

#[test]
fn the_contract_is_json() {
    let project = Project::small();
    project.write(CONTRACT, "{ \"openapi\": \"3.0.3\", \"paths\": { \"/things\": nothing } }");
    let run = project.regen(&["--check"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("#/paths/~1things: invalid JSON: "), "{}", run.err);
    assert!(run.err.contains("line 1 column 46"), "{}", run.err);
}

#[test]
fn the_contract_is_openapi() {
    let breach = format!("#{SCHEMAS}/Name/type: OpenAPI 3.0: \"enum\" is not one of");
    refused(&format!("{SCHEMAS}/Name/type"), |it| *it = json!("enum"), &breach);
}

#[test]
fn references_lead_somewhere() {
    let breach = "#/components/schemas/Thing/properties/state: reference: unresolved reference #/components/schemas/Gone";
    let damage = |it: &mut Value| *it = json!("#/components/schemas/Gone");
    refused(&format!("{SCHEMAS}/Thing/properties/state/$ref"), damage, breach);
}

#[test]
fn an_operation_has_an_id() {
    refused(OPERATION, without("operationId"), &format!("#{OPERATION}: operation id: "));
}

#[test]
fn no_two_operations_have_the_same_id() {
    let twice = |paths: &mut Value| paths["/zebras"] = paths["/things"].clone();
    refused("/paths", twice, "#/paths/~1zebras/post/operationId: operation id: duplicate operationId");
}

#[test]
fn an_operation_has_a_summary() {
    refused(OPERATION, without("summary"), &format!("#{OPERATION}: summary: "));
}

#[test]
fn an_operation_has_a_success() {
    refused(&format!("{OPERATION}/responses"), without("200"), &format!("#{OPERATION}/responses: success: "));
}

#[test]
fn an_operation_has_a_default_answer() {
    refused(
        &format!("{OPERATION}/responses"),
        without("default"),
        &format!("#{OPERATION}/responses: default: "),
    );
}

#[test]
fn an_operation_has_one_error_type() {
    let schema = format!("{OPERATION}/responses/400/content/application~1json/schema/$ref");
    let breach = format!("#{OPERATION}/responses/400: one error type: ");
    refused(&schema, |it| *it = json!("#/components/schemas/Thing"), &breach);
    refused(&format!("{OPERATION}/responses/500"), without("content"), &breach.replace("400", "500"));
}

#[test]
fn an_object_a_combination_and_an_enumeration_have_a_name() {
    for schema in [
        json!({ "type": "object" }),
        json!({ "properties": {} }),
        json!({ "allOf": [{ "$ref": "#/components/schemas/Extra" }] }),
        json!({ "type": "string", "enum": ["a"] }),
    ] {
        let (place, list) =
            (format!("{SCHEMAS}/Thing/properties"), json!({ "type": "array", "items": schema }));
        refused(&place, |it| it["x"] = schema, &format!("#{place}/x: named schemas: "));
        refused(&place, |it| it["x"] = list, &format!("#{place}/x/items: named schemas: "));
    }
}

#[test]
fn an_example_of_a_body_is_one() {
    let body = format!("{OPERATION}/requestBody/content/application~1json/example");
    let breach = format!("#{body}/name: examples: \"12345678901\" is longer than 10 characters");
    refused(&body, |it| it["name"] = json!("12345678901"), &breach);
    let answer = format!("{OPERATION}/responses/200/content/application~1json/examples/one/value");
    refused(&answer, without("id"), &format!("#{answer}: examples: \"id\" is a required property"));
}

#[test]
fn an_example_of_a_schema_is_one() {
    let place = format!("{SCHEMAS}/Name/example");
    refused(&place, |it| *it = json!(1), &format!("#{place}: examples: 1 is not of type \"string\""));
}

#[test]
fn all_breaches_are_told_at_once() {
    let project = Project::small();
    project.change(CONTRACT, OPERATION, without("summary"));
    project.change(CONTRACT, &format!("{SCHEMAS}/Name/example"), |it| *it = json!(1));
    let run = project.regen(&[]);
    assert!(run.err.contains(": summary: ") && run.err.contains(": examples: "), "{}", run.err);

    // And the check shows what else is out of date.
    project.write("src/api/generated.rs", "");
    let run = project.regen(&["--check"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.contains(": summary: ") && run.out.contains("--- a/src/api/generated.rs\n"),
        "{}",
        run.err
    );
}
