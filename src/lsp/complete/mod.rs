//! What can be written at a place: names of nodes and settings, values, references, and what belongs
//! into expressions. Works on what is half written: what belongs at a place follows from the text before
//! it, and what there is, from the manifest as it was read last without a mistake of syntax.

mod expression;
mod template;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionTextEdit, Documentation,
    InsertTextFormat, MarkupContent, MarkupKind, TextEdit,
};

use super::describe;
use super::names::{self, Kind};
use super::navigate::files;
use super::position::Lines;
use super::settings::Client;
use super::workspace::View;
use crate::check::ask::Knowledge;
use crate::check::rules;
use crate::exporters::{mysql, node};
use crate::manifest::cursor::{self, Cursor, Slot, Style};
use crate::manifest::scalar::Type;
use crate::manifest::shape::{Field, Kind as Takes, Naming, Role, Shape};
use crate::manifest::{Format, Protocol, outline};

/// What can be written at a place.
pub fn complete(view: &View, offset: usize, client: Client) -> CompletionList {
    let cursor = cursor::at(&view.text, offset, view.format);
    let mut offers =
        Offers { view, client, cursor: &cursor, offset, items: Vec::new(), cut: false };
    match cursor.slot {
        Slot::Key(shape) => {
            offers.keys(shape);
            // An item of a list may be a name alone.
            if cursor.key
                && view.text[..cursor.word.start].trim_end_matches(' ').ends_with('-')
                && let Some(field) = shape.arguments().next()
            {
                offers.values(shape, field);
            }
        }
        Slot::Entry { shape, argument } => {
            if let Some((owner, field)) = argument {
                offers.values(owner, field);
            }
            if let Some(shape) = shape {
                offers.properties(shape);
            }
        }
        Slot::Value(owner, field) => offers.values(owner, field),
        Slot::Tag => {
            for (tag, text) in [
                ("secret", "A secret of the stack."),
                ("env", "An environment variable of whoever starts the stack."),
                ("file", "A file beside the manifest."),
            ] {
                offers.value(tag, CompletionItemKind::KEYWORD, Some(text.to_owned()));
            }
        }
        Slot::Include => offers.paths(view.path.parent(), &|path| {
            path.ends_with('/') || Format::of(Path::new(path)).is_some()
        }),
        Slot::Free(..) | Slot::Nothing => {}
    }
    CompletionList { is_incomplete: offers.cut, items: offers.items }
}

/// Whether a place lies in an expression.
pub fn in_expression(view: &View, offset: usize) -> bool {
    let cursor = cursor::at(&view.text, offset, view.format);
    cursor.value().is_some_and(|(owner, field)| names::is_expression(owner, field))
}

struct Offers<'v> {
    view: &'v View,
    client: Client,
    cursor: &'v Cursor,
    offset: usize,
    items: Vec<CompletionItem>,
    /// Whether there is more than was offered.
    cut: bool,
}

impl Offers<'_> {
    /// Adds one: what is shown, what is put in the place of the word.
    fn add(
        &mut self,
        label: &str,
        kind: CompletionItemKind,
        range: Range<usize>,
        put: String,
        documentation: Option<String>,
    ) -> &mut CompletionItem {
        let range = Lines::new(&self.view.text, self.client.encoding).range(range);
        let documentation = documentation.map(|text| {
            Documentation::MarkupContent(if self.client.markdown {
                MarkupContent { kind: MarkupKind::Markdown, value: text }
            } else {
                MarkupContent { kind: MarkupKind::PlainText, value: describe::plain(&text) }
            })
        });
        self.items.push(CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            documentation,
            sort_text: Some(format!("{:04}", self.items.len())),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: put })),
            ..CompletionItem::default()
        });
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    /// The word at the place, as far as it lies in this line.
    fn word(&self) -> Range<usize> {
        let Range { start, end } = self.cursor.word;
        let text = &self.view.text;
        let line = text[..self.offset].rfind('\n').map_or(0, |at| at + 1);
        let stop = text[self.offset..].find(['\n', '\r']).map_or(text.len(), |at| self.offset + at);
        start.clamp(line, self.offset)..end.clamp(self.offset, stop)
    }

    /// A value, in quotes where it needs them.
    fn value(&mut self, value: &str, kind: CompletionItemKind, documentation: Option<String>) {
        // A name that is still to be written is none.
        if value.is_empty() || self.items.iter().any(|item| item.label == value) {
            return;
        }
        let put = match (self.view.format, self.cursor.style) {
            (Format::Kdl, Style::Bare) if !matches!(self.cursor.slot, Slot::Tag) => {
                format!("{value:?}")
            }
            (Format::Json, Style::Bare) => format!("{value:?}"),
            (Format::Yaml, Style::Bare) if value.contains([':', '#', '*', '{', '[', '"']) => {
                format!("{value:?}")
            }
            (_, Style::Quoted) => value.replace('\\', "\\\\").replace('"', "\\\""),
            _ => value.to_owned(),
        };
        let colon = if self.cursor.key { self.colon("") } else { "" };
        self.add(value, kind, self.word(), format!("{put}{colon}"), documentation);
    }

    /// What stands between a key of YAML or JSON and its value, unless it stands there.
    fn colon(&self, behind: &'static str) -> &'static str {
        let rest = &self.view.text[self.cursor.word.end..];
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        let there = rest.trim_start_matches(' ').starts_with(':');
        if there || self.cursor.style != Style::Bare {
            ""
        } else if behind.is_empty() {
            ": "
        } else {
            behind
        }
    }

    /// The nodes and settings of a node.
    fn keys(&mut self, shape: &'static Shape) {
        let kdl = self.view.format == Format::Kdl;
        let top = if shape.name == "Stack" { &["profile", "include"][..] } else { &[] };
        for key in shape.keys().chain(top.iter().copied()) {
            let field = shape.field(key);
            // In KDL an argument has no name.
            let argument =
                field.is_some_and(|field| matches!(field.role, Role::Argument | Role::Arguments));
            if kdl && argument {
                continue;
            }
            let inner = outline::shape_of(shape, key);
            let kind = match inner {
                Some(_) => CompletionItemKind::MODULE,
                None => CompletionItemKind::PROPERTY,
            };
            let (put, snippet) =
                if kdl { self.kdl_node(key, field, inner) } else { self.yaml_key(key, inner) };
            let range = self.word();
            let item = self.add(key, kind, range, put, describe::key(shape, key));
            if snippet {
                item.insert_text_format = Some(InsertTextFormat::SNIPPET);
            }
        }
    }

    /// A node as it begins in KDL.
    fn kdl_node(
        &self,
        key: &str,
        field: Option<&Field>,
        inner: Option<&'static Shape>,
    ) -> (String, bool) {
        let rest = &self.view.text[self.cursor.word.end..];
        let alone = rest.split(['\n', '\r']).next().is_none_or(|line| line.trim().is_empty());
        if !self.client.snippets || !alone {
            return (key.to_owned(), false);
        }
        let put = match (inner, field.map(|field| field.kind)) {
            (Some(inner), _) => {
                let argument = inner.arguments().next();
                let name = match argument.map(|field| field.kind) {
                    _ if key == "profile" => " \"${1:name}\"".to_owned(),
                    Some(Takes::One(Type::Port)) => " ${1:80}".to_owned(),
                    Some(Takes::One(Type::Number)) => " ${1:0}".to_owned(),
                    Some(_) if argument.is_some_and(|field| field.required) => {
                        format!(" \"${{1:{}}}\"", argument.map_or("", |field| field.key))
                    }
                    _ => String::new(),
                };
                // A node with nothing but values needs no block.
                let block = key == "profile"
                    || inner.fields.iter().any(|field| {
                        matches!(field.kind, Takes::Block(_) | Takes::Blocks(_) | Takes::Ordered(_))
                    })
                    || matches!(inner.name, "Alert" | "Record" | "Slo");
                let block = if block { " {\n\t$0\n}" } else { "$0" };
                format!("{key}{name}{block}")
            }
            (None, Some(Takes::One(kind))) => match kind {
                Type::Bool => format!("{key} #${{1|true,false|}}"),
                Type::Count | Type::Integer | Type::Number | Type::Port => format!("{key} $0"),
                _ => format!("{key} \"$0\""),
            },
            (None, Some(Takes::Many(_))) => format!("{key} \"$0\""),
            _ => format!("{key} $0"),
        };
        (put, true)
    }

    /// A key with its colon.
    fn yaml_key(&self, key: &str, inner: Option<&'static Shape>) -> (String, bool) {
        if self.view.format == Format::Json {
            return match self.cursor.style {
                Style::Bare => (format!("\"{key}\"{}", self.colon("")), false),
                _ => (key.to_owned(), false),
            };
        }
        let colon = self.colon("");
        if colon.is_empty() || !self.client.snippets || inner.is_none() {
            return (format!("{key}{colon}"), false);
        }
        let named = inner.is_some_and(|inner| inner.naming != Naming::Anonymous);
        let name = if named { "${1:name}:\n    " } else { "" };
        (format!("{key}:\n  {name}$0"), true)
    }

    /// The properties of a node of KDL.
    fn properties(&mut self, shape: &'static Shape) {
        let text = &self.view.text;
        let equals = text[self.cursor.word.end..].starts_with('=');
        for field in shape.fields {
            let plain = matches!(field.kind, Takes::One(_) | Takes::Many(_));
            if !plain || !matches!(field.role, Role::Setting | Role::Set) {
                continue;
            }
            let (put, snippet) = match field.kind {
                _ if equals => (field.key.to_owned(), false),
                _ if !self.client.snippets => (format!("{}=", field.key), false),
                Takes::One(Type::Bool) => (format!("{}=#${{1|true,false|}}", field.key), true),
                Takes::One(Type::Count | Type::Integer | Type::Number | Type::Port) => {
                    (format!("{}=$0", field.key), true)
                }
                _ => (format!("{}=\"$0\"", field.key), true),
            };
            let range = self.word();
            let documentation = Some(describe::setting(field));
            let kind = CompletionItemKind::FIELD;
            let item = self.add(field.key, kind, range, put, documentation);
            if snippet {
                item.insert_text_format = Some(InsertTextFormat::SNIPPET);
            }
        }
    }

    /// The values of a setting.
    fn values(&mut self, owner: &'static Shape, field: &'static Field) {
        if names::is_expression(owner, field) {
            return self.expression(owner);
        }
        if owner.name == "Alert" && template::is_template(field.key) && self.template() {
            return;
        }
        if let (Takes::One(kind) | Takes::Many(kind) | Takes::Map(kind), None) =
            (field.kind, &self.cursor.tag)
        {
            match kind {
                Type::Word(words) => {
                    for word in *words {
                        self.value(word, CompletionItemKind::ENUM_MEMBER, None);
                    }
                }
                Type::Bool => {
                    let words = match self.view.format {
                        Format::Kdl => ["#true", "#false"],
                        _ => ["true", "false"],
                    };
                    for word in words {
                        let range = self.word();
                        self.add(word, CompletionItemKind::VALUE, range, word.to_owned(), None);
                    }
                }
                _ => {}
            }
        }
        match names::role(owner, field, self.cursor.tag.as_deref()) {
            Some((Kind::File, _)) => {
                let manifest = self.view.now.paths.first().cloned();
                self.paths(manifest.as_deref().and_then(Path::parent), &|_| true);
            }
            Some((Kind::Rule, _)) => {
                for rule in rules() {
                    let text = describe::rule(rule.code);
                    self.value(rule.name, CompletionItemKind::CONSTANT, text.clone());
                    self.value(rule.code, CompletionItemKind::CONSTANT, text);
                }
            }
            Some((kind, false)) => self.names(kind, (owner.name, field.key)),
            _ => self.known(owner, field),
        }
    }

    /// The names of a kind that the manifest declares.
    fn names(&mut self, kind: Kind, setting: (&str, &str)) {
        let stack = &self.view.sound.stack;
        let mut declared: Vec<String> = Vec::new();
        for loaded in [&self.view.now, &self.view.sound] {
            let all = names::names(loaded).into_iter();
            let all = all.filter(|name| name.kind == kind && name.declares);
            declared.extend(all.map(|name| name.name));
        }
        match setting {
            ("Scrape", "job") => {
                let known = Knowledge::of(stack, &self.view.sound.files);
                declared = known.jobs().map(str::to_owned).collect();
            }
            ("Webhook" | "Datasource" | "RemoteWrite" | "RemoteRead", "url")
                if kind == Kind::Host =>
            {
                declared = crate::render::endpoints(stack)
                    .iter()
                    .filter(|endpoint| matches!(endpoint.protocol, Protocol::Tcp | Protocol::Http))
                    .map(|endpoint| format!("http://{}:{}/", endpoint.host, endpoint.port))
                    .collect();
            }
            // An address has a port.
            ("Target", "addresses") | ("Federate", "target") => {
                let exporters = stack.exporters.iter();
                declared.extend(exporters.filter_map(|exporter| {
                    Some(format!("{}:{}", exporter.host(), exporter.usual_port()?))
                }));
                let services = stack.services.iter().flat_map(|service| {
                    let ports = service.ports.iter().map(|port| port.number.value);
                    let ports = ports.chain(service.exposes.iter().map(|port| port.number.value));
                    ports.map(|port| format!("{}:{port}", service.name))
                });
                declared.extend(services.collect::<Vec<_>>());
            }
            ("Fires", "alert") | ("Silent", "alerts") if !stack.slos.is_empty() => {
                declared.extend(crate::manifest::Slo::ALERTS.map(str::to_owned));
            }
            _ => {}
        }
        for name in declared {
            let text = describe::named(stack, kind, &name);
            self.value(&name, CompletionItemKind::REFERENCE, text);
        }
    }

    /// Values that the language leaves free, and of which some are known.
    fn known(&mut self, owner: &'static Shape, field: &'static Field) {
        let stack = &self.view.sound.stack;
        let word = CompletionItemKind::VALUE;
        match (owner.name, field.key) {
            ("Alert", "severity") | ("Slo", "page_severity" | "ticket_severity") => {
                let used = stack.alerts().filter_map(|alert| alert.severity.as_ref());
                let used: BTreeSet<String> = used.map(|severity| severity.value.clone()).collect();
                for severity in
                    used.iter().map(String::as_str).chain(["critical", "warning", "info"])
                {
                    self.value(severity, word, None);
                }
            }
            ("When", "match") | ("Inhibit", "source" | "target") | ("Mute", "when") => {
                self.matchers();
            }
            ("Route" | "When", "group_by") | ("Inhibit", "equal") => {
                let known = Knowledge::of(stack, &self.view.sound.files);
                let own = ["alertname".to_owned(), "severity".to_owned()];
                for label in own.into_iter().chain(known.labels(None)) {
                    self.value(&label, CompletionItemKind::FIELD, None);
                }
            }
            ("Collectors", "enable" | "disable" | "only") => {
                let node = node::COLLECTORS.iter().map(|collector| collector.name);
                let mysql = mysql::COLLECTORS.iter().map(|collector| collector.name);
                for name in node.chain(mysql) {
                    self.value(name, word, None);
                }
            }
            ("Exporter", "name" | "kind") => {
                for name in ["node", "mysql"] {
                    self.value(name, word, None);
                }
            }
            ("Use", "path") => {
                for path in crate::render::library() {
                    self.value(path, word, None);
                }
            }
            _ => {}
        }
    }

    /// Paths of files.
    fn paths(&mut self, folder: Option<&Path>, fits: &dyn Fn(&str) -> bool) {
        let Some(folder) = folder else { return };
        let begun = &self.view.text[self.cursor.word.start.min(self.offset)..self.offset];
        for path in files(folder, begun).iter().filter(|path| fits(path)) {
            self.value(path, CompletionItemKind::FILE, None);
        }
    }
}
