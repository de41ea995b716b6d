//! The crate has the same API with and without the feature `codegen`: the build generates exactly the committed code.
//! All other tests run with both.

const COMMITTED: &str = include_str!("../../src/api/generated.rs");

#[cfg(feature = "codegen")]
#[test]
fn the_committed_client_matches_the_generated_one() {
    let made = include_str!(concat!(env!("OUT_DIR"), "/client.rs"));
    assert!(made == COMMITTED, "src/api/generated.rs is out of date: run `cargo xtask regen`");
}

#[test]
fn only_the_included_file_depends_on_codegen() {
    let choices = include_str!("../../src/api/mod.rs").matches("feature = \"codegen\"").count();
    assert_eq!(choices, 2, "one for each file");
}

#[test]
fn the_committed_client_names_its_generator() {
    let first = COMMITTED.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("// Generated from openapi/social-plus-bot.json by `cargo xtask regen`"),
        "{first}"
    );
}
