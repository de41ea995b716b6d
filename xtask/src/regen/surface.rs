//! Compares the public API of two versions of the generated code.
//!
//! A change of the contract that is compatible for requests and responses can still change a Rust type. So this lists
//! the public items of the generated source, one line each, and compares the lists. A removed line is a breaking
//! change. An added line is not, because the types are non-exhaustive.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, Visibility};

/// A public item: its owner, which is a type or module, and its description.
type Line = (String, String);

/// The differences of two public APIs.
#[derive(Debug, Default)]
pub struct Changes {
    /// Items that only the second version has.
    pub added: Vec<String>,
    /// Items that only the first version has.
    pub removed: Vec<String>,
}

/// Compares the public API of two versions of the source.
pub fn changes(before: &str, after: &str) -> Result<Changes, String> {
    let (before, after) = (lines(before)?, lines(after)?);
    Ok(Changes { added: only(&after, &before), removed: only(&before, &after) })
}

/// Returns the lines that only `one` has. If the other lacks a whole type, only the type is listed.
fn only(one: &BTreeSet<Line>, other: &BTreeSet<Line>) -> Vec<String> {
    let of_other: BTreeSet<&str> = other.iter().map(|(owner, _)| owner.as_str()).collect();
    let lines = one.difference(other);
    lines
        .filter(|(owner, line)| of_other.contains(owner.as_str()) || owner == line)
        .map(|(_, line)| line.clone())
        .collect()
}

fn lines(text: &str) -> Result<BTreeSet<Line>, String> {
    let file =
        syn::parse_file(text).map_err(|error| format!("failed to parse the generated code: {error}"))?;
    let mut found = BTreeSet::new();
    items(&file.items, "", &mut found);
    Ok(found)
}

fn items(items_of: &[Item], module: &str, found: &mut BTreeSet<Line>) {
    let mut add =
        |owner: &str, line: String| found.insert((format!("{module}{owner}"), format!("{module}{line}")));
    for item in items_of {
        match item {
            Item::Struct(it) if is_public(&it.vis) => {
                let name = it.ident.to_string();
                add(&name, name.clone());
                for (index, field) in it.fields.iter().enumerate().filter(|(_, field)| is_public(&field.vis))
                {
                    let field_name = field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
                    add(&name, format!("{name}.{field_name}: {}", short(&field.ty)));
                }
                derived(&it.attrs).for_each(|of| _ = add(&name, format!("{name} derives {of}")));
            }
            Item::Enum(it) if is_public(&it.vis) => {
                let name = it.ident.to_string();
                add(&name, name.clone());
                for variant in &it.variants {
                    let fields = match &variant.fields {
                        Fields::Unit => String::new(),
                        fields => short(fields),
                    };
                    add(&name, format!("{name}::{}{fields}", variant.ident));
                }
                derived(&it.attrs).for_each(|of| _ = add(&name, format!("{name} derives {of}")));
            }
            Item::Impl(it) => {
                let name = short(&it.self_ty);
                if let Some((of, _)) = &it.trait_ {
                    add(&name, format!("{name} implements {}", short(of)));
                    continue;
                }
                for member in &it.items {
                    if let ImplItem::Fn(function) = member
                        && is_public(&function.vis)
                    {
                        add(&name, format!("{name}: {}", short(&function.sig)));
                    }
                }
            }
            Item::Fn(it) if is_public(&it.vis) => _ = add("", short(&it.sig)),
            Item::Trait(it) if is_public(&it.vis) => _ = add("", short(it)),
            Item::Type(it) if is_public(&it.vis) => _ = add("", short(it)),
            Item::Const(it) if is_public(&it.vis) => _ = add("", short(it)),
            Item::Use(it) if is_public(&it.vis) => _ = add("", short(&it.tree)),
            _ => {}
        }
    }
    for item in items_of {
        if let Item::Mod(it) = item
            && let (true, Some((_, inner))) = (is_public(&it.vis), &it.content)
        {
            items(inner, &format!("{module}{}::", it.ident), found);
        }
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Returns the traits that a type derives.
fn derived(attributes: &[syn::Attribute]) -> impl Iterator<Item = String> {
    let lists = attributes.iter().filter(|it| it.path().is_ident("derive"));
    lists.filter_map(|it| it.meta.require_list().ok()).flat_map(|list| {
        let traits = short(&list.tokens);
        traits.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    })
}

/// Formats tokens with usual spacing and without the paths of well-known types.
fn short(tokens: &impl ToTokens) -> String {
    let spaced = tokens.to_token_stream().to_string();
    let mut text = String::new();
    let mut characters = spaced.chars().peekable();
    let word =
        |character: Option<char>| character.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == '\'');
    while let Some(character) = characters.next() {
        if character != ' ' || (word(text.chars().last()) && word(characters.peek().copied())) {
            text.push(character);
        }
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

    #[test]
    fn added_changed_and_removed_items_are_listed() {
        let after = BEFORE.replace("i64", "u64").replace("One", "One, Two").replace(", Default", "");
        let changes = changes(BEFORE, &after).unwrap();
        assert_eq!(changes.added, ["types::A.a: Option<u64>", "types::E::Two"]);
        assert_eq!(changes.removed, ["types::A derives Default", "types::A.a: Option<i64>"]);
    }

    #[test]
    fn a_new_type_is_listed_without_its_members() {
        let after = format!("{BEFORE} #[derive(Clone)] pub struct New {{ pub a: u8 }}");
        assert_eq!(changes(BEFORE, &after).unwrap().added, ["New"]);
    }

    #[test]
    fn private_items_are_ignored() {
        let after = BEFORE.replace("b: u8", "c: u16").replace("hidden", "concealed");
        let changes = changes(BEFORE, &after).unwrap();
        assert!(changes.added.is_empty() && changes.removed.is_empty(), "{changes:?}");
    }
}
