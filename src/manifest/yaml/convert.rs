//! From YAML's maps and lists to nodes. The shapes of the language say which key is the name of a
//! node and which is a setting.

use super::super::codes;
use super::super::decode::Decode;
use super::super::shape::{Kind, Naming, Role, Shape};
use super::super::stack::Stack;
use super::super::tree::{self, Node, Notation, Property, Value};
use super::{Data, Yaml};
use crate::diag::{FileId, Findings, Span, Spanned};

/// The nodes of a whole manifest.
pub(super) fn stack(root: Option<Yaml>, file: FileId, findings: &mut Findings) -> Vec<Node> {
    let Some(root) = root else { return Vec::new() };
    let map = match root.data {
        Data::Map(map) => map,
        Data::Scalar { ref text, plain: true } if is_null(text) => return Vec::new(),
        _ => {
            let finding = codes::SYNTAX
                .says("a manifest is a map of settings")
                .at(root.head, "found something else")
                .help("begin with `stack:` and the name of the stack");
            findings.push(finding);
            return Vec::new();
        }
    };
    let mut node = new(Spanned::new(String::new(), Span::new(file, 0..0)), root.span);
    fill(&mut node, map, Stack::shape());
    node.children
}

/// Puts the settings of a map into a node.
fn fill(node: &mut Node, map: Vec<(Spanned<String>, Yaml)>, shape: &'static Shape) {
    for (key, value) in map {
        let whole = key.span.to(value.span);
        node.damaged |= value.damaged;
        if shape.name == "Stack" && matches!(key.as_str(), "profile" | "include") {
            top(node, key, value);
            continue;
        }
        let Some(child) = shape.child(&key) else {
            unknown(node, key, value, shape);
            continue;
        };
        match (child.field.kind, child.shape) {
            // Where the text broke off, no more is said than that.
            (Kind::One(_), _) if value.damaged => {}
            (Kind::One(_), _) => {
                node.props.push(Property { name: key, value: single(value) });
            }
            (Kind::Map(_), _) => {
                let mut inner = new(key, whole);
                match value.data {
                    Data::Map(pairs) => {
                        inner.props = pairs
                            .into_iter()
                            .map(|(name, value)| Property { name, value: single(value) })
                            .collect();
                    }
                    Data::Scalar { ref text, plain: true } if is_null(text) => {}
                    _ => inner.args.push(single(value)),
                }
                node.children.push(inner);
            }
            (_, None) => {
                let mut inner = new(key, whole);
                inner.args = several(value);
                node.children.push(inner);
            }
            (kind, Some(inner)) => {
                let one = matches!(kind, Kind::Block(_));
                blocks(node, &key, value, one, inner);
            }
        }
    }
}

/// `profile: {prod: {…}}` and `include: [a.yaml]`.
fn top(node: &mut Node, key: Spanned<String>, value: Yaml) {
    let whole = key.span.to(value.span);
    match (key.as_str(), value.data) {
        ("profile", Data::Map(profiles)) => {
            for (name, value) in profiles {
                let mut profile =
                    new(Spanned::new(key.value.clone(), name.span), name.span.to(value.span));
                profile.args.push(named(name));
                match value.data {
                    Data::Map(map) => fill(&mut profile, map, Stack::shape()),
                    Data::Scalar { ref text, plain: true } if is_null(text) => {}
                    _ => profile.args.push(single(value)),
                }
                node.children.push(profile);
            }
        }
        ("include", data) => {
            for file in several(Yaml { data, ..value }) {
                let mut include = new(key.clone(), whole);
                include.args.push(file);
                node.children.push(include);
            }
        }
        (_, data) => {
            let mut other = new(key, whole);
            other.args.push(single(Yaml { data, ..value }));
            node.children.push(other);
        }
    }
}

/// A key that the shape does not know: a list of mixed nodes, a free property, or a mistake.
fn unknown(node: &mut Node, key: Spanned<String>, value: Yaml, shape: &'static Shape) {
    let whole = key.span.to(value.span);
    let ordered = shape
        .fields
        .iter()
        .any(|field| matches!(field.kind, Kind::Ordered(_)) && field.key == *key);
    match value.data {
        Data::List(items) if ordered => {
            for item in items {
                match item.data {
                    Data::Map(map) => fill(node, map, shape),
                    _ => {
                        let mut other = new(Spanned::new(key.value.clone(), item.span), item.span);
                        other.args.push(single(item));
                        node.children.push(other);
                    }
                }
            }
        }
        data if shape.rest().is_some() => {
            let value = Yaml { data, ..value };
            node.props.push(Property { name: key, value: single(value) });
        }
        _ => node.children.push(new(key, whole)),
    }
}

/// One or several nodes of a kind.
fn blocks(parent: &mut Node, key: &Spanned<String>, value: Yaml, one: bool, shape: &'static Shape) {
    let is_named = match &value.data {
        Data::Map(_) if is_reference(&value, shape) => false,
        Data::Map(map) if one => match map.as_slice() {
            [(name, inner)] => {
                shape.naming != Naming::Anonymous
                    && shape.field(name).is_none()
                    && !matches!(&inner.data, Data::Scalar { text, plain } if !(*plain && is_null(text)))
            }
            _ => false,
        },
        _ => shape.naming != Naming::Anonymous,
    };
    match value.data {
        Data::List(items) if !one => {
            for item in items {
                let mut node = new(Spanned::new(key.value.clone(), item.head), item.span);
                node.damaged = item.damaged;
                if let Data::Map(map) = &item.data
                    && let Some((first, _)) = map.first()
                {
                    node.name.span = first.span;
                }
                content(&mut node, item, shape);
                parent.children.push(node);
            }
        }
        Data::Map(map) if is_named => {
            for (name, inner) in map {
                let whole = name.span.to(inner.span);
                let mut node = new(Spanned::new(key.value.clone(), name.span), whole);
                node.damaged = inner.damaged;
                node.args.push(named(name));
                content(&mut node, inner, shape);
                parent.children.push(node);
            }
        }
        _ => {
            let mut node = new(key.clone(), key.span.to(value.span));
            node.damaged = value.damaged;
            content(&mut node, value, shape);
            parent.children.push(node);
        }
    }
}

/// What stands in a node besides its name.
fn content(node: &mut Node, value: Yaml, shape: &'static Shape) {
    if is_reference(&value, shape) {
        node.args.push(single(value));
        return;
    }
    match value.data {
        Data::Map(map) => fill(node, map, shape),
        Data::List(_) if shape.fields.iter().any(|field| field.role == Role::Arguments) => {
            node.args.extend(several(value));
        }
        Data::Scalar { ref text, plain: true } if is_null(text) || text == "true" => {}
        _ => node.args.push(single(value)),
    }
}

/// Whether `{secret: x}` stands for the first argument of the node, which takes references.
fn is_reference(value: &Yaml, shape: &'static Shape) -> bool {
    let Data::Map(map) = &value.data else { return false };
    let [(key, _)] = map.as_slice() else { return false };
    matches!(key.as_str(), "secret" | "env" | "file")
        && shape.child(key).is_none()
        && shape.arguments().next().is_some_and(|field| {
            matches!(field.kind, Kind::One(super::super::scalar::Type::Reference))
        })
}

/// A single value; `{secret: x}` and `!secret x` become references.
fn single(value: Yaml) -> Value {
    let Yaml { data, span, head, tag, .. } = value;
    let tag = tag.filter(|tag| matches!(tag.as_str(), "secret" | "env" | "file"));
    match data {
        Data::Scalar { text, plain } => Value {
            data: resolve(text, plain),
            tag,
            span,
            quoted: !plain,
            notation: Notation::Yaml,
        },
        Data::Map(mut map) if map.len() == 1 => {
            let (key, inner) = map.remove(0);
            match inner.data {
                Data::Scalar { text, plain }
                    if matches!(key.as_str(), "secret" | "env" | "file") =>
                {
                    // A name stays a text even when it looks like a number.
                    let data = tree::Data::Text(text);
                    let (span, quoted) = (inner.span, !plain);
                    Value { data, tag: Some(key), span, quoted, notation: Notation::Yaml }
                }
                _ => compound("a map", head),
            }
        }
        Data::Map(_) => compound("a map", head),
        Data::List(_) => compound("a list", head),
    }
}

fn several(value: Yaml) -> Vec<Value> {
    match value.data {
        Data::List(items) => items.into_iter().map(single).collect(),
        Data::Scalar { ref text, plain: true } if is_null(text) => Vec::new(),
        _ => vec![single(value)],
    }
}

fn named(name: Spanned<String>) -> Value {
    let data = tree::Data::Text(name.value);
    Value { data, tag: None, span: name.span, quoted: false, notation: Notation::Yaml }
}

/// A collection where a single value belongs; its place is its first character.
fn compound(what: &'static str, head: Span) -> Value {
    let data = tree::Data::Compound(what);
    Value { data, tag: None, span: head, quoted: false, notation: Notation::Yaml }
}

fn new(name: Spanned<String>, span: Span) -> Node {
    Node { notation: Notation::Yaml, ..Node::new(name, span) }
}

/// What a plain scalar is in YAML 1.2: nothing, yes or no, a number or a text.
fn resolve(text: String, plain: bool) -> tree::Data {
    if !plain {
        return tree::Data::Text(text);
    }
    match text.as_str() {
        text if is_null(text) => tree::Data::Null,
        "true" | "True" | "TRUE" => tree::Data::Bool(true),
        "false" | "False" | "FALSE" => tree::Data::Bool(false),
        _ if is_number(&text) => tree::Data::Number(text),
        _ => tree::Data::Text(text),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = digits.strip_prefix("0x") {
        return !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    }
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && digits.parse::<f64>().is_ok()
}
