//! A rendered file as a tree whose parts know which bytes they cover.

use std::ops::Range;

use crate::dashboards::json;
use crate::diag::{FileId, Findings, Span};
use crate::manifest::yaml;

/// A value with its key, if it stands in a map.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its key.
    pub key: Option<String>,
    /// From the first byte of the key to the last of the value.
    pub range: Range<usize>,
    /// What it is.
    pub data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Data {
    Scalar(String),
    List(Vec<Item>),
    Map(Vec<Item>),
}

impl Item {
    /// Reads YAML as far as it is well formed; `None` where nothing is.
    pub fn yaml(text: &str) -> Option<Self> {
        let root = yaml::read_tree(text, FileId(0), &mut Findings::default())?;
        Some(of_yaml(None, root.span.range(), root))
    }

    /// Reads all documents of a text: one as it is, several as a list.
    pub fn stream(text: &str) -> Option<Self> {
        let mut starts = vec![0];
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            at += line.len();
            if line.trim_end() == "---" {
                starts.push(at);
            }
        }
        let ends = starts[1..].iter().copied().chain([text.len()]);
        let documents = starts.iter().zip(ends).filter_map(|(start, end)| {
            let mut item = Self::yaml(&text[*start..end])?;
            item.shift(*start);
            Some(item)
        });
        let mut documents: Vec<Self> = documents.collect();
        match documents.len() {
            0 | 1 => documents.pop(),
            _ => Some(Self { key: None, range: 0..text.len(), data: Data::List(documents) }),
        }
    }

    /// The documents of a file: the items of a list, or the file itself.
    pub fn documents(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    fn shift(&mut self, by: usize) {
        self.range = self.range.start + by..self.range.end + by;
        if let Data::List(items) | Data::Map(items) = &mut self.data {
            for item in items {
                item.shift(by);
            }
        }
    }

    /// The value at the end of a path of keys.
    pub fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |item, key| item.get(key))
    }

    /// A single value as it would stand at the place of this one.
    pub fn as_text(&self, key: Option<String>, text: String) -> Self {
        Self { key, range: self.range.clone(), data: Data::Scalar(text) }
    }

    /// Reads JSON.
    pub fn json(text: &str) -> Option<Self> {
        let root = json::read(text, FileId(0)).ok()?;
        Some(of_json(None, root.span, root))
    }

    /// The values inside, with their keys in a map.
    pub fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) | Data::Map(items) => items,
            Data::Scalar(_) => &[],
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.data {
            Data::Map(items) => items.iter().find(|item| item.key.as_deref() == Some(key)),
            _ => None,
        }
    }

    /// The text of a key's single value.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// The text of a single value.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The key; empty in a list.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }
}

fn of_yaml(key: Option<String>, range: Range<usize>, value: yaml::Yaml) -> Item {
    let data = match value.data {
        yaml::Data::Scalar { text, .. } => Data::Scalar(text),
        yaml::Data::List(items) => Data::List(
            items.into_iter().map(|item| of_yaml(None, item.span.range(), item)).collect(),
        ),
        yaml::Data::Map(items) => Data::Map(
            items
                .into_iter()
                .map(|(key, item)| {
                    let range = key.span.to(item.span).range();
                    of_yaml(Some(key.value), range, item)
                })
                .collect(),
        ),
    };
    Item { key, range, data }
}

fn of_json(key: Option<String>, span: Span, value: json::Json) -> Item {
    let data = match value.data {
        json::Data::Null => Data::Scalar("null".to_owned()),
        json::Data::Bool(flag) => Data::Scalar(flag.to_string()),
        json::Data::Number(number) => Data::Scalar(number.to_string()),
        json::Data::Text(text) => Data::Scalar(text),
        json::Data::List(items) => {
            Data::List(items.into_iter().map(|item| of_json(None, item.span, item)).collect())
        }
        json::Data::Object(items) => Data::Map(
            items
                .into_iter()
                .map(|(key, item)| of_json(Some(key.value), key.span.to(item.span), item))
                .collect(),
        ),
    };
    Item { key, range: span.range(), data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_stands_at_its_place() {
        let text = "# first\na: 1\n---\nb:\n  c: 2\n---\n";
        let file = Item::stream(text).expect("YAML");
        let [first, second] = file.documents() else { panic!("{file:?}") };
        assert_eq!(&text[first.get("a").expect("there").range.clone()], "a: 1");
        assert_eq!(&text[second.find(&["b", "c"]).expect("there").range.clone()], "c: 2");
        let one = Item::stream("a: 1\n").expect("YAML");
        assert_eq!(one.documents()[0].str("a"), Some("1"));
    }
}
