//! A place in a document, as one reads it: references followed, and the JSON pointer at hand.
//!
//! The contract names its schemas and the vendor writes them out. Whoever looks at both through nodes sees no
//! difference.

use serde_json::Value;

/// No sound document refers this often before it says something.
const REFERENCES: usize = 32;

/// A value in a document, references followed.
#[derive(Clone)]
pub struct Node<'a> {
    document: &'a Value,
    /// What is there.
    pub value: &'a Value,
    /// Where that is: a JSON pointer into the document, behind the last reference.
    pub pointer: String,
}

impl<'a> Node<'a> {
    /// The document itself.
    pub fn root(document: &'a Value) -> Self {
        Self { document, value: document, pointer: String::new() }
    }

    /// The document that the node is in.
    pub fn document(&self) -> Self {
        Self::root(self.document)
    }

    /// Whether the node is in this very document.
    pub fn is_in(&self, document: &Value) -> bool {
        std::ptr::eq(self.document, document)
    }

    /// The member `name` of an object.
    pub fn get(&self, name: &str) -> Option<Self> {
        self.value.get(name).map(|value| self.at(name, value))
    }

    /// What `pointer` points to in the document.
    pub fn find(&self, pointer: &str) -> Option<Self> {
        let value = self.document.pointer(pointer)?;
        Some(Self { document: self.document, value, pointer: pointer.to_owned() }.resolved())
    }

    /// The members of an object with their names; none for anything else.
    pub fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), self.at(name, value))).collect()
    }

    /// The items of an array; none for anything else.
    pub fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten();
        items.enumerate().map(|(index, value)| self.at(&index.to_string(), value)).collect()
    }

    /// The text of the member `name`, empty if there is none.
    pub fn text(&self, name: &str) -> &'a str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the member `name` is true.
    pub fn is(&self, name: &str) -> bool {
        self.value.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Whether the array `required` of an object schema has `name`.
    pub fn requires(&self, name: &str) -> bool {
        let mut required = self.value.get("required").and_then(Value::as_array).into_iter().flatten();
        required.any(|required| required == name)
    }

    fn at(&self, segment: &str, value: &'a Value) -> Self {
        Self { document: self.document, value, pointer: join(&self.pointer, segment) }.resolved()
    }

    /// Follows references; stays at one that leads nowhere.
    fn resolved(mut self) -> Self {
        for _ in 0..REFERENCES {
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

/// The JSON pointer of `segment` in `parent`.
pub fn join(parent: &str, segment: &str) -> String {
    format!("{parent}/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// The names along a JSON pointer.
pub fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}
