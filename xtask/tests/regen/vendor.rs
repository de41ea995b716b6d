//! Each difference between the vendor's description and the contract is reported, and nothing else.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::project::{CONTRACT, Project, Run};

const OPERATION: &str = "/paths/~1things/post";
const RESPONSE: &str = "/paths/~1things/post/responses/200/content/application~1json/schema";
const REQUEST: &str = "/paths/~1things/post/requestBody/content/application~1json/schema";

pub fn description() -> Value {
    serde_json::from_str(include_str!("../data/vendor.json")).unwrap()
}

/// Compares the contract with `description`.
fn report_in(project: &Project, description: &Value) -> Run {
    project.write("vendor.json", &description.to_string());
    project.regen(&["--from", "vendor.json"])
}

/// Asserts that a change of the description at `pointer` is reported exactly as `expected`, with the place to edit.
fn reports(pointer: &str, change: impl FnOnce(&mut Value), expected: &[&str]) {
    let mut description = description();
    change(description.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")));
    let run = report_in(&Project::small(), &description);
    assert_eq!(run.status, 3, "{}{}", run.out, run.err);
    let reported: Vec<&str> = run.out.lines().filter(|line| line.starts_with(['n', 'g', 'c', 'o'])).collect();
    let reported: Vec<&str> = reported.iter().map(|line| line.split(" (").next().unwrap()).collect();
    assert_eq!(reported, expected, "{}", run.out);
}

fn remove(name: &'static str) -> impl FnOnce(&mut Value) {
    move |value| _ = value.as_object_mut().unwrap().remove(name).unwrap()
}

#[test]
fn an_equivalent_description_has_no_differences() {
    let run = report_in(&Project::small(), &description());
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    assert_eq!(run.lines("deliberate").len(), 7);
    assert_eq!(run.lines("repaired").len(), 2);
    assert_eq!(run.out.lines().count(), 10, "{}", run.out);
    assert!(run.out.ends_with("vendor.json: no differences\n"), "{}", run.out);
}

#[test]
fn a_new_field_is_reported() {
    let place = "new         POST /things: response 200 /owners/0/age: new, optional: {\"type\":\"integer\",\"maximum\":200}";
    reports(
        &format!("{RESPONSE}/properties/owners/items/properties"),
        |it| it["age"] = json!({ "type": "integer", "maximum": 200, "description": "Prose." }),
        &[place],
    );
}

#[test]
fn a_removed_field_is_reported() {
    let place = "gone        POST /things: request /size: gone, optional: {\"type\":\"integer\"}";
    reports(&format!("{REQUEST}/properties"), remove("size"), &[place]);
}

#[test]
fn a_changed_length_is_reported() {
    let place = "changed     POST /things: request /name: maxLength 10 -> 12";
    reports(&format!("{REQUEST}/properties/name/maxLength"), |it| *it = json!(12), &[place]);
}

#[test]
fn added_and_removed_lengths_are_reported() {
    let place = "new         POST /things: response 200 /owners/0/description: maxLength none -> 5";
    let change = |it: &mut Value| it["description:"]["maxLength"] = json!(5);
    reports(&format!("{RESPONSE}/properties/owners/items/properties"), change, &[place]);
    let place = "gone        POST /things: request /name: maxLength 10 -> none";
    reports(&format!("{REQUEST}/properties/name"), remove("maxLength"), &[place]);
}

#[test]
fn a_changed_type_is_reported() {
    let place =
        "changed     POST /things: request /size: type {\"type\":\"integer\"} -> {\"type\":\"string\"}";
    reports(&format!("{REQUEST}/properties/size"), |it| it["type"] = json!("string"), &[place]);
}

#[test]
fn added_and_removed_enum_values_are_reported() {
    let reported = [
        "gone        POST /things: response 200 /state: gone value \"new\"",
        "new         POST /things: response 200 /state: new value \"lost\"",
    ];
    reports(&format!("{RESPONSE}/properties/state/enum"), |it| *it = json!(["lost", "old"]), &reported);
}

#[test]
fn changes_of_required_are_reported() {
    let place = "changed     POST /things: request /size: now required";
    reports(&format!("{REQUEST}/required"), |it| *it = json!(["size", "name"]), &[place]);
    let place = "changed     POST /things: response 200 /id: now optional";
    reports(RESPONSE, remove("required"), &[place]);
}

#[test]
fn added_and_removed_statuses_are_reported() {
    let copy = |it: &mut Value| it["409"] = it["400"].clone();
    reports(&format!("{OPERATION}/responses"), copy, &["new         POST /things: response 409: new"]);
    let gone = "gone        POST /things: response 500: gone";
    reports(&format!("{OPERATION}/responses"), remove("500"), &[gone]);
}

#[test]
fn changed_parameters_headers_servers_and_security_are_reported() {
    let parameter = json!({ "in": "query", "name": "dry", "schema": { "type": "boolean" } });
    let place =
        "new         POST /things: parameter query dry: new, optional: {\"schema\":{\"type\":\"boolean\"}}";
    reports(&format!("{OPERATION}/parameters"), |it| it.as_array_mut().unwrap().push(parameter), &[place]);
    let header = json!({ "Retry-After": { "schema": { "type": "integer" } } });
    let place = "new         POST /things: response 400 header retry-after: new, optional: {\"schema\":{\"type\":\"integer\"}}";
    reports(&format!("{OPERATION}/responses/400"), |it| it["headers"] = header, &[place]);
    let place = "new         POST /things: server https://two.example: new";
    let server = json!({ "url": "https://two.example" });
    reports("/servers", |it| it.as_array_mut().unwrap().push(server), &[place]);
    let bearer = json!([{ "Bearer": [] }]);
    let place = "changed     POST /things: security: [] -> \
                 [[{\"scheme\":{\"type\":\"http\",\"scheme\":\"bearer\"},\"scopes\":[]}]]";
    reports(OPERATION, |it| it["security"] = bearer, &[place]);
}

#[test]
fn an_optional_body_and_a_deprecated_operation_are_reported() {
    let place = "changed     POST /things: request: now optional";
    reports(&format!("{OPERATION}/requestBody/required"), |it| *it = json!(false), &[place]);
    let place = "new         POST /things: deprecated: none -> true";
    reports(OPERATION, |it| it["deprecated"] = json!(true), &[place]);
}

#[test]
fn a_new_alternative_is_reported() {
    let place = "new         POST /things: response 500 /detail: oneOf none -> {\"type\":\"integer\"}";
    let detail =
        format!("{OPERATION}/responses/500/content/application~1json/schema/properties/detail/oneOf");
    reports(&detail, |it| it.as_array_mut().unwrap().push(json!({ "type": "integer" })), &[place]);
}

#[test]
fn a_difference_within_a_deviation_is_reported() {
    let place = "new         POST /things: response 200 /extra/size: new, optional: {\"type\":\"integer\"}";
    let change = |it: &mut Value| it["size"] = json!({ "type": "integer" });
    reports(&format!("{RESPONSE}/properties/extra/properties"), change, &[place]);
}

#[test]
fn a_vendor_change_that_matches_the_contract_is_reported() {
    let place = "new         POST /things: response 200 /id: format none -> \"int64\"";
    reports(&format!("{RESPONSE}/properties/id"), |it| it["format"] = json!("int64"), &[place]);
}

#[test]
fn unneeded_deviations_are_outdated() {
    let parameter = "outdated    openapi/deviations.json: POST /things: parameter header x-key: \
                     there is nothing left to compare; remove the deviation";
    reports(&format!("{OPERATION}/parameters"), |it| *it = json!([]), &[parameter]);

    let project = Project::small();
    project.change(CONTRACT, "/components/schemas/Thing/properties/id", |it| {
        it.as_object_mut().unwrap().remove("format");
    });
    let run = report_in(&project, &description());
    let outdated = "openapi/deviations.json: POST /things: response 200 /id: \
                    the contract no longer differs from the listed version; remove the deviation";
    assert_eq!(run.lines("outdated"), [outdated]);
    assert_eq!(run.status, 3);
}

#[test]
fn a_fixed_defect_leaves_an_outdated_repair() {
    let project = Project::small();
    let mut description = description();
    *description.pointer_mut(&format!("{RESPONSE}/properties/state/type")).unwrap() = json!("string");
    let run = report_in(&project, &description);
    assert_eq!(run.status, 3);
    let outdated = run.lines("outdated");
    assert_eq!(outdated.len(), 1, "{}", run.out);
    assert!(outdated[0].contains("properties/state/type") && outdated[0].ends_with("remove the repair"));
}

#[test]
fn a_defect_without_a_repair_is_reported_with_its_location() {
    let project = Project::small();
    project.write("openapi/repairs.json", "{}");
    let run = report_in(&project, &description());
    assert_eq!(run.status, 2);
    assert!(
        run.err.contains(&format!("vendor.json: #{RESPONSE}/properties/state/type: not OpenAPI 3.0")),
        "{}",
        run.err
    );
    assert!(run.err.contains("openapi/repairs.json"), "{}", run.err);
}

#[test]
fn a_misspelled_name_without_its_repair_is_reported() {
    let project = Project::small();
    project.change("openapi/repairs.json", "/POST ~1things", |it| _ = it.as_array_mut().unwrap().pop());
    let run = report_in(&project, &description());
    assert_eq!(run.status, 3);
    assert_eq!(run.lines("new").len() + run.lines("gone").len(), 2, "{}", run.out);
    assert!(run.out.contains("response 200 /owners/0/description:: new"), "{}", run.out);
}

#[test]
fn references_of_the_description_are_resolved() {
    let mut description = description();
    let schema = std::mem::take(description.pointer_mut(&format!("{REQUEST}/properties/name")).unwrap());
    description["components"]["schemas"] = json!({ "A name": schema });
    *description.pointer_mut(&format!("{REQUEST}/properties/name")).unwrap() =
        json!({ "$ref": "#/components/schemas/A%20name" });
    let run = report_in(&Project::small(), &description);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
}

#[test]
fn a_description_can_be_compressed_and_read_from_standard_input() {
    let project = Project::small();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(description().to_string().as_bytes()).unwrap();
    let compressed = gzip.finish().unwrap();
    std::fs::write(project.path("vendor.json.gz"), &compressed).unwrap();
    assert_eq!(project.regen(&["--from", "vendor.json.gz"]).status, 0);
    assert_eq!(project.regen_with(&["--from", "-"], &compressed).status, 0);
    assert_eq!(project.regen_with(&["--from", "-"], description().to_string().as_bytes()).status, 0);
}

#[test]
fn nothing_is_written() {
    let project = Project::small();
    let mut changed = description();
    *changed.pointer_mut(&format!("{REQUEST}/properties/name/maxLength")).unwrap() = json!(12);
    let before = project.read(CONTRACT);
    assert_eq!(report_in(&project, &changed).status, 3);
    assert_eq!(project.read(CONTRACT), before);
}

/// Asserts that the difference that a change of the description makes is to be resolved at `location`.
fn located(pointer: &str, change: impl FnOnce(&mut Value), location: &str) {
    let mut description = description();
    change(description.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")));
    let run = report_in(&Project::small(), &description);
    let line = run.out.lines().next().unwrap();
    assert!(line.ends_with(&format!(" ({location})")), "{line}\n{location}");
}

#[test]
fn each_difference_names_the_place_to_edit() {
    let schemas = "#/components/schemas";
    let fields = format!("{RESPONSE}/properties/owners/items/properties");
    located(&fields, |it| it["age"] = json!({}), &format!("{schemas}/Owner/properties/age"));
    located(&format!("{REQUEST}/properties"), remove("size"), &format!("{schemas}/NewThing/properties/size"));
    located(REQUEST, remove("required"), &format!("{schemas}/NewThing/required"));
    let name = format!("{REQUEST}/properties/name/maxLength");
    located(&name, |it| *it = json!(12), &format!("{schemas}/Name/maxLength"));
    let size = format!("{REQUEST}/properties/size/type");
    located(&size, |it| *it = json!("string"), &format!("{schemas}/NewThing/properties/size"));
    let state = format!("{RESPONSE}/properties/state/enum");
    located(&state, |it| *it = json!(["new"]), &format!("{schemas}/State/enum"));
    located(
        &format!("{OPERATION}/requestBody/required"),
        |it| *it = json!(false),
        &format!("#{OPERATION}/requestBody/required"),
    );
    located(&format!("{OPERATION}/responses"), remove("500"), &format!("#{OPERATION}/responses/500"));
    let header = json!({ "Retry-After": { "schema": { "type": "integer" } } });
    let place = format!("#{OPERATION}/responses/400/headers/retry-after");
    located(&format!("{OPERATION}/responses/400"), |it| it["headers"] = header, &place);
    located("/servers/0", |it| it["url"] = json!("https://two.example"), "#/servers/0");
    let parameter = json!({ "in": "query", "name": "dry", "schema": { "type": "boolean" } });
    let parameters = format!("{OPERATION}/parameters");
    located(&parameters, |it| it.as_array_mut().unwrap().push(parameter), &format!("#{parameters}/-"));
    located(&format!("{RESPONSE}/properties/extra/properties"), remove("color"), "openapi/deviations.json");
}

#[test]
fn changes_of_formats_patterns_and_ranges_are_reported() {
    let name = format!("{REQUEST}/properties/name");
    let changes = [
        ("format", json!("date")),
        ("pattern", json!("^a")),
        ("minLength", json!(1)),
        ("nullable", json!(true)),
    ];
    for (keyword, value) in changes {
        let place = format!("new         POST /things: request /name: {keyword} none -> {value}");
        reports(&name, |it| it[keyword] = value, &[&place]);
    }
}

#[test]
fn changed_media_types_are_reported() {
    let content = format!("{OPERATION}/responses/200/content");
    let place = "new         POST /things: response 200 text/plain: new";
    reports(&content, |it| it["text/plain"] = json!({ "schema": { "type": "string" } }), &[place]);
    let content = format!("{OPERATION}/responses/400/content");
    let place = "gone        POST /things: response 400 application/json: gone";
    reports(&content, remove("application/json"), &[place]);
}

#[test]
fn deprecated_fields_and_changed_headers_are_reported() {
    let place = "new         POST /things: request /size: deprecated none -> true";
    reports(&format!("{REQUEST}/properties/size"), |it| it["deprecated"] = json!(true), &[place]);
    let place = "new         POST /things: response 200 /extra/color: deprecated none -> true";
    let color = format!("{RESPONSE}/properties/extra/properties/color");
    reports(&color, |it| it["deprecated"] = json!(true), &[place]);

    // A header of the contract.
    let project = Project::small();
    project.change(CONTRACT, &format!("{OPERATION}/responses/400"), |it| {
        it["headers"] = json!({ "X-Wait": { "schema": { "type": "integer" } } });
    });
    let mut description = description();
    description.pointer_mut(&format!("{OPERATION}/responses/400")).unwrap()["headers"] =
        json!({ "x-wait": { "required": true, "schema": { "type": "string" } } });
    let run = report_in(&project, &description);
    let place = format!("#{OPERATION}/responses/400/headers/x-wait");
    assert_eq!(
        run.lines("changed"),
        [
            format!("POST /things: response 400 header x-wait: now required ({place}/required)"),
            format!(
                "POST /things: response 400 header x-wait: type {{\"type\":\"integer\"}} -> {{\"type\":\"string\"}} ({place}/schema)"
            ),
        ]
    );
}

#[test]
fn a_different_order_is_no_difference() {
    let mut description = description();
    let mut swap =
        |pointer: &str| description.pointer_mut(pointer).unwrap().as_array_mut().unwrap().reverse();
    swap(&format!("{RESPONSE}/properties/state/enum"));
    swap(&format!("{OPERATION}/responses/400/content/application~1json/schema/properties/detail/oneOf"));
    swap(&format!("{OPERATION}/responses/500/content/application~1json/schema/properties/detail/oneOf"));
    description.pointer_mut(REQUEST).unwrap()["required"] = json!(["size", "name"]);
    let project = Project::small();
    project.change(CONTRACT, "/components/schemas/NewThing", |it| it["required"] = json!(["name", "size"]));
    project.change(CONTRACT, OPERATION, |it| {
        it["requestBody"]["content"]["application/json"]["example"]["size"] = json!(1);
    });
    let run = report_in(&project, &description);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
}

#[test]
fn a_changed_alternative_is_one_difference() {
    let detail =
        format!("{OPERATION}/responses/500/content/application~1json/schema/properties/detail/oneOf/0");
    let place = "changed     POST /things: response 500 /detail/(oneOf 0)/0: type {\"type\":\"string\"} -> {\"type\":\"integer\"}";
    reports(&format!("{detail}/items"), |it| it["type"] = json!("integer"), &[place]);
}

#[test]
fn an_operation_whose_path_moved_is_reported_with_its_probable_new_path() {
    let mut description = description();
    let paths = description["paths"].as_object_mut().unwrap();
    let item = paths.remove("/things").unwrap();
    paths.insert("/v2/things".to_owned(), item);
    let run = report_in(&Project::small(), &description);
    assert_eq!(run.status, 2);
    let expected = "error: vendor.json: missing operation POST /things; probably moved to POST /v2/things\n";
    assert_eq!(run.err, expected);
}
