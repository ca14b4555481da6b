//! From the neutral tree to the typed model: one reader for every type a field can have.
//!
//! A mistake costs the smallest thing around it (one setting, one port), makes one finding, and
//! reading goes on.

use std::collections::{HashMap, HashSet};

use super::block::{Block, Map, Ordered};
use super::codes;
use super::duration;
use super::scalar::{Refusal, Scalar, Type};
use super::shape::{Choice, Field, Kind, Naming, Role, Shape};
use super::tree::{Data, Node, Notation, Property, Value};
use crate::diag::{Finding, Findings, Span, Spanned, most_similar, quoted_list};

/// After this many unknown names in one node no further ones are looked at.
const MAX_UNKNOWN: usize = 50;

/// A node of the language. Made by `settings!`.
pub trait Decode: Sized {
    /// What can be written in it.
    fn shape() -> &'static Shape;
    /// Reads all settings, in the order of the shape.
    fn decode(fields: &mut Fields<'_>) -> Self;
}

/// Something that can stand where nodes of several kinds keep their order. Made by `choice!`.
pub trait Choose: Sized + 'static {
    /// The kinds.
    const CHOICES: &'static [Choice];
    /// Reads a node of one of the kinds; `None` when it is broken or of no kind.
    fn choose(node: &Node, findings: &mut Findings) -> Option<Self>;
}

/// A type that a field of a node can have.
pub trait Setting: Sized {
    /// What it takes.
    const KIND: Kind;
    /// Whether it must be there.
    const REQUIRED: bool = false;
    /// Reads the next field of the shape.
    fn read(fields: &mut Fields<'_>) -> Self;
}

impl<T: Scalar> Setting for Spanned<T> {
    const KIND: Kind = Kind::One(T::TYPE);
    const REQUIRED: bool = true;
    fn read(fields: &mut Fields<'_>) -> Self {
        let field = fields.next_field();
        fields.one(field).unwrap_or_else(|| {
            fields.broken = true;
            Spanned::new(T::default(), fields.node.name.span)
        })
    }
}

impl<T: Scalar> Setting for Option<Spanned<T>> {
    const KIND: Kind = Kind::One(T::TYPE);
    fn read(fields: &mut Fields<'_>) -> Self {
        let field = fields.next_field();
        fields.one(field)
    }
}

impl<T: Scalar> Setting for Vec<Spanned<T>> {
    const KIND: Kind = Kind::Many(T::TYPE);
    fn read(fields: &mut Fields<'_>) -> Self {
        let field = fields.next_field();
        fields.many(field)
    }
}

impl<T: Scalar> Setting for Map<T> {
    const KIND: Kind = Kind::Map(T::TYPE);
    fn read(fields: &mut Fields<'_>) -> Self {
        let field = fields.next_field();
        fields.map(field)
    }
}

impl<T: Decode> Setting for Option<Block<T>> {
    const KIND: Kind = Kind::Block(T::shape);
    fn read(fields: &mut Fields<'_>) -> Self {
        let field = fields.next_field();
        let mut nodes = fields.node.children.iter().filter(|child| *child.name == field.key);
        let node = nodes.next()?;
        for again in nodes {
            codes::DUPLICATE
                .says(format!("`{}` is given twice in {}", field.key, fields.place()))
                .at(again.name.span, "given again")
                .also(node.name.span, "first given here")
                .help("keep one of them, or write both together")
                .push(fields.findings);
        }
        block(node, fields.findings)
    }
}

impl<T: Decode> Setting for Vec<Block<T>> {
    const KIND: Kind = Kind::Blocks(T::shape);
    fn read(fields: &mut Fields<'_>) -> Self {
        let field = fields.next_field();
        fields.blocks(field)
    }
}

impl<T: Choose> Setting for Ordered<T> {
    const KIND: Kind = Kind::Ordered(T::CHOICES);
    fn read(fields: &mut Fields<'_>) -> Self {
        fields.next_field();
        let Fields { node, findings, .. } = fields;
        Ordered(node.children.iter().filter_map(|child| T::choose(child, findings)).collect())
    }
}

/// Reads a node; `None` when something is missing without which it makes no sense.
pub fn block<T: Decode>(node: &Node, findings: &mut Findings) -> Option<Block<T>> {
    let mut fields = Fields::new(node, T::shape(), findings);
    let value = T::decode(&mut fields);
    fields.finish();
    let broken = fields.broken;
    (!broken).then_some(Block { value, keyword: node.name.span, whole: node.span })
}

/// Reads the fields of one node, one after the other.
pub struct Fields<'a> {
    node: &'a Node,
    shape: &'static Shape,
    next: usize,
    argument: usize,
    broken: bool,
    /// Required settings that were not found.
    absent: Vec<&'static Field>,
    /// Places of unknown names that another finding has told of.
    explained: Vec<Span>,
    findings: &'a mut Findings,
}

impl<'a> Fields<'a> {
    fn new(node: &'a Node, shape: &'static Shape, findings: &'a mut Findings) -> Self {
        Self {
            node,
            shape,
            next: 0,
            argument: 0,
            broken: false,
            absent: Vec::new(),
            explained: Vec::new(),
            findings,
        }
    }

    /// Whether anything was written for the setting, be it right or wrong.
    pub fn said(&self, key: &str) -> bool {
        self.node.props.iter().any(|prop| *prop.name == key)
            || self.node.children.iter().any(|child| *child.name == key)
            || self.unknown_names().any(|(name, _)| self.suggestion(name) == Some(key))
    }

    /// Says that the node lacks something. Where a profile brought the node in, it most likely means
    /// another one, and that is said instead (S011).
    pub fn missing(&mut self, lacks: &str, help: &str) {
        if self.node.damaged {
            return;
        }
        let Node { name, args, .. } = self.node;
        let place = args.first().map_or(name.span, |arg| arg.span);
        let title = self.title();
        let Some(near) = &self.node.only_in_profile else {
            codes::MISSING_SETTING
                .says(format!("{title} {lacks}"))
                .at(place, "")
                .help(help)
                .push(self.findings);
            return;
        };
        self.broken = true;
        if near.reported {
            return;
        }
        let finding = codes::PROFILE_OVERRIDES_NOTHING
            .says(format!("{title} changes nothing of the stack, and by itself it {lacks}"))
            .at(place, "only in the profile");
        self.findings.push(match &near.name {
            Some((near, defined)) => finding
                .also(*defined, "is this one meant?")
                .help(format!("did you mean `{near}`?"))
                .replace(&format!("write \"{near}\""), place, format!("{near:?}")),
            None if near.known.is_empty() => finding.help(help),
            None => {
                let known = quoted_list(near.known.iter().map(String::as_str));
                finding.help(format!("the stack has {known}; or {help}"))
            }
        });
    }

    /// The node for a message: `service "db"`.
    fn title(&self) -> String {
        match self.node.args.first().and_then(Value::text) {
            Some(name) if self.shape.naming != Naming::Anonymous && name.len() < 60 => {
                format!("`{} \"{name}\"`", self.node.name)
            }
            _ => format!("`{}`", self.node.name),
        }
    }

    /// Where the settings stand, for a message: a node, or the top of the manifest.
    fn place(&self) -> String {
        if self.shape.name == "Stack" { "the stack".to_owned() } else { self.title() }
    }

    fn next_field(&mut self) -> &'static Field {
        self.next += 1;
        &self.shape.fields[self.next - 1]
    }

    /// All values written for a single-valued setting, with the place of the setting's name.
    fn one<T: Scalar>(&mut self, field: &'static Field) -> Option<Spanned<T>> {
        if field.role == Role::Keyword {
            let value = Value {
                data: Data::Text(self.node.name.value.clone()),
                tag: None,
                span: self.node.name.span,
                quoted: false,
                notation: self.node.notation,
            };
            return scalar(&value, field.key, self.findings);
        }
        let node = self.node;
        let mut found: Option<(Span, Option<Spanned<T>>)> = None;
        if field.role == Role::Argument {
            let at = self.argument;
            self.argument += 1;
            if let Some(value) = node.args.get(at) {
                let what = if at == 0 { node.name.as_str() } else { field.key };
                found = Some((value.span, scalar(value, what, self.findings)));
            }
        }
        for prop in node.props.iter().filter(|prop| *prop.name == field.key) {
            if self.is_first(&mut found, field, prop.name.span) {
                let first = field.role == Role::Argument && self.argument == 1;
                let what = if first { node.name.as_str() } else { field.key };
                found = Some((prop.name.span, scalar(&prop.value, what, self.findings)));
            }
        }
        for child in node.children.iter().filter(|child| *child.name == field.key) {
            if self.is_first(&mut found, field, child.name.span) {
                found = Some((child.name.span, self.sole(child, field)));
            }
        }
        match found {
            Some((_, value)) => value,
            None => {
                if field.required {
                    self.missing_field(field);
                }
                None
            }
        }
    }

    fn is_first<T>(
        &mut self,
        found: &mut Option<(Span, T)>,
        field: &'static Field,
        again: Span,
    ) -> bool {
        let Some((first, _)) = found else { return true };
        let finding = codes::DUPLICATE
            .says(format!("`{}` is given twice in {}", field.key, self.title()))
            .at(again, "given again")
            .also(*first, "first given here")
            .help("keep one of them");
        self.findings.push(finding);
        false
    }

    /// The one value of a setting that was written as a node.
    fn sole<T: Scalar>(&mut self, child: &Node, field: &'static Field) -> Option<Spanned<T>> {
        self.plain(child);
        match (child.args.as_slice(), T::alone()) {
            ([], Some(value)) if child.children.is_empty() => {
                Some(Spanned::new(value, child.name.span))
            }
            ([], _) if child.damaged => None,
            ([], _) => {
                let finding = codes::WRONG_TYPE
                    .says(format!("`{}` takes {}, found nothing", field.key, T::TYPE.describe()))
                    .at(child.name.span, "no value");
                self.findings.push(finding);
                None
            }
            ([value], _) => scalar(value, field.key, self.findings),
            // Where a quote or a space is missing, the values are not to be counted.
            ([value, _, ..], _) if child.damaged => scalar(value, field.key, self.findings),
            ([value, more, ..], _) => {
                let finding = codes::WRONG_TYPE
                    .says(format!("`{}` takes one value, found {}", field.key, child.args.len()))
                    .at(more.span, "one too many");
                self.findings.push(finding);
                scalar(value, field.key, self.findings)
            }
        }
    }

    fn many<T: Scalar>(&mut self, field: &'static Field) -> Vec<Spanned<T>> {
        let node = self.node;
        let mut values = Vec::new();
        // A profile may name again what a set of the stack has.
        let mut seen: HashSet<&Data> = HashSet::new();
        let mut is_new = |value: &'a Value| field.role != Role::Set || seen.insert(&value.data);
        let mut first: Option<(Span, ())> = None;
        if field.role == Role::Arguments {
            let args = node.args.get(self.argument..).unwrap_or_default();
            self.argument = node.args.len();
            values.extend(args.iter().filter_map(|arg| scalar(arg, field.key, self.findings)));
        }
        for prop in node.props.iter().filter(|prop| *prop.name == field.key) {
            if field.role == Role::Set || self.is_first(&mut first, field, prop.name.span) {
                if is_new(&prop.value) {
                    values.extend(scalar(&prop.value, field.key, self.findings));
                }
                first = Some((prop.name.span, ()));
            }
        }
        for child in node.children.iter().filter(|child| *child.name == field.key) {
            if field.role == Role::Set || self.is_first(&mut first, field, child.name.span) {
                self.plain(child);
                let args = child.args.iter().filter(|arg| is_new(arg));
                values.extend(args.filter_map(|arg| scalar(arg, field.key, self.findings)));
                first = Some((child.name.span, ()));
            }
        }
        values
    }

    fn map<T: Scalar>(&mut self, field: &'static Field) -> Map<T> {
        let node = self.node;
        let mut map = Map::default();
        let mut seen = HashMap::new();
        if field.role == Role::Rest {
            let free = |name: &str| self.shape.child(name).is_none();
            let props: Vec<&Property> = node.props.iter().filter(|prop| free(&prop.name)).collect();
            let children: Vec<&Node> =
                node.children.iter().filter(|child| free(&child.name)).collect();
            self.pairs(&props, &children, &mut seen, &mut map);
        }
        for child in node.children.iter().filter(|child| *child.name == field.key) {
            if let Some(arg) = child.args.first() {
                let finding = codes::WRONG_TYPE
                    .says(format!(
                        "`{}` takes names with values, found {}",
                        field.key,
                        arg.describe()
                    ))
                    .at(arg.span, "not a name with a value")
                    .help(format!("write `{} NAME=\"value\"`", field.key));
                self.findings.push(finding);
            }
            let props: Vec<&Property> = child.props.iter().collect();
            let children: Vec<&Node> = child.children.iter().collect();
            self.pairs(&props, &children, &mut seen, &mut map);
        }
        for prop in node.props.iter().filter(|prop| *prop.name == field.key) {
            if field.role == Role::Rest {
                continue;
            }
            let finding = codes::WRONG_TYPE
                .says(format!(
                    "`{}` takes names with values, found {}",
                    field.key,
                    prop.value.describe()
                ))
                .at(prop.value.span, "not a name with a value")
                .help(format!("write it as a node of its own: `{} NAME=\"value\"`", field.key));
            self.findings.push(finding);
        }
        map
    }

    fn pairs<T: Scalar>(
        &mut self,
        props: &[&'a Property],
        children: &[&'a Node],
        seen: &mut HashMap<&'a str, Span>,
        map: &mut Map<T>,
    ) {
        for prop in props {
            if let Some(value) = scalar(&prop.value, &prop.name, self.findings)
                && self.is_new(&prop.name, seen)
            {
                map.0.push((prop.name.clone(), value));
            }
        }
        for child in children {
            self.plain(child);
            match child.args.as_slice() {
                [arg] => {
                    if let Some(value) = scalar(arg, &child.name, self.findings)
                        && self.is_new(&child.name, seen)
                    {
                        map.0.push((child.name.clone(), value));
                    }
                }
                args => {
                    let finding = codes::WRONG_TYPE
                        .says(format!("`{}` takes one value, found {}", child.name, args.len()))
                        .at(child.name.span, "not one value");
                    self.findings.push(finding);
                }
            }
        }
    }

    /// Whether a name of a map is there for the first time; says so when it is not.
    fn is_new(&mut self, name: &'a Spanned<String>, seen: &mut HashMap<&'a str, Span>) -> bool {
        let Some(first) = seen.get(name.as_str()) else {
            seen.insert(name.as_str(), name.span);
            return true;
        };
        let finding = codes::DUPLICATE
            .says(format!("`{name}` is given twice"))
            .at(name.span, "given again")
            .also(*first, "first given here")
            .help("keep one of them");
        self.findings.push(finding);
        false
    }

    fn blocks<T: Decode>(&mut self, field: &'static Field) -> Vec<Block<T>> {
        let node = self.node;
        let nodes: Vec<&Node> =
            node.children.iter().filter(|child| *child.name == field.key).collect();
        if T::shape().naming == Naming::Unique {
            self.duplicates(&nodes);
        }
        nodes.into_iter().filter_map(|child| block(child, self.findings)).collect()
    }

    fn duplicates(&mut self, nodes: &[&Node]) {
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(nodes.len());
        for node in nodes {
            let Some(arg) = node.args.first() else { continue };
            let Data::Text(name) = &arg.data else { continue };
            if let Some(first) = seen.get(name.as_str()) {
                let finding = codes::DUPLICATE
                    .says(format!("`{} \"{name}\"` is defined twice", node.name))
                    .at(arg.span, "defined again")
                    .also(*first, "first defined here")
                    .help("rename one of them, or write both together");
                self.findings.push(finding);
            } else {
                seen.insert(name, arg.span);
            }
        }
    }

    /// Says so when a plain setting has properties or children.
    fn plain(&mut self, child: &Node) {
        let props = child.props.iter().map(|prop| &prop.name);
        for name in props.chain(child.children.iter().map(|child| &child.name)) {
            let finding = codes::UNKNOWN_NODE
                .says(format!("`{}` has no setting `{name}`", child.name))
                .at(name.span, "means nothing here")
                .help(format!("`{}` is a plain setting: it takes values only", child.name));
            self.findings.push(finding);
        }
    }

    /// Notes that a required setting is not there.
    fn missing_field(&mut self, field: &'static Field) {
        // A misspelt name is reported as such; that it is missing is the same mistake.
        if !self.unknown_names().any(|(name, _)| self.suggestion(name) == Some(field.key)) {
            self.absent.push(field);
        }
    }

    /// Says which required settings are not there, all in one finding.
    fn report_absent(&mut self) {
        let absent = std::mem::take(&mut self.absent);
        // Without its first argument a node says nothing yet: that is enough to know.
        let first = absent.iter().position(|field| field.role == Role::Argument);
        match (first, absent.as_slice()) {
            (_, []) => {}
            (Some(at), _) => {
                let Field { key, kind, doc, .. } = absent[at];
                let lacks = format!("lacks its {}", key.replace('_', " "));
                let help = match self.node.notation {
                    Notation::Kdl => {
                        format!("write {} behind `{}`", kind.describe(), self.node.name)
                    }
                    Notation::Yaml => format!("add `{key}`, {}", kind.describe()),
                };
                self.missing(&lacks, &format!("{help}. {}", sentence(doc)));
                self.stands_instead();
            }
            (None, [field]) => {
                let Field { key, kind, doc, .. } = field;
                let help = format!("add `{key}` ({}). {}", kind.describe(), sentence(doc));
                self.missing(&format!("lacks `{key}`"), &help);
            }
            (None, fields) => {
                let names = quoted_list(fields.iter().map(|field| field.key));
                self.missing(&format!("lacks {names}"), &format!("add {names}"));
            }
        }
    }

    /// `param module="x"` for `param "module" "x"`: the name that means nothing is there because the
    /// argument is not, and both are one mistake.
    fn stands_instead(&mut self) {
        let unknown = self.unknown_names().filter(|(name, _)| self.suggestion(name).is_none());
        let instead: Vec<(&str, Span)> = unknown.collect();
        let title = self.title();
        if let Some(finding) = self.findings.iter_mut().last() {
            for (name, span) in &instead {
                let told =
                    finding.clone().also(*span, format!("`{name}` is no setting of {title}"));
                *finding = told;
            }
        }
        self.explained = instead.into_iter().map(|(_, span)| span).collect();
    }

    /// Names of properties and children that the shape does not know, with their places.
    fn unknown_names(&self) -> impl Iterator<Item = (&'a str, Span)> + use<'a> {
        let (node, shape) = (self.node, self.shape);
        let props = node.props.iter().map(|prop| &prop.name);
        props
            .chain(node.children.iter().map(|child| &child.name))
            .filter(move |name| shape.child(name).is_none() && shape.rest().is_none())
            .map(|name| (name.as_str(), name.span))
            .take(MAX_UNKNOWN)
    }

    /// The setting that an unknown name most likely means.
    fn suggestion(&self, name: &str) -> Option<&'static str> {
        let top: &[&str] = if self.shape.name == "Stack" { &["include", "profile"] } else { &[] };
        let begun = format!("{name}_");
        let mut longer = self.shape.keys().filter(|key| key.starts_with(&begun));
        most_similar(name, self.shape.keys().chain(top.iter().copied()))
            // `source` for `source_labels`.
            .or_else(|| longer.next().filter(|_| longer.next().is_none()))
    }

    /// The nodes that can stand here and know the setting.
    fn homes(&self, name: &str) -> Vec<&'static str> {
        let mut homes: Vec<&'static str> = self
            .shape
            .keys()
            .filter(|key| {
                let inner = self.shape.child(key).and_then(|child| child.shape);
                inner.is_some_and(|inner| inner.child(name).is_some())
            })
            .collect();
        // What many know says nothing about where it belongs.
        if homes.len() > 3 {
            homes.clear();
        }
        homes
    }

    /// Reports what is missing, and what no field has asked for.
    fn finish(&mut self) {
        self.report_absent();
        let place = match self.shape.name {
            "Stack" => "at the top of a manifest".to_owned(),
            _ => format!("in {}", self.title()),
        };
        for (name, span) in self.unknown_names().filter(|(_, span)| !self.explained.contains(span))
        {
            let finding = codes::UNKNOWN_NODE
                .says(format!("there is no `{name}` {place}"))
                .at(span, "unknown here");
            let homes = self.homes(name);
            self.findings.push(if matches!(name, "include" | "profile") {
                codes::UNKNOWN_NODE
                    .says(format!("`{name}` can only stand at the top of a file"))
                    .at(span, "not here")
            } else if let Some(known) = self.suggestion(name) {
                // JSON needs the quotes, and elsewhere they stay if there are any.
                let quoted = span.len as usize > name.len();
                finding.help(format!("did you mean `{known}`?")).replace(
                    &format!("write `{known}`"),
                    span,
                    if quoted { format!("\"{known}\"") } else { known.to_owned() },
                )
            } else if !homes.is_empty() {
                finding.help(format!("`{name}` belongs in {}", quoted_list(homes)))
            } else {
                // The arguments have no names in KDL.
                let written = self.shape.keys().filter(|key| {
                    self.node.notation == Notation::Yaml
                        || self.shape.arguments().all(|argument| argument.key != *key)
                });
                match quoted_list(written) {
                    list if list.is_empty() => finding,
                    list => finding.help(format!("what can stand here: {list}")),
                }
            });
        }
        if let Some(extra) = self.node.args.get(self.argument).filter(|_| !self.node.damaged) {
            let takes = match self.argument {
                0 => "no value behind its name".to_owned(),
                1 => "one value".to_owned(),
                n => format!("{n} values"),
            };
            let finding = codes::WRONG_TYPE
                .says(format!(
                    "`{}` takes {takes}, found {} more",
                    self.node.name,
                    self.node.args.len() - self.argument
                ))
                .at(extra.span, "one too many");
            self.findings.push(match self.meant(extra) {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
    }

    /// Which setting of the node a value without a name belongs to: the first that takes such a value,
    /// otherwise a list of all.
    fn meant(&self, value: &Value) -> Option<String> {
        let text = match &value.data {
            Data::Text(text) | Data::Number(text) => text.as_str(),
            _ => "",
        };
        let fits = |kind: &Type| match kind {
            Type::Duration => duration::parse(text).is_some(),
            Type::Size => text.parse::<f64>().is_err() && duration::parse_size(text).is_some(),
            Type::Port => text.parse::<u16>().is_ok_and(|port| port > 0),
            Type::Word(words) => words.contains(&text),
            _ => false,
        };
        let name = &self.node.name;
        let keys = || self.shape.fields.iter().filter(|field| field.role == Role::Setting);
        let fitting = keys().find(|field| matches!(field.kind, Kind::One(kind) if fits(kind)));
        if let Some(Field { key, .. }) = fitting {
            return Some(match self.node.notation {
                Notation::Kdl => format!("give it its name: `{name} {key}={text:?}`"),
                Notation::Yaml => format!("give it its name: `{name}: {{{key}: {text}}}`"),
            });
        }
        let list = quoted_list(self.shape.keys().filter(|_| self.argument == 0));
        (!list.is_empty() && !name.is_empty()).then(|| format!("what can stand in it: {list}"))
    }
}

/// Doc comment lines as one sentence.
fn sentence(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Reads a single value; says what is wrong with it and gives `None` when it cannot.
fn scalar<T: Scalar>(value: &Value, what: &str, findings: &mut Findings) -> Option<Spanned<T>> {
    if let Some(tag) = &value.tag
        && !(T::REFERENCE && matches!(tag.as_str(), "secret" | "env" | "file"))
    {
        let finding = codes::WRONG_TYPE.says(if T::REFERENCE {
            format!("`{tag}` is no kind of reference")
        } else {
            format!("`{what}` takes {}, no reference", T::TYPE.describe())
        });
        let finding = finding.at(tag.span, "cannot stand here");
        findings.push(if T::REFERENCE {
            finding.help("references are `(secret)\"name\"`, `(env)\"NAME\"` and `(file)\"path\"`")
        } else {
            finding
        });
        return None;
    }
    match T::read(value, what) {
        Ok(read) => Some(Spanned::new(read, value.span)),
        Err(refusal) => {
            findings.push(refused(value, what, T::TYPE, refusal));
            None
        }
    }
}

fn refused(value: &Value, what: &str, kind: &'static Type, refusal: Refusal) -> Finding {
    let found = value.describe();
    match refusal {
        Refusal::Type => {
            let finding = codes::WRONG_TYPE
                .says(format!("`{what}` must be {}, found {found}", kind.describe()))
                .at(value.span, "of another kind");
            match (kind, value.text()) {
                (Type::Word(words), Some(text)) => {
                    match most_similar(text, words.iter().copied()) {
                        Some(word) => finding.help(format!("did you mean \"{word}\"?")).replace(
                            &format!("write \"{word}\""),
                            value.span,
                            if value.quoted { format!("\"{word}\"") } else { word.to_owned() },
                        ),
                        None => finding,
                    }
                }
                _ => finding,
            }
        }
        Refusal::Rather(text) => rather(value, what, kind, text),
        Refusal::Port => codes::PORT_OUT_OF_RANGE
            .says(format!("`{what}` is {found}, and ports go from 1 to 65535"))
            .at(value.span, "not a port"),
        Refusal::Duration(guess) => {
            let finding = codes::INVALID_DURATION
                .says(format!("`{what}` must be a duration, found {found}"))
                .at(value.span, "not a duration");
            match guess {
                Some(text) => {
                    let finding = finding.help(format!("did you mean \"{text}\"?"));
                    finding.replace(&format!("write \"{text}\""), value.span, format!("\"{text}\""))
                }
                None => finding.help(
                    "durations are whole numbers with units: `500ms`, `15s`, `1m30s`, `2h`, `7d`",
                ),
            }
        }
    }
}

/// A text that is the wanted value but for its quotes or its spelling.
fn rather(value: &Value, what: &str, kind: &Type, meant: String) -> Finding {
    let written = match value.notation {
        Notation::Kdl if matches!(kind, Type::Bool) => format!("#{meant}"),
        _ => meant,
    };
    let finding = codes::WRONG_TYPE
        .says(format!("`{what}` must be {}, found the text {}", kind.describe(), value.describe()))
        .at(value.span, "a text");
    let finding = if value.quoted {
        finding.help(format!("write it without quotes: `{written}`"))
    } else {
        finding.help(format!("write `{written}`"))
    };
    finding.replace(&format!("write `{written}`"), value.span, written)
}
