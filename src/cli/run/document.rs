//! A YAML file of which parts can be taken away: what is wrong is told with its place, put aside, and
//! the rest is read on, so that one run finds all of it.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::diag::{Files, Findings};
use crate::manifest::yaml::{Data, Yaml, read_tree};

/// Faults of one file at most: what is wrong everywhere is wrong for one reason.
const MOST: usize = 100;

/// Something to say of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The file.
    pub file: String,
    /// Line and column, both from 1; `None` is the file as a whole.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// Whether Prometheus would take it all the same.
    pub harmless: bool,
}

/// Which child of which child …; a key of a map has the number of its entry.
pub(super) type Route = Vec<usize>;

/// A file that was read.
pub(super) struct Document {
    name: String,
    text: String,
    /// What is left of it.
    pub root: Yaml,
}

impl Document {
    /// Reads a file; `None` for one that cannot be read, or holds nothing.
    pub fn open(path: &Path, name: &str, faults: &mut Vec<Fault>) -> Option<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(err) => {
                let message = format!("cannot be read: {err}");
                let file = name.to_owned();
                faults.push(Fault { file, place: None, message, harmless: false });
                return None;
            }
        };
        let (mut files, mut findings) = (Files::default(), Findings::default());
        let file = files.add(name, text.clone());
        let root = read_tree(&text, file, &mut findings);
        let mut broken = false;
        for finding in &findings {
            let place = Some(line_column(&text, finding.span().range().start));
            // Prometheus reads the first document, too.
            let harmless = finding.message.contains("single document");
            broken |= !harmless;
            let message = if harmless {
                "what follows the first document is not read".to_owned()
            } else {
                finding.message.clone()
            };
            faults.push(Fault { file: name.to_owned(), place, message, harmless });
        }
        let empty = |root: &Yaml| matches!(&root.data, Data::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"));
        let root = root.filter(|root| !broken && !empty(root))?;
        Some(Self { name: name.to_owned(), text, root })
    }

    /// Something about a part of the file.
    pub fn fault(&self, part: &Yaml, message: String) -> Fault {
        let place = Some(self.place(part));
        Fault { file: self.name.clone(), place, message, harmless: false }
    }

    /// Line and column of a part.
    fn place(&self, part: &Yaml) -> (usize, usize) {
        line_column(&self.text, part.span.range().start)
    }

    /// Whether a part's text stands in one line as it is meant, so that places in it can be told.
    pub fn in_line(&self, part: &Yaml, inner: (usize, usize)) -> (usize, usize) {
        let (line, column) = self.place(part);
        let written = self.text.get(part.span.range()).unwrap_or_default();
        let Data::Scalar { text, plain } = &part.data else { return (line, column) };
        let quote = usize::from(!plain);
        let same = written.get(quote..quote + text.len()) == Some(text.as_str());
        if same && inner.0 == 1 { (line, column + quote + inner.1 - 1) } else { (line, column) }
    }

    /// Reads the tree as a `T`. What does not fit is told by `explain` and taken out of the tree.
    pub fn read<T: DeserializeOwned + Default>(
        &mut self,
        faults: &mut Vec<Fault>,
        explain: impl Fn(&str) -> (String, bool),
    ) -> T {
        for _ in 0..MOST {
            let (text, lines) = write(&self.root);
            let err = match serde_yaml::from_str(&text) {
                Ok(read) => return read,
                Err(err) => err,
            };
            let at = err.location().and_then(|at| lines.get(at.line().saturating_sub(1)));
            let path = at.cloned().unwrap_or_default();
            let (message, harmless) = explain(&err.to_string());
            let place = match self.key(&path) {
                Some(key) if message.contains("unknown") => Some(line_column(&self.text, key)),
                _ => get(&self.root, &path).map(|part| self.place(part)),
            };
            faults.push(Fault { file: self.name.clone(), place, message, harmless });
            if !remove(&mut self.root, &path) {
                break;
            }
        }
        T::default()
    }

    /// Where the key of an entry stands.
    fn key(&self, path: &Route) -> Option<usize> {
        let (last, around) = path.split_last()?;
        match &get(&self.root, around)?.data {
            Data::Map(entries) => entries.get(*last).map(|(key, _)| key.span.range().start),
            _ => None,
        }
    }
}

fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The value of a key.
pub(super) fn value<'a>(map: &'a Yaml, key: &str) -> Option<&'a Yaml> {
    match &map.data {
        Data::Map(entries) => {
            entries.iter().find(|entry| entry.0.value == key).map(|(_, value)| value)
        }
        _ => None,
    }
}

/// The entries of a list.
pub(super) fn entries(list: Option<&Yaml>) -> &[Yaml] {
    match list.map(|list| &list.data) {
        Some(Data::List(entries)) => entries,
        _ => &[],
    }
}

/// A part of a tree.
pub(super) fn get<'a>(root: &'a Yaml, path: &[usize]) -> Option<&'a Yaml> {
    path.iter().try_fold(root, |node, &index| match &node.data {
        Data::List(entries) => entries.get(index),
        Data::Map(entries) => entries.get(index).map(|(_, value)| value),
        Data::Scalar { .. } => None,
    })
}

/// Takes a part out of a tree; the root stays.
pub(super) fn remove(root: &mut Yaml, path: &[usize]) -> bool {
    let Some((last, around)) = path.split_last() else { return false };
    let mut node = root;
    for &index in around {
        node = match &mut node.data {
            Data::List(entries) if index < entries.len() => &mut entries[index],
            Data::Map(entries) if index < entries.len() => &mut entries[index].1,
            _ => return false,
        };
    }
    match &mut node.data {
        Data::List(entries) if *last < entries.len() => drop(entries.remove(*last)),
        Data::Map(entries) if *last < entries.len() => drop(entries.remove(*last)),
        _ => return false,
    }
    true
}

/// All parts of a tree with their keys, in the order of the file.
pub(super) fn parts<'a>(root: &'a Yaml, each: &mut impl FnMut(&[usize], &'a str, &'a Yaml)) {
    fn walk<'a>(
        node: &'a Yaml,
        path: &mut Route,
        each: &mut impl FnMut(&[usize], &'a str, &'a Yaml),
    ) {
        let mut visit = |index: usize, key: &'a str, child: &'a Yaml| {
            path.push(index);
            each(path, key, child);
            walk(child, path, each);
            path.pop();
        };
        match &node.data {
            Data::Scalar { .. } => {}
            Data::List(entries) => {
                entries.iter().enumerate().for_each(|(index, child)| visit(index, "", child));
            }
            Data::Map(entries) => {
                let entries = entries.iter().enumerate();
                entries.for_each(|(index, (key, child))| visit(index, &key.value, child));
            }
        }
    }
    walk(root, &mut Vec::new(), each);
}

/// The tree as YAML in which each key and each value has a line of its own, and what stands on each.
pub(super) fn write(root: &Yaml) -> (String, Vec<Route>) {
    let (mut text, mut lines) = (String::new(), Vec::new());
    put(root, &mut Vec::new(), &mut text, &mut lines);
    (text, lines)
}

fn put(node: &Yaml, path: &mut Route, text: &mut String, lines: &mut Vec<Route>) {
    let mut line = |written: &str, path: &Route| {
        text.push_str(written);
        text.push('\n');
        lines.push(path.clone());
    };
    match &node.data {
        Data::Scalar { text, plain } => {
            // What has a type of its own is that without quotes.
            let bare = *plain
                && !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-~".contains(c))
                && text != "-";
            match text.as_str() {
                "" if *plain => line("~", path),
                _ if bare => line(text, path),
                _ => line(&quoted(text), path),
            }
        }
        Data::List(entries) => {
            line("[", path);
            for (index, child) in entries.iter().enumerate() {
                path.push(index);
                put(child, path, text, lines);
                text.push_str(",\n");
                lines.push(path.clone());
                path.pop();
            }
            text.push_str("]\n");
            lines.push(path.clone());
        }
        Data::Map(entries) => {
            line("{", path);
            for (index, (key, child)) in entries.iter().enumerate() {
                path.push(index);
                text.push_str(&quoted(&key.value));
                text.push_str(":\n");
                lines.push(path.clone());
                put(child, path, text, lines);
                text.push_str(",\n");
                lines.push(path.clone());
                path.pop();
            }
            text.push_str("}\n");
            lines.push(path.clone());
        }
    }
}

/// A text in quotes, as JSON and YAML have it.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
