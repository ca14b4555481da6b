//! KDL to be written: nodes with arguments, properties and children, in the layout of the examples.

use std::fmt::Write;

/// A node to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub(crate) name: String,
    pub(crate) args: Vec<Value>,
    pub(crate) props: Vec<(String, Value)>,
    pub(crate) children: Vec<Node>,
    pub(crate) comment: Option<String>,
    /// Whether it is there to be uncommented.
    pub(crate) off: bool,
}

/// A value to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, quoted as it needs.
    Text(String),
    /// A number, as it is.
    Number(String),
    /// `#true` or `#false`.
    Bool(bool),
    /// `(secret)"x"`, `(env)"X"`.
    Tagged(&'static str, String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number.to_string())
    }
}

impl Node {
    /// A node with nothing in it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            args: Vec::new(),
            props: Vec::new(),
            children: Vec::new(),
            comment: None,
            off: false,
        }
    }

    /// With another argument.
    pub fn arg(mut self, value: impl Into<Value>) -> Self {
        self.args.push(value.into());
        self
    }

    /// With further arguments.
    pub fn args<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.args.extend(values.into_iter().map(Into::into));
        self
    }

    /// With a property, if there is a value.
    pub fn prop(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        self.props.extend(value.map(|value| (name.to_owned(), value.into())));
        self
    }

    /// With a comment on the lines above.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }

    /// Commented out.
    pub fn off(mut self) -> Self {
        self.off = true;
        self
    }

    /// With another child.
    pub fn child(mut self, child: Node) -> Self {
        self.children.push(child);
        self
    }

    /// Adds a child.
    pub fn push(&mut self, child: Node) {
        self.children.push(child);
    }

    /// Adds a child `name value`, if there is a value.
    pub fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.push(Node::new(name).arg(value));
        }
    }

    /// Adds a child with all values as its arguments, if there are any.
    pub fn list(&mut self, name: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.push(Node::new(name).args(values));
        }
    }

    /// Adds a child with a property for each pair, if there are any.
    pub fn map<V: Into<Value>>(
        &mut self,
        name: &str,
        pairs: impl IntoIterator<Item = (String, V)>,
    ) {
        let mut node = Node::new(name);
        node.props.extend(pairs.into_iter().map(|(name, value)| (name, value.into())));
        if !node.props.is_empty() {
            self.push(node);
        }
    }

    /// Whether it has a child of that name.
    pub fn has(&self, name: &str) -> bool {
        self.children.iter().any(|child| child.name == name)
    }

    /// Whether it has only a name and arguments.
    pub fn is_bare(&self) -> bool {
        self.props.is_empty() && self.children.is_empty()
    }
}

/// A whole document: a blank line around each node that has children.
pub fn document(nodes: &[Node]) -> String {
    let mut out = String::new();
    let mut apart = false;
    for (at, node) in nodes.iter().enumerate() {
        let large = !node.children.is_empty() || node.comment.is_some();
        if at > 0 && (large || apart) {
            out.push('\n');
        }
        write_node(&mut out, node, 0);
        apart = !node.children.is_empty();
    }
    out
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("    ");
    }
}

fn write_node(out: &mut String, node: &Node, depth: usize) {
    if node.off {
        let mut text = String::new();
        let on = Node { off: false, comment: None, ..node.clone() };
        write_node(&mut text, &on, 0);
        let comment = node.comment.iter().flat_map(|comment| comment.lines());
        for line in comment.chain(text.lines()) {
            indent(out, depth);
            let _ = writeln!(out, "// {line}");
        }
        return;
    }
    for line in node.comment.iter().flat_map(|comment| comment.lines()) {
        indent(out, depth);
        let _ = writeln!(out, "// {line}");
    }
    indent(out, depth);
    write_name(out, &node.name);
    for value in &node.args {
        out.push(' ');
        write_value(out, value, depth);
    }
    for (name, value) in &node.props {
        out.push(' ');
        write_name(out, name);
        out.push('=');
        write_value(out, value, depth);
    }
    if !node.children.is_empty() {
        out.push_str(" {\n");
        for child in &node.children {
            write_node(out, child, depth + 1);
        }
        indent(out, depth);
        out.push('}');
    }
    out.push('\n');
}

/// A name bare where every reader takes it for a name, else in quotes.
fn write_name(out: &mut String, name: &str) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !["true", "false", "null", "inf", "nan"].contains(&name);
    if plain { out.push_str(name) } else { write_quoted(out, name) }
}

fn write_value(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Text(text) => write_text(out, text, depth),
        Value::Number(number) => out.push_str(number),
        Value::Bool(flag) => out.push_str(if *flag { "#true" } else { "#false" }),
        Value::Tagged(tag, text) => {
            let _ = write!(out, "({tag})");
            write_text(out, text, depth);
        }
    }
}

fn write_text(out: &mut String, text: &str, depth: usize) {
    let control = |c: char| c.is_control() && c != '\n';
    // Characters that end a line besides the line feed, or that KDL does not allow in a raw text.
    let strange = |c: char| control(c) || "\u{85}\u{2028}\u{2029}\u{feff}".contains(c);
    if text.contains(strange) {
        return write_quoted(out, text);
    }
    let blank = |line: &str| !line.is_empty() && line.trim().is_empty();
    if text.contains('\n') {
        // A line of blanks would be read as an empty one, and what looks like the end would be it.
        if text.split('\n').any(blank) || text.contains("\"\"\"") {
            return write_quoted(out, text);
        }
        let hash = if text.contains('\\') { "#" } else { "" };
        let _ = writeln!(out, "{hash}\"\"\"");
        for line in text.split('\n') {
            if !line.is_empty() {
                indent(out, depth + 1);
            }
            let _ = writeln!(out, "{line}");
        }
        indent(out, depth + 1);
        let _ = write!(out, "\"\"\"{hash}");
        return;
    }
    if !text.contains(['"', '\\']) {
        let _ = write!(out, "\"{text}\"");
        return;
    }
    // `#"""` would open a text of several lines.
    let hashes =
        (1..=8).map(|n| "#".repeat(n)).find(|hashes| !text.contains(&format!("\"{hashes}")));
    match hashes {
        Some(hashes) if !text.starts_with("\"\"") && text != "\"" => {
            let _ = write!(out, "{hashes}\"{text}\"{hashes}");
        }
        _ => write_quoted(out, text),
    }
}

fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    /// What an annotation reads as after it was written.
    fn round_trip(text: &str) -> String {
        let mut alert = Node::new("alert").arg("A");
        alert.set("expr", Some("up"));
        alert.set("description", Some(text));
        let mut rules = Node::new("rules").arg("g");
        rules.push(alert);
        let written = document(&[rules]);
        let loaded = parse("stack.kdl", &written, Format::Kdl, None).unwrap();
        let first = loaded.stack.alerts().next().unwrap_or_else(|| panic!("{written}"));
        first.description.as_ref().unwrap_or_else(|| panic!("{written}")).value.clone()
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        for text in [
            "",
            "plain",
            "\"",
            "with \"quotes\"",
            "\"\"begins with two",
            "back\\slash",
            "a\"#b",
            "several\nlines",
            "ends with a line\n",
            "\n\nbegins empty",
            "  indented\n    lines\n  here",
            "blank line of spaces\n   \nhere",
            "\"\"\"\ninside",
            "\\n not a break\nbut this is",
            "tab\tand return\r\n",
            "\u{2028}\u{feff}\u{85}",
            "{{ $labels.x }} \u{1f600}",
        ] {
            assert_eq!(round_trip(text), text, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back(text in "[ \"#\\\\a\n\t{}$/-]{0,24}") {
            proptest::prop_assert_eq!(round_trip(&text), text);
        }
    }

    #[test]
    fn names_that_are_no_words_are_quoted() {
        let mut node = Node::new("service").arg("a");
        node.map("labels", [("com.example/role".to_owned(), "x"), ("plain".to_owned(), "1")]);
        assert_eq!(
            document(&[node]),
            "service \"a\" {\n    labels \"com.example/role\"=\"x\" plain=\"1\"\n}\n"
        );
    }
}
