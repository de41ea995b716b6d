//! `--write` merges the structure of the vendor's description into the contract, but no prose.

use serde_json::{Value, json};

use super::project::{CONTRACT, Project, Run};
use super::vendor::description;

const RESPONSES: &str = "/paths/~1things/post/responses";
const RESPONSE: &str = "/paths/~1things/post/responses/200/content/application~1json/schema";
const REQUEST: &str = "/paths/~1things/post/requestBody/content/application~1json/schema";

/// Changes the description at `pointer` and merges it into the contract.
fn written(project: &Project, pointer: &str, change: impl FnOnce(&mut Value)) -> Run {
    let mut description = description();
    change(description.pointer_mut(pointer).unwrap());
    project.write("vendor.json", &description.to_string());
    let run = project.regen(&["--from", "vendor.json", "--write"]);
    assert_eq!(run.status, 3, "{}{}", run.out, run.err);
    run
}

fn assert_resolved(project: &Project) {
    let run = project.regen(&["--from", "vendor.json", "--write"]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    assert!(run.lines("updated:").is_empty(), "{}", run.out);
}

#[test]
fn a_new_object_becomes_a_component_with_placeholder_descriptions() {
    let project = Project::small();
    written(&project, &format!("{RESPONSE}/properties"), |it| {
        it["badges"] = json!({ "type": "array", "description": "Prose.", "items": {
            "type": "object", "description": "Prose.", "required": ["name"],
            "properties": {
                "name": { "type": "string", "maxLength": 3, "example": "Prose" },
                "kind": { "type": "string", "enum": ["a", "b"] },
            },
        } });
    });
    assert_resolved(&project);

    let contract = project.contract();
    let marker = "TODO: describe this";
    let of = |pointer: &str| contract.pointer(&format!("/components/schemas/{pointer}")).cloned();
    assert_eq!(
        of("Thing/properties/badges"),
        Some(
            json!({ "type": "array", "description": marker, "items": { "$ref": "#/components/schemas/Badge" } })
        )
    );
    assert_eq!(of("Badge/required"), Some(json!(["name"])));
    let name = json!({ "type": "string", "description": marker, "maxLength": 3 });
    assert_eq!(of("Badge/properties/name"), Some(name));
    assert_eq!(of("Kind/enum"), Some(json!(["a", "b"])));
    assert!(!project.read(CONTRACT).contains("Prose"), "prose was merged");
    assert!(project.read("src/api/generated.rs").contains("pub struct Badge"));

    let check = project.regen(&["--check"]);
    assert_eq!(check.status, 1);
    assert_eq!(check.err.matches("missing description; replace the placeholder").count(), 4, "{}", check.err);
    project.write(CONTRACT, &project.read(CONTRACT).replace(marker, "Written."));
    assert_eq!(project.regen(&[]).status, 0);
    assert_eq!(project.regen(&["--check"]).status, 0);
}

#[test]
fn limits_values_and_required_fields_are_merged() {
    let project = Project::small();
    written(&project, REQUEST, |it| {
        *it = json!({ "type": "object", "required": ["name", "size"], "properties": {
            "name": { "type": "string", "maxLength": 12, "minLength": 1 },
            "size": { "type": "integer", "minimum": 0 },
        } });
    });
    // The example lacks the field that is now required, which must be fixed by hand.
    let contract = project.contract();
    let schemas = &contract["components"]["schemas"];
    assert_eq!(schemas["Name"]["maxLength"], 12);
    assert_eq!(schemas["Name"]["minLength"], 1);
    assert_eq!(schemas["Name"]["description"], "Name.");
    assert_eq!(schemas["NewThing"]["required"], json!(["name", "size"]));
    assert_eq!(schemas["NewThing"]["properties"]["size"]["minimum"], 0);
    assert_eq!(project.regen(&["--check"]).status, 1);
}

#[test]
fn removed_fields_and_values_take_unused_components_with_them() {
    let project = Project::small();
    written(&project, &format!("{RESPONSE}/properties"), |it| {
        it["owners"]["items"] = json!({ "type": "object", "properties": {} });
        it["state"]["enum"] = json!(["new"]);
    });
    let contract = project.contract();
    assert_eq!(contract["components"]["schemas"]["State"]["enum"], json!(["new"]));
    let fields = &contract["components"]["schemas"]["Owner"]["properties"];
    assert_eq!(fields.get("description"), None);

    let project = Project::small();
    project.change("openapi/repairs.json", "/POST ~1things", |it| _ = it.as_array_mut().unwrap().remove(1));
    written(&project, &format!("{RESPONSE}/properties"), |it| {
        _ = it.as_object_mut().unwrap().remove("owners")
    });
    assert_eq!(project.contract().pointer("/components/schemas/Owner"), None);
    assert_resolved(&project);
}

#[test]
fn a_new_error_status_gets_the_existing_error_type() {
    let project = Project::small();
    written(&project, RESPONSES, |it| it["409"] = it["400"].clone());
    let pointer = format!("{RESPONSES}/409/content/application~1json/schema/$ref");
    assert_eq!(project.contract().pointer(&pointer), Some(&json!("#/components/schemas/Problem")));
    assert_resolved(&project);
}

#[test]
fn a_change_of_every_error_response_is_merged_once() {
    let project = Project::small();
    let hint = json!({ "type": "string" });
    written(&project, RESPONSES, |it| {
        for status in ["400", "500"] {
            it[status]["content"]["application/json"]["schema"]["properties"]["hint"] = hint.clone();
        }
    });
    assert_eq!(
        project.contract()["components"]["schemas"]["Problem"]["properties"]["hint"]["type"],
        "string"
    );
    assert_resolved(&project);
}

#[test]
fn a_change_of_a_single_error_response_must_be_merged_by_hand() {
    let project = Project::small();
    let before = project.read(CONTRACT);
    let run = written(&project, RESPONSES, |it| {
        it["400"]["content"]["application/json"]["schema"]["properties"]["hint"] =
            json!({ "type": "string" });
    });
    assert_eq!(run.lines("merge by hand:"), ["POST /things: response 400 /hint: new, optional: string"]);
    assert_eq!(project.read(CONTRACT), before);
}

#[test]
fn a_difference_within_a_deviation_must_be_merged_by_hand() {
    let project = Project::small();
    let before = project.read(CONTRACT);
    let run = written(&project, &format!("{RESPONSE}/properties/extra/properties"), |it| {
        it["size"] = json!({ "type": "integer" });
    });
    let left = run.lines("merge by hand:");
    assert!(left[0].ends_with("(see openapi/deviations.json)"), "{left:?}");
    assert_eq!(project.read(CONTRACT), before);
}

#[test]
fn parameters_and_servers_are_merged() {
    let project = Project::small();
    written(&project, "", |it| {
        it["servers"] = json!([{ "url": "https://two.example", "description": "Prose." }]);
        it["paths"]["/things"]["post"]["parameters"].as_array_mut().unwrap().push(
            json!({ "in": "query", "name": "dry", "description": "Prose.", "schema": { "type": "boolean" } }),
        );
    });
    let contract = project.contract();
    assert_eq!(contract["servers"][0]["url"], "https://two.example");
    assert_eq!(contract["paths"]["/things"]["post"]["parameters"][0]["name"], "dry");
    assert!(!project.read(CONTRACT).contains("Prose"), "prose was merged");
    assert_resolved(&project);
}
