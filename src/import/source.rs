//! What is read: maps whose keys are taken one by one, so that what nobody took can be named.

use crate::diag::{Code, Findings, Severity, Span, Spanned};
use crate::manifest::yaml::{Data, Yaml};

/// A setting that the manifest has no word for.
pub const NOT_CARRIED: Code = Code {
    code: "S890",
    name: "not-imported",
    severity: Severity::Warning,
    explain: NOT_CARRIED_EXPLAIN,
};

const NOT_CARRIED_EXPLAIN: &str = r##"`stackctl import` found a setting that the manifest has no word for, or that means something else once the
stack is rendered from one manifest. It is left out; the place is that of the original file.

    scrape_configs:
      - job_name: pods
        kubernetes_sd_configs: [{role: pod}]      // there is no such discovery in a manifest

Read each of these before the new files take the place of the old ones. What it can do is up to you: another setting that does the
same, a `template` of your own, or nothing at all."##;

/// What could not be carried over, and what became something else.
#[derive(Debug, Default)]
pub struct Notes(pub Findings);

impl Notes {
    /// A setting is left out.
    pub fn lost(&mut self, span: Span, what: &str) {
        self.say(span, format!("{what} is not carried over"), "left out");
    }

    /// A setting is carried over and means a little else.
    pub fn changed(&mut self, span: Span, message: String) {
        self.say(span, message, "here");
    }

    fn say(&mut self, span: Span, message: String, label: &str) {
        self.0.push(NOT_CARRIED.says(message).at(span, label));
    }
}

/// A map that is being carried over, and what it is, for notes: ``job `x` ``.
pub struct Fields<'a> {
    what: String,
    entries: &'a [(Spanned<String>, Yaml)],
    taken: Vec<bool>,
    /// Parts of values that were taken and are of another kind than what they were taken for.
    misfits: Vec<(String, Span)>,
    /// The place of the map.
    pub span: Span,
}

impl<'a> Fields<'a> {
    /// The fields of a map; none, and a note, if it is something else.
    pub fn of(what: impl Into<String>, value: &'a Yaml, notes: &mut Notes) -> Self {
        let what = what.into();
        let entries = match &value.data {
            Data::Map(entries) => &entries[..],
            _ if is_null(value) => &[],
            _ => {
                notes.lost(value.span, &format!("{what}, which is no map,"));
                &[]
            }
        };
        let taken = vec![false; entries.len()];
        Self { what, entries, taken, misfits: Vec::new(), span: value.span }
    }

    /// The value of a key, which counts as carried over from now on; `None` for a missing or an empty one.
    pub fn take(&mut self, key: &str) -> Option<&'a Yaml> {
        let at = self.entries.iter().position(|(name, _)| name.value == key)?;
        self.taken[at] = true;
        Some(&self.entries[at].1).filter(|value| !is_null(value))
    }

    /// What `read` makes of the value of a key; one that it makes nothing of counts as not carried over.
    fn read<T>(&mut self, key: &str, read: impl FnOnce(&'a Yaml) -> Option<T>) -> Option<T> {
        let value = self.take(key)?;
        let out = read(value);
        if out.is_none()
            && let Some(at) = self.entries.iter().position(|(name, _)| name.value == key)
        {
            self.taken[at] = false;
        }
        out
    }

    /// A single value as text.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, scalar).map(str::to_owned)
    }

    /// Yes or no.
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, |value| yes_or_no(scalar(value)?))
    }

    /// A whole number.
    pub fn number(&mut self, key: &str) -> Option<u64> {
        self.read(key, |value| scalar(value)?.parse().ok())
    }

    /// A list of single values; one value alone is a list of one.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let several = |value: &'a Yaml| (!matches!(value.data, Data::Map(_))).then_some(value);
        let Some(value) = self.read(key, several) else { return Vec::new() };
        for item in items(value).iter().filter(|item| scalar(item).is_none()) {
            self.misfits.push((format!("this item of `{key}`"), item.span));
        }
        texts(value)
    }

    /// A map of single values in the order written.
    pub fn pairs(&mut self, key: &str) -> Vec<(String, String)> {
        let several = |value: &'a Yaml| scalar(value).is_none().then_some(value);
        let Some(value) = self.read(key, several) else { return Vec::new() };
        for item in items(value).iter().filter(|item| scalar(item).is_none()) {
            self.misfits.push((format!("this item of `{key}`"), item.span));
        }
        for (name, _) in entries(value).iter().filter(|(_, value)| scalar(value).is_none()) {
            self.misfits.push((format!("`{}` in `{key}`", name.value), name.span));
        }
        pairs(value)
    }

    /// The items of a list.
    pub fn items(&mut self, key: &str) -> &'a [Yaml] {
        let list = |value: &'a Yaml| match &value.data {
            Data::List(items) => Some(&items[..]),
            _ => None,
        };
        self.read(key, list).unwrap_or_default()
    }

    /// Takes the keys that compose passes over: those of extensions, whose values are used by alias.
    pub fn pass_over_extensions(&mut self) {
        for ((name, _), taken) in self.entries.iter().zip(&mut self.taken) {
            *taken |= name.value.starts_with("x-");
        }
    }

    /// The keys that nobody took yet, with their values.
    pub fn rest(&self) -> impl Iterator<Item = (&'a Spanned<String>, &'a Yaml)> {
        let free = self.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken);
        free.map(|((key, value), _)| (key, value))
    }

    /// Names every key that nobody took.
    pub fn finish(self, notes: &mut Notes) {
        for (key, value) in self.rest().filter(|(_, value)| !is_null(value)) {
            let whole = if key.span.file == value.span.file { key.span } else { value.span };
            notes.lost(whole, &format!("`{}` of {}", key.value, self.what));
        }
        for (misfit, place) in self.misfits {
            notes.lost(place, &format!("{misfit} of {}", self.what));
        }
    }
}

/// Whether it is written as nothing: ``, `~`, `null`.
fn is_null(value: &Yaml) -> bool {
    matches!(&value.data, Data::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
}

/// A single value as text.
pub fn scalar(value: &Yaml) -> Option<&str> {
    match &value.data {
        Data::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// A list of single values; one value alone is a list of one.
pub fn texts(value: &Yaml) -> Vec<String> {
    match &value.data {
        Data::Scalar { text, .. } => vec![text.clone()],
        Data::List(list) => list.iter().filter_map(scalar).map(str::to_owned).collect(),
        Data::Map(_) => Vec::new(),
    }
}

/// A map of single values in the order written; a list of `key=value` means the same to compose.
pub fn pairs(value: &Yaml) -> Vec<(String, String)> {
    match &value.data {
        Data::Map(entries) => entries
            .iter()
            .filter_map(|(key, value)| {
                let text = if is_null(value) { "" } else { scalar(value)? };
                Some((key.value.clone(), text.to_owned()))
            })
            .collect(),
        Data::List(list) => list
            .iter()
            .filter_map(scalar)
            .map(|text| match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (text.to_owned(), String::new()),
            })
            .collect(),
        Data::Scalar { .. } => Vec::new(),
    }
}

/// The items of a list; none of anything else.
pub fn items(value: &Yaml) -> &[Yaml] {
    match &value.data {
        Data::List(list) => list,
        _ => &[],
    }
}

/// The entries of a map; none of anything else.
pub fn entries(value: &Yaml) -> &[(Spanned<String>, Yaml)] {
    match &value.data {
        Data::Map(entries) => entries,
        _ => &[],
    }
}

/// The value of a key of a map.
pub fn get<'a>(value: &'a Yaml, key: &str) -> Option<&'a Yaml> {
    entries(value).iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
}

/// As YAML 1.1 and 1.2 write it.
fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}
