//! Both ways to build the crate give the same public API, since they compile the same text: generated while
//! building, and committed. All other tests run in both ways.

const COMMITTED: &str = include_str!("../../src/api/generated.rs");

#[cfg(feature = "codegen")]
#[test]
fn the_committed_client_is_the_one_that_the_build_makes() {
    let made = include_str!(concat!(env!("OUT_DIR"), "/client.rs"));
    assert!(made == COMMITTED, "src/api/generated.rs is out of date: run `cargo xtask regen`");
}

#[test]
fn only_the_text_of_the_client_depends_on_how_it_is_built() {
    let choices = include_str!("../../src/api/mod.rs").matches("feature = \"codegen\"").count();
    assert_eq!(choices, 2, "one for each way");
}

#[test]
fn the_committed_client_says_how_it_is_made() {
    let first = COMMITTED.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("// Generated from openapi/social-plus-bot.json by `cargo xtask regen`"),
        "{first}"
    );
}
