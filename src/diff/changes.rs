//! Two models -> what came, what went, what changed.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Kind, Model, Thing, Value};

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// Both have it, and it is not the same.
    Changed,
}

/// A thing that is not the same on both sides.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// What became of it.
    pub fate: Fate,
    /// Names of the things it belongs to, from the outermost.
    pub within: Vec<&'a str>,
    /// The thing on the first side.
    pub before: Option<&'a Thing>,
    /// The thing on the second side.
    pub after: Option<&'a Thing>,
    /// What is said of it differently, by name; all that is said, if it came or went.
    pub differences: Vec<Difference<'a>>,
}

impl<'a> Change<'a> {
    /// The thing as it is, or as it was.
    pub fn thing(&self) -> &'a Thing {
        self.after.or(self.before).expect("a change is of something")
    }
}

/// A single thing that is said differently.
#[derive(Debug, Clone)]
pub struct Difference<'a> {
    /// Name of the attribute.
    pub name: &'a str,
    /// What the first side says.
    pub before: Option<&'a Value>,
    /// What the second side says.
    pub after: Option<&'a Value>,
}

/// All changes from one side to the other, by kind and name.
pub fn changes<'a>(before: &'a Model, after: &'a Model) -> Vec<Change<'a>> {
    let mut all = Vec::new();
    compare(&before.things, &after.things, &[], &mut all);
    all.sort_by(|a, b| order(a).cmp(&order(b)));
    all
}

fn order<'a>(change: &'a Change<'_>) -> (Kind, &'a [&'a str], &'a str, &'a str) {
    let thing = change.thing();
    // Parts stand under what they belong to.
    let kind = if change.within.is_empty() { thing.kind } else { Kind::Dashboard };
    match change.within.first() {
        Some(_) => (kind, &change.within[..], &thing.name, &thing.key),
        None => (kind, &[], &thing.name, &thing.key),
    }
}

fn compare<'a>(
    before: &'a [Thing],
    after: &'a [Thing],
    within: &[&'a str],
    all: &mut Vec<Change<'a>>,
) {
    let (pairs, gone, come) = pair(before, after);
    for (a, b) in pairs {
        let differences = differences(a, b);
        if !differences.is_empty() {
            all.push(Change {
                fate: Fate::Changed,
                within: within.to_vec(),
                before: Some(a),
                after: Some(b),
                differences,
            });
        }
        let mut inside = within.to_vec();
        inside.push(&b.name);
        compare(&a.parts, &b.parts, &inside, all);
    }
    for thing in gone {
        let differences = thing.attributes.iter().map(|(name, value)| Difference {
            name,
            before: Some(value),
            after: None,
        });
        all.push(Change {
            fate: Fate::Removed,
            within: within.to_vec(),
            before: Some(thing),
            after: None,
            differences: differences.collect(),
        });
    }
    for thing in come {
        let differences = thing.attributes.iter().map(|(name, value)| Difference {
            name,
            before: None,
            after: Some(value),
        });
        all.push(Change {
            fate: Fate::Added,
            within: within.to_vec(),
            before: None,
            after: Some(thing),
            differences: differences.collect(),
        });
    }
}

type Things<'a> = Vec<&'a Thing>;
type Pairs<'a> = (Vec<(&'a Thing, &'a Thing)>, Things<'a>, Things<'a>);

/// Which thing of one side is which of the other: those of the same key, then of the others those of
/// the same alias.
fn pair<'a>(before: &'a [Thing], after: &'a [Thing]) -> Pairs<'a> {
    let mut pairs = Vec::new();
    let (mut gone, mut come): (Vec<&Thing>, Vec<&Thing>) =
        (before.iter().collect(), after.iter().collect());
    for name in [|thing: &Thing| thing.key.clone(), |thing: &Thing| thing.alias.clone()] {
        let mut groups: BTreeMap<(Kind, String), (Things<'a>, Things<'a>)> = BTreeMap::new();
        for thing in gone.drain(..) {
            groups.entry((thing.kind, name(thing))).or_default().0.push(thing);
        }
        for thing in come.drain(..) {
            groups.entry((thing.kind, name(thing))).or_default().1.push(thing);
        }
        for (a, b) in groups.into_values() {
            let (same, only_a, only_b) = nearest(a, b);
            pairs.extend(same);
            gone.extend(only_a);
            come.extend(only_b);
        }
    }
    (pairs, gone, come)
}

/// Of things that are called the same, the pairs that differ least.
fn nearest<'a>(before: Things<'a>, after: Things<'a>) -> Pairs<'a> {
    match (&before[..], &after[..]) {
        ([a], [b]) => return (vec![(*a, *b)], Vec::new(), Vec::new()),
        ([], _) | (_, []) => return (Vec::new(), before, after),
        _ => {}
    }
    let mut candidates: Vec<(usize, usize, usize)> = Vec::new();
    for (a, first) in before.iter().enumerate() {
        for (b, second) in after.iter().enumerate() {
            candidates.push((differences(first, second).len(), a, b));
        }
    }
    candidates.sort_by_key(|(cost, a, b)| (*cost, a + b, a.abs_diff(*b)));
    let (mut pairs, mut used_a, mut used_b) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (_, a, b) in candidates {
        if !used_a.contains(&a) && !used_b.contains(&b) {
            used_a.insert(a);
            used_b.insert(b);
            pairs.push((before[a], after[b]));
        }
    }
    let left = |things: Things<'a>, used: BTreeSet<usize>| -> Things<'a> {
        let free = things.into_iter().enumerate().filter(|(at, _)| !used.contains(at));
        free.map(|(_, thing)| thing).collect()
    };
    (pairs, left(before, used_a), left(after, used_b))
}

fn differences<'a>(before: &'a Thing, after: &'a Thing) -> Vec<Difference<'a>> {
    let names: BTreeSet<&String> =
        before.attributes.keys().chain(after.attributes.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let (a, b) = (before.attributes.get(name), after.attributes.get(name));
            let same = match (a, b) {
                (Some(a), Some(b)) => a.same(b),
                // An order of nothing is no order.
                (Some(Value::Before(_)), None) | (None, Some(Value::Before(_))) => true,
                _ => false,
            };
            (!same).then_some(Difference { name, before: a, after: b })
        })
        .collect()
}
