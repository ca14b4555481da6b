//! Names that Kubernetes takes: labels of RFC 1123, those of Services beginning with a letter.

use std::collections::BTreeMap;

use crate::model::slug;
use crate::render::output::sha256;

/// Longest label of a host name.
const LONGEST: usize = 63;

/// Whether a name can be that of a Service as it is. Host names stand in configurations, in
/// environments and in programs of the user: they are never changed, only refused.
pub(in crate::render) fn is_host(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=LONGEST).contains(&name.len())
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
}

/// A label made of any text: what is not a host may be renamed, since only rendered files name it.
pub(in crate::render) fn label(text: &str) -> String {
    let dashes = slug(text).replace(['.', '_'], "-");
    let mut label = String::with_capacity(dashes.len());
    for c in dashes.chars() {
        if c != '-' || !label.ends_with('-') {
            label.push(c);
        }
    }
    let label = label.trim_matches('-');
    if label.is_empty() {
        return "unnamed".to_owned();
    }
    if label.len() <= LONGEST - 10 {
        return label.to_owned();
    }
    // Room for a suffix, and a hash, since two long names may differ at their ends only.
    format!("{}-{}", label[..LONGEST - 20].trim_end_matches('-'), &sha256(text.as_bytes())[..8])
}

/// Labels for many names, each its own: `a_b` and `a-b` stay apart.
#[derive(Debug, Default)]
pub(in crate::render) struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Gives every name a label; those that come first have the plain one.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut labels = Self::default();
        for name in names {
            labels.add(name);
        }
        labels
    }

    /// The label of a name, which gets one if it has none.
    pub fn add(&mut self, name: &str) -> String {
        if let Some(label) = self.0.get(name) {
            return label.clone();
        }
        let label = numbered(&label(name), |label| self.0.values().any(|other| other == label));
        self.0.insert(name.to_owned(), label.clone());
        label
    }

    /// The label of a name.
    pub fn get(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| label(name))
    }
}

/// `name`, or the first of `name-2`, `name-3` … that is not taken.
pub(super) fn numbered(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let others = (2..).map(|number: u32| format!("{name}-{number}"));
    let mut all = std::iter::once(name.to_owned()).chain(others);
    all.find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_labels_that_begin_with_a_letter() {
        for good in ["a", "mysql-exporter", "x9", &"a".repeat(63)] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "app_network", "App", "9a", "-a", "a-", "a.b", &"a".repeat(64)] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn any_text_becomes_a_label() {
        assert_eq!(label("prometheus_data"), "prometheus-data");
        assert_eq!(label("everything.and/more"), "everything-and-more");
        assert_eq!(label("__x__"), "x");
        assert_eq!(label("_._"), "unnamed");
        let (one, other) = (label(&format!("{}a", "x".repeat(80))), label(&"x".repeat(80)));
        assert!(one != other && one.len() <= 63 && other.len() <= 63);
    }

    #[test]
    fn different_names_keep_different_labels() {
        let mut labels = Labels::of(["a_b", "a-b", "a_b", "a.b"]);
        assert_eq!(["a_b", "a-b", "a.b"].map(|name| labels.get(name)), ["a-b", "a-b-2", "a-b-3"]);
        assert_eq!(labels.add("a_b"), "a-b");
    }

    proptest::proptest! {
        #[test]
        fn labels_are_always_valid(text in "(?s).{0,100}") {
            let label = label(&text);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            proptest::prop_assert!(!label.is_empty() && label.len() <= 63 && label.chars().all(plain));
            proptest::prop_assert!(!label.starts_with('-') && !label.ends_with('-'));
        }
    }
}
