//! The JSON Schema of a manifest in YAML or JSON, written from the shapes of the language.

use serde_json::{Map, Value, json};

use super::decode::Decode;
use super::scalar::Type;
use super::shape::{Field, Kind, Naming, Role, Shape};
use super::stack::Stack;

/// The schema (draft 2020-12) as `schemas/stack.schema.json` holds it, with a line break at its end.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema as a value.
pub fn schema() -> Value {
    let mut defs = Map::new();
    for (name, kind) in [
        ("text", Type::Text),
        ("reference", Type::Reference),
        ("port", Type::Port),
        ("duration", Type::Duration),
        ("size", Type::Size),
    ] {
        defs.insert(name.to_owned(), base(&kind));
    }
    define(Stack::shape(), &mut defs);
    let mut whole = settings(Stack::shape(), &mut defs);
    let object = whole.as_object_mut().expect("settings are an object");
    let top = object.get_mut("properties").and_then(Value::as_object_mut);
    let top = top.expect("a stack has settings");
    // A profile speaks the language of the whole manifest.
    top.insert(
        "profile".to_owned(),
        json!({
            "description": "Changes to the stack under a name, chosen with `--profile`.",
            "type": "object",
            "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/Stack" }, { "type": "null" }] },
        }),
    );
    top.insert(
        "include".to_owned(),
        json!({
            "description": "Further manifests, relative to this file.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        }),
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stackctl manifest",
        "description": sentence(Stack::shape().doc),
    });
    let target = schema.as_object_mut().expect("made as an object");
    target.append(object);
    target.insert("$defs".to_owned(), Value::Object(defs));
    schema
}

/// Adds the definition of a node, and of all nodes in it, unless it is there.
fn define(shape: &'static Shape, defs: &mut Map<String, Value>) {
    if defs.contains_key(shape.name) {
        return;
    }
    // A branch of the routes holds branches: the name is taken before its settings are looked at.
    defs.insert(shape.name.to_owned(), Value::Null);
    let body = settings(shape, defs);
    defs.insert(shape.name.to_owned(), body);
}

/// A map of settings.
fn settings(shape: &'static Shape, defs: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in shape.fields {
        match (field.role, field.kind) {
            (Role::Rest | Role::Keyword, _) => {}
            (_, Kind::Ordered(choices)) => {
                for choice in choices {
                    let inner = (choice.shape)();
                    define(inner, defs);
                    let body = described(blocks(inner, defs), inner.doc);
                    properties.insert(choice.key.to_owned(), body);
                }
                let list = json!({ "type": "array", "items": { "$ref": reference(shape) } });
                properties.insert(field.key.to_owned(), described(list, field.doc));
            }
            (_, kind) => {
                let body = match kind {
                    Kind::One(kind) => single(kind),
                    Kind::Many(kind) => {
                        let one = single(kind);
                        json!({ "anyOf": [one, { "type": "array", "items": one }] })
                    }
                    Kind::Map(kind) => {
                        json!({ "type": "object", "additionalProperties": single(kind) })
                    }
                    Kind::Block(inner) => {
                        define(inner(), defs);
                        block(inner())
                    }
                    Kind::Blocks(inner) => {
                        define(inner(), defs);
                        blocks(inner(), defs)
                    }
                    Kind::Ordered(_) => continue,
                };
                properties.insert(field.key.to_owned(), described(body, field.doc));
            }
        }
    }
    let further = match shape.rest().map(|field| field.kind) {
        Some(Kind::Map(kind)) => single(kind),
        _ => Value::Bool(false),
    };
    json!({
        "description": sentence(shape.doc),
        "type": "object",
        "properties": properties,
        "additionalProperties": further,
    })
}

/// One node: its settings, or what may stand for them.
fn block(shape: &'static Shape) -> Value {
    let mut forms = vec![json!({ "$ref": reference(shape) })];
    if shape.naming != Naming::Anonymous {
        forms.push(json!({
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": content(shape),
        }));
    }
    forms.extend(short(shape, 0));
    any_of(forms)
}

/// Any number of nodes of one kind: a definition of its own, since panels have it many times.
fn blocks(shape: &'static Shape, defs: &mut Map<String, Value>) -> Value {
    let name = format!("{}.nodes", shape.name);
    let target = format!("#/$defs/{name}");
    defs.entry(name).or_insert_with(|| all_forms(shape));
    json!({ "$ref": target })
}

fn all_forms(shape: &'static Shape) -> Value {
    let mut item = vec![json!({ "$ref": reference(shape) })];
    item.extend(short(shape, 0).into_iter().filter(|form| form["type"] != "array"));
    let list = json!({ "type": "array", "items": any_of(item.clone()) });
    let mut forms = vec![list];
    if shape.naming == Naming::Anonymous {
        forms.extend(item);
    } else {
        forms.push(json!({ "type": "object", "additionalProperties": content(shape) }));
        forms.extend(item.into_iter().skip(1));
    }
    any_of(forms)
}

/// What stands behind the name of a node.
fn content(shape: &'static Shape) -> Value {
    let mut forms = vec![json!({ "$ref": reference(shape) }), json!({ "type": "null" })];
    forms.extend(short(shape, 1).into_iter().filter(|form| form["type"] != "null"));
    any_of(forms)
}

/// Short forms: the argument alone, a list of arguments, nothing. `skip` arguments are known.
fn short(shape: &'static Shape, skip: usize) -> Vec<Value> {
    let mut forms = Vec::new();
    let arguments: Vec<&Field> = shape.arguments().skip(skip).collect();
    match arguments.first().map(|field| (field.role, field.kind)) {
        Some((Role::Arguments, Kind::Many(kind))) => {
            forms.push(single(kind));
            forms.push(json!({ "type": "array", "items": single(kind) }));
        }
        Some((_, Kind::One(kind))) => forms.push(single(kind)),
        _ => {}
    }
    if !arguments.iter().any(|field| field.required) {
        forms.push(json!({ "type": "null" }));
        forms.push(json!({ "const": true }));
    }
    forms
}

fn any_of(mut forms: Vec<Value>) -> Value {
    match forms.len() {
        1 => forms.remove(0),
        _ => json!({ "anyOf": forms }),
    }
}

fn reference(shape: &Shape) -> String {
    if shape.name == "Stack" { "#".to_owned() } else { format!("#/$defs/{}", shape.name) }
}

fn single(kind: &Type) -> Value {
    match kind {
        Type::Text => json!({ "$ref": "#/$defs/text" }),
        Type::Reference => json!({ "$ref": "#/$defs/reference" }),
        Type::Port => json!({ "$ref": "#/$defs/port" }),
        Type::Duration => json!({ "$ref": "#/$defs/duration" }),
        Type::Size => json!({ "$ref": "#/$defs/size" }),
        other => base(other),
    }
}

fn base(kind: &Type) -> Value {
    match kind {
        Type::Text => json!({ "type": ["string", "number"] }),
        Type::Reference => json!({
            "description": "A text, or where it is to be found.",
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                {
                    "type": "object",
                    "properties": {
                        "secret": { "type": "string", "description": "Name of a secret." },
                        "env": { "type": "string", "description": "Environment variable." },
                        "file": { "type": "string", "description": "Path of a file." },
                    },
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ],
        }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Count => json!({ "type": "integer", "minimum": 0 }),
        Type::Integer => json!({ "type": "integer" }),
        Type::Number => json!({ "type": "number" }),
        Type::Port => json!({ "type": "integer", "minimum": 1, "maximum": 65535 }),
        Type::Duration => json!({
            "description": "A duration: `500ms`, `15s`, `1m30s`, `2h`, `7d`.",
            "anyOf": [
                {
                    "type": "string",
                    "pattern": "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
                    "minLength": 1,
                },
                { "const": 0 },
            ],
        }),
        Type::Size => json!({
            "description": "An amount of bytes: `512MB`, `20GB`.",
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?([kKMGTPE]i?)?B?$" },
                { "type": "integer", "minimum": 0 },
            ],
        }),
        Type::Word(words) => json!({ "enum": words }),
    }
}

fn described(mut body: Value, doc: &[&str]) -> Value {
    if let Some(object) = body.as_object_mut() {
        object.insert("description".to_owned(), Value::String(sentence(doc)));
    }
    body
}

fn sentence(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/stack.schema.json");
        let fresh = text();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, &fresh).expect("the checkout can be written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == fresh, "schemas/stack.schema.json is stale: run with BLESS=1");
    }

    #[test]
    fn every_reference_of_the_schema_leads_somewhere() {
        let schema = schema();
        let mut open = vec![&schema];
        let mut seen = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(target)) = object.get("$ref") {
                        let pointer = target.trim_start_matches('#');
                        assert!(schema.pointer(pointer).is_some_and(|v| !v.is_null()), "{target}");
                        seen += 1;
                    }
                    open.extend(object.values());
                }
                Value::Array(list) => open.extend(list),
                _ => {}
            }
        }
        assert!(seen > 300, "{seen}");
    }
}
