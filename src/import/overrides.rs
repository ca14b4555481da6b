//! compose.override.yaml: what compose lays over the file beside it without being told.
//!
//! The rules are those of the Compose specification ("Merge Compose files"): maps are merged, lists are
//! added to; commands replace, and what has a name of its own (a variable, a mount) is there once.
//! `!override` replaces what is below as a whole, `!reset` takes it away.

use super::compose::mounted;
use super::source::scalar;
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

/// What may be written as a map or as a list of `name=value`.
const PAIRS: [&str; 6] = ["environment", "labels", "args", "sysctls", "annotations", "extra_hosts"];

/// What may be written as a map or as a list of names.
const NAMED: [&str; 2] = ["networks", "depends_on"];

/// The tag of what is to be as if it had never been said.
const RESET: &str = "reset";

/// The tag of what replaces the lower value as a whole.
const OVERRIDE: &str = "override";

/// Lays `upper` over `lower`.
pub fn lay(lower: &mut Yaml, upper: Yaml) {
    lay_at("", lower, upper);
}

fn lay_at(key: &str, lower: &mut Yaml, mut upper: Yaml) {
    if PAIRS.contains(&key) || NAMED.contains(&key) {
        as_map(lower);
        as_map(&mut upper);
    }
    match (&mut lower.data, upper.data) {
        (Data::Map(below), Data::Map(above)) => {
            for (name, value) in above {
                let at = below.iter().position(|(known, _)| known.value == name.value);
                match at {
                    Some(at) if is_tagged(&value, RESET) => {
                        below.remove(at);
                    }
                    None if is_tagged(&value, RESET) => {}
                    Some(at) if is_tagged(&value, OVERRIDE) => below[at] = (name, alone(value)),
                    Some(at) => {
                        lay_at(&name.value, &mut below[at].1, value);
                        below[at].0.span = name.span;
                    }
                    None => below.push((name, alone(value))),
                }
            }
        }
        (Data::List(below), Data::List(above)) if !REPLACED.contains(&key) => {
            for item in above.into_iter().filter(|item| !is_tagged(item, RESET)).map(alone) {
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

/// What has no value below that it could be laid over: without what it takes away.
fn alone(mut value: Yaml) -> Yaml {
    value.tag = value.tag.filter(|tag| ![RESET, OVERRIDE].contains(&tag.as_str()));
    value.data = match value.data {
        Data::Map(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| !is_tagged(value, RESET));
            Data::Map(kept.map(|(name, value)| (name, alone(value))).collect())
        }
        Data::List(items) => {
            let kept = items.into_iter().filter(|item| !is_tagged(item, RESET));
            Data::List(kept.map(alone).collect())
        }
        scalar @ Data::Scalar { .. } => scalar,
    };
    value
}

fn is_tagged(value: &Yaml, tag: &str) -> bool {
    value.tag.as_ref().is_some_and(|found| found.value == tag)
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
