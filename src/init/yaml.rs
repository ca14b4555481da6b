//! A manifest's nodes as YAML, comments and all: the shapes of the language say what is a map by name
//! and what a list.

use std::fmt::Write as _;

use crate::import::kdl::{Node, Value};
use crate::manifest::Stack;
use crate::manifest::decode::Decode;
use crate::manifest::shape::{Field, Kind, Naming, Role, Shape};

/// A whole manifest.
pub fn document(nodes: &[Node]) -> String {
    let mut out = String::new();
    let nodes: Vec<&Node> = nodes.iter().collect();
    children(&mut out, &nodes, Stack::shape(), true, At { depth: 0, mark: "" });
    out
}

/// Where lines stand.
#[derive(Clone, Copy)]
struct At<'a> {
    /// Levels of indentation.
    depth: usize,
    /// What follows them where lines are commented out.
    mark: &'a str,
}

/// Nodes of one parent: those of one name stand under one key.
fn children(out: &mut String, nodes: &[&Node], shape: &'static Shape, top: bool, place: At<'_>) {
    let mut names: Vec<&str> = Vec::new();
    for node in nodes {
        if !names.contains(&node.name.as_str()) {
            names.push(&node.name);
        }
    }
    for (at, name) in names.iter().enumerate() {
        if top && at > 0 {
            out.push('\n');
        }
        let same: Vec<&Node> = nodes.iter().copied().filter(|node| node.name == *name).collect();
        group(out, name, &same, shape, top, place);
    }
}

fn line(out: &mut String, depth: usize, mark: &str, text: &str) {
    let _ = writeln!(out, "{}{mark}{text}", "  ".repeat(depth));
}

fn comment(out: &mut String, node: &Node, depth: usize) {
    for text in node.comment.iter().flat_map(|comment| comment.lines()) {
        line(out, depth, "", format!("# {text}").trim_end());
    }
}

/// All nodes of one name.
fn group(
    out: &mut String,
    name: &str,
    nodes: &[&Node],
    shape: &'static Shape,
    top: bool,
    At { depth, mark }: At<'_>,
) {
    // Where all of it is there to be uncommented, the key is, too.
    let all_off = nodes.iter().all(|node| node.off);
    let mark_of = |off: bool| if off && mark.is_empty() { "# " } else { mark };
    let inner = match (top, name) {
        (true, "profile") => Some((Stack::shape(), true, Naming::Unique)),
        _ => shape.child(name).and_then(|child| {
            let many = !matches!(child.field.kind, Kind::Block(_));
            Some((child.shape?, many, child.shape?.naming))
        }),
    };
    let Some((inner, many, naming)) = inner else {
        for node in nodes {
            comment(out, node, depth);
            line(out, depth, mark_of(node.off), &setting(node, shape));
        }
        return;
    };
    let key = key(name);
    if many && naming != Naming::Anonymous {
        // A comment on the only one stands above the key.
        let above = nodes.len() == 1;
        if above {
            comment(out, nodes[0], depth);
        }
        line(out, depth, mark_of(all_off), &format!("{key}:"));
        for node in nodes {
            if !above {
                comment(out, node, depth + 1);
            }
            let (mark, indent) = deeper(mark_of(node.off), mark, depth, all_off);
            let called = node.args.first().map_or_else(String::new, scalar_name);
            block(out, &called, node, inner, 1, At { depth: indent, mark: &mark });
        }
    } else if many && nodes.len() > 1 {
        line(out, depth, mark_of(all_off), &format!("{key}:"));
        for node in nodes {
            comment(out, node, depth + 1);
            let mut text = String::new();
            // Its lines are told apart by a dash on the first.
            content(&mut text, node, inner, 0, At { depth: 0, mark: "" });
            for (at, row) in text.lines().enumerate() {
                let dash = if at == 0 { "- " } else { "  " };
                line(out, depth + 1, mark_of(node.off), &format!("{dash}{row}"));
            }
        }
    } else {
        for node in nodes {
            comment(out, node, depth);
            block(out, &key, node, inner, 0, At { depth, mark: mark_of(node.off) });
        }
    }
}

/// Where a node under a key stands: lines that are commented out have the indentation behind the mark if
/// their key is commented out as well.
fn deeper(mark: &str, outer: &str, depth: usize, key_off: bool) -> (String, usize) {
    match (mark.is_empty(), key_off || !outer.is_empty()) {
        (true, _) => (String::new(), depth + 1),
        (false, true) => (format!("{mark}  "), depth),
        (false, false) => (mark.to_owned(), depth + 1),
    }
}

/// `name: …` with what is in the node; the first `skip` arguments are said already.
fn block(
    out: &mut String,
    name: &str,
    node: &Node,
    shape: &'static Shape,
    skip: usize,
    At { depth, mark }: At<'_>,
) {
    let empty = node.args.len() <= skip && node.props.is_empty() && node.children.is_empty();
    if empty {
        let none = if skip == 0 { " {}" } else { "" };
        line(out, depth, mark, &format!("{name}:{none}"));
        return;
    }
    line(out, depth, mark, &format!("{name}:"));
    if mark.is_empty() {
        content(out, node, shape, skip, At { depth: depth + 1, mark });
    } else {
        content(out, node, shape, skip, At { depth, mark: &format!("{mark}  ") });
    }
}

/// The settings of a node, a line each.
fn content(
    out: &mut String,
    node: &Node,
    shape: &'static Shape,
    skip: usize,
    At { depth, mark }: At<'_>,
) {
    let mut args = node.args.iter().skip(skip);
    for field in shape.arguments().skip(skip) {
        match field.role {
            Role::Arguments => {
                let all: Vec<String> = args.by_ref().map(scalar).collect();
                if !all.is_empty() {
                    line(out, depth, mark, &format!("{}: [{}]", field.key, all.join(", ")));
                }
            }
            _ => {
                if let Some(value) = args.next() {
                    line(out, depth, mark, &format!("{}: {}", field.key, scalar(value)));
                }
            }
        }
    }
    for (name, value) in &node.props {
        line(out, depth, mark, &format!("{}: {}", key(name), scalar(value)));
    }
    let inside: Vec<&Node> = node.children.iter().collect();
    children(out, &inside, shape, false, At { depth, mark });
}

/// A setting without settings of its own.
fn setting(node: &Node, shape: &'static Shape) -> String {
    let field: Option<&'static Field> = shape.child(&node.name).map(|child| child.field);
    let values: Vec<String> = node.args.iter().map(scalar).collect();
    let pairs: Vec<String> = node
        .props
        .iter()
        .map(|(name, value)| format!("{}: {}", key(name), scalar(value)))
        .collect();
    let value = match field.map(|field| field.kind) {
        Some(Kind::Map(_)) => format!("{{{}}}", pairs.join(", ")),
        Some(Kind::Many(_)) => format!("[{}]", values.join(", ")),
        _ => values.join(" "),
    };
    format!("{}: {value}", key(&node.name))
}

/// A key, in quotes where it needs them.
fn key(name: &str) -> String {
    text(name)
}

fn scalar_name(value: &Value) -> String {
    match value {
        Value::Text(name) | Value::Tagged(_, name) => key(name),
        other => scalar(other),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Text(words) => text(words),
        Value::Number(number) => number.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Tagged(tag, name) => format!("{{{tag}: {}}}", text(name)),
    }
}

/// A text bare where every reader of YAML takes it for one, else in quotes.
fn text(words: &str) -> String {
    let lower = words.to_ascii_lowercase();
    let word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*lower);
    let plain = words.starts_with(|c: char| c.is_ascii_alphabetic())
        && words.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !word;
    // `15s` is neither a number nor a time of YAML 1.1.
    let unit = words.trim_start_matches(|c: char| c.is_ascii_digit());
    let duration = unit.len() < words.len() && ["s", "m", "h", "d", "w"].contains(&unit);
    if plain || duration {
        return words.to_owned();
    }
    // JSON's quotes are YAML's.
    serde_json::to_string(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    #[test]
    fn yaml_means_what_kdl_means() {
        let mut prometheus = Node::new("prometheus").prop("port", Some(9090_u64));
        prometheus.set("scrape_interval", Some("15s"));
        prometheus.push(Node::new("retention").prop("time", Some("7d")).prop("size", Some("1GB")));
        prometheus.map("external_labels", [("site".to_owned(), "a: b")]);
        prometheus.push(
            Node::new("scrape")
                .arg("app")
                .comment("a job")
                .child(Node::new("target").arg("127.0.0.1:80").arg("x:1"))
                .child(
                    Node::new("relabel").prop("regex", Some("a")).prop("action", Some("labeldrop")),
                )
                .child(
                    Node::new("relabel").prop("regex", Some("b")).prop("action", Some("labeldrop")),
                ),
        );
        prometheus.push(Node::new("scrape").arg("off").child(Node::new("target").arg("y:1")).off());
        let service = Node::new("service")
            .arg("db")
            .child(Node::new("image").arg("mysql:8"))
            .child(Node::new("port").arg(3306_u64))
            .child(Node::new("volume").arg("data").prop("to", Some("/var/lib/mysql")))
            .child(Node::new("env").prop("A_FILE", Some(Value::Tagged("secret", "s".to_owned()))));
        let nodes = [
            Node::new("stack").arg("yes").prop("manifest", Some(1_u64)),
            Node::new("volumes").arg("data"),
            Node::new("secret").arg("s").prop("file", Some("./s")),
            service,
            Node::new("exporter").arg("node"),
            prometheus,
            Node::new("rules").arg("g").child(
                Node::new("alert")
                    .arg("A")
                    .prop("severity", Some("x"))
                    .child(Node::new("expr").arg("up{job=\"a\"}\n  == 0")),
            ),
            Node::new("profile")
                .arg("prod")
                .child(Node::new("lint").prop("deny", Some("security")))
                .off(),
        ];
        let kdl = crate::import::kdl::document(&nodes);
        let yaml = document(&nodes);
        let read = |name: &str, text: &str, format| {
            let loaded = parse(name, text, format, None).unwrap();
            assert!(loaded.findings.is_empty(), "{text}\n{:?}", loaded.findings);
            loaded.stack
        };
        assert_eq!(
            read("a.kdl", &kdl, Format::Kdl),
            read("a.yaml", &yaml, Format::Yaml),
            "{kdl}\n{yaml}"
        );
        assert!(yaml.contains("    # a job\n"), "{yaml}");
        // What is commented out means something once it no longer is.
        let on: String = yaml
            .lines()
            .map(|line| {
                let bare = line.trim_start();
                let code = bare.strip_prefix("# ").filter(|rest| rest.contains(':'));
                let indent = &line[..line.len() - bare.len()];
                code.map_or(format!("{line}\n"), |code| format!("{indent}{code}\n"))
            })
            .collect();
        let stack = read("b.yaml", &on, Format::Yaml);
        assert_eq!(stack.prometheus.unwrap().scrapes.len(), 2, "{on}");
    }
}
