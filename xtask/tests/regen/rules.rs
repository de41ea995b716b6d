//! Each violation of a rule is reported with its location.

use serde_json::{Value, json};

use crate::project::{CONTRACT, Project};

const OPERATION: &str = "/paths/~1things/post";
const SCHEMAS: &str = "/components/schemas";

/// Asserts that a change at `pointer` is reported as `violation` and that no file is written.
fn rejected(pointer: &str, damage: impl FnOnce(&mut Value), violation: &str) {
    let project = Project::small();
    project.change(CONTRACT, pointer, damage);
    let before = (project.read(CONTRACT), project.read("src/api/generated.rs"));
    for arguments in [&[][..], &["--check"]] {
        let run = project.regen(arguments);
        assert_eq!(run.status, 1, "{}", run.out);
        assert!(run.err.contains(&format!("{CONTRACT}: {violation}")), "{violation}\n{}", run.err);
        assert_eq!((project.read(CONTRACT), project.read("src/api/generated.rs")), before);
    }
}

fn without(name: &'static str) -> impl FnOnce(&mut Value) {
    move |value| _ = value.as_object_mut().unwrap().remove(name).unwrap()
}

#[test]
fn the_contract_must_be_json() {
    let project = Project::small();
    project.write(CONTRACT, "{ \"openapi\": \"3.0.3\", \"paths\": { \"/things\": nothing } }");
    let run = project.regen(&["--check"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains(&format!("{CONTRACT}: invalid JSON: ")), "{}", run.err);
    assert!(run.err.contains("line 1 column 46"), "{}", run.err);
}

#[test]
fn the_contract_must_be_openapi() {
    let violation = format!("#{SCHEMAS}/Name/type: OpenAPI 3.0: \"enum\" is not one of");
    rejected(&format!("{SCHEMAS}/Name/type"), |it| *it = json!("enum"), &violation);
}

#[test]
fn references_must_resolve() {
    let violation = "#/components/schemas/Thing/properties/state: reference: unresolved reference `#/components/schemas/Gone`";
    let damage = |it: &mut Value| *it = json!("#/components/schemas/Gone");
    rejected(&format!("{SCHEMAS}/Thing/properties/state/$ref"), damage, violation);
}

#[test]
fn an_operation_must_have_an_id() {
    let error = "the generator failed: unexpected or unhandled format in the OpenAPI document path /things is missing operation ID";
    rejected(OPERATION, without("operationId"), error);
}

#[test]
fn operation_ids_must_be_unique() {
    let twice = |paths: &mut Value| paths["/zebras"] = paths["/things"].clone();
    let error = "the generator failed: unexpected or unhandled format in the OpenAPI document duplicate operation ID: makeThing";
    rejected("/paths", twice, error);
}

#[test]
fn an_operation_must_have_a_summary() {
    rejected(OPERATION, without("summary"), &format!("#{OPERATION}: summary: "));
}

#[test]
fn an_operation_must_have_a_success_response() {
    rejected(
        &format!("{OPERATION}/responses"),
        without("200"),
        &format!("#{OPERATION}/responses: success: "),
    );
}

#[test]
fn an_operation_must_have_a_default_response() {
    rejected(
        &format!("{OPERATION}/responses"),
        without("default"),
        &format!("#{OPERATION}/responses: default: "),
    );
}

#[test]
fn an_operation_must_have_one_error_type() {
    let schema = format!("{OPERATION}/responses/400/content/application~1json/schema/$ref");
    let error = "post /things: the schema of response 400 differs from that of the default response";
    rejected(&schema, |it| *it = json!("#/components/schemas/Thing"), error);
    let error = error.replace("400", "500");
    rejected(&format!("{OPERATION}/responses/500"), without("content"), &error);
    let error = format!("#{OPERATION}/responses: default: ");
    rejected(&format!("{OPERATION}/responses/default"), without("content"), &error);
}

#[test]
fn descriptions_must_not_be_placeholders() {
    let place = format!("{SCHEMAS}/Thing/description");
    rejected(&place, |it| *it = json!("TODO: describe this"), &format!("#{place}: description: "));
}

#[test]
fn objects_combinations_and_enumerations_must_be_named() {
    for schema in [
        json!({ "type": "object" }),
        json!({ "properties": {} }),
        json!({ "allOf": [{ "$ref": "#/components/schemas/Extra" }] }),
        json!({ "type": "string", "enum": ["a"] }),
    ] {
        let (place, list) =
            (format!("{SCHEMAS}/Thing/properties"), json!({ "type": "array", "items": schema }));
        rejected(&place, |it| it["x"] = schema, &format!("#{place}/x: named schemas: "));
        rejected(&place, |it| it["x"] = list, &format!("#{place}/x/items: named schemas: "));
    }
}

#[test]
fn body_examples_must_be_valid() {
    let body = format!("{OPERATION}/requestBody/content/application~1json/example");
    let violation = format!("#{body}/name: examples: \"12345678901\" is longer than 10 characters");
    rejected(&body, |it| it["name"] = json!("12345678901"), &violation);
    let response = format!("{OPERATION}/responses/200/content/application~1json/examples/one/value");
    rejected(&response, without("id"), &format!("#{response}: examples: \"id\" is a required property"));
}

#[test]
fn null_is_a_valid_example_of_a_nullable_schema() {
    let project = Project::small();
    project.change(CONTRACT, &format!("{SCHEMAS}/Name"), |it| it["nullable"] = json!(true));
    project.change(CONTRACT, &format!("{SCHEMAS}/Name/example"), |it| *it = json!(null));
    let run = project.regen(&[]);
    assert_eq!(run.status, 0, "{}", run.err);
}

#[test]
fn schema_examples_must_be_valid() {
    let place = format!("{SCHEMAS}/Name/example");
    rejected(&place, |it| *it = json!(1), &format!("#{place}: examples: 1 is not of type \"string\""));
}

#[test]
fn all_violations_are_reported_at_once() {
    let project = Project::small();
    project.change(CONTRACT, OPERATION, without("summary"));
    project.change(CONTRACT, &format!("{SCHEMAS}/Name/example"), |it| *it = json!(1));
    let run = project.regen(&[]);
    assert!(run.err.contains(": summary: ") && run.err.contains(": examples: "), "{}", run.err);

    // `--check` also shows the files that are out of date.
    project.write("src/api/generated.rs", "");
    let run = project.regen(&["--check"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.contains(": summary: ") && run.out.contains("--- a/src/api/generated.rs\n"),
        "{}",
        run.err
    );
}
