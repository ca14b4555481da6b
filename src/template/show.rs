//! Results as Go prints them. The engine writes floats as Rust does (`1234567` for `1.234567e+06`), so
//! every action that prints gets a last command that makes text of its result.

use std::collections::BTreeMap;

use gotmpl::parse::{CommandNode, Expr, ListNode, Node};
use gotmpl::{Template, Value};

use crate::catalogue::write_go_float;

/// Cannot be written in a template.
const SHOW: &str = "show result";

/// Puts the last command behind every action that prints.
pub(super) fn show_results(list: &mut ListNode) {
    for node in &mut list.nodes {
        match node {
            Node::Text(_)
            | Node::Template(_)
            | Node::Define(_)
            | Node::Break(_)
            | Node::Continue(_) => {}
            Node::List(list) => show_results(list),
            Node::Action(action) => {
                if action.pipe.decl.is_empty() {
                    let pos = action.pos;
                    let args = vec![Expr::Identifier(pos, SHOW.into())];
                    action.pipe.commands.push(CommandNode { pos, args });
                }
            }
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                show_results(&mut branch.body);
                branch.else_body.iter_mut().for_each(show_results);
            }
        }
    }
}

/// The last command, and `print` and `println` by the same rules.
pub(super) fn printing(template: Template) -> Template {
    template
        .func(SHOW, |args| {
            let mut out = String::new();
            for value in args {
                write_value(&mut out, value);
            }
            Ok(Value::from(out))
        })
        .func("print", |args| {
            let mut out = String::new();
            for (index, value) in args.iter().enumerate() {
                let text = |value: &Value| matches!(value, Value::String(_));
                // A blank stands between two operands of which neither is a string.
                if index > 0 && !text(value) && !text(&args[index - 1]) {
                    out.push(' ');
                }
                write_value(&mut out, value);
            }
            Ok(Value::from(out))
        })
        .func("println", |args| {
            let mut out = String::new();
            for (index, value) in args.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_value(&mut out, value);
            }
            out.push('\n');
            Ok(Value::from(out))
        })
        .func("printf", printf)
}

/// The engine's `printf`, but `%v` of a float is what Go makes of it, `%g`.
fn printf(args: &[Value]) -> gotmpl::Result<Value> {
    let Some((format, operands)) = args.split_first() else {
        let name = "printf".to_owned();
        return Err(gotmpl::TemplateError::ArgCount { name, expected: 1, got: 0 });
    };
    let format = match format.as_str() {
        Some(format) => Value::from(general_floats(format, operands)),
        None => format.clone(),
    };
    // The engine gives its own `printf` to templates alone.
    let mut call = String::from("{{printf .f");
    let mut data = BTreeMap::from([("f".to_owned(), format)]);
    for (index, operand) in operands.iter().enumerate() {
        let name = format!("a{index}");
        call.push_str(" .");
        call.push_str(&name);
        data.insert(name, operand.clone());
    }
    call.push_str("}}");
    Template::new("").parse(&call)?.execute_to_string(&Value::from(data)).map(Value::from)
}

/// The format with `%g` for every `%v` whose operand is a float.
fn general_floats(format: &str, operands: &[Value]) -> String {
    let mut out = String::with_capacity(format.len());
    let mut operands = operands.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c != '%' {
            continue;
        }
        for c in chars.by_ref() {
            let operand = match c {
                '+' | '-' | '#' | ' ' | '.' | '%' | '0'..='9' => None,
                // A verb, or a width that is an operand.
                _ => operands.next(),
            };
            let float = c == 'v' && matches!(operand, Some(Value::Float(_)));
            out.push(if float { 'g' } else { c });
            if c == '%' || c.is_alphabetic() {
                break;
            }
        }
    }
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        // A label that is not there.
        Value::Nil => {}
        Value::Float(value) => write_go_float(out, *value),
        Value::List(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_value(out, value);
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            out.push_str("map[");
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write_value(out, value);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}
