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
