//! What is wrong with a template, before anything is expanded, and what it refers to.

use std::ops::Range;

use gotmpl::TemplateError as EngineError;
use gotmpl::parse::{
    BranchNode, CommandNode, DefineNode, Expr, ListNode, Node, Parser, PipeNode, Pos,
};

use super::TemplateError;
use super::blocks::check_blocks;
use super::functions::{BUILTIN, NAMES};

/// Variables that every template of an alert has.
const VARIABLES: &[&str] = &["$", "$labels", "$externalLabels", "$externalURL", "$value"];

/// More than so many mistakes in one template are not looked for.
const MAX_FAULTS: usize = 50;
/// Words that open a block, part or close it.
const BLOCKS: [&str; 7] = ["if", "else", "end", "range", "with", "define", "block"];

/// Whether the text is a template that can be expanded: syntax, names of functions and variables, fields
/// of an alert, named templates.
pub fn check(text: &str) -> Result<(), TemplateError> {
    check_syntax(text)?.map_or(Ok(()), Err)
}

/// All that is wrong with a template, by place. An action that cannot be read is taken for not written
/// and reading goes on behind it, unless it may be one that opens or closes a block.
pub fn faults(text: &str) -> Vec<TemplateError> {
    let mut faults = Vec::new();
    let mut left = text.to_owned();
    let mut unread = String::new();
    while faults.len() < MAX_FAULTS {
        let error = match walked(&left) {
            Ok(walk) => {
                // What an action declares that could not be read is not unknown.
                let declared = |error: &TemplateError| {
                    let name = left.get(error.offset..error.offset + error.len);
                    name.is_some_and(|name| name.starts_with('$') && unread.contains(name))
                };
                let further = walk.errors.into_iter().chain(walk.doubts);
                faults.extend(further.filter(|error| !declared(error)));
                break;
            }
            Err(error) => error,
        };
        let action = action_at(&left, error.offset);
        faults.push(error);
        let Some(action) = action else { break };
        unread.push_str(&left[action.clone()]);
        left.replace_range(action.clone(), &" ".repeat(action.len()));
    }
    faults.sort_by_key(|error| error.offset);
    faults.dedup();
    faults
}

/// The action that a byte lies in, up to its end or the beginning of the next one; `None` where it may
/// belong to a block.
fn action_at(text: &str, offset: usize) -> Option<Range<usize>> {
    let (start, _) = text.match_indices("{{").take_while(|(at, _)| *at <= offset).last()?;
    let inside = &text[start + 2..];
    let len = match (inside.find("}}"), inside.find("{{")) {
        (Some(end), next) if next.is_none_or(|next| end < next) => end + 2,
        (_, next) => next.unwrap_or(inside.len()),
    };
    let words = inside[..len].trim_start_matches(['-', ' ', '\t', '\n']);
    let word = words.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    (!BLOCKS.contains(&word)).then(|| start..start + 2 + len)
}

/// Whether Prometheus would load a rule with this template: it reads it and does not try it out. Gives
/// back what will go wrong whenever it is expanded, if that is known.
pub fn check_syntax(text: &str) -> Result<Option<TemplateError>, TemplateError> {
    let walk = walked(text)?;
    walk.errors.into_iter().next().map_or(Ok(walk.doubts.into_iter().next()), Err)
}

fn walked(text: &str) -> Result<Walk<'_>, TemplateError> {
    let (tree, defines) = parse(text)?;
    let mut walk = Walk {
        text,
        scope: VARIABLES.iter().map(|name| (*name).to_owned()).collect(),
        templates: defines.iter().map(|define| define.name.to_string()).collect(),
        dot_is_alert: true,
        is_main: true,
        ranges: 0,
        errors: Vec::new(),
        doubts: Vec::new(),
        references: Vec::new(),
        testing: false,
    };
    walk.list(&tree);
    for define in &defines {
        // A named template sees nothing but its own data.
        walk.scope = vec!["$".to_owned()];
        walk.dot_is_alert = false;
        walk.is_main = false;
        walk.list(&define.body);
    }
    Ok(walk)
}

/// What a template reads of its alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceKind {
    /// `$labels.x`, `.Labels.x`
    Label(String),
    /// `$externalLabels.x`, `.ExternalLabels.x`
    ExternalLabel(String),
    /// `$value`, `.Value`
    Value,
}

/// One place where a template reads something of its alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What is read.
    pub kind: ReferenceKind,
    /// First byte in the template's text.
    pub offset: usize,
    /// How many bytes.
    pub len: usize,
    /// Whether the template asks somewhere if it is there: `{{ if $labels.x }}`.
    pub tested: bool,
}

/// All places where a template reads labels or the value of its alert; none if it is broken. Inside
/// `range` and `with` the dot is something else, so only variables count there.
pub fn references(text: &str) -> Vec<Reference> {
    let Ok((tree, _)) = parse(text) else { return Vec::new() };
    let mut walk = Walk {
        text,
        scope: Vec::new(),
        templates: Vec::new(),
        dot_is_alert: true,
        is_main: true,
        ranges: 0,
        errors: Vec::new(),
        doubts: Vec::new(),
        references: Vec::new(),
        testing: false,
    };
    walk.list(&tree);
    let tested: Vec<ReferenceKind> =
        walk.references.iter().filter(|r| r.tested).map(|r| r.kind.clone()).collect();
    for reference in &mut walk.references {
        reference.tested |= tested.contains(&reference.kind);
    }
    walk.references
}

/// The tree of a template and the named templates in it.
pub(super) fn parse(text: &str) -> Result<(ListNode, Vec<DefineNode>), TemplateError> {
    let parser = Parser::new(text, "{{", "}}").map_err(|err| place(text, &err))?;
    // The engine's parser takes blocks without `end`, and drops what follows a stray one.
    check_blocks(text)?;
    parser.parse().map_err(|err| place(text, &err))
}

/// Where an error of the engine stands.
fn place(text: &str, err: &EngineError) -> TemplateError {
    let (EngineError::Lex { line, col, message, .. }
    | EngineError::Parse { line, col, message, .. }) = err
    else {
        return TemplateError { offset: 0, len: text.len(), message: err.to_string() };
    };
    let mut offset = offset_of(text, *line, *col);
    let unclosed = message.contains("unclosed");
    if unclosed {
        // The mistake is the action that does not end, not the place where the text does.
        offset = text[..offset].rfind("{{").unwrap_or(offset);
    }
    let line = text[offset..].lines().next().unwrap_or_default();
    let len = if unclosed {
        line.len()
    } else {
        let word = line.find(|c: char| c.is_whitespace() || c == '}').unwrap_or(line.len());
        word.max(line.chars().next().map_or(0, char::len_utf8))
    };
    TemplateError { offset, len, message: message.clone() }
}

/// Byte of a line and a column, both from 1, the column in characters.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    text[start..]
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(text.len(), |(offset, _)| start + offset)
}

/// `.Labels` and nothing behind.
fn is_labels<T: std::ops::Deref<Target = str>>(fields: &[T]) -> bool {
    matches!(fields, [field] if &**field == "Labels")
}

struct Walk<'t> {
    text: &'t str,
    /// Variables that are known here.
    scope: Vec<String>,
    /// Names that `define` gave.
    templates: Vec<String>,
    /// Whether the dot is the alert: not in `range`, `with` and named templates.
    dot_is_alert: bool,
    /// Whether this is the template itself and none that `define` names.
    is_main: bool,
    /// How many `range` are open.
    ranges: usize,
    /// Mistakes that keep it from being a template.
    errors: Vec<TemplateError>,
    /// Those that its expansion meets.
    doubts: Vec<TemplateError>,
    references: Vec<Reference>,
    /// Whether this is the condition of an `if` or `with`.
    testing: bool,
}

impl Walk<'_> {
    fn list(&mut self, list: &ListNode) {
        for node in &list.nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(_) | Node::Define(_) => {}
            Node::Break(pos) => self.leaves_range(*pos, "break"),
            Node::Continue(pos) => self.leaves_range(*pos, "continue"),
            Node::List(list) => self.list(list),
            Node::Action(action) => self.pipe(&action.pipe),
            Node::If(branch) => self.branch(branch, self.dot_is_alert, true),
            Node::With(branch) => self.branch(branch, false, true),
            Node::Range(branch) => {
                self.ranges += 1;
                self.branch(branch, false, false);
                self.ranges -= 1;
            }
            Node::Template(call) => {
                if !self.templates.iter().any(|name| *name == *call.name) {
                    let message = format!("template \"{}\" not defined", call.name);
                    self.doubt(call.pos, &call.name, message);
                }
                if let Some(pipe) = &call.pipe {
                    self.pipe(pipe);
                }
            }
        }
    }

    fn leaves_range(&mut self, pos: Pos, word: &str) {
        if self.ranges == 0 {
            self.fail(pos, word, format!("{{{{{word}}}}} outside {{{{range}}}}"));
        }
    }

    /// What a pipeline declares is known in its own block alone.
    fn branch(&mut self, branch: &BranchNode, dot_is_alert: bool, tests: bool) {
        let outside = self.scope.len();
        let before = std::mem::replace(&mut self.testing, tests);
        self.pipe(&branch.pipe);
        self.testing = before;
        let inside = self.scope.len();
        let before = std::mem::replace(&mut self.dot_is_alert, dot_is_alert);
        self.list(&branch.body);
        self.dot_is_alert = before;
        self.scope.truncate(inside);
        if let Some(body) = &branch.else_body {
            self.list(body);
        }
        self.scope.truncate(outside);
    }

    fn pipe(&mut self, pipe: &PipeNode) {
        for command in &pipe.commands {
            self.command(command);
        }
        for name in &pipe.decl {
            if pipe.is_assign {
                self.variable(pipe.pos, name);
            } else {
                self.scope.push(name.to_string());
            }
        }
    }

    fn command(&mut self, command: &CommandNode) {
        for expr in &command.args {
            self.expr(expr);
        }
        // `index $labels "x"`
        if let [Expr::Identifier(_, function), labels, Expr::String(pos, name, ..), ..] =
            &command.args[..]
            && &**function == "index"
        {
            let of_alert = match labels {
                Expr::Variable(_, variable, fields) => {
                    &**variable == "$labels" && fields.is_empty()
                        || &**variable == "$" && is_labels(fields)
                }
                Expr::Field(_, fields) => self.dot_is_alert && is_labels(fields),
                _ => false,
            };
            if of_alert {
                let end = self.text.get(pos.offset..).unwrap_or_default();
                let len = end.find(&**name).map_or(0, |at| at + name.len());
                let kind = ReferenceKind::Label(name.to_string());
                let tested = self.testing;
                self.references.push(Reference { kind, offset: pos.offset, len, tested });
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Dot(_) | Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) => {}
            Expr::Identifier(pos, name) => {
                let name: &str = name;
                if NAMES.binary_search(&name).is_err() && BUILTIN.binary_search(&name).is_err() {
                    self.fail(*pos, name, format!("function \"{name}\" not defined"));
                }
            }
            Expr::Variable(pos, name, fields) => {
                self.variable(*pos, name);
                let fields: Vec<&str> = fields.iter().map(|field| &**field).collect();
                match (&**name, &*fields) {
                    ("$labels", [label, ..]) => {
                        self.refer(*pos, ReferenceKind::Label((*label).to_owned()));
                    }
                    ("$externalLabels", [label, ..]) => {
                        self.refer(*pos, ReferenceKind::ExternalLabel((*label).to_owned()));
                    }
                    ("$value", _) => self.refer(*pos, ReferenceKind::Value),
                    ("$", fields) if self.is_main => self.fields(*pos, fields),
                    _ => {}
                }
            }
            Expr::Field(pos, fields) => {
                let fields: Vec<&str> = fields.iter().map(|field| &**field).collect();
                if self.dot_is_alert {
                    self.fields(*pos, &fields);
                }
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, _) => self.expr(inner),
        }
    }

    /// `.Labels.x` and its like.
    fn fields(&mut self, pos: Pos, fields: &[&str]) {
        match fields {
            ["Labels", label, ..] => self.refer(pos, ReferenceKind::Label((*label).to_owned())),
            ["ExternalLabels", label, ..] => {
                self.refer(pos, ReferenceKind::ExternalLabel((*label).to_owned()));
            }
            ["Value", ..] => self.refer(pos, ReferenceKind::Value),
            [] | ["Labels" | "ExternalLabels" | "ExternalURL", ..] => {}
            [unknown, ..] => {
                let message = format!(
                    "can't evaluate field {unknown}: an alert has .Labels, .ExternalLabels, .ExternalURL and .Value"
                );
                self.doubt(pos, unknown, message);
            }
        }
    }

    fn variable(&mut self, pos: Pos, name: &str) {
        if !self.scope.iter().any(|known| known == name) {
            self.fail(pos, name, format!("undefined variable \"{name}\""));
        }
    }

    fn refer(&mut self, pos: Pos, kind: ReferenceKind) {
        let offset = pos.offset.min(self.text.len());
        let rest = self.text.get(offset..).unwrap_or_default();
        let len = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '$')))
            .unwrap_or(rest.len());
        self.references.push(Reference { kind, offset, len, tested: self.testing });
    }

    fn fail(&mut self, pos: Pos, name: &str, message: String) {
        let error = self.at(pos, name, message);
        self.errors.push(error);
    }

    fn doubt(&mut self, pos: Pos, name: &str, message: String) {
        let doubt = self.at(pos, name, message);
        self.doubts.push(doubt);
    }

    fn at(&self, pos: Pos, name: &str, message: String) -> TemplateError {
        // The engine's place is where the node starts; the name is there or soon after.
        let start = pos.offset.min(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let (offset, len) = match rest.find(name) {
            Some(at) => (start + at, name.len()),
            None => (start, rest.lines().next().map_or(0, str::len)),
        };
        TemplateError { offset, len, message }
    }
}
