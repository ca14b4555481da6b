//! Results as Go has them. The engine writes floats as Rust does (`1234567` for `1.234567e+06`), so every
//! action that prints gets a last command that makes text of its result. And it knows no empty text for
//! a key that is not in a map, so each field is read through a function that puts it there.

use std::collections::BTreeMap;

use gotmpl::parse::{CommandNode, Expr, ListNode, Node, PipeNode};
use gotmpl::{Template, Value};

use crate::catalogue::write_go_float;

/// Makes text of a result. Cannot be written in a template.
const SHOW: &str = "show result";
/// Makes a label that is not there the empty text, which the engine has as nil.
const OR_EMPTY: &str = "or empty";

/// Changes a tree so that it gives what Go gives.
pub(super) fn as_go(list: &mut ListNode) {
    for node in &mut list.nodes {
        match node {
            Node::Text(_) | Node::Define(_) | Node::Break(_) | Node::Continue(_) => {}
            Node::Template(call) => call.pipe.iter_mut().for_each(pipe_as_go),
            Node::List(list) => as_go(list),
            Node::Action(action) => {
                pipe_as_go(&mut action.pipe);
                if action.pipe.decl.is_empty() {
                    let pos = action.pos;
                    let args = vec![Expr::Identifier(pos, SHOW.into())];
                    action.pipe.commands.push(CommandNode { pos, args });
                }
            }
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                pipe_as_go(&mut branch.pipe);
                as_go(&mut branch.body);
                branch.else_body.iter_mut().for_each(as_go);
            }
        }
    }
}

fn pipe_as_go(pipe: &mut PipeNode) {
    for command in &mut pipe.commands {
        for arg in &mut command.args {
            match arg {
                Expr::Pipe(_, pipe) => pipe_as_go(pipe),
                Expr::Chain(_, inner, _) => {
                    if let Expr::Pipe(_, pipe) = &mut **inner {
                        pipe_as_go(pipe);
                    }
                    or_empty(arg);
                }
                Expr::Field(..) => or_empty(arg),
                Expr::Variable(_, _, fields) if !fields.is_empty() => or_empty(arg),
                _ => {}
            }
        }
    }
}

/// `.a` becomes `(or_empty .a)`.
fn or_empty(arg: &mut Expr) {
    let pos = arg.pos();
    let read = std::mem::replace(arg, Expr::Nil(pos));
    let args = vec![Expr::Identifier(pos, OR_EMPTY.into()), read];
    let commands = vec![CommandNode { pos, args }];
    *arg = Expr::Pipe(pos, PipeNode { pos, decl: Vec::new(), commands, is_assign: false });
}

/// The last command, and `print` and `println` by the same rules.
pub(super) fn printing(template: Template) -> Template {
    template
        .func(OR_EMPTY, |args| match args {
            [Value::Nil] => Ok(Value::from("")),
            [value] => Ok(value.clone()),
            _ => Err(gotmpl::TemplateError::Exec("a field takes no arguments".to_owned())),
        })
        .func(SHOW, |args| {
            let mut out = String::new();
            for value in args {
                write_value(&mut out, value);
            }
            Ok(Value::from(out))
        })
        .func("print", |args| Ok(Value::from(sprint(args))))
        .func("html", |args| Ok(Value::from(gotmpl::html_escape(&sprint(args)))))
        .func("js", |args| Ok(Value::from(gotmpl::js_escape(&sprint(args)))))
        .func("urlquery", |args| Ok(Value::from(gotmpl::url_encode(&sprint(args)))))
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

/// `fmt.Sprint`: a blank stands between two operands of which neither is a string.
fn sprint(args: &[Value]) -> String {
    let is_text = |value: &Value| matches!(value, Value::String(_));
    let mut out = String::new();
    for (index, value) in args.iter().enumerate() {
        if index > 0 && !is_text(value) && !is_text(&args[index - 1]) {
            out.push(' ');
        }
        write_value(&mut out, value);
    }
    out
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
