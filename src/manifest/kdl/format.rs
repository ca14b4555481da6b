//! The canonical layout of KDL: four spaces for each level, a node a line, at most one empty line
//! between, one space between values. Comments stay, texts stay as they are written.
//!
//! What was written on one line stays on one, a block in braces or nodes with `;` between them, as long
//! as it fits into [`WIDTH`]; a single value may be as long as it likes.

use super::super::tree::{Node as Read, Value};
use super::tokens::{Kind, Token, tokens};
use crate::diag::{FileId, Finding, Findings};

/// Longest line that holds several nodes, in characters.
const WIDTH: usize = 100;

/// Why a text is left as it is.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// It has mistakes, of which this is the first.
    Mistake(Box<Finding>),
    /// A comment stands where the layout has no place for it, at this byte.
    Comment(usize),
    /// What came out does not say the same; that is a mistake of the formatter.
    Changed,
}

/// The text in its canonical layout; of the same meaning, with the same comments.
pub fn format(text: &str) -> Result<String, Refusal> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let before = read(&text).map_err(Refusal::Mistake)?;
    let tokens = tokens(&text);
    let mut parser = Parser { text: &text, tokens: &tokens, at: 0 };
    let rows = parser.rows()?;
    if parser.at < tokens.len() {
        return Err(Refusal::Changed);
    }
    let mut out = String::with_capacity(text.len());
    write_rows(&rows, 0, &mut out);
    let same = read(&out).is_ok_and(|after| same(&before, &after));
    if same && comments(&text) == comments(&out) { Ok(out) } else { Err(Refusal::Changed) }
}

fn read(text: &str) -> Result<Vec<Read>, Box<Finding>> {
    let mut findings = Findings::default();
    let nodes = super::read(text, FileId(0), &mut findings);
    match findings.into_iter().next() {
        Some(finding) => Err(Box::new(finding)),
        None => Ok(nodes),
    }
}

/// Whether two trees say the same, wherever it stands.
fn same(one: &[Read], other: &[Read]) -> bool {
    let value = |a: &Value, b: &Value| (&a.data, &a.tag, a.quoted) == (&b.data, &b.tag, b.quoted);
    let node = |a: &Read, b: &Read| {
        a.name == b.name
            && a.args.len() == b.args.len()
            && a.args.iter().zip(&b.args).all(|(a, b)| value(a, b))
            && a.props.len() == b.props.len()
            && a.props
                .iter()
                .zip(&b.props)
                .all(|(a, b)| a.name == b.name && value(&a.value, &b.value))
            && same(&a.children, &b.children)
    };
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| node(a, b))
}

/// All comments in order, without the space at their ends.
fn comments(text: &str) -> Vec<&str> {
    let is_comment = |kind| matches!(kind, Kind::LineComment | Kind::BlockComment);
    tokens(text)
        .into_iter()
        .filter(|token| is_comment(token.kind))
        .map(|token| text[token.range].trim_end())
        .collect()
}

/// What stands on one line, before its blocks are opened.
#[derive(Clone, Debug, Default)]
struct Row<'a> {
    /// Whether an empty line stands before it.
    blank: bool,
    /// The nodes, with `;` between them.
    nodes: Vec<Node<'a>>,
    /// The comment at its end, with the spaces before it; all there is on a line of its own.
    tail: Option<(usize, String)>,
}

#[derive(Clone, Debug, Default)]
struct Node<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Clone, Debug)]
enum Part<'a> {
    /// A word, number or string.
    Value(&'a str),
    /// A comment between slashes and stars.
    Comment(&'a str),
    Equals,
    OpenTag,
    CloseTag,
    Slash,
    /// The node goes on in the next line; with what stands behind the backslash.
    Continuation(String),
    Block(Block<'a>),
}

#[derive(Clone, Debug)]
struct Block<'a> {
    rows: Vec<Row<'a>>,
    /// Whether it was written in one line.
    flat: bool,
    /// The comment behind its brace.
    head: Option<(usize, String)>,
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Kind> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    fn take(&mut self) -> &'a str {
        let text = &self.text[self.tokens[self.at].range.clone()];
        self.at += 1;
        text
    }

    /// Takes spaces and gives their number.
    fn spaces(&mut self) -> usize {
        let mut count = 0;
        while self.peek() == Some(Kind::Space) {
            count += self.take().chars().count();
        }
        count
    }

    /// The comments up to the end of the line, when nothing else stands there; else nothing is taken.
    fn tail(&mut self) -> Option<(usize, String)> {
        let start = self.at;
        let gap = self.spaces();
        let mut comments: Vec<&str> = Vec::new();
        loop {
            match self.peek() {
                Some(Kind::BlockComment) => comments.push(self.take()),
                Some(Kind::LineComment) => comments.push(self.take().trim_end()),
                Some(Kind::Space) => drop(self.take()),
                Some(Kind::Newline | Kind::Close) | None if !comments.is_empty() => {
                    return Some((gap, comments.join(" ")));
                }
                _ => {
                    self.at = start;
                    return None;
                }
            }
        }
    }

    /// Rows up to a closing brace, which stays, or the end.
    fn rows(&mut self) -> Result<Vec<Row<'a>>, Refusal> {
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut newlines = 0;
        loop {
            match self.peek() {
                None | Some(Kind::Close) => return Ok(rows),
                // Between nodes a continuation joins nothing.
                Some(Kind::Space | Kind::Semicolon | Kind::Continuation) => drop(self.take()),
                Some(Kind::Newline) => {
                    self.take();
                    newlines += 1;
                }
                Some(_) => {
                    let blank = newlines > 1 && !rows.is_empty();
                    newlines = 0;
                    let row = match self.tail() {
                        Some((_, text)) => Row { blank, nodes: Vec::new(), tail: Some((0, text)) },
                        None => self.row(blank)?,
                    };
                    rows.push(row);
                }
            }
        }
    }

    fn row(&mut self, blank: bool) -> Result<Row<'a>, Refusal> {
        let mut row = Row { blank, ..Row::default() };
        loop {
            row.nodes.push(self.node()?);
            loop {
                row.tail = self.tail();
                if row.tail.is_some() {
                    return Ok(row);
                }
                if !matches!(self.peek(), Some(Kind::Semicolon | Kind::Space | Kind::Continuation))
                {
                    break;
                }
                self.at += 1;
            }
            if matches!(self.peek(), None | Some(Kind::Newline | Kind::Close)) {
                return Ok(row);
            }
        }
    }

    /// A node up to what ends it, which stays.
    fn node(&mut self) -> Result<Node<'a>, Refusal> {
        let mut node = Node::default();
        loop {
            let start = self.at;
            if !node.parts.is_empty() && self.tail().is_some() {
                // It belongs to the row.
                self.at = start;
                self.after_comments(&node)?;
                return Ok(node.without_idle_ends());
            }
            self.spaces();
            let part = match self.peek() {
                None | Some(Kind::Newline | Kind::Semicolon | Kind::Close | Kind::LineComment) => {
                    self.after_comments(&node)?;
                    return Ok(node.without_idle_ends());
                }
                Some(Kind::Space) => continue,
                Some(Kind::Value) => Part::Value(self.take()),
                Some(Kind::BlockComment) => Part::Comment(self.take()),
                Some(Kind::Equals) => {
                    self.take();
                    Part::Equals
                }
                Some(Kind::OpenTag) => {
                    self.take();
                    Part::OpenTag
                }
                Some(Kind::CloseTag) => {
                    self.take();
                    Part::CloseTag
                }
                Some(Kind::SlashDash) => {
                    self.take();
                    self.behind_slash()?;
                    Part::Slash
                }
                Some(Kind::Continuation) => {
                    self.after_comments(&node)?;
                    self.continuation()?
                }
                Some(Kind::Open) => {
                    self.take();
                    Part::Block(self.block()?)
                }
            };
            node.parts.push(part);
        }
    }

    /// Refuses comments that nothing of a node follows on their line.
    fn after_comments(&self, node: &Node<'_>) -> Result<(), Refusal> {
        let only = |part: &Part<'_>| matches!(part, Part::Comment(_));
        // Behind the last line that was joined there may be nothing but comments, too.
        let joins = |part: &Part<'_>| matches!(part, Part::Continuation(_));
        let idle = matches!(node.parts.as_slice(),
            [.., a, b] if only(a) && joins(b) || joins(a) && only(b));
        if !idle && (node.parts.is_empty() || !node.parts.iter().all(only)) {
            return Ok(());
        }
        let place = self.tokens.get(self.at).map_or(self.text.len(), |token| token.range.start);
        Err(Refusal::Comment(place))
    }

    /// What `/-` leaves out may stand in a later line.
    fn behind_slash(&mut self) -> Result<(), Refusal> {
        loop {
            match self.peek() {
                Some(Kind::Space | Kind::Newline | Kind::Semicolon | Kind::Continuation) => {
                    self.take();
                }
                Some(Kind::LineComment | Kind::BlockComment) => {
                    return Err(Refusal::Comment(self.tokens[self.at].range.start));
                }
                _ => return Ok(()),
            }
        }
    }

    fn continuation(&mut self) -> Result<Part<'a>, Refusal> {
        self.take();
        let comment = self.tail().map_or(String::new(), |(_, text)| text);
        self.spaces();
        match self.peek() {
            Some(Kind::Newline) => drop(self.take()),
            None => {}
            Some(_) => return Err(Refusal::Changed),
        }
        Ok(Part::Continuation(comment))
    }

    /// A block behind its brace, and the closing one.
    fn block(&mut self) -> Result<Block<'a>, Refusal> {
        let start = self.at;
        let head = self.tail();
        // A comment that the brace closes is one of the block's own.
        let head = head.filter(|_| self.peek() != Some(Kind::Close));
        if head.is_none() {
            self.at = start;
        }
        let rows = self.rows()?;
        let flat = self.tokens[start..self.at].iter().all(|token| token.kind != Kind::Newline);
        if self.peek() != Some(Kind::Close) {
            return Err(Refusal::Changed);
        }
        self.at += 1;
        Ok(Block { rows, flat, head })
    }
}

fn write_rows(rows: &[Row<'_>], depth: usize, out: &mut String) {
    for row in rows {
        if row.blank {
            out.push('\n');
        }
        write_row(row, depth, out);
    }
}

fn write_row(Row { nodes, tail, .. }: &Row<'_>, depth: usize, out: &mut String) {
    let flat = joined(nodes, depth);
    let fits = |text: &str| {
        text.lines().enumerate().all(|(at, line)| {
            let before = if at == 0 { depth * 4 } else { 0 };
            before + line.chars().count() <= WIDTH
        })
    };
    let alone = matches!(nodes.as_slice(), [node] if !node.is_flat_block());
    if nodes.is_empty() || alone || fits(&flat) {
        indent(depth, out);
        out.push_str(&flat);
        if let Some((gap, text)) = tail {
            let begins = nodes.last().is_none_or(Node::ends_joined);
            let gap = if begins { 0 } else { (*gap).max(1) };
            out.extend(std::iter::repeat_n(' ', gap));
            out.push_str(text);
        }
        out.push('\n');
        return;
    }
    // The comment was about all of the line: it goes before what the line becomes.
    if let Some((_, text)) = tail {
        indent(depth, out);
        out.push_str(text);
        out.push('\n');
    }
    for node in nodes {
        let flat = joined(std::slice::from_ref(node), depth);
        indent(depth, out);
        if fits(&flat) {
            out.push_str(&flat);
        } else {
            node.write(depth, false, out);
        }
        out.push('\n');
    }
}

fn joined(nodes: &[Node<'_>], depth: usize) -> String {
    let mut text = String::new();
    for (at, node) in nodes.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "; " });
        node.write(depth, true, &mut text);
    }
    text
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("    ", depth));
}

impl Node<'_> {
    /// The node without line continuations at its end, which join nothing.
    fn without_idle_ends(mut self) -> Self {
        while matches!(self.parts.last(), Some(Part::Continuation(text)) if text.is_empty()) {
            self.parts.pop();
        }
        self
    }

    /// Whether a new line begins behind it.
    fn ends_joined(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Continuation(_)))
    }

    /// Whether it has something in braces that was written in one line.
    fn is_flat_block(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Block(block) if block.flat && !block.rows.is_empty()))
    }

    /// Writes the node; blocks of one line stay so when `flat`.
    fn write(&self, depth: usize, flat: bool, out: &mut String) {
        let mut last: Option<&Part<'_>> = None;
        for part in &self.parts {
            let tight = match (last, part) {
                (None | Some(Part::Continuation(_) | Part::Slash), _) => true,
                (Some(Part::Comment(_)), _) | (_, Part::Comment(_)) => false,
                (Some(Part::OpenTag | Part::CloseTag | Part::Equals), _)
                | (_, Part::CloseTag | Part::Equals) => true,
                _ => false,
            };
            if !tight {
                out.push(' ');
            }
            match part {
                Part::Value(text) | Part::Comment(text) => out.push_str(text),
                Part::Equals => out.push('='),
                Part::OpenTag => out.push('('),
                Part::CloseTag => out.push(')'),
                Part::Slash => out.push_str("/-"),
                Part::Continuation(comment) => {
                    out.push('\\');
                    if !comment.is_empty() {
                        out.push(' ');
                        out.push_str(comment);
                    }
                    out.push('\n');
                    indent(depth + 1, out);
                }
                Part::Block(block) => block.write(depth, flat, out),
            }
            last = Some(part);
        }
    }
}

impl Block<'_> {
    fn write(&self, depth: usize, flat: bool, out: &mut String) {
        let Self { rows, head, .. } = self;
        if rows.is_empty() && head.is_none() {
            out.push_str("{}");
            return;
        }
        out.push('{');
        if flat && self.flat {
            for Row { nodes, tail, .. } in rows {
                out.push(' ');
                out.push_str(&joined(nodes, depth));
                if let Some((_, text)) = tail {
                    out.push_str(if nodes.is_empty() { "" } else { " " });
                    out.push_str(text);
                }
            }
            out.push_str(" }");
            return;
        }
        if let Some((gap, text)) = head {
            out.extend(std::iter::repeat_n(' ', (*gap).max(1)));
            out.push_str(text);
        }
        out.push('\n');
        if self.flat {
            // Of what stood in one line, each node gets its own.
            for Row { nodes, tail, .. } in rows {
                for node in nodes {
                    write_row(&Row { nodes: vec![node.clone()], ..Row::default() }, depth + 1, out);
                }
                if tail.is_some() {
                    write_row(&Row { tail: tail.clone(), ..Row::default() }, depth + 1, out);
                }
            }
        } else {
            write_rows(rows, depth + 1, out);
        }
        indent(depth, out);
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let formatted = format(text).unwrap_or_else(|refusal| panic!("{refusal:?} of\n{text}"));
        assert_eq!(formatted, expected, "{text}");
        assert_eq!(format(&formatted).expect("formatted before"), formatted, "not idempotent");
    }

    #[test]
    fn space_is_made_even() {
        check("a   1  b = 2\t(t) \"x\"  \r\n", "a 1 b=2 (t)\"x\"\n");
        check("\u{feff}\n\n\na\n\n\n\nb", "a\n\nb\n");
        check("a {\n\n  b;\n\tc { d;e; } ;\n\n}", "a {\n    b\n    c { d; e }\n}\n");
        check("a {}\nb { }\nc {\n}", "a {}\nb {}\nc {}\n");
        check("a 1 ; b 2;\n", "a 1; b 2\n");
        check("", "");
    }

    #[test]
    fn comments_stay_where_they_are() {
        check("// x  \n  // y\n\n\n/* z\n  z */\na", "// x\n// y\n\n/* z\n  z */\na\n");
        check("a;// x\nb; // y\nc ;/* z */ d", "a // x\nb // y\nc; /* z */ d\n");
        check("a 1    // x\nb   /* y */ 2\n", "a 1    // x\nb /* y */ 2\n");
        check("a {   // x\n b // y\n // z\n} // w", "a {   // x\n    b // y\n    // z\n} // w\n");
        check("a { /* x */ }\nb { c /* y */ }", "a { /* x */ }\nb { c /* y */ }\n");
        check("/* x */ a; /* y */ b /* z */; c", "/* x */ a; /* y */ b /* z */; c\n");
        check("\\\n a; \\\n b \\\n\n c", "a\nb\nc\n");
        check("a \\ // x\n  b \\\n c", "a \\ // x\n    b \\\n    c\n");
    }

    #[test]
    fn what_is_left_out_stays_left_out() {
        check("/- a { b }\nc /- 1 /-d=2 3 /- { e }", "/-a { b }\nc /-1 /-d=2 3 /-{ e }\n");
        check("/-\na 1\nb", "/-a 1\nb\n");
        check("/-;\na 1\nb /- \\\n 2", "/-a 1\nb /-2\n");
        assert!(matches!(format("/- // x\na"), Err(Refusal::Comment(3))));
        assert!(matches!(format("/* x */ \\\n a"), Err(Refusal::Comment(8))));
    }

    #[test]
    fn texts_stay_as_they_are_written() {
        let text = "a #\"b\"c\"#\nd \"\"\"\n  e  \n    f\n  \"\"\" g=\"\\u{e4} \\\\\"\n";
        check(text, text);
    }

    #[test]
    fn a_long_line_of_several_nodes_is_opened() {
        let long = "x".repeat(60);
        check(
            &format!("a {{ {long} 1; {long} 2 }} // c\n"),
            &format!("// c\na {{\n    {long} 1\n    {long} 2\n}}\n"),
        );
        check(&format!("{long} 1; {long} {{ b }}"), &format!("{long} 1\n{long} {{ b }}\n"));
        let single = format!("a \"{long}{long}\"\n");
        check(&single, &single);
    }

    #[test]
    fn a_text_with_mistakes_is_refused() {
        for text in ["a {", "a \"b", "a 15s", "}", "a\"b\"", "/* x", "a = 1"] {
            assert!(matches!(format(text), Err(Refusal::Mistake(_))), "{text}");
        }
    }
}
