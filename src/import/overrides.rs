//! compose.override.yaml: what compose lays over the file beside it without being told.
//!
//! The rules are those of the Compose specification ("Merge Compose files"): maps are merged, lists are
//! added to; commands replace, and what has a name of its own (a variable, a mount) is there once.
//! `!reset` takes away what is below, `!override` takes its place whole.

use super::reach::mounted;
use super::source::{Notes, scalar};
use crate::diag::Spanned;
use crate::manifest::yaml::{Data, Yaml};

/// Names of the file, the preferred one first.
pub const NAMES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Which of several in a folder is taken: that of the least rank.
pub fn rank(path: &str) -> usize {
    let name = path.rsplit('/').next().unwrap_or(path);
    NAMES.iter().position(|known| *known == name).unwrap_or(NAMES.len())
}

/// Lists that are taken from the upper file alone, where it has them.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// The tag of what takes away the value below.
const RESET: &str = "reset";
/// The tag of what takes the place of the value below, and is not merged with it.
const OVERRIDE: &str = "override";

/// What may be written as a map or as a list of `name=value`.
const PAIRS: [&str; 6] = ["environment", "labels", "args", "sysctls", "annotations", "extra_hosts"];

/// What may be written as a map or as a list of names.
const NAMED: [&str; 2] = ["networks", "depends_on"];

/// Lays `upper` over `lower`.
pub fn lay(lower: &mut Yaml, upper: Yaml) {
    lay_at("", lower, upper);
}

fn lay_at(key: &str, lower: &mut Yaml, mut upper: Yaml) {
    if upper.tag() == Some(OVERRIDE) {
        *lower = upper;
        return;
    }
    if PAIRS.contains(&key) || NAMED.contains(&key) {
        as_map(lower);
        as_map(&mut upper);
    }
    match (&mut lower.data, upper.data) {
        (Data::Map(below), Data::Map(above)) => {
            for (name, value) in above {
                match below.iter_mut().position(|(known, _)| known.value == name.value) {
                    Some(at) if value.tag() == Some(RESET) => drop(below.remove(at)),
                    Some(at) => {
                        lay_at(&name.value, &mut below[at].1, value);
                        below[at].0.span = name.span;
                    }
                    None => below.push((name, value)),
                }
            }
        }
        (Data::List(below), Data::List(above)) if !REPLACED.contains(&key) => {
            for item in above {
                match below.iter_mut().find(|known| same(key, known, &item)) {
                    Some(known) => *known = item,
                    None => below.push(item),
                }
            }
        }
        (data, above) => {
            *data = above;
            lower.span = upper.span;
        }
    }
}

/// Leaves out what is marked with `!reset`: it is there to take away what lies below, and says nothing
/// itself. What stands in a list cannot be taken away so; compose passes over the tag, and it is named.
pub fn settle(file: &mut Yaml, notes: &mut Notes) {
    match &mut file.data {
        Data::Map(entries) => {
            entries.retain(|(_, value)| value.tag() != Some(RESET));
            for (_, value) in entries {
                settle(value, notes);
            }
        }
        Data::List(items) => {
            for item in items {
                if item.tag() == Some(RESET) {
                    notes.lost(item.span, "the tag `!reset` of one item of a list");
                }
                settle(item, notes);
            }
        }
        Data::Scalar { .. } => {}
    }
}

/// Whether an item of the upper list takes the place of one below.
fn same(key: &str, below: &Yaml, above: &Yaml) -> bool {
    let equal = scalar(below).is_some() && scalar(below) == scalar(above);
    let inside = |volume| mounted(volume, "").map(|mounted| mounted.inside);
    equal || key == "volumes" && inside(below).is_some() && inside(below) == inside(above)
}

/// `[A=1, B]` as `{A: 1, B: }`.
fn as_map(value: &mut Yaml) {
    let Data::List(items) = &value.data else { return };
    let entry = |item: &Yaml| {
        let text = scalar(item)?;
        let (name, said) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let mut value = item.clone();
        value.data =
            Data::Scalar { text: said.unwrap_or_default().to_owned(), plain: said.is_none() };
        Some((Spanned::new(name.to_owned(), item.span), value))
    };
    value.data = Data::Map(items.iter().filter_map(entry).collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Files, Findings};
    use crate::manifest::yaml::read_tree;

    /// A tree as one line, to be compared.
    fn flat(value: &Yaml) -> String {
        match &value.data {
            Data::Scalar { text, .. } => text.clone(),
            Data::List(items) => {
                format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(" "))
            }
            Data::Map(entries) => {
                let entry = |(name, value): &(Spanned<String>, Yaml)| {
                    format!("{}={}", name.value, flat(value))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn laid(lower: &str, upper: &str) -> (String, usize) {
        let file = Files::default().add("", "");
        let read = |text: &str| read_tree(text, file, &mut Findings::default()).unwrap();
        let mut notes = Notes::default();
        let mut lower = read(lower);
        settle(&mut lower, &mut notes);
        lay(&mut lower, read(upper));
        settle(&mut lower, &mut notes);
        (flat(&lower), notes.0.len())
    }

    #[test]
    fn tags_take_away_and_take_the_place() {
        for (lower, upper, expected) in [
            ("{ports: [1, 2], a: b}", "{ports: !reset [], c: d}", "{a=b c=d}"),
            ("{ports: [1, 2]}", "{ports: !reset [3]}", "{}"),
            ("{ports: [1, 2]}", "{ports: !reset null}", "{}"),
            ("{ports: [1, 2]}", "{ports: !override [3]}", "{ports=[3]}"),
            ("{ports: [1, 2]}", "{ports: !override []}", "{ports=[]}"),
            ("{volumes: ['./a:/a']}", "{volumes: !override ['./b:/b']}", "{volumes=[./b:/b]}"),
            (
                "{environment: {A: 1, B: 2}}",
                "{environment: !override {C: 3}}",
                "{environment={C=3}}",
            ),
            ("{environment: [A=1, B=2]}", "{environment: !override [C=3]}", "{environment=[C=3]}"),
            (
                "{environment: {A: 1, B: 2}}",
                "{environment: {A: !reset null}}",
                "{environment={B=2}}",
            ),
            (
                "{environment: [A=1, B=2]}",
                "{environment: {A: !reset x, C: 3}}",
                "{environment={B=2 C=3}}",
            ),
            ("{a: {b: {c: 1, d: 2}}}", "{a: {b: !override {e: 3}}}", "{a={b={e=3}}}"),
            ("{a: {b: {c: 1, d: 2}}}", "{a: {b: {c: !reset 9}, x: !reset 1}}", "{a={b={d=2}}}"),
            ("{a: {b: 1}}", "{a: !override {b: {c: 1, d: !reset 2}}}", "{a={b={c=1}}}"),
            (
                "{s: {web: {image: x}}}",
                "{s: {web: !reset {}, new: {ports: !reset [1], k: v}}}",
                "{s={new={k=v}}}",
            ),
            ("{command: [a]}", "{command: !reset null}", "{}"),
            ("{a: !reset 1, b: !override [2]}", "{b: [3]}", "{b=[2 3]}"),
        ] {
            assert_eq!(laid(lower, upper), (expected.to_owned(), 0), "{lower}\n{upper}");
        }
        assert_eq!(laid("{p: [1]}", "{p: [!reset 1, 2]}"), ("{p=[1 2]}".to_owned(), 1));
    }
}
