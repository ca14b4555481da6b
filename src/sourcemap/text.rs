//! Where files that are no YAML and no JSON come from: line by line, by the words in them.

use std::collections::HashMap;
use std::ops::Range;

use super::compose::{container, reference};
use super::marks::{Marks, Origin};
use super::place::{Place, text};
use crate::manifest::tree::Node;

/// The lines of a text with the bytes they cover.
pub fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let range = start..start + line.trim_end().len();
        start += line.len();
        (range, line.trim())
    })
}

/// Marks the list of variables that somebody has to fill in.
pub fn variables(marks: &mut Marks, file: &str, root: Place) {
    let of = |variable: &str| {
        let by_node = root.all("secret").find(|secret| {
            let said = secret.said("env");
            said.is_some_and(|said| said.values.iter().any(|value| value.0 == variable))
        });
        by_node.map(|secret| (secret, secret.said("env").map_or(secret.span(), |said| said.span)))
    };
    for (range, line) in lines(file) {
        let named = line.strip_prefix("# secret `").and_then(|rest| rest.strip_suffix('`'));
        let variable = line.split_once('=').map(|(variable, _)| variable);
        if let Some(secret) = named.and_then(|name| root.named("secret", name)) {
            marks.stretch(range, Origin::named(secret));
        } else if let Some(variable) = variable {
            let wanted = |tag: &str, text: &str| tag == "env" && text == variable;
            if let Some((secret, span)) = of(variable) {
                let also = vec![secret.span()];
                marks.stretch(range, Origin { span, whole: span, also, ..Origin::named(secret) });
            } else if let Some((span, node)) = reference(root.node, &wanted) {
                let node = Place { node, shape: root.shape };
                marks.stretch(range, Origin { span, whole: span, ..Origin::named(node) });
            }
        }
    }
}

/// Marks what `make` can do with each container.
pub fn makefile(marks: &mut Marks, file: &str, root: Place) {
    let mut current = None;
    for (range, line) in lines(file) {
        let target = line.split_once(':').map(|(target, _)| target);
        if let Some(target) =
            target.filter(|_| file[range.clone()].starts_with(char::is_alphabetic))
        {
            let name = target.strip_prefix("logs-").or(target.strip_prefix("restart-"));
            current = name.and_then(|name| container(root, name));
        }
        // Recipes that name a container besides: `restart edge`.
        let mut words = line.split(' ').skip(1).filter(|_| line.starts_with("$(COMPOSE)"));
        let last = words.find_map(|word| container(root, word));
        if let Some(node) = current.or(last) {
            marks.stretch(range, Origin::derived(node));
        }
    }
}

/// Marks what a MySQL exporter reads, or what makes its user.
pub fn mysql(marks: &mut Marks, file: &str, exporter: Place) {
    marks.stretch(0..file.len(), Origin::derived(exporter));
    for (range, line) in lines(file) {
        let keys: &[&str] = match line.split('=').next().unwrap_or_default().trim() {
            "user" => &["user"],
            "password" => &["password"],
            "host" | "port" => &["target"],
            _ => continue,
        };
        let said = keys.iter().find_map(|key| exporter.said(key));
        if let Some(said) = said {
            let origin = Origin { span: said.span, whole: said.whole, ..Origin::named(exporter) };
            marks.stretch(range, origin);
        }
    }
}

/// Marks the lines of any text by the values of the manifest that stand in them as words: the longest
/// of a line counts, and a name more than another value.
pub fn words(marks: &mut Marks, file: &str, root: Place, whole: Place) {
    marks.stretch(0..file.len(), Origin::derived(whole));
    let mut known: HashMap<String, Origin> = HashMap::new();
    // Containers are called by their own names.
    for exporter in root.all("exporter") {
        known.insert(
            format!("{}-exporter", exporter.name().unwrap_or_default()),
            Origin::derived(exporter),
        );
    }
    for part in ["prometheus", "pushgateway", "alertmanager", "grafana"] {
        known.extend(root.one(part).map(|node| (part.to_owned(), Origin::derived(node))));
    }
    collect(root, &mut known);
    let is_word = |c: char| c.is_alphanumeric() || "_-./:@%*".contains(c);
    for (range, line) in lines(file) {
        let words = line.split(|c| !is_word(c)).map(|word| word.trim_matches(['.', ':', '-']));
        let pieces =
            words.flat_map(|word| std::iter::once(word).chain(word.split([':', '/', '='])));
        let best = pieces.filter(|word| known.contains_key(*word)).max_by_key(|word| word.len());
        if let Some(origin) = best.and_then(|word| known.get(word)) {
            marks.stretch(range, origin.clone());
        }
    }
}

fn collect(place: Place, known: &mut HashMap<String, Origin>) {
    for child in place.children() {
        if let Some(name) = child.name().filter(|name| name.len() > 1) {
            known.entry(name.to_owned()).or_insert_with(|| Origin::named(child));
        }
    }
    values(place, place.node, known);
    for child in place.children() {
        collect(child, known);
    }
}

fn values(place: Place, node: &Node, known: &mut HashMap<String, Origin>) {
    for value in node.args.iter().chain(node.props.iter().map(|prop| &prop.value)) {
        let text = text(value);
        if text.len() > 2 && text != "true" && text != "false" {
            let (span, whole) = (value.span, value.span);
            known.entry(text).or_insert_with(|| Origin { span, whole, ..Origin::named(place) });
        }
    }
    let plain =
        |child: &&Node| place.shape.child(&child.name.value).is_none_or(|it| it.shape.is_none());
    node.children.iter().filter(plain).for_each(|child| values(place, child, known));
}
