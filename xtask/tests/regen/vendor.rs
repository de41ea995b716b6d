//! What the vendor's description says otherwise than the contract is told, and nothing else is.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::project::{CONTRACT, Project, Run};

const OPERATION: &str = "/paths/~1things/post";
const ANSWER: &str = "/paths/~1things/post/responses/200/content/application~1json/schema";
const REQUEST: &str = "/paths/~1things/post/requestBody/content/application~1json/schema";

pub fn description() -> Value {
    serde_json::from_str(include_str!("../data/vendor.json")).unwrap()
}

/// What is told of `description`.
fn told_in(project: &Project, description: &Value) -> Run {
    project.write("vendor.json", &description.to_string());
    project.regen(&["--from", "vendor.json"])
}

/// Changes the description at `pointer` and sees that just `news` is told.
fn news(pointer: &str, change: impl FnOnce(&mut Value), news: &[&str]) {
    let mut description = description();
    change(description.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")));
    let run = told_in(&Project::small(), &description);
    assert_eq!(run.status, 3, "{}{}", run.out, run.err);
    let told: Vec<&str> = run.out.lines().filter(|line| line.starts_with(['n', 'g', 'c', 'o'])).collect();
    assert_eq!(told, news, "{}", run.out);
}

fn remove(name: &'static str) -> impl FnOnce(&mut Value) {
    move |value| _ = value.as_object_mut().unwrap().remove(name).unwrap()
}

#[test]
fn a_description_that_says_the_same_in_other_words_has_no_news() {
    let run = told_in(&Project::small(), &description());
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    assert_eq!(run.lines("deliberate").len(), 7);
    assert_eq!(run.lines("repaired").len(), 2);
    assert_eq!(run.out.lines().count(), 10, "{}", run.out);
    assert!(run.out.ends_with("vendor.json: no differences\n"), "{}", run.out);
}

#[test]
fn a_new_field() {
    let place = "new         POST /things: response 200 /owners/0/age: new, optional: integer, maximum 200";
    news(
        &format!("{ANSWER}/properties/owners/items/properties"),
        |it| it["age"] = json!({ "type": "integer", "maximum": 200, "description": "Words." }),
        &[place],
    );
}

#[test]
fn a_field_that_is_gone() {
    let place = "gone        POST /things: request /size: gone, optional: integer";
    news(&format!("{REQUEST}/properties"), remove("size"), &[place]);
}

#[test]
fn another_length() {
    let place = "changed     POST /things: request /name: maxLength 10 -> 12";
    news(&format!("{REQUEST}/properties/name/maxLength"), |it| *it = json!(12), &[place]);
}

#[test]
fn a_length_where_there_was_none_and_none_where_there_was_one() {
    let place = "new         POST /things: response 200 /owners/0/description: maxLength none -> 5";
    let change = |it: &mut Value| it["description:"]["maxLength"] = json!(5);
    news(&format!("{ANSWER}/properties/owners/items/properties"), change, &[place]);
    let place = "gone        POST /things: request /name: maxLength 10 -> none";
    news(&format!("{REQUEST}/properties/name"), remove("maxLength"), &[place]);
}

#[test]
fn another_type() {
    let place = "changed     POST /things: request /size: type integer -> string";
    news(&format!("{REQUEST}/properties/size"), |it| it["type"] = json!("string"), &[place]);
}

#[test]
fn values_that_come_and_go() {
    let told = [
        "gone        POST /things: response 200 /state: gone value \"new\"",
        "new         POST /things: response 200 /state: new value \"lost\"",
    ];
    news(&format!("{ANSWER}/properties/state/enum"), |it| *it = json!(["lost", "old"]), &told);
}

#[test]
fn a_field_that_becomes_required_and_one_that_ceases_to_be() {
    let place = "changed     POST /things: request /size: now required";
    news(&format!("{REQUEST}/required"), |it| *it = json!(["size", "name"]), &[place]);
    let place = "changed     POST /things: response 200 /id: now optional";
    news(ANSWER, remove("required"), &[place]);
}

#[test]
fn statuses_that_come_and_go() {
    let copy = |it: &mut Value| it["409"] = it["400"].clone();
    news(&format!("{OPERATION}/responses"), copy, &["new         POST /things: response 409: new"]);
    let gone = "gone        POST /things: response 500: gone";
    news(&format!("{OPERATION}/responses"), remove("500"), &[gone]);
}

#[test]
fn parameters_headers_servers_and_security() {
    let parameter = json!({ "in": "query", "name": "dry", "schema": { "type": "boolean" } });
    let place = "new         POST /things: parameter query dry: new, optional: boolean";
    news(&format!("{OPERATION}/parameters"), |it| it.as_array_mut().unwrap().push(parameter), &[place]);
    let header = json!({ "Retry-After": { "schema": { "type": "integer" } } });
    let place = "new         POST /things: response 400 header retry-after: new, optional: integer";
    news(&format!("{OPERATION}/responses/400"), |it| it["headers"] = header, &[place]);
    let place = "new         POST /things: server https://two.example: new";
    let server = json!({ "url": "https://two.example" });
    news("/servers", |it| it.as_array_mut().unwrap().push(server), &[place]);
    let bearer = json!([{ "Bearer": [] }]);
    let place = "changed     POST /things: security: [] -> \
                 [[{\"scheme\":{\"scheme\":\"bearer\",\"type\":\"http\"},\"scopes\":[]}]]";
    news(OPERATION, |it| it["security"] = bearer, &[place]);
}

#[test]
fn a_body_that_is_no_longer_required_and_an_operation_that_is_going_away() {
    let place = "changed     POST /things: request: now optional";
    news(&format!("{OPERATION}/requestBody/required"), |it| *it = json!(false), &[place]);
    let place = "new         POST /things: deprecated: none -> true";
    news(OPERATION, |it| it["deprecated"] = json!(true), &[place]);
}

#[test]
fn an_alternative_more() {
    let place = "new         POST /things: response 500 /detail: oneOf none -> integer";
    let detail =
        format!("{OPERATION}/responses/500/content/application~1json/schema/properties/detail/oneOf");
    news(&detail, |it| it.as_array_mut().unwrap().push(json!({ "type": "integer" })), &[place]);
}

#[test]
fn news_within_a_deliberate_difference() {
    let place = "new         POST /things: response 200 /extra/size: new, optional: integer";
    let change = |it: &mut Value| it["size"] = json!({ "type": "integer" });
    news(&format!("{ANSWER}/properties/extra/properties"), change, &[place]);
}

#[test]
fn a_vendor_that_comes_round_to_the_contract() {
    let place = "new         POST /things: response 200 /id: format none -> \"int64\"";
    news(&format!("{ANSWER}/properties/id"), |it| it["format"] = json!("int64"), &[place]);
}

#[test]
fn deviations_that_are_none_any_more_are_outdated() {
    let parameter = "outdated    openapi/deviations.json: POST /things: parameter header x-key: \
                     the vendor no longer has it; remove the deviation";
    news(&format!("{OPERATION}/parameters"), |it| *it = json!([]), &[parameter]);

    let project = Project::small();
    project.change(CONTRACT, "/components/schemas/Thing/properties/id", |it| {
        it.as_object_mut().unwrap().remove("format");
    });
    let run = told_in(&project, &description());
    let outdated = "openapi/deviations.json: POST /things: response 200 /id: \
                    the contract no longer differs from the listed version; remove the deviation";
    assert_eq!(run.lines("outdated"), [outdated]);
    assert_eq!(run.status, 3);
}

#[test]
fn a_defect_that_is_mended_leaves_an_outdated_repair() {
    let project = Project::small();
    let mut description = description();
    *description.pointer_mut(&format!("{ANSWER}/properties/state/type")).unwrap() = json!("string");
    let run = told_in(&project, &description);
    assert_eq!(run.status, 3);
    let outdated = run.lines("outdated");
    assert_eq!(outdated.len(), 1, "{}", run.out);
    assert!(outdated[0].contains("properties/state/type") && outdated[0].ends_with("remove the repair"));
}

#[test]
fn a_defect_without_a_repair_is_told_with_its_place() {
    let project = Project::small();
    project.write("openapi/repairs.json", "{}");
    let run = told_in(&project, &description());
    assert_eq!(run.status, 2);
    assert!(
        run.err.contains(&format!("vendor.json: #{ANSWER}/properties/state/type: not OpenAPI 3.0")),
        "{}",
        run.err
    );
    assert!(run.err.contains("openapi/repairs.json"), "{}", run.err);
}

#[test]
fn a_misspelt_name_without_its_repair_is_news() {
    let project = Project::small();
    project.change("openapi/repairs.json", "/POST ~1things", |it| _ = it.as_array_mut().unwrap().pop());
    let run = told_in(&project, &description());
    assert_eq!(run.status, 3);
    assert_eq!(run.lines("new").len() + run.lines("gone").len(), 2, "{}", run.out);
    assert!(run.out.contains("response 200 /owners/0/description:: new"), "{}", run.out);
}

#[test]
fn references_of_the_description_are_followed() {
    let mut description = description();
    let schema = std::mem::take(description.pointer_mut(&format!("{REQUEST}/properties/name")).unwrap());
    description["components"]["schemas"] = json!({ "A name": schema });
    *description.pointer_mut(&format!("{REQUEST}/properties/name")).unwrap() =
        json!({ "$ref": "#/components/schemas/A%20name" });
    let run = told_in(&Project::small(), &description);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
}

#[test]
fn a_description_can_be_compressed_or_come_on_standard_input() {
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
fn without_write_nothing_is_written() {
    let project = Project::small();
    let mut changed = description();
    *changed.pointer_mut(&format!("{REQUEST}/properties/name/maxLength")).unwrap() = json!(12);
    let before = project.read(CONTRACT);
    assert_eq!(told_in(&project, &changed).status, 3);
    assert_eq!(project.read(CONTRACT), before);
}
