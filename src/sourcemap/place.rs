//! Nodes of a manifest with what can be written in them: what is said, where, and what could be said.

use crate::diag::Span;
use crate::manifest::decode::Decode;
use crate::manifest::shape::{Field, Kind, Naming, Role, Shape};
use crate::manifest::stack::Stack;
use crate::manifest::tree::{Data, Node, Value};

/// A node and its shape.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub node: &'a Node,
    pub shape: &'static Shape,
}

/// What is said of one setting.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// What to point at: the value where there is one, else the word.
    pub span: Span,
    /// The setting with its name and everything in it.
    pub whole: Span,
    /// The values in their order.
    pub values: Vec<(String, Span)>,
    /// Names and values.
    pub pairs: Vec<Pair<'a>>,
}

/// A name with its value.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    pub name: &'a str,
    pub text: String,
    pub span: Span,
    pub whole: Span,
}

impl<'a> Place<'a> {
    /// The whole manifest.
    pub fn root(tree: &'a Node) -> Self {
        Self { node: tree, shape: Stack::shape() }
    }

    /// The first argument: the name of what has names.
    pub fn name(self) -> Option<&'a str> {
        self.first().and_then(Value::text)
    }

    /// The first argument; in YAML it may have its own name.
    pub fn first(self) -> Option<&'a Value> {
        let named = || {
            let key = self.shape.arguments().next()?.key;
            let prop = self.node.props.iter().find(|prop| prop.name.value == key)?;
            Some(&prop.value)
        };
        self.node.args.first().or_else(named)
    }

    /// What to point at for the node as a whole: its name, or the word that opens it.
    pub fn span(self) -> Span {
        match self.first() {
            Some(name) if self.shape.naming != Naming::Anonymous => {
                self.node.first_named.unwrap_or(name.span)
            }
            _ => self.node.name.span,
        }
    }

    /// The node in words: `exporter "node"`; nothing for the manifest as a whole.
    pub fn title(self) -> String {
        match self.name() {
            Some(name) if self.shape.naming != Naming::Anonymous && name.len() < 60 => {
                format!("{} \"{name}\"", self.node.name.value)
            }
            _ => self.node.name.value.clone(),
        }
    }

    /// All nodes of this kind inside.
    pub fn all(self, key: &str) -> impl Iterator<Item = Place<'a>> + use<'a> {
        let shape = self.shape.child(key).and_then(|child| child.shape);
        let key = key.to_owned();
        let nodes = self.node.children.iter().filter(move |node| node.name.value == key);
        nodes.filter_map(move |node| Some(Place { node, shape: shape? }))
    }

    /// The first node of this kind inside.
    pub fn one(self, key: &str) -> Option<Place<'a>> {
        self.all(key).next()
    }

    /// The node of this kind with this name.
    pub fn named(self, key: &str, name: &str) -> Option<Place<'a>> {
        self.all(key).find(|node| node.name() == Some(name))
    }

    /// All nodes inside that are more than plain settings, in their order.
    pub fn children(self) -> impl Iterator<Item = Place<'a>> + use<'a> {
        self.node.children.iter().filter_map(move |node| {
            Some(Place { node, shape: self.shape.child(&node.name.value)?.shape? })
        })
    }

    /// Whether such a setting could be written here.
    pub fn takes(self, key: &str) -> bool {
        self.shape.field(key).is_some() || self.shape.child(key).is_some()
    }

    /// What is said of a setting, however it was written.
    pub fn said(self, key: &str) -> Option<Said<'a>> {
        let field = self.shape.field(key);
        if let Some(said) = field.and_then(|field| self.argument(field)) {
            return Some(said);
        }
        let pairs = field.is_some_and(|field| matches!(field.kind, Kind::Map(_)));
        let mut found: Option<Said<'a>> = None;
        for prop in self.node.props.iter().filter(|prop| prop.name.value == key) {
            let said = found.get_or_insert(Said {
                span: prop.value.span,
                whole: prop.name.span.to(prop.value.span),
                values: Vec::new(),
                pairs: Vec::new(),
            });
            said.values.push((text(&prop.value), prop.value.span));
        }
        for child in self.node.children.iter().filter(|child| child.name.value == key) {
            let inner = self.shape.child(key).and_then(|child| child.shape);
            let span = match inner {
                Some(shape) => Place { node: child, shape }.span(),
                None => child.args.first().map_or(child.name.span, |value| value.span),
            };
            let said = found.get_or_insert(Said {
                span,
                whole: child.span,
                values: Vec::new(),
                pairs: Vec::new(),
            });
            said.values.extend(child.args.iter().map(|value| (text(value), value.span)));
            if pairs {
                said.pairs.extend(all_pairs(child));
            }
        }
        found
    }

    /// The pairs that stand beside a node's own settings.
    pub fn rest(self) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        let free = move |key: &str| self.shape.field(key).is_none();
        all_pairs(self.node).filter(move |pair| free(pair.name))
    }

    fn argument(self, wanted: &Field) -> Option<Said<'a>> {
        let at = self.shape.arguments().position(|field| field.key == wanted.key)?;
        let values = match wanted.role {
            Role::Arguments => self.node.args.get(at..)?,
            _ => self.node.args.get(at..=at)?,
        };
        let first = values.first()?;
        let whole = values.last().map_or(first.span, |last| first.span.to(last.span));
        let values = values.iter().map(|value| (text(value), value.span)).collect();
        Some(Said { span: first.span, whole, values, pairs: Vec::new() })
    }
}

fn all_pairs(node: &Node) -> impl Iterator<Item = Pair<'_>> {
    let props = node.props.iter().map(|prop| Pair {
        name: &prop.name.value,
        text: text(&prop.value),
        span: prop.value.span,
        whole: prop.name.span.to(prop.value.span),
    });
    let children = node.children.iter().map(|child| Pair {
        name: &child.name.value,
        text: child.args.first().map(text).unwrap_or_default(),
        span: child.args.first().map_or(child.name.span, |value| value.span),
        whole: child.span,
    });
    props.chain(children)
}

/// A single value as text.
pub fn text(value: &Value) -> String {
    match &value.data {
        Data::Text(text) | Data::Number(text) => text.clone(),
        Data::Bool(flag) => flag.to_string(),
        Data::Null | Data::Compound(_) => String::new(),
    }
}
