//! The neutral tree that every front end fills: nodes with arguments, properties and children.

use crate::diag::{Span, Spanned};

/// A node: in KDL `name argument property=value { children }`.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: Spanned<String>,
    /// Values without a name.
    pub args: Vec<Value>,
    /// Values with a name, in the order written; a name may stand twice.
    pub props: Vec<Property>,
    /// Nodes inside.
    pub children: Vec<Node>,
    /// The whole node with its children.
    pub span: Span,
    /// Set when a profile brought it in and the stack has no such node to change.
    pub only_in_profile: Option<Near>,
    /// Where its name was first given, when a profile gave it again to change the node.
    pub first_named: Option<Span>,
    /// Whether a mistake in the text took something away, so that nothing in it should be missed.
    pub damaged: bool,
    /// The notation it was written in.
    pub notation: Notation,
}

/// What a profile may have meant with a node that the stack does not have.
#[derive(Clone, Debug, Default)]
pub struct Near {
    /// The node with the most similar name, and its place.
    pub name: Option<(String, Span)>,
    /// Names of all nodes of this kind.
    pub known: Vec<String>,
    /// Whether it was said already that another node is most likely meant.
    pub reported: bool,
}

/// A notation, where messages have to speak it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// KDL 2.
    #[default]
    Kdl,
    /// YAML or JSON.
    Yaml,
}

/// A value with a name.
#[derive(Clone, Debug)]
pub struct Property {
    /// Its name.
    pub name: Spanned<String>,
    /// The value.
    pub value: Value,
}

/// A single value.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// Its type annotation: `secret` in `(secret)"x"`.
    pub tag: Option<Spanned<String>>,
    /// Where it was written, with its quotes and without its annotation.
    pub span: Span,
    /// Whether it was written in quotes.
    pub quoted: bool,
    /// The notation it was written in.
    pub notation: Notation,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    /// Text.
    Text(String),
    /// A number, as written.
    Number(String),
    /// Yes or no.
    Bool(bool),
    /// Nothing.
    Null,
    /// Something that is no single value; the words say what (`a list`).
    Compound(&'static str),
}

impl Value {
    /// The text when it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for a message: `"x"`, `5`, `a list`.
    pub fn describe(&self) -> String {
        match &self.data {
            Data::Text(text) if text.chars().count() > 40 => "a longer text".to_owned(),
            Data::Text(text) => format!("{text:?}"),
            Data::Number(text) => text.clone(),
            Data::Bool(true) => "true".to_owned(),
            Data::Bool(false) => "false".to_owned(),
            Data::Null => "nothing".to_owned(),
            Data::Compound(what) => (*what).to_owned(),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new(Spanned::default(), Span::default())
    }
}

impl Node {
    /// A node with nothing in it.
    pub fn new(name: Spanned<String>, span: Span) -> Self {
        Self {
            name,
            args: Vec::new(),
            props: Vec::new(),
            children: Vec::new(),
            span,
            only_in_profile: None,
            first_named: None,
            damaged: false,
            notation: Notation::Kdl,
        }
    }
}
