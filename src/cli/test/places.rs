//! Where the parts of a unit test file stand.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

use crate::diag::{FileId, Span};

/// A step into a YAML document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The value of a key.
    Key(String),
    /// An entry of a list.
    Entry(usize),
}

/// The place of every entry of every list: from its first character to the end of that line.
pub(super) struct Places {
    found: HashMap<Vec<Step>, usize>,
    file: FileId,
}

/// A list or map that is being read.
enum Open {
    List(usize),
    Map(Option<String>),
}

impl Places {
    /// Reads as far as the text is YAML; the rest has no place.
    pub fn of(text: &str, file: FileId) -> Self {
        let mut open: Vec<Open> = Vec::new();
        let mut found = HashMap::new();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            let begins = matches!(
                event,
                Event::Scalar(..)
                    | Event::SequenceStart(..)
                    | Event::MappingStart(..)
                    | Event::Alias(_)
            );
            if begins {
                let is_key = matches!(open.last(), Some(Open::Map(None)));
                if let (Some(Open::Map(key @ None)), Event::Scalar(text, ..)) =
                    (open.last_mut(), &event)
                {
                    *key = Some(text.to_string());
                    continue;
                }
                if !is_key {
                    let path = open.iter().map(|open| match open {
                        Open::List(place) => Step::Entry(*place),
                        Open::Map(key) => Step::Key(key.clone().unwrap_or_default()),
                    });
                    found.insert(path.collect(), span.start.index());
                }
            }
            match event {
                Event::SequenceStart(..) => open.push(Open::List(0)),
                Event::MappingStart(..) => open.push(Open::Map(None)),
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    value_ends(&mut open);
                }
                Event::Scalar(..) | Event::Alias(_) => value_ends(&mut open),
                _ => {}
            }
        }
        // The parser counts characters.
        if !text.is_ascii() {
            let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            for at in found.values_mut() {
                *at = bytes.get(*at).copied().unwrap_or(text.len());
            }
        }
        Self { found, file }
    }

    /// The place of a part; where it has none, that of the nearest part around it.
    pub fn at(&self, text: &str, path: &[Step]) -> Span {
        let mut path = path;
        loop {
            if let Some(start) = self.found.get(path) {
                let line = text[*start..].lines().next().unwrap_or_default().trim_end();
                return Span::new(self.file, *start..*start + line.len());
            }
            let Some((_, around)) = path.split_last() else {
                return Span::new(self.file, 0..0);
            };
            path = around;
        }
    }
}

/// The next value is another entry, or what comes next is a key.
fn value_ends(open: &mut [Open]) {
    match open.last_mut() {
        Some(Open::List(place)) => *place += 1,
        Some(Open::Map(key)) => *key = None,
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_and_what_is_not_there_is_where_it_would_be() {
        let text =
            "# ä\ntests:\n- name: é\n  alerts:\n    - {a: [1, 2], b: 1}\n    - c: 1\n- name: b\n";
        let places = Places::of(text, FileId(0));
        let key = |text: &str| Step::Key(text.to_owned());
        let check = |path: &[Step], expected: &str| {
            let span = places.at(text, path);
            assert_eq!(&text[span.range()], expected);
        };
        check(&[key("tests"), Step::Entry(0)], "name: é");
        let alerts = [key("tests"), Step::Entry(0), key("alerts")];
        check(&[&alerts[..], &[Step::Entry(0)]].concat(), "{a: [1, 2], b: 1}");
        check(&[&alerts[..], &[Step::Entry(1)]].concat(), "c: 1");
        check(&[&alerts[..], &[Step::Entry(0), key("a"), Step::Entry(1)]].concat(), "2], b: 1}");
        check(&[&alerts[..], &[Step::Entry(7)]].concat(), "- {a: [1, 2], b: 1}");
        check(&[key("tests"), Step::Entry(1), key("name")], "b");
    }
}
