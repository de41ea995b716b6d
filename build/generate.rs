//! Generates the source of the typed client from the text of the contract.
//!
//! It reads and writes no files, so `build.rs` and `cargo xtask regen`, which updates the committed copy, get the
//! same result.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypePatch};
use serde_json::Value;
use syn::parse::Parser as _;

mod view;

/// Schemas whose Rust type is hand-written, because it has behavior of its own.
const HAND_WRITTEN: [(&str, &str); 2] =
    [("AccessToken", "crate::AccessToken"), ("ErrorCode", "crate::ErrorCode")];

/// The type of a private field of the generated client. Only this crate can construct it, so only this crate can
/// construct a client, and every client uses the crate's transport and hooks.
const INNER: &str = "crate::api::Transport";

/// Every generated type has a JSON schema, with a feature that is off by default.
const JSON_SCHEMA: &str = r#"#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]"#;

/// The first line of the generated source.
const HEADER: &str =
    "// Generated from openapi/social-plus-bot.json by `cargo xtask regen`: change that, not this.\n\n";

/// Generates the formatted client.
///
/// # Errors
///
/// Returns a one-line description of what is wrong with the contract.
pub fn client(contract: &str) -> Result<String, String> {
    let contract = serde_json::from_str(contract).map_err(|error| format!("invalid JSON: {error}"))?;
    let view = view::of(contract)?;
    let document: OpenAPI =
        serde_json::from_value(sorted(view.document)).map_err(|error| format!("not OpenAPI 3.0: {error}"))?;
    let inner = syn::parse_str::<proc_macro2::TokenStream>(INNER).map_err(|error| error.to_string())?;

    let mut settings = GenerationSettings::new();
    settings.with_interface(InterfaceStyle::Builder).with_hooks(HooksMode::Expected).with_inner_type(inner);
    for schema in &view.generated {
        settings
            .with_patch(schema, TypePatch::default().with_attr("#[non_exhaustive]").with_attr(JSON_SCHEMA));
    }
    let hand_written = HAND_WRITTEN.map(|(schema, rust)| (schema.to_owned(), rust.to_owned()));
    for (schema, rust) in hand_written.into_iter().chain(view.replaced) {
        settings.with_replacement(schema, rust, [].into_iter());
    }

    let tokens = catch_panic(|| Generator::new(&settings).generate_tokens(&document))
        .map_err(|reason| format!("the generator panicked: {reason}"))?
        .map_err(|error| format!("the generator failed: {error}"))?;
    let mut file = syn::parse2::<syn::File>(tokens)
        .map_err(|error| format!("failed to parse the generated code: {error}"))?;
    add_lengths(&mut file.items, &view.lengths)?;
    let text = prettyplease::unparse(&file)
        // The generator's examples can't run. As text blocks they are not reported as ignored tests.
        .replace("```ignore", "```text")
        // The hooks have already decoded the response.
        .replace("ResponseValue::from_response(", "crate::api::decoded(");
    Ok(HEADER.to_owned() + &text)
}

/// Sorts the members of every object. Whether `serde_json` preserves their order depends on the features that
/// other packages of a build enable, but the output must only depend on the contract.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, member)| (name, sorted(member))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}

/// Adds string length limits to the JSON schemas of types. The generator enforces the limits but omits them there.
fn add_lengths(
    items: &mut [syn::Item],
    lengths: &BTreeMap<String, Vec<(String, u64)>>,
) -> Result<(), String> {
    for item in items {
        match item {
            syn::Item::Mod(module) => {
                let items = module.content.as_mut().map(|(_, items)| items.as_mut_slice());
                add_lengths(items.unwrap_or_default(), lengths)?;
            }
            syn::Item::Struct(item) => {
                let Some(lengths) = lengths.get(&item.ident.to_string()) else { continue };
                if !matches!(item.fields, syn::Fields::Unnamed(_)) {
                    continue;
                }
                let limits = lengths.iter().map(|(keyword, length)| format!("{keyword:?} = {length}"));
                let attribute = format!(
                    "#[cfg_attr(feature = \"schemars\", schemars(extend({})))]",
                    limits.collect::<Vec<_>>().join(", ")
                );
                let attributes = syn::Attribute::parse_outer.parse_str(&attribute);
                item.attrs.extend(attributes.map_err(|error| format!("{attribute}: {error}"))?);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Converts a panic into its message. The generator panics on some unsupported documents, and the build should
/// then fail with an error that names the contract.
fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.map_err(|panic| match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("unknown reason").to_owned(),
    })
}
