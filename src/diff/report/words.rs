//! A change in words.

use std::collections::BTreeSet;

use super::super::{Change, Difference, Fate, Kind, REACHES, Thing, Value};

/// Texts of more characters get lines of their own.
const SHORT: usize = 60;

/// A change in words: what fits on a line, and what needs lines of its own.
pub struct Words {
    /// `for 2m -> 5m`, `now reaches pager`.
    pub short: Vec<String>,
    /// What is said at length.
    pub long: Vec<Long>,
}

/// An attribute whose values are long.
pub struct Long {
    /// Its name.
    pub name: String,
    /// Lines that went.
    pub before: Vec<String>,
    /// Lines that came.
    pub after: Vec<String>,
}

/// What a thing is called: `alert TargetDown`, `panel Machine / CPU`.
pub fn subject(thing: &Thing, within: &[&str]) -> (&'static str, String) {
    let mut names: Vec<&str> = within.to_vec();
    names.push(&thing.name);
    (thing.kind.word(), names.join(" / "))
}

/// Attributes that tell most about a thing that came or went.
fn headline(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Job => &["targets", "scrape_interval", "metrics_path"],
        Kind::Alert => &["expr", "for", "label severity", REACHES],
        Kind::Record => &["expr"],
        Kind::RuleGroup => &["interval"],
        Kind::Receiver => &["integrations"],
        Kind::Route => &["receiver"],
        Kind::Mute => &["times"],
        Kind::Datasource => &["type", "url"],
        Kind::Panel | Kind::Variable => &["type"],
        Kind::Service => &["image", "ports"],
        Kind::Secret => &["file", "environment"],
        _ => &[],
    }
}

/// A change in words.
pub fn words(change: &Change<'_>) -> Words {
    let mut words = Words { short: Vec::new(), long: Vec::new() };
    let thing = change.thing();
    if change.fate != Fate::Changed {
        for name in headline(thing.kind) {
            words.short.extend(thing.attributes.get(*name).and_then(|value| fact(name, value)));
        }
        for (kind, one, many) in
            [(Kind::Panel, "panel", "panels"), (Kind::Variable, "variable", "variables")]
        {
            match thing.parts.iter().filter(|part| part.kind == kind).count() {
                0 => {}
                1 => words.short.push(format!("1 {one}")),
                count => words.short.push(format!("{count} {many}")),
            }
        }
        return words;
    }
    for difference in change.differences.iter().filter(|one| one.name != REACHES) {
        describe(difference, &mut words);
    }
    // Who hears of an alert matters most and is said last, as a sentence ends.
    if let Some(difference) = change.differences.iter().find(|one| one.name == REACHES) {
        let set = |value: Option<&Value>| match value {
            Some(Value::Set(set)) => set.clone(),
            _ => BTreeSet::new(),
        };
        words.short.extend(reach(&set(difference.before), &set(difference.after)));
    }
    words
}

/// An attribute of a thing that came or went; none of those that are too long.
fn fact(name: &str, value: &Value) -> Option<String> {
    let name = name.strip_prefix("label ").unwrap_or(name);
    let text = match value {
        Value::Set(set) if set.is_empty() && name == REACHES => {
            return Some("reaches nobody".into());
        }
        Value::Set(set) if !set.is_empty() => join(set),
        Value::Text(text) | Value::Inherited(text) => text.clone(),
        Value::Expr(text) => return is_short(text).then(|| text.clone()),
        _ => return None,
    };
    is_short(&text).then(|| format!("{name} {text}"))
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= SHORT && !text.contains('\n')
}

fn join<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    texts.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// A text as one of several words: in quotes where its end would not be seen.
fn shown(text: &str) -> String {
    if text.is_empty() || text != text.trim() { format!("{text:?}") } else { text.to_owned() }
}

fn describe(difference: &Difference<'_>, words: &mut Words) {
    let Difference { name, before, after } = difference;
    match (before, after) {
        (Some(Value::Hidden(a)), Some(Value::Hidden(b))) if *name == "contents" => {
            let (gone, come) = lines(a, b);
            let (gone, come) = (gone.len(), come.len());
            words.short.push(format!("{name} changed: {come} lines came, {gone} went"));
        }
        // Nothing of a secret is shown.
        (Some(Value::Hidden(_)), Some(_)) | (Some(_), Some(Value::Hidden(_))) => {
            words.short.push(format!("{name} changed"));
        }
        (None, Some(Value::Hidden(_))) => words.short.push(format!("{name} added")),
        (Some(Value::Hidden(_)), None) => words.short.push(format!("{name} removed")),
        (Some(Value::Before(a)), Some(Value::Before(b))) => {
            for (first, second) in b.iter().filter(|(x, y)| a.contains(&(y.clone(), x.clone()))) {
                words.short.push(format!("{first} is now tried before {second}"));
            }
        }
        _ => {
            let (a, b) = (before.map(members), after.map(members));
            if let (Some(Members::Set(_)) | None, Some(Members::Set(_)) | None) = (&a, &b) {
                let empty = BTreeSet::new();
                let set = |members: &Option<Members>| match members {
                    Some(Members::Set(set)) => (*set).clone(),
                    _ => empty.clone(),
                };
                sets(name, &set(&a), &set(&b), words);
            } else if matches!((&a, &b), (Some(Members::List(_)), _) | (_, Some(Members::List(_))))
            {
                let list = |members: Option<Members>| match members {
                    Some(Members::List(list)) => list.to_vec(),
                    Some(Members::Set(set)) => set.iter().cloned().collect(),
                    Some(Members::One(one)) => vec![one.to_owned()],
                    None => Vec::new(),
                };
                lists(name, &list(a), &list(b), words);
            } else {
                let one = |members: Option<Members>| match members {
                    Some(Members::One(one)) => Some(one.to_owned()),
                    Some(Members::Set(set)) => Some(join(set)),
                    _ => None,
                };
                texts(name, one(a), one(b), words);
            }
        }
    }
}

enum Members<'a> {
    One(&'a str),
    Set(&'a BTreeSet<String>),
    List(&'a [String]),
}

fn members(value: &Value) -> Members<'_> {
    match value {
        Value::Text(text) | Value::Inherited(text) | Value::Expr(text) => Members::One(text),
        Value::Hidden(_) | Value::Before(_) => Members::One("***"),
        Value::Set(set) => Members::Set(set),
        Value::List(list) => Members::List(list),
    }
}

fn texts(name: &str, before: Option<String>, after: Option<String>, words: &mut Words) {
    let all_short = before.iter().chain(&after).all(|text| is_short(text));
    match (&before, &after) {
        (Some(a), Some(b)) if all_short => {
            words.short.push(format!("{name} {} -> {}", shown(a), shown(b)));
        }
        (None, Some(b)) if all_short => words.short.push(format!("{name} {} added", shown(b))),
        (Some(a), None) if all_short => words.short.push(format!("{name} {} removed", shown(a))),
        _ => {
            let (a, b) = (before.unwrap_or_default(), after.unwrap_or_default());
            let (before, after) = lines(&a, &b);
            words.long.push(Long { name: name.to_owned(), before, after });
        }
    }
}

/// Who hears of an alert that did not, or the other way round.
fn reach(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let bare = |text: &String| text.strip_prefix("perhaps ").unwrap_or(text).to_owned();
    let names: BTreeSet<String> = before.iter().chain(after).map(bare).collect();
    // 0 for no, 1 for perhaps, 2 for yes.
    let sure = |set: &BTreeSet<String>, name: &String| {
        if set.contains(name) { 2 } else { u8::from(set.contains(&format!("perhaps {name}"))) }
    };
    let of = |changes: &[(u8, u8)]| -> Vec<&String> {
        let fits = |name: &&String| changes.contains(&(sure(before, name), sure(after, name)));
        names.iter().filter(fits).collect()
    };
    let lost = of(&[(1, 0), (2, 0)]);
    let nobody = after.is_empty() && !before.is_empty();
    let sentences = [
        (of(&[(0, 2)]), "now reaches ", ""),
        (of(&[(0, 1)]), "may now reach ", ""),
        (of(&[(1, 2)]), "now always reaches ", ""),
        (of(&[(2, 1)]), "now reaches ", " only perhaps"),
        (if nobody { Vec::new() } else { lost }, "no longer reaches ", ""),
    ];
    let said = sentences.into_iter().filter(|(names, ..)| !names.is_empty());
    let mut said: Vec<String> =
        said.map(|(names, start, end)| format!("{start}{}{end}", join(names))).collect();
    if nobody {
        said.push("no longer reaches anyone".to_owned());
    }
    said
}

fn sets(name: &str, before: &BTreeSet<String>, after: &BTreeSet<String>, words: &mut Words) {
    let gone: Vec<&String> = before.difference(after).collect();
    let come: Vec<&String> = after.difference(before).collect();
    let marked = come.iter().map(|text| format!("+{text}"));
    let marked: Vec<String> = marked.chain(gone.iter().map(|text| format!("-{text}"))).collect();
    let text = marked.join(" ");
    if is_short(&text) {
        words.short.push(format!("{name} {text}"));
    } else {
        let own = |texts: Vec<&String>| texts.into_iter().cloned().collect();
        words.long.push(Long { name: name.to_owned(), before: own(gone), after: own(come) });
    }
}

fn lists(name: &str, before: &[String], after: &[String], words: &mut Words) {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    if sorted(before) == sorted(after) {
        words.short.push(format!("{name} in another order"));
        return;
    }
    let (before, after) = lines(&before.join("\n"), &after.join("\n"));
    words.long.push(Long { name: name.to_owned(), before, after });
}

/// The lines that only one of two texts has.
fn lines(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let ended = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n") };
    let (before, after) = (ended(before), ended(after));
    for change in similar::TextDiff::from_lines(&before, &after).iter_all_changes() {
        let line = change.value().trim_end_matches('\n').to_owned();
        match change.tag() {
            similar::ChangeTag::Delete => gone.push(line),
            similar::ChangeTag::Insert => come.push(line),
            similar::ChangeTag::Equal => {}
        }
    }
    (gone, come)
}
