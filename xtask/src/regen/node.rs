//! A location in a document, with references resolved.
//!
//! The contract names its schemas and the vendor inlines them. Nodes hide this difference.

use serde_json::Value;

/// The maximum length of a chain of references.
const MAX_REFERENCES: usize = 32;

/// A value in a document, with references resolved.
#[derive(Clone)]
pub struct Node<'a> {
    document: &'a Value,
    /// The value.
    pub value: &'a Value,
    /// The JSON pointer of the value in the document, after the last reference.
    pub pointer: String,
}

impl<'a> Node<'a> {
    /// Returns the root of a document.
    pub fn root(document: &'a Value) -> Self {
        Self { document, value: document, pointer: String::new() }
    }

    /// Returns the root of this node's document.
    pub fn document(&self) -> Self {
        Self::root(self.document)
    }

    /// Returns whether the node belongs to this instance of a document.
    pub fn is_in(&self, document: &Value) -> bool {
        std::ptr::eq(self.document, document)
    }

    /// Returns the member `name` of an object.
    pub fn get(&self, name: &str) -> Option<Self> {
        self.value.get(name).map(|value| self.at(name, value))
    }

    /// Returns the node at `pointer` in the document.
    pub fn find(&self, pointer: &str) -> Option<Self> {
        let value = self.document.pointer(pointer)?;
        Some(Self { document: self.document, value, pointer: pointer.to_owned() }.resolved())
    }

    /// Returns the members of an object with their names. Other values have none.
    pub fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), self.at(name, value))).collect()
    }

    /// Returns the items of an array. Other values have none.
    pub fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten();
        items.enumerate().map(|(index, value)| self.at(&index.to_string(), value)).collect()
    }

    /// Returns the string member `name`, or an empty string.
    pub fn text(&self, name: &str) -> &'a str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns whether the member `name` is `true`.
    pub fn is(&self, name: &str) -> bool {
        self.value.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns whether an object schema requires `name`.
    pub fn requires(&self, name: &str) -> bool {
        let mut required = self.value.get("required").and_then(Value::as_array).into_iter().flatten();
        required.any(|required| required == name)
    }

    fn at(&self, segment: &str, value: &'a Value) -> Self {
        Self { document: self.document, value, pointer: join(&self.pointer, segment) }.resolved()
    }

    /// Resolves references. An unresolvable reference stays as it is.
    fn resolved(mut self) -> Self {
        for _ in 0..MAX_REFERENCES {
            let target = self.value.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
            let Some((pointer, value)) = target.and_then(|it| Some((it, self.document.pointer(it)?))) else {
                break;
            };
            self.value = value;
            pointer.clone_into(&mut self.pointer);
        }
        self
    }
}

/// Appends a segment to a JSON pointer.
pub fn join(parent: &str, segment: &str) -> String {
    format!("{parent}/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// Returns the unescaped segments of a JSON pointer.
pub fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}
