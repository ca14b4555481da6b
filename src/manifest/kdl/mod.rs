//! A reader of KDL 2 (kdl.dev/spec) that knows the place of everything and goes on after mistakes.
//!
//! The crate `kdl` gives no tree when there is any mistake, and loses the places of some; tests hold
//! this reader against it.

pub mod format;
pub mod tokens;
mod words;

use super::codes;
use super::tree::{Data, Node, Property, Value};
use crate::diag::{FileId, Finding, Findings, Span, Spanned};

/// Blocks may be nested this deep.
const MAX_DEPTH: usize = 100;

/// After this many mistakes the rest of a file is not read.
const MAX_MISTAKES: usize = 100;

/// Reads a whole document; what is wrong goes to `findings`, the rest is read all the same.
pub fn read(text: &str, file: FileId, findings: &mut Findings) -> Vec<Node> {
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    // Where nothing is indented, indentation tells nothing.
    let unbalanced = (text.contains("\n ") || text.contains("\n\t")) && !braces_balance(text);
    let lines =
        if unbalanced { memchr::memchr_iter(b'\n', text.as_bytes()).collect() } else { Vec::new() };
    let open = Vec::new();
    let known = findings.len();
    let mut reader = Reader {
        text,
        at,
        file,
        findings,
        open,
        unbalanced,
        lines,
        given_up: false,
        known,
        quiet_until: 0,
    };
    let mut nodes = reader.nodes().0;
    while reader.at < text.len() && !reader.given_up {
        // A block that was closed by indentation alone left the rest to the block around it.
        nodes.extend(reader.nodes().0);
    }
    nodes
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    file: FileId,
    findings: &'a mut Findings,
    /// The blocks that are open here.
    open: Vec<Open>,
    /// Whether some brace has no partner, so that indentation has to tell where blocks end.
    unbalanced: bool,
    /// Offsets of all line breaks, when indentation matters.
    lines: Vec<usize>,
    /// Whether the rest is not read, because it is nested too deeply.
    given_up: bool,
    /// How many findings there were before this file.
    known: usize,
    /// Up to here follow-up mistakes are not reported.
    quiet_until: usize,
}

/// An open block.
#[derive(Clone, Copy)]
struct Open {
    /// Its brace.
    at: usize,
    /// Indentation of the line in which it opens, in characters; 0 when it does not matter.
    indent: usize,
}

/// Whether nodes inside may be missing because a brace or quote is not closed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Damaged(bool);

impl Reader<'_> {
    /// Nodes up to the closing brace of the innermost open block, which is taken, or to the end.
    fn nodes(&mut self) -> (Vec<Node>, Damaged) {
        let mut nodes = Vec::new();
        loop {
            self.skip_between_nodes();
            if self.given_up || self.too_many() {
                return (nodes, Damaged(true));
            }
            match (self.peek(), self.open.last().copied()) {
                (None, None) => return (nodes, Damaged(false)),
                (None, Some(open)) => {
                    self.not_closed(open);
                    return (nodes, Damaged(true));
                }
                (Some('}'), Some(open)) => {
                    if self.unbalanced && self.indent_here().is_some_and(|here| here < open.indent)
                    {
                        self.not_closed(open);
                        return (nodes, Damaged(true));
                    }
                    self.at += 1;
                    return (nodes, Damaged(false));
                }
                (Some('}'), None) => {
                    self.mistake(
                        self.at..self.at + 1,
                        "this `}` closes nothing",
                        "no block is open",
                    )
                    .push(self.findings);
                    self.at += 1;
                }
                (Some(_), Some(open))
                    if self.unbalanced
                        && self.line_start(open.at) != self.line_start(self.at)
                        && self.indent_here().is_some_and(|here| here <= open.indent) =>
                {
                    self.not_closed(open);
                    return (nodes, Damaged(true));
                }
                (Some(_), _) => {
                    let start = self.at;
                    if self.take("/-") {
                        self.skip_between_nodes();
                        if matches!(self.peek(), None | Some('}')) {
                            self.mistake(
                                start..start + 2,
                                "`/-` leaves out nothing",
                                "no node follows",
                            )
                            .push(self.findings);
                        } else {
                            self.node();
                        }
                    } else {
                        nodes.extend(self.node());
                    }
                }
            }
        }
    }

    /// Whether there are so many mistakes that this is hardly KDL; then the rest is not read.
    fn too_many(&mut self) -> bool {
        if self.findings.len() - self.known < MAX_MISTAKES {
            return false;
        }
        let finding = codes::SYNTAX
            .says("this does not look like KDL")
            .at(self.span(self.at..self.at), "the rest of the file is not read");
        self.findings.push(finding);
        self.given_up = true;
        self.at = self.text.len();
        true
    }

    fn not_closed(&mut self, open: Open) {
        self.mistake(open.at..open.at + 1, "this `{` is not closed", "opened here")
            .help("close the block with `}`")
            .push(self.findings);
    }

    /// One node with its entries and children; `None` when it has no name.
    fn node(&mut self) -> Option<Node> {
        let start = self.at;
        if self.peek() == Some('(') {
            let tag = self.annotation();
            if let Some(tag) = tag {
                let finding = codes::SYNTAX
                    .says(format!("`({tag})` before a node means nothing"))
                    .at(tag.span, "only values have annotations");
                self.findings.push(finding);
            }
            self.skip_space();
        }
        let name = match self.value() {
            Some(Value { data: Data::Text(name), span, .. }) => Spanned::new(name, span),
            Some(other) => {
                let finding = codes::SYNTAX
                    .says(format!("a node begins with its name, found {}", other.describe()))
                    .at(other.span, "not a name");
                self.findings.push(finding);
                self.skip_line();
                return None;
            }
            None => {
                self.skip_line();
                return None;
            }
        };
        let mut node = Node::new(name, self.span(start..self.at));
        if self.peek() == Some('=') {
            let equals = self.span(self.at..self.at + 1);
            let finding = codes::SYNTAX
                .says("a line is a name and a value, without `=`")
                .at(equals, "not here")
                .help("`=` stands between values of one line: `port 80 bind=\"0.0.0.0\"`")
                .replace("write a space", equals, " ");
            self.findings.push(finding);
            self.at += 1;
            self.skip_space();
            if self.peek().is_some_and(|c| !is_newline(c) && !matches!(c, ';' | '{' | '}')) {
                self.entry(&mut node);
            }
        }
        self.entries(&mut node);
        node.span = self.span(start..self.at);
        Some(node)
    }

    fn entries(&mut self, node: &mut Node) {
        let (mut has_children, mut left_out) = (false, false);
        loop {
            if self.given_up || self.too_many() {
                return;
            }
            let before = self.at;
            let spaced = self.skip_space();
            let Some(next) = self.peek() else { return };
            match next {
                ';' | '}' => {
                    // The space before the end does not belong to the node.
                    if next == '}' {
                        self.at = before;
                        self.skip_space();
                    }
                    return;
                }
                _ if is_newline(next) || self.rest().starts_with("//") => {
                    self.at = before;
                    return;
                }
                '{' => {
                    let (children, damaged) = self.block();
                    node.damaged |= damaged.0;
                    if damaged.0 {
                        // Indentation closed the block: what follows stands on a line of its own.
                        node.children.extend(children);
                        return;
                    }
                    if has_children {
                        let finding = codes::SYNTAX
                            .says(format!("`{}` has two blocks", node.name))
                            .at(self.span(before..before + 1), "the second one");
                        self.findings.push(finding);
                    }
                    node.children.extend(children);
                    has_children = true;
                }
                _ if has_children && !self.rest().starts_with("/-") => {
                    let finding = codes::SYNTAX
                        .says("a new node begins behind a block in the same line")
                        .at(self.span(self.at..self.at), "here")
                        .help("begin a new line, or write `;` between them");
                    self.findings.push(finding);
                    return;
                }
                '/' if self.take("/-") => {
                    if !spaced {
                        self.mistake(self.at - 2..self.at, "a space is missing", "before this")
                            .push(self.findings);
                    }
                    self.skip_space_and_lines();
                    if self.peek() == Some('{') {
                        self.block();
                        left_out = true;
                    } else if matches!(self.peek(), None | Some('}' | ';')) {
                        self.mistake(
                            self.at..self.at,
                            "`/-` leaves out nothing",
                            "nothing follows",
                        )
                        .push(self.findings);
                    } else {
                        self.entry(&mut Node::new(node.name.clone(), node.span));
                    }
                }
                _ => {
                    if left_out {
                        self.mistake(self.at..self.at, "values stand before the block", "here")
                            .push(self.findings);
                    }
                    if !spaced {
                        let finding =
                            self.mistake(self.at..self.at, "a space is missing", "before this");
                        self.follow_up(finding);
                        node.damaged = true;
                    }
                    self.entry(node);
                }
            }
        }
    }

    /// Children in braces; the reader stands at the opening one.
    fn block(&mut self) -> (Vec<Node>, Damaged) {
        let at = self.at;
        self.at += 1;
        if self.open.len() >= MAX_DEPTH {
            let finding = codes::TOO_LARGE
                .says(format!("blocks are nested more than {MAX_DEPTH} levels deep"))
                .at(self.span(at..at + 1), "one level too deep")
                .help("the rest of the file is not read");
            self.findings.push(finding);
            self.given_up = true;
            self.at = self.text.len();
            return (Vec::new(), Damaged(true));
        }
        let indent = if self.unbalanced {
            let line = &self.text[self.line_start(at)..];
            line.chars().take_while(|c| is_space(*c)).count()
        } else {
            0
        };
        self.open.push(Open { at, indent });
        let nodes = self.nodes();
        self.open.pop();
        nodes
    }

    /// An argument or a property.
    fn entry(&mut self, node: &mut Node) {
        let before = self.at;
        let Some(value) = self.tagged_value() else {
            node.damaged = true;
            // Something that begins no value: what follows up to the next space goes with it.
            if self.at == before {
                self.at += self.peek().map_or(0, char::len_utf8);
            }
            return;
        };
        let behind = self.at;
        self.skip_space();
        if self.peek() != Some('=') {
            self.at = behind;
            node.args.push(value);
            return;
        }
        let equals = self.at;
        self.at += 1;
        let Value { data: Data::Text(name), tag: None, span, .. } = value else {
            self.mistake(equals..equals + 1, "a name is expected before `=`", "behind a value")
                .push(self.findings);
            node.damaged = true;
            self.skip_space();
            self.tagged_value();
            return;
        };
        self.skip_space();
        match self.peek() {
            Some(c) if !is_newline(c) && !matches!(c, ';' | '}' | '{') => {
                match self.tagged_value() {
                    Some(value) => {
                        node.props.push(Property { name: Spanned::new(name, span), value });
                    }
                    None => node.damaged = true,
                }
            }
            _ => {
                node.damaged = true;
                self.mistake(
                    equals..equals + 1,
                    "a value is missing behind `=`",
                    "nothing follows",
                )
                .push(self.findings);
            }
        }
    }

    fn tagged_value(&mut self) -> Option<Value> {
        if self.peek() != Some('(') {
            return self.value();
        }
        let tag = self.annotation();
        self.skip_space();
        if self.peek().is_none_or(|c| is_newline(c) || matches!(c, ';' | '}' | '{')) {
            self.mistake(self.at..self.at, "a value is missing behind this annotation", "here")
                .push(self.findings);
            return None;
        }
        let mut value = self.value()?;
        value.tag = tag;
        Some(value)
    }

    /// `(secret)`; the reader stands at the parenthesis.
    fn annotation(&mut self) -> Option<Spanned<String>> {
        let open = self.at;
        self.at += 1;
        self.skip_space();
        let value = match self.peek() {
            Some(')') | None => None,
            _ => self.value(),
        };
        self.skip_space();
        if !self.take(")") {
            self.mistake(open..open + 1, "this `(` is not closed", "opened here")
                .help("an annotation is a word in parentheses: `(secret)\"name\"`")
                .push(self.findings);
            return None;
        }
        match value {
            Some(Value { data: Data::Text(tag), span, .. }) => Some(Spanned::new(tag, span)),
            _ => {
                self.mistake(open..self.at, "an annotation is a word in parentheses", "not a word")
                    .push(self.findings);
                None
            }
        }
    }

    // -- Space, lines and comments

    /// Takes spaces, block comments and line continuations; whether there were any.
    fn skip_space(&mut self) -> bool {
        let start = self.at;
        while let Some(c) = self.peek() {
            if is_space(c) {
                self.at += c.len_utf8();
            } else if self.rest().starts_with("/*") {
                self.block_comment();
            } else if c != '\\' || !self.continuation() {
                break;
            }
        }
        self.at > start
    }

    /// A backslash at the end of a line joins the next line.
    fn continuation(&mut self) -> bool {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return true,
                Some(c) if is_newline(c) => {
                    self.newline();
                    return true;
                }
                Some(c) if is_space(c) => self.at += c.len_utf8(),
                Some('/') if self.rest().starts_with("/*") => self.block_comment(),
                Some('/') if self.rest().starts_with("//") => self.skip_line(),
                Some(_) => {
                    self.at = start;
                    return false;
                }
            }
        }
    }

    fn skip_space_and_lines(&mut self) {
        loop {
            self.skip_space();
            match self.peek() {
                Some(c) if is_newline(c) => self.newline(),
                Some('/') if self.rest().starts_with("//") => self.skip_line(),
                _ => return,
            }
        }
    }

    fn skip_between_nodes(&mut self) {
        loop {
            self.skip_space_and_lines();
            if !self.take(";") {
                return;
            }
        }
    }

    /// Goes to the end of the line, without the line break.
    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find(is_newline).unwrap_or(rest.len());
    }

    fn newline(&mut self) {
        if !self.take("\r\n") {
            self.at += self.peek().map_or(0, char::len_utf8);
        }
    }

    fn block_comment(&mut self) {
        let start = self.at;
        self.at += 2;
        let mut depth = 1;
        while depth > 0 {
            let rest = self.rest();
            let Some(next) = memchr::memchr2(b'*', b'/', rest.as_bytes()) else {
                self.mistake(start..start + 2, "this comment is not closed", "opened here")
                    .help("close it with `*/`")
                    .push(self.findings);
                self.at = self.text.len();
                return;
            };
            self.at += next;
            if self.take("*/") {
                depth -= 1;
            } else if self.take("/*") {
                depth += 1;
            } else {
                self.at += 1;
            }
        }
    }

    // -- Small helpers

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if byte.is_ascii() => Some(*byte as char),
            _ => self.rest().chars().next(),
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.rest().starts_with(text);
        if taken {
            self.at += text.len();
        }
        taken
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.lines.partition_point(|newline| *newline < at);
        before.checked_sub(1).map_or(0, |index| self.lines[index] + 1)
    }

    /// Indentation of this place when it is the first of its line.
    fn indent_here(&self) -> Option<usize> {
        let before = &self.text[self.line_start(self.at)..self.at];
        before.chars().all(is_space).then(|| before.chars().count())
    }

    /// Adds a finding that is most likely due to another mistake in the same line, unless there is
    /// none.
    fn follow_up(&mut self, finding: Finding) {
        let start = finding.span().start as usize;
        if start < self.quiet_until {
            return;
        }
        self.quiet_until =
            start + self.text[start..].find(is_newline).unwrap_or(usize::MAX - start);
        let known = self.findings.iter().last().is_some_and(|last| {
            let before = last.span().start as usize;
            last.span().file == self.file
                && before <= start
                && !self.text[before..start].contains(is_newline)
        });
        if !known {
            self.findings.push(finding);
        }
    }

    fn mistake(&self, range: std::ops::Range<usize>, message: &str, label: &str) -> Finding {
        codes::SYNTAX.says(message).at(self.span(range), label)
    }
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// A rough count of the braces outside of strings and comments. Only its result "they do not match"
/// is acted upon, by looking at indentation, so a wrong guess costs nothing in a correct file.
fn braces_balance(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_i64);
    while let Some(next) = memchr::memchr3(b'"', b'{', b'}', &bytes[at..]) {
        let line = text[at..at + next].rfind('\n').map_or(at, |newline| at + newline + 1);
        let comment = memchr::memmem::find(&bytes[line..at + next], b"//");
        at += next;
        if comment.is_some() {
            at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
            continue;
        }
        match bytes[at] {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {
                let hashes = bytes[..at].iter().rev().take_while(|byte| **byte == b'#').count();
                at = words::behind_string(text, at, hashes);
                continue;
            }
        }
        at += 1;
    }
    depth == 0
}
