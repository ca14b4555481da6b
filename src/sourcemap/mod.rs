//! From the lines of rendered files to the places of the manifest that they come from, and back.
//!
//! Nothing is written down while rendering: a rendered file and the manifest's nodes are laid side by
//! side. The names of settings are those of the target tools, so most of a file explains itself: inside
//! of what comes from a node, `honor_labels` is what that node says of `honor_labels`. One file for each
//! product says the rest: which node an object comes from (a scrape job of that name, an exporter, a
//! service), and which settings go by another name. What was not said is told by the node's shape: it
//! knows which settings could have been said.
//!
//! So rendering costs nothing more, a file that was changed by hand is explained as far as it goes, and
//! each line has an answer: at worst the node around it.

mod alertmanager;
mod caddy;
mod compose;
mod embedded;
mod grafana;
mod item;
mod kubernetes;
mod marks;
pub mod messages;
mod operator;
mod place;
mod prometheus;
mod rules;
mod systemd;
mod text;

use std::ops::Range;

use crate::diag::{FileId, Files, Place as Position, Span};
use crate::manifest::Loaded;
use crate::manifest::tree::Node;
use item::Item;
use marks::Marks;
pub use marks::{How, Mark, Origin};
use place::Place;

/// Where a rendered file comes from.
#[derive(Debug)]
pub struct FileMap {
    /// Its path below the output folder.
    pub path: String,
    /// Its text.
    pub text: String,
    marks: Marks,
    /// Bytes of each line without its indentation and its end.
    lines: Vec<Range<usize>>,
    /// The values in it; `None` for what is neither YAML nor JSON.
    items: Option<Item>,
}

impl FileMap {
    /// The map of one file. `text` may be what somebody made of it.
    pub fn new(loaded: &Loaded, path: &str, text: &str) -> Self {
        let root = Place::root(&loaded.tree);
        let mut marks = Marks::default();
        let whole = root.one("stack").or(root.children().next()).unwrap_or(root);
        marks.stretch(0..text.len(), Origin::derived(whole));
        let items = items_of(path, text);
        mark(&mut marks, path, text, items.as_ref(), root, loaded);
        marks.refer(root);
        let lines = text::lines(text)
            .map(|(range, line)| {
                let indent = text[range.clone()].len() - text[range.clone()].trim_start().len();
                let start = range.start + indent;
                start..start + line.len()
            })
            .collect();
        Self { path: path.to_owned(), text: text.to_owned(), marks, lines, items }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// A line without indentation; lines count from 1.
    pub fn line(&self, line: usize) -> Option<&str> {
        self.text.get(self.lines.get(line.checked_sub(1)?)?.clone())
    }

    /// How many columns a line has, with its indentation; 0 where there is no such line.
    pub fn length(&self, line: usize) -> usize {
        let text = line.checked_sub(1).and_then(|at| self.text.lines().nth(at));
        text.map_or(0, |text| text.chars().count())
    }

    /// What is known of a place, from the outside to the inside: the last knows best. Without a column
    /// the line counts for what stands first in it, behind the dashes of lists.
    pub fn at(&self, line: usize, column: Option<usize>) -> Vec<&Mark> {
        let Some(range) = line.checked_sub(1).and_then(|at| self.lines.get(at)) else {
            return Vec::new();
        };
        self.marks.at(self.offset(range, column)).collect()
    }

    fn offset(&self, line: &Range<usize>, column: Option<usize>) -> usize {
        let text = &self.text[line.clone()];
        let Some(column) = column else {
            let list = text.len() - text.trim_start_matches("- ").len();
            return line.start + if list < text.len() { list } else { 0 };
        };
        let start = self.text[..line.start].rfind('\n').map_or(0, |at| at + 1);
        let within = self.text[start..line.end].char_indices().nth(column.saturating_sub(1));
        within.map_or(line.start, |(at, _)| (start + at).max(line.start))
    }

    /// The innermost mark of every line.
    pub fn by_line(&self) -> Vec<Option<&Mark>> {
        let places: Vec<usize> = self.lines.iter().map(|line| self.offset(line, None)).collect();
        let mut found = vec![None; places.len()];
        for mark in &self.marks.0 {
            let first = places.partition_point(|place| *place < mark.range.start);
            let behind = places.partition_point(|place| *place < mark.range.end);
            found[first..behind.max(first)].fill(Some(mark));
        }
        for (line, found) in self.lines.iter().zip(&mut found) {
            if line.is_empty() {
                *found = None;
            }
        }
        found
    }

    /// The lines, from and to, that come from a stretch of the manifest.
    pub fn from(&self, wanted: Span) -> Vec<(usize, usize)> {
        let meets = |span: &Span| {
            span.file == wanted.file
                && (span.start as usize) < wanted.end().max(wanted.start as usize + 1)
                && (wanted.start as usize) < span.end().max(span.start as usize + 1)
        };
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for (at, mark) in self.by_line().into_iter().enumerate() {
            let Some(Mark { origin, .. }) = mark else { continue };
            if !meets(&origin.span) && !origin.also.iter().any(meets) {
                continue;
            }
            match ranges.last_mut() {
                Some((_, to)) if *to == at => *to = at + 1,
                _ => ranges.push((at + 1, at + 1)),
            }
        }
        ranges
    }

    /// The line that a byte stands in.
    fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.start <= offset).max(1)
    }

    /// The single value that a line belongs to.
    fn scalar(&self, line: usize) -> Option<&str> {
        let offset = self.offset(self.lines.get(line.checked_sub(1)?)?, None);
        let mut item = self.items.as_ref()?;
        while item.text().is_none() {
            item = item.items().iter().find(|inner| inner.range.contains(&offset))?;
        }
        item.text()
    }
}

fn mark(
    marks: &mut Marks,
    path: &str,
    text: &str,
    items: Option<&Item>,
    root: Place,
    loaded: &Loaded,
) {
    let name = path.rsplit('/').next().unwrap_or(path);
    let template = root.all("template").find(|template| {
        let said = template.said("to");
        said.is_some_and(|said| said.values.iter().any(|value| value.0 == path))
    });
    if let Some(template) = template {
        return self::text::words(marks, text, root, template);
    }
    if name.ends_with(".service") || name.ends_with(".target") || name.ends_with(".sysusers.conf") {
        return systemd::unit(marks, name, text, root);
    }
    if matches!(path, "install.sh" | "prepare.sh") {
        return systemd::script(marks, text, root);
    }
    let objects = items.map_or(&[][..], Item::documents);
    if path.starts_with("kubernetes/") || objects.iter().any(|it| it.get("apiVersion").is_some()) {
        kubernetes::file(marks, objects, root);
        return embedded(marks, text, root, loaded);
    }
    let folder = path.strip_prefix("monitoring/").and_then(|path| path.split_once('/'));
    let exporter = folder.and_then(|(folder, _)| compose::container(root, folder));
    let web = name.strip_suffix("-web.yml").or((name == "web.yml").then_some("prometheus"));
    match (path, items) {
        ("monitoring/prometheus.yml", Some(items)) => prometheus::config(marks, items, root),
        ("monitoring/alertmanager.yml", Some(items)) => alertmanager::config(marks, items, root),
        ("monitoring/grafana-datasources.yml", Some(items)) => {
            grafana::datasources(marks, items, root);
        }
        ("monitoring/grafana-dashboards.yml", Some(items)) => {
            grafana::providers(marks, items, root);
        }
        ("compose.yaml", Some(items)) => compose::config(marks, items, root),
        (".env.example", _) => self::text::variables(marks, text, root),
        ("Makefile", _) => self::text::makefile(marks, text, root),
        _ => match (items, web.and_then(|part| compose::container(root, part))) {
            (Some(items), Some(part)) => prometheus::web(marks, items, part),
            (Some(items), None) if items.get("groups").is_some() => {
                rules::file(marks, items, root);
            }
            (Some(items), None) if extension(path) == Some("json") => {
                dashboard(marks, path, items, root, loaded);
            }
            _ if let Some(exporter) = exporter => self::text::mysql(marks, text, exporter),
            _ if name.starts_with("Caddyfile") => {
                let caddy = match name.strip_prefix("Caddyfile.") {
                    Some(service) => root.named("service", service),
                    None => caddy::first(root),
                };
                if let Some(caddy) = caddy {
                    caddy::file(marks, text, root, caddy);
                }
            }
            _ => {
                let whole = root.one("stack").unwrap_or(root);
                self::text::words(marks, text, root, whole);
                embedded(marks, text, root, loaded);
            }
        },
    }
}

/// Files that stand in blocks of this one.
fn embedded(marks: &mut Marks, text: &str, root: Place, loaded: &Loaded) {
    for block in embedded::find(text) {
        let path = match extension(&block.name) {
            // The operator calls this one so.
            _ if block.name == "alertmanager.yaml" => "monitoring/alertmanager.yml".to_owned(),
            Some("yml" | "json" | "cnf") => format!("monitoring/{}", block.name),
            _ => block.name.clone(),
        };
        let items = items_of(&path, &block.text);
        let mut inner = Marks::default();
        mark(&mut inner, &path, &block.text, items.as_ref(), root, loaded);
        marks.0.extend(inner.0.into_iter().map(|mut mark| {
            mark.range = block.outside(&mark.range);
            mark
        }));
    }
}

fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}

fn items_of(path: &str, text: &str) -> Option<Item> {
    match extension(path) {
        Some("yml" | "yaml") => Item::stream(text),
        Some("json") => Item::json(text),
        _ => None,
    }
}

/// A dashboard: made of nodes, or taken from a file that has the same values at the same places.
fn dashboard(marks: &mut Marks, path: &str, items: &Item, root: Place, loaded: &Loaded) {
    let Some(node) = grafana::dashboard_of(root, path) else { return };
    let Some(from) = node.said("from") else {
        return grafana::dashboard(marks, items, node, root);
    };
    marks.object(items, node, format!("dashboard `{}`", node.name().unwrap_or_default()));
    marks.setting(items, &[node], &["from"]);
    let Some(Ok(id)) = loaded.files.named_at(from.span) else { return };
    let Some(source) = loaded.files.get(*id).and_then(|file| Item::json(&file.text)) else {
        return;
    };
    let source = source.get("dashboard").unwrap_or(&source);
    beside(marks, items, source, *id, node);
}

/// Marks what stands at the same place in the file that a dashboard was taken from.
fn beside(marks: &mut Marks, item: &Item, source: &Item, file: FileId, node: Place) {
    for (at, inner) in item.items().iter().enumerate() {
        let same = match inner.key {
            Some(_) => source.get(inner.key()),
            None => source.items().get(at),
        };
        if let Some(same) = same {
            let span = Span::new(file, same.range.clone());
            marks.put(inner, Origin { span, whole: span, ..Origin::named(node) });
            beside(marks, inner, same, file, node);
        }
    }
}

/// The stretch of a manifest that a place asks about: a whole line, the node that opens in it and all
/// that is inside; or, with a column, the innermost value or node there.
pub fn asked(
    tree: &Node,
    files: &Files,
    file: FileId,
    line: usize,
    column: Option<usize>,
) -> Option<Span> {
    let source = files.get(file)?;
    let range = source.line(line)?;
    if let Some(column) = column {
        let at = source.offset(Position { line, column })?;
        let point = Span::new(file, at..at + 1);
        return Some(innermost(tree, point).unwrap_or(Span::new(file, range)));
    }
    let line = Span::new(file, range);
    Some(opened(tree, line).map_or(line, |node| line.to(node)))
}

/// The smallest value, setting or name around a point.
fn innermost(node: &Node, point: Span) -> Option<Span> {
    let inner = node.children.iter().find_map(|child| innermost(child, point));
    let values = node.args.iter().map(|arg| arg.span);
    let props = node.props.iter().map(|prop| prop.name.span.to(prop.value.span));
    let own = || values.chain(props).find(|span| span.contains(point));
    let whole = || node.name.span.contains(point).then_some(node.span);
    inner.or_else(own).or_else(whole)
}

/// The outermost node whose word stands in a line.
fn opened(node: &Node, line: Span) -> Option<Span> {
    node.children.iter().find_map(|child| {
        let here = line.contains(child.name.span).then_some(child.span);
        here.or_else(|| opened(child, line))
    })
}
