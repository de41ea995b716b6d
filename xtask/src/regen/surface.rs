//! Compares the public API of two versions of the generated code.
//!
//! A change of the contract that is compatible for requests and responses can still change a Rust type. A removed or
//! changed item is a breaking change. A new one is not, because the types are non-exhaustive.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{Attribute, Field, ImplItem, Item, Visibility};

use super::change_class::ChangeClass;

/// A public item: its owner, which is a type or module, and its description, which is empty for the type itself.
type Line = (String, String);

/// Returns the public items that differ, the removed ones first. If a whole type is new or gone, only that is listed.
pub fn changes(before: &str, after: &str) -> Result<Vec<(ChangeClass, String)>, String> {
    let (before, after) = (lines(before)?, lines(after)?);
    let only = |one: &BTreeSet<Line>, other: &BTreeSet<Line>, class| -> Vec<(ChangeClass, String)> {
        let owners: BTreeSet<&str> = other.iter().map(|(owner, _)| owner.as_str()).collect();
        let lines = one.difference(other);
        let lines = lines.filter(|(owner, line)| line.is_empty() || owners.contains(owner.as_str()));
        lines.map(|(owner, line)| (class, format!("{owner}{line}"))).collect()
    };
    let mut changes = only(&before, &after, ChangeClass::Breaking);
    changes.extend(only(&after, &before, ChangeClass::Compatible));
    Ok(changes)
}

fn lines(text: &str) -> Result<BTreeSet<Line>, String> {
    let file = syn::parse_file(text).map_err(|error| format!("invalid generated code: {error}"))?;
    let mut found = BTreeSet::new();
    collect(&file.items, "", &mut found);
    Ok(found)
}

fn collect(items: &[Item], module: &str, found: &mut BTreeSet<Line>) {
    for item in items {
        let (owner, members): (String, Vec<String>) = match item {
            Item::Mod(it) => {
                let items = it.content.as_ref().map_or(&[][..], |(_, items)| items);
                collect(items, &format!("{module}{}::", it.ident), found);
                continue;
            }
            Item::Struct(it) if is_public(&it.vis) => {
                let fields = it.fields.iter().filter(|field| is_public(&field.vis));
                let name = |field: &Field| field.ident.as_ref().map_or("0".to_owned(), ToString::to_string);
                let fields = fields.map(|field| format!(".{}: {}", name(field), short(&field.ty)));
                (it.ident.to_string(), fields.chain(derived(&it.attrs)).collect())
            }
            Item::Enum(it) if is_public(&it.vis) => {
                let variants = it.variants.iter().map(|it| format!("::{}{}", it.ident, short(&it.fields)));
                (it.ident.to_string(), variants.chain(derived(&it.attrs)).collect())
            }
            Item::Impl(it) => {
                let lines = it.items.iter().filter_map(|item| match (item, &it.trait_) {
                    (ImplItem::Fn(it), None) if is_public(&it.vis) => Some(format!(": {}", short(&it.sig))),
                    _ => None,
                });
                let implemented = it.trait_.iter().map(|(of, _)| format!(" implements {}", short(of)));
                let owner = format!("{module}{}", short(&it.self_ty));
                found.extend(lines.chain(implemented).map(|line| (owner.clone(), line)));
                continue;
            }
            Item::Use(it) if is_public(&it.vis) => (short(&it.tree), Vec::new()),
            _ => continue,
        };
        let lines = members.into_iter().chain([String::new()]);
        found.extend(lines.map(|line| (format!("{module}{owner}"), line)));
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Returns the traits that a type derives.
fn derived(attributes: &[Attribute]) -> impl Iterator<Item = String> {
    let lists = attributes.iter().filter(|it| it.path().is_ident("derive"));
    let lists = lists.filter_map(|it| Some(short(&it.meta.require_list().ok()?.tokens)));
    lists.flat_map(|list| list.split(',').map(|of| format!(" derives {of}")).collect::<Vec<_>>())
}

/// Formats tokens with usual spacing and without the paths of well-known types.
fn short(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for spaced in ["<", ">", ",", ":", "::", "&", "(", ")", "'"] {
        text = text.replace(&format!(" {spaced}"), spaced).replace(&format!("{spaced} "), spaced);
    }
    for known in ["::std::option::", "::std::string::", "::std::vec::", "::std::convert::", "::std::result::"]
    {
        text = text.replace(known, "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "pub mod types {
        #[derive(Clone, Default)] pub struct A { pub a: ::std::option::Option<i64>, b: u8 }
        pub enum E { One }
        impl A { pub fn make() -> Self { loop {} } fn hidden() {} }
    }";

    fn told(after: &str) -> Vec<String> {
        let changes = changes(BEFORE, after).unwrap().into_iter();
        changes.map(|(class, line)| format!("{class}: {line}")).collect()
    }

    #[test]
    fn added_changed_and_removed_items_are_listed() {
        let after = BEFORE.replace("i64", "u64").replace("One", "One, Two").replace(", Default", "");
        assert_eq!(
            told(&after),
            [
                "breaking: types::A derives Default",
                "breaking: types::A.a: Option<i64>",
                "compatible: types::A.a: Option<u64>",
                "compatible: types::E::Two",
            ]
        );
    }

    #[test]
    fn a_new_type_is_listed_without_its_members() {
        let new =
            "#[derive(Clone)] pub struct New { pub a: u8 } impl New { pub fn make() -> Self { loop {} } }";
        assert_eq!(told(&format!("{BEFORE} {new}")), ["compatible: New"]);
    }

    #[test]
    fn private_items_are_ignored() {
        let after = BEFORE.replace("b: u8", "c: u16").replace("hidden", "concealed");
        assert_eq!(told(&after), [""; 0]);
    }
}
