//! What other programs say of rendered files, and where in those files it is: promtool, amtool,
//! Prometheus, Alertmanager, Grafana, Caddy, docker compose, kubectl and systemd-analyze.
//!
//! They tell a file and a line (`alerts.yml: 9:15:`, `line 108:`, `Caddyfile:12:`), or names (`group "x",
//! rule 2`, `job name "x"`, `receiver "x"`), or only the value that they do not like.

mod log;
mod names;

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::LazyLock;

use regex::Regex;

use super::FileMap;
use super::item::Item;
use super::marks::{How, Mark};
use crate::diag::{Files, Span, Spanned};
use crate::manifest::place_in;

/// A pattern that is made once.
macro_rules! pattern {
    ($text:literal) => {{
        static PATTERN: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| regex::Regex::new($text).expect("a pattern of our own"));
        &*PATTERN
    }};
}
use pattern;

/// One message and what it speaks of.
#[derive(Debug)]
pub struct Said {
    /// The message, out of its log line.
    pub text: String,
    /// The place in a rendered file; `None` if it speaks of none.
    pub spot: Option<Spot>,
}

/// A place in a rendered file.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The file.
    pub map: Rc<FileMap>,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, where one was told.
    pub column: Option<usize>,
    /// Whether the file as a whole is spoken of.
    pub whole: bool,
    /// The bytes of what is spoken of, where it was found by its name.
    range: Option<Range<usize>>,
}

impl Spot {
    /// What is known of the place, from the outside to the inside.
    pub fn marks(&self) -> Vec<&Mark> {
        let mut marks = self.map.at(self.line, self.column);
        if let Some(range) = &self.range {
            marks.retain(|mark| mark.range.start <= range.start && range.end <= mark.range.end);
        }
        marks
    }

    /// The place inside of an expression that stands in the manifest as it was read: `1:7: parse error`
    /// counts in the expression.
    pub fn inside(&self, files: &Files, message: &str) -> Option<Span> {
        let found = pattern!(r"(\d+):(\d+): parse error").captures(message)?;
        let (line, column): (usize, usize) = (found[1].parse().ok()?, found[2].parse().ok()?);
        let marks = self.marks();
        let origin = &marks.last()?.origin;
        let expr = self.map.scalar(self.line)?;
        // What was changed by hand, or was made of several settings, has no such place.
        if origin.how != How::Said || !says(files.text(origin.span), expr) {
            return None;
        }
        let before: usize =
            expr.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let rest = expr.get(before..)?;
        let within = rest.char_indices().nth(column.checked_sub(1)?);
        let at = before + within.map_or(rest.len(), |(at, _)| at);
        Some(place_in(files, &Spanned::new(expr.to_owned(), origin.span), at..at))
    }
}

/// Whether a text of the manifest, in whatever quotes, is this one.
fn says(source: &str, text: &str) -> bool {
    let bare =
        |text: &str| text.chars().filter(|c| !" \n\t\"'#\\|-".contains(*c)).collect::<String>();
    bare(source) == bare(text)
}

/// The output whose path is the one that a program tells, or ends like it, or has its name.
pub fn file_called<'a>(
    paths: impl Iterator<Item = &'a str> + Clone,
    told: &str,
) -> Option<&'a str> {
    let told = told.trim_start_matches("./");
    let name = told.rsplit('/').next().unwrap_or(told);
    let called = paths.filter(|path| path.rsplit('/').next() == Some(name));
    let exact = |path: &&str| *path == told || told.ends_with(&format!("/{path}"));
    // `/etc/grafana/dashboards/hosts.json` has in common with `monitoring/dashboards/hosts.json`.
    let common = |path: &&str| {
        let parts = path.rsplit('/').zip(told.rsplit('/'));
        parts.take_while(|(one, other)| one == other).count()
    };
    let first = called.clone().find(exact);
    first.or_else(|| {
        let best = called.clone().map(|path| common(&path)).max()?;
        let mut best = called.filter(|path| common(path) == best);
        best.next().filter(|_| best.next().is_none())
    })
}

/// What the name of a rendered file looks like in a text.
fn file_names() -> &'static Regex {
    pattern!(
        r#"[^\s"'`()\[\]=:,]*(?:\.(?:ya?ml|json|cnf|tmpl|cfg|service|target|sysusers\.conf)\b|Caddyfile[\w.-]*|Makefile|install\.sh|prepare\.sh)"#
    )
}

/// The files that a text names, as it names them.
pub fn named(text: &str) -> impl Iterator<Item = PathBuf> {
    file_names().find_iter(text).map(|name| PathBuf::from(name.as_str().trim_end_matches('.')))
}

/// Reads messages line by line; what a line says of a file counts for the lines behind it.
pub struct Reader<'a, Load> {
    paths: &'a [&'a str],
    load: Load,
    maps: HashMap<&'a str, Rc<FileMap>>,
    /// The file that was spoken of last.
    file: Option<&'a str>,
}

impl<'a, Load: FnMut(&str) -> FileMap> Reader<'a, Load> {
    /// A reader of messages on these outputs, whose maps `load` gives.
    pub fn new(paths: &'a [&'a str], load: Load) -> Self {
        Self { paths, load, maps: HashMap::new(), file: None }
    }

    /// Whether a rendered file was named so far.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// The messages of one line: several where a log line holds several.
    pub fn read(&mut self, line: &str) -> Vec<Said> {
        let entry = log::read(line);
        if entry.as_ref().is_some_and(log::Entry::is_calm) {
            return vec![Said { text: line.to_owned(), spot: None }];
        }
        let Some(entry) = entry else {
            return vec![Said { text: line.trim().to_owned(), spot: self.spot(line, &[]) }];
        };
        for (_, value) in entry.fields.iter().filter(|(name, _)| name.starts_with("file")) {
            self.mention(value);
        }
        let said = entry.text.lines().map(|text| Said {
            text: text.trim().to_owned(),
            spot: self.spot(text, &entry.fields),
        });
        said.collect()
    }

    /// Remembers the file that a text names.
    fn mention(&mut self, text: &str) -> Option<&'a str> {
        let found = file_names().find_iter(text).find_map(|name| {
            file_called(self.paths.iter().copied(), name.as_str().trim_end_matches('.'))
        });
        self.file = found.or(self.file);
        found
    }

    fn map(&mut self, path: &'a str) -> Rc<FileMap> {
        let load = &mut self.load;
        Rc::clone(self.maps.entry(path).or_insert_with(|| Rc::new(load(path))))
    }

    fn spot(&mut self, text: &str, fields: &[(String, String)]) -> Option<Spot> {
        let before = self.file;
        let mentioned = self.mention(text).is_some();
        let missing = pattern!(
            r"does not point to an existing file|no such file or directory|not found in archive"
        );
        if mentioned && missing.is_match(text) {
            return self.missing(text, before);
        }
        if let Some((line, column)) = position(text)
            && let Some(path) = self.file
        {
            let map = self.map(path);
            // A line behind the last one: the text ended too early.
            let line = line.min(map.len());
            let column = column.filter(|_| !map.at(line, column).is_empty());
            return (!map.at(line, column).is_empty()).then_some(Spot {
                map,
                line,
                column,
                whole: false,
                range: None,
            });
        }
        let told = self.file.into_iter();
        let others = names::kinds(text, fields)
            .iter()
            .flat_map(|kind| self.paths.iter().copied().filter(move |path| path.ends_with(kind)));
        let candidates: Vec<&'a str> = told.chain(others).collect();
        for path in candidates {
            let map = self.map(path);
            let found = map.items.as_ref().and_then(|items| names::find(items, text, fields));
            if let Some(range) = found {
                let line = map.line_at(range.start);
                return Some(Spot { map, line, column: None, whole: false, range: Some(range) });
            }
            if map.items.is_none()
                && let Some(range) = names::in_lines(&map.text, text)
            {
                let line = map.line_at(range.start);
                return Some(Spot { map, line, column: None, whole: false, range: Some(range) });
            }
        }
        let complains =
            pattern!(r"FAILED: \S|(?i)\berror\b|\binvalid\b|\bmissing \w|not executable");
        if complains.is_match(text) && (mentioned || text.contains("FAILED: ")) {
            return self.whole(self.file?);
        }
        None
    }

    /// A file that is not where somebody looks for it: the entry that names it, in the file that was
    /// spoken of before; else what the missing file would be made of.
    fn missing(&mut self, text: &str, before: Option<&'a str>) -> Option<Spot> {
        // The last of several that are listed is the one that something is said of.
        let here = &text[..text.find("no such").unwrap_or(text.len())];
        let paths = self.paths.iter().copied();
        let mut named = file_names().find_iter(here).map(|name| name.as_str());
        let gone = named.by_ref().filter_map(|name| file_called(paths.clone(), name)).last()?;
        self.file = Some(gone);
        let name = gone.rsplit('/').next().unwrap_or(gone);
        let names_it = |item: &Item| {
            item.text().is_some_and(|text| text.rsplit(['/', '=']).next() == Some(name))
        };
        // Who lists files is the file that was read, or a list of all objects.
        let readers = before.into_iter().chain(self.paths.iter().copied().filter(|path| {
            *path == "kustomization.yaml" || path.ends_with("monitoring/prometheus.yml")
        }));
        let readers: Vec<&'a str> = readers.filter(|path| *path != gone).collect();
        for path in readers {
            let map = self.map(path);
            let found = map.items.as_ref().and_then(|items| names::search(items, &names_it));
            if let Some(range) = found.map(|item| item.range.clone()) {
                let line = map.line_at(range.start);
                return Some(Spot { map, line, column: None, whole: false, range: Some(range) });
            }
        }
        self.whole(gone)
    }

    /// A file as a whole: its first line that is no comment.
    fn whole(&mut self, path: &'a str) -> Option<Spot> {
        let map = self.map(path);
        let says = |line: &str| !line.is_empty() && !line.starts_with(['#', '/']);
        let line = (1..=map.len()).find(|line| map.line(*line).is_some_and(says))?;
        let range = map.items.as_ref().map(|items| items.range.clone());
        Some(Spot { map, line, column: None, whole: true, range })
    }
}

/// Line and column that a message tells.
fn position(text: &str) -> Option<(usize, Option<usize>)> {
    let patterns: [&LazyRegex; 2] = [&BEHIND_FILE, &IN_WORDS];
    patterns.iter().find_map(|pattern| {
        let found = pattern.captures(text)?;
        let line = found.get(1)?.as_str().parse().ok()?;
        Some((line, found.get(2).and_then(|column| column.as_str().parse().ok())))
    })
}

type LazyRegex = LazyLock<Regex>;

/// `alerts.yml: 9:15:`, `Caddyfile:12:`, `Caddyfile:12 - Error`.
static BEHIND_FILE: LazyRegex = LazyLock::new(|| {
    Regex::new(r#"(?:\.ya?ml|\.json|\.cnf|\.service|\.target|\.sh|Caddyfile[\w.-]*)["']?: ?(\d+)(?::(\d+))?(?:[:\s,]|$)"#)
        .expect("a pattern of our own")
});

/// `line 108:`, `line 10, column 7`.
static IN_WORDS: LazyRegex = LazyLock::new(|| {
    Regex::new(r"\bline (\d+)(?:,? col(?:umn)? (\d+))?").expect("a pattern of our own")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_read_as_each_program_writes_them() {
        let check = |text: &str, expected: Option<(usize, Option<usize>)>| {
            assert_eq!(position(text), expected, "{text}");
        };
        check(r#"alerts.yml: 9:15: group "a", rule 2"#, Some((9, Some(15))));
        check("  line 108: field x not found in type config.ScrapeConfig", Some((108, None)));
        check("a.yml: yaml: line 136: could not find expected ':'", Some((136, None)));
        check("Error: adapting config: Caddyfile:12: unrecognized directive: x", Some((12, None)));
        check("Caddyfile:2 - Error during parsing: x", Some((2, None)));
        check(r#"  in "./compose.yaml", line 10, column 7"#, Some((10, Some(7))));
        check("/etc/systemd/system/a.service:18: Unknown key 'X' in section", Some((18, None)));
        check("SUCCESS: 5 rules found", None);
        check("ts=2026-11-22T22:42:55.649Z caller=manager.go:1015", None);
    }

    #[test]
    fn files_are_known_by_the_path_inside_of_a_container() {
        let paths = ["compose.yaml", "monitoring/alerts.yml", "monitoring/dashboards/a.json"];
        let called = |told| file_called(paths.iter().copied(), told);
        assert_eq!(called("/etc/prometheus/alerts.yml"), Some("monitoring/alerts.yml"));
        assert_eq!(called("./compose.yaml"), Some("compose.yaml"));
        assert_eq!(called("/etc/grafana/dashboards/a.json"), Some("monitoring/dashboards/a.json"));
        assert_eq!(called("other.yml"), None);
        let twice = ["one/my.cnf", "two/my.cnf"];
        assert_eq!(file_called(twice.into_iter(), "my.cnf"), None);
        assert_eq!(file_called(twice.into_iter(), "/etc/two/my.cnf"), Some("two/my.cnf"));
    }
}
