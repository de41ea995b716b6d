//! From the text of the contract to the text of the typed client.
//!
//! One function without any file in it, so that everyone who generates, generates the same: `build.rs` for the
//! build, and `cargo xtask regen` for the committed copy.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypePatch};
use serde_json::Value;
use syn::parse::Parser as _;

#[path = "view.rs"]
mod view;

/// Schemas whose Rust type is written by hand, because it does more than hold a value.
const BY_HAND: [(&str, &str); 2] = [("AccessToken", "crate::AccessToken"), ("ErrorCode", "crate::ErrorCode")];

/// The private part of each client. Only the crate can make one, so only the crate can make a client,
/// and every client sends through the crate's own transport and hooks.
const INNER: &str = "crate::api::Transport";

/// What the generated text begins with.
const HEADER: &str =
    "// Generated from openapi/social-plus-bot.json by `cargo xtask regen`: change that, not this.\n\n";

/// Generates the formatted client.
///
/// # Errors
///
/// Says in a line what is wrong with the contract.
pub fn client(contract: &str) -> Result<String, String> {
    let contract = serde_json::from_str(contract).map_err(|error| format!("not JSON: {error}"))?;
    let view = view::of(contract)?;
    let document: OpenAPI =
        serde_json::from_value(sorted(view.document)).map_err(|error| format!("not OpenAPI 3.0: {error}"))?;
    let inner = syn::parse_str::<proc_macro2::TokenStream>(INNER).map_err(|error| error.to_string())?;

    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_derive("schemars::JsonSchema")
        .with_hooks(HooksMode::Expected)
        .with_inner_type(inner);
    for schema in &view.generated {
        settings.with_patch(schema, TypePatch::default().with_attr("#[non_exhaustive]"));
    }
    let by_hand = BY_HAND.map(|(schema, rust)| (schema.to_owned(), rust.to_owned()));
    for (schema, rust) in by_hand.into_iter().chain(view.replaced) {
        settings.with_replacement(schema, rust, [].into_iter());
    }

    let tokens = quietly(|| Generator::new(&settings).generate_tokens(&document))
        .map_err(|reason| format!("the generator gives up on it: {reason}"))?
        .map_err(|error| format!("the generator refuses it: {error}"))?;
    let mut file = syn::parse2::<syn::File>(tokens)
        .map_err(|error| format!("the generated code does not parse: {error}"))?;
    state_lengths(&mut file.items, &view.lengths)?;
    let text = prettyplease::unparse(&file)
        // The generator's examples are not meant to be run; as text they don't count as tests that were skipped.
        .replace("```ignore", "```text")
        // The hooks have decoded the answer already.
        .replace("ResponseValue::from_response(", "crate::api::decoded(");
    Ok(HEADER.to_owned() + &text)
}

/// Sorts the members of every object. Whether `serde_json` keeps their order depends on features that other
/// packages of a build turn on, and the same contract has to make the same text in every build.
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

/// Lets the JSON schema of a text's type state its lengths: the generator checks them and does not tell.
fn state_lengths(
    items: &mut [syn::Item],
    lengths: &BTreeMap<String, Vec<(String, u64)>>,
) -> Result<(), String> {
    for item in items {
        match item {
            syn::Item::Mod(module) => {
                let items = module.content.as_mut().map(|(_, items)| items.as_mut_slice());
                state_lengths(items.unwrap_or_default(), lengths)?;
            }
            syn::Item::Struct(of) => {
                let Some(lengths) = lengths.get(&of.ident.to_string()) else { continue };
                if !matches!(of.fields, syn::Fields::Unnamed(_)) {
                    continue;
                }
                let stated = lengths.iter().map(|(keyword, length)| format!("{keyword:?} = {length}"));
                let stated = format!("#[schemars(extend({}))]", stated.collect::<Vec<_>>().join(", "));
                let attributes = syn::Attribute::parse_outer.parse_str(&stated);
                of.attrs.extend(attributes.map_err(|error| format!("{stated}: {error}"))?);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Turns a panic into its message: the generator answers some documents that it can't handle with one, and
/// the build still has to end with a sentence that names the contract.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.map_err(|panic| match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("it does not say why").to_owned(),
    })
}
