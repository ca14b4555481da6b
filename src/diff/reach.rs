//! Who hears of an alert: its labels through the tree of routes.
//!
//! Labels that the series bring are not known here, so a route that asks for one perhaps takes it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::alertmanager::{WAYS, modern};
use super::model::{Kind, Model, REACHES, Thing, Value};
use crate::alerting::Tree;
use crate::check::routing::Answer;
use crate::model::{MatchOp, Matcher};

/// Labels of an alert as far as they are known.
struct Known<'a>(BTreeMap<&'a str, &'a str>);

impl Known<'_> {
    fn meets(&self, matcher: &Matcher) -> Answer {
        let name = matcher.name.as_str();
        // What a template makes is not known before, nor whether series bring a label of their own.
        match self.0.get(name).filter(|value| !value.contains("{{")) {
            Some(value) if matcher.matches(value) => Answer::Yes,
            Some(_) => Answer::No,
            None if matcher.op == MatchOp::Regex && matcher.value == ".*" => Answer::Yes,
            None => Answer::Perhaps,
        }
    }
}

/// Says of each alert whom it reaches. `route` is the first route of alertmanager.yml; nothing is said
/// if it cannot be settled.
pub fn settle(route: Option<&Json>, sends: bool, model: &mut Model) {
    let Some(tree) = route
        .and_then(|route| serde_json::from_value(modern(route)).ok())
        .and_then(|route| Tree::new(&route).ok())
    else {
        return;
    };
    // A receiver without any way to tell somebody tells nobody.
    let heard: BTreeSet<String> = model
        .all(Kind::Receiver)
        .filter(|receiver| receiver.set_of(WAYS).is_some_and(|ways| !ways.is_empty()))
        .map(|receiver| receiver.name.clone())
        .collect();
    for alert in model.things.iter_mut().filter(|thing| thing.kind == Kind::Alert) {
        let mut reached: BTreeMap<&str, Answer> = BTreeMap::new();
        if sends {
            let known = Known(labels(alert));
            let mut ends = Vec::new();
            walk(&tree, 0, Answer::Yes, &known, &mut ends);
            let name = |end: usize| tree.node(end).settings.receiver.as_str();
            // Wherever it ends, it is told to the same.
            let same = ends.windows(2).all(|pair| name(pair[0].0) == name(pair[1].0));
            for (end, answer) in ends {
                let (name, answer) = (name(end), if same { Answer::Yes } else { answer });
                if heard.contains(name) {
                    let best = reached.entry(name).or_insert(answer);
                    *best = (*best).max(answer);
                }
            }
        }
        let said = reached.into_iter().map(|(name, answer)| match answer {
            Answer::Yes => name.to_owned(),
            _ => format!("perhaps {name}"),
        });
        let said = Value::set(said);
        alert.set(REACHES, said);
    }
}

fn labels(alert: &Thing) -> BTreeMap<&str, &str> {
    let mut labels: BTreeMap<&str, &str> = alert
        .attributes
        .keys()
        .filter_map(|name| Some((name.strip_prefix("label ")?, alert.text(name)?)))
        .collect();
    // The name that is shown may be a longer one.
    labels.insert("alertname", &alert.alias);
    labels
}

fn walk(tree: &Tree, at: usize, reached: Answer, known: &Known, ends: &mut Vec<(usize, Answer)>) {
    let (mut tried, mut taken) = (reached, Answer::No);
    for child in &tree.node(at).children {
        let node = tree.node(*child);
        let meets = node.matchers.iter().map(|matcher| known.meets(matcher)).min();
        let meets = meets.unwrap_or(Answer::Yes);
        if meets == Answer::No {
            continue;
        }
        walk(tree, *child, tried.and(meets), known, ends);
        taken = taken.max(meets);
        if !node.go_on {
            if meets == Answer::Yes {
                break;
            }
            tried = Answer::Perhaps;
        }
    }
    match taken {
        Answer::No => ends.push((at, reached)),
        Answer::Perhaps => ends.push((at, Answer::Perhaps)),
        Answer::Yes => {}
    }
}
