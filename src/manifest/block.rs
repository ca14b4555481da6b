//! What the typed model is made of besides plain values: blocks, maps and values that may be secret.

use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::diag::{Span, Spanned};

/// A node of the manifest, decoded, with its place.
///
/// As with [`Spanned`], equality looks at the value alone.
#[derive(Clone, Debug, Default)]
pub struct Block<T> {
    /// The decoded settings.
    pub value: T,
    /// The keyword that opens the node: what a label should underline.
    pub keyword: Span,
    /// The whole node with its children: what a fix would remove.
    pub whole: Span,
}

impl<T> Block<T> {
    /// The place to point at: the keyword that opens the node.
    pub fn span(&self) -> Span {
        self.keyword
    }
}

impl<T> Deref for Block<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Block<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Serialize> Serialize for Block<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// Free names with values in the order written: `env`, `labels`, `external_labels`.
#[derive(Clone, Debug, PartialEq)]
pub struct Map<T>(pub Vec<(Spanned<String>, Spanned<T>)>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Map<T> {
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Spanned<T>> {
        self.0.iter().find(|(key, _)| key.value == name).map(|(_, value)| value)
    }

    /// All pairs in the order written.
    pub fn iter(&self) -> std::slice::Iter<'_, (Spanned<String>, Spanned<T>)> {
        self.0.iter()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a, T> IntoIterator for &'a Map<T> {
    type Item = &'a (Spanned<String>, Spanned<T>);
    type IntoIter = std::slice::Iter<'a, (Spanned<String>, Spanned<T>)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Serialize> Serialize for Map<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (&key.value, &value.value)))
    }
}

/// Nodes of several kinds in the order written: rules of a group, panels of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ordered<T>(pub Vec<T>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for Ordered<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a Ordered<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A setting that may refer to something not written here: `"x"`, `(secret)"x"`, `(env)"X"`, `(file)"x"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Written out in the manifest.
    Literal(String),
    /// The name of a `secret` of the stack.
    Secret(String),
    /// The name of an environment variable of whoever starts the stack.
    Env(String),
    /// The path of a file, relative to the manifest.
    File(String),
}

impl Value {
    /// The text when it was written out.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Value::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// The name of the secret when it refers to one.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Value::Secret(name) => Some(name),
            _ => None,
        }
    }

    /// What was written between the quotes, whatever it means.
    pub fn text(&self) -> &str {
        match self {
            Value::Literal(text) | Value::Secret(text) | Value::Env(text) | Value::File(text) => {
                text
            }
        }
    }
}

impl Default for Value {
    fn default() -> Self {
        Value::Literal(String::new())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, text) = match self {
            Value::Literal(text) => return serializer.serialize_str(text),
            Value::Secret(text) => ("secret", text),
            Value::Env(text) => ("env", text),
            Value::File(text) => ("file", text),
        };
        serializer.collect_map([(kind, text)])
    }
}

/// A duration in Prometheus' notation (`1d12h`, `30s`, `500ms`): the text as written, and its length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurationText {
    /// As written.
    pub text: String,
    /// Milliseconds.
    pub ms: i64,
}

impl Serialize for DurationText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// An amount of bytes as Prometheus writes it (`20GB`, `512MB`; units are powers of 1024).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizeText {
    /// As written.
    pub text: String,
    /// Bytes.
    pub bytes: u64,
}

impl Serialize for SizeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
