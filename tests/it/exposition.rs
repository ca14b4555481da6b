//! Expositions in the text format, taken apart for comparison.

use std::collections::BTreeMap;

use stackctl::catalogue::{Families, write_text};

/// What an exporter would answer.
pub fn text_of(families: &Families) -> String {
    let mut text = String::new();
    write_text(families, &mut text);
    text
}

/// Families of an exposition: name to type and samples.
#[derive(Debug, Default, PartialEq)]
pub struct Exposition {
    pub types: BTreeMap<String, String>,
    /// Family to samples as `name{labels}` with labels sorted, and the value.
    pub samples: BTreeMap<String, BTreeMap<String, String>>,
}

pub fn read_exposition(text: &str) -> Exposition {
    let mut all = Exposition::default();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            all.types.insert(name.to_owned(), kind.to_owned());
            name.clone_into(&mut family);
        } else if !line.starts_with('#') && !line.is_empty() {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let samples = all.samples.entry(family.clone()).or_default();
            samples.insert(sorted(series), value.to_owned());
        }
    }
    all
}

fn sorted(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    let labels = labels.strip_suffix('}').expect("a closing bracket");
    for (at, c) in labels.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&labels[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&labels[start..]);
    parts.sort_unstable();
    format!("{name}{{{}}}", parts.join(","))
}
