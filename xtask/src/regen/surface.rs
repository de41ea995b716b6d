//! What programs can use of the generated code.
//!
//! A change of the contract that harms nobody on the wire can still change a Rust type. So what is public is taken
//! from the generated text itself, a line for each thing that a program can name, and two texts are compared by
//! these lines: what is gone breaks, what is new does not, since the types are open for growth.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, Visibility};

/// Something public: the type or module it belongs to, and what it is.
type Line = (String, String);

/// What is public in one text and not in another.
#[derive(Debug, Default)]
pub struct Changes {
    /// Only the second text has it.
    pub added: Vec<String>,
    /// Only the first text has it.
    pub removed: Vec<String>,
}

/// Compares what is public in two generated texts.
pub fn changes(before: &str, after: &str) -> Result<Changes, String> {
    let (before, after) = (lines(before)?, lines(after)?);
    Ok(Changes { added: only(&after, &before), removed: only(&before, &after) })
}

/// The lines of one and not the other; of a type that is not in the other at all, the type alone.
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
        syn::parse_file(text).map_err(|error| format!("the generated code does not parse: {error}"))?;
    let mut found = BTreeSet::new();
    items(&file.items, "", &mut found);
    Ok(found)
}

fn items(items_of: &[Item], module: &str, found: &mut BTreeSet<Line>) {
    let mut add =
        |owner: &str, line: String| found.insert((format!("{module}{owner}"), format!("{module}{line}")));
    for item in items_of {
        match item {
            Item::Struct(it) if public(&it.vis) => {
                let name = it.ident.to_string();
                add(&name, name.clone());
                for (index, field) in it.fields.iter().enumerate().filter(|(_, field)| public(&field.vis)) {
                    let field_name = field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
                    add(&name, format!("{name}.{field_name}: {}", short(&field.ty)));
                }
                derived(&it.attrs).for_each(|of| _ = add(&name, format!("{name} derives {of}")));
            }
            Item::Enum(it) if public(&it.vis) => {
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
                        && public(&function.vis)
                    {
                        add(&name, format!("{name}: {}", short(&function.sig)));
                    }
                }
            }
            Item::Fn(it) if public(&it.vis) => _ = add("", short(&it.sig)),
            Item::Trait(it) if public(&it.vis) => _ = add("", short(it)),
            Item::Type(it) if public(&it.vis) => _ = add("", short(it)),
            Item::Const(it) if public(&it.vis) => _ = add("", short(it)),
            Item::Use(it) if public(&it.vis) => _ = add("", short(&it.tree)),
            _ => {}
        }
    }
    for item in items_of {
        if let Item::Mod(it) = item
            && let (true, Some((_, inner))) = (public(&it.vis), &it.content)
        {
            items(inner, &format!("{module}{}::", it.ident), found);
        }
    }
}

fn public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The traits that a type derives.
fn derived(attributes: &[syn::Attribute]) -> impl Iterator<Item = String> {
    let lists = attributes.iter().filter(|it| it.path().is_ident("derive"));
    lists.filter_map(|it| it.meta.require_list().ok()).flat_map(|list| {
        let traits = short(&list.tokens);
        traits.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    })
}

/// Tokens as a person writes them, without the paths of what everyone knows.
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
    fn new_things_are_added_and_lost_or_changed_ones_removed() {
        let after = BEFORE.replace("i64", "u64").replace("One", "One, Two").replace(", Default", "");
        let changes = changes(BEFORE, &after).unwrap();
        assert_eq!(changes.added, ["types::A.a: Option<u64>", "types::E::Two"]);
        assert_eq!(changes.removed, ["types::A derives Default", "types::A.a: Option<i64>"]);
    }

    #[test]
    fn of_a_new_type_only_the_type_is_told() {
        let after = format!("{BEFORE} #[derive(Clone)] pub struct New {{ pub a: u8 }}");
        assert_eq!(changes(BEFORE, &after).unwrap().added, ["New"]);
    }

    #[test]
    fn what_is_private_does_not_count() {
        let after = BEFORE.replace("b: u8", "c: u16").replace("hidden", "concealed");
        let changes = changes(BEFORE, &after).unwrap();
        assert!(changes.added.is_empty() && changes.removed.is_empty(), "{changes:?}");
    }
}
