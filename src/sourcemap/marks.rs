//! What is known of a rendered file: stretches of it, each with the place it comes from.

use std::collections::HashMap;
use std::ops::Range;

use super::item::{Data, Item};
use super::place::{Place, Said};
use crate::diag::Span;
use crate::manifest::tree::Node;

/// How a stretch of a rendered file comes from a place of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// It is what was written there.
    Said,
    /// It follows from that node.
    Derived,
    /// Nothing was said; this setting of the node would say something else.
    Default(String),
}

/// A place of the manifest that rendered text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What to point at.
    pub span: Span,
    /// The setting or node with everything in it.
    pub whole: Span,
    /// The node in words: `exporter "node"`.
    pub node: String,
    /// How the text comes from there.
    pub how: How,
    /// Further places that have a part in it.
    pub also: Vec<Span>,
}

/// A stretch of a rendered file and where it comes from.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Bytes of the rendered file.
    pub range: Range<usize>,
    /// Where they come from.
    pub origin: Origin,
    /// What stands there, where it has a name: ``scrape job `node` ``.
    pub what: Option<String>,
}

/// Marks in the order of a walk from the outside to the inside: of those that cover a place, the last
/// knows best.
#[derive(Debug, Default)]
pub struct Marks(pub Vec<Mark>);

/// Nodes that an object of a rendered file comes from: who comes first has the last word.
pub type From<'a> = [Place<'a>];

impl Origin {
    /// What follows from a node as a whole.
    pub fn derived(from: Place) -> Self {
        Self {
            span: from.span(),
            whole: from.node.span,
            node: from.title(),
            how: How::Derived,
            also: Vec::new(),
        }
    }

    /// The name of a node.
    pub fn named(from: Place) -> Self {
        Self { how: How::Said, ..Self::derived(from) }
    }

    fn said(from: Place, span: Span, whole: Span) -> Self {
        Self { span, whole, node: from.title(), how: How::Said, also: Vec::new() }
    }
}

impl Marks {
    /// Marks an item.
    pub fn put(&mut self, item: &Item, origin: Origin) {
        self.0.push(Mark { range: item.range.clone(), origin, what: None });
    }

    /// Marks bytes.
    pub fn stretch(&mut self, range: Range<usize>, origin: Origin) {
        self.0.push(Mark { range, origin, what: None });
    }

    /// Marks an item with everything in it as something that follows from a node, and names it.
    pub fn object(&mut self, item: &Item, from: Place, what: impl Into<String>) {
        let origin = Origin::derived(from);
        self.0.push(Mark { range: item.range.clone(), origin, what: Some(what.into()) });
    }

    /// Marks an item as the name of a node.
    pub fn name(&mut self, item: &Item, from: Place) {
        self.put(item, Origin::named(from));
    }

    /// Marks an item, and everything in it, by what is said of one of some settings; the first that is
    /// said counts, of the first node that says one.
    pub fn setting(&mut self, item: &Item, from: &From, keys: &[&str]) {
        let said = from
            .iter()
            .find_map(|place| keys.iter().find_map(|key| Some((*place, *key, place.said(key)?))));
        let Some((place, key, said)) = said else {
            let could = from
                .iter()
                .find_map(|place| Some((place, *keys.iter().find(|key| place.takes(key))?)));
            let origin = match (could, from.first()) {
                (Some((place, key)), _) => {
                    Origin { how: How::Default(key.to_owned()), ..Origin::derived(*place) }
                }
                (None, Some(place)) => Origin::derived(*place),
                (None, None) => return,
            };
            return self.put(item, origin);
        };
        self.put(item, Origin::said(place, said.span, said.whole));
        let block = place.one(key);
        match &item.data {
            Data::Scalar(_) if said.values.len() > 1 => {
                if let Some(mark) = self.0.last_mut() {
                    mark.origin.also = said.values[1..].iter().map(|(_, span)| *span).collect();
                }
            }
            Data::Scalar(_) => {}
            Data::List(items) => self.list(items, place, &said),
            Data::Map(items) => {
                for item in items {
                    let pair = said.pairs.iter().find(|pair| pair.name == item.key());
                    match (pair, block) {
                        (Some(pair), _) => {
                            self.put(item, Origin::said(place, pair.span, pair.whole));
                        }
                        (None, Some(block)) => self.setting(item, &[block], &[item.key()]),
                        (None, None) => {}
                    }
                }
            }
        }
    }

    /// Marks the items of a list by the values that it was made of.
    fn list(&mut self, items: &[Item], place: Place, said: &Said) {
        for (at, item) in items.iter().enumerate() {
            let same = match (items.len() == said.values.len(), item.text()) {
                (true, _) => said.values.get(at),
                (false, Some(text)) => said.values.iter().find(|(value, _)| value == text),
                (false, None) => None,
            };
            let pair = said.pairs.get(at).filter(|_| items.len() == said.pairs.len());
            if let Some((_, span)) = same {
                self.put(item, Origin::said(place, *span, *span));
            } else if let Some(pair) = pair {
                self.put(item, Origin::said(place, pair.span, pair.whole));
            }
        }
    }

    /// Marks every entry of a map by the settings of its name, but for those that `other` has marked.
    pub fn entries(
        &mut self,
        map: &Item,
        from: &From,
        mut other: impl FnMut(&mut Self, &Item) -> bool,
    ) {
        for item in map.items() {
            if !other(self, item) {
                self.setting(item, from, &[item.key()]);
            }
        }
    }

    /// Marks everything inside of an item, however deep, whose key has a setting in `words`.
    pub fn deep(&mut self, item: &Item, from: &From, words: &[(&str, &str)]) {
        for inner in item.items() {
            let word = words.iter().find(|(key, _)| *key == inner.key());
            match word {
                Some((_, setting)) => self.setting(inner, from, &[setting]),
                None => self.deep(inner, from, words),
            }
        }
    }

    /// Marks the items of a list by the nodes of some kind, one for each; what stands before the first
    /// of them in the list is left.
    pub fn each<'a>(
        &mut self,
        list: &Item,
        from: &From<'a>,
        key: &str,
        mut inside: impl FnMut(&mut Self, &Item, Place<'a>),
    ) {
        let nodes: Vec<Place<'a>> = from.iter().flat_map(|place| place.all(key)).collect();
        let before = list.items().len().saturating_sub(nodes.len());
        for (item, node) in list.items()[before..].iter().zip(nodes) {
            self.put(item, Origin::derived(node));
            inside(self, item, node);
        }
    }

    /// What a value refers to has a part in what comes of it: a secret says where it is.
    pub fn refer(&mut self, root: Place) {
        let mut values = HashMap::new();
        references(root, root.node, &mut values);
        for Mark { origin, .. } in &mut self.0 {
            // A value that a profile gives to a node of the stack stands elsewhere.
            if !origin.whole.contains(origin.span) {
                origin.whole = origin.span;
            }
            if let Some(secret) = values.get(&origin.span)
                && !origin.also.contains(secret)
            {
                origin.also.push(*secret);
            }
        }
    }

    /// What covers a byte, from the outside to the inside.
    pub fn at(&self, offset: usize) -> impl DoubleEndedIterator<Item = &Mark> {
        self.0.iter().filter(move |mark| mark.range.contains(&offset))
    }
}

/// The values that refer to a secret, and the secret's place.
fn references(root: Place, node: &Node, found: &mut HashMap<Span, Span>) {
    let values = node.args.iter().chain(node.props.iter().map(|prop| &prop.value));
    for value in values {
        if value.tag.as_ref().is_some_and(|tag| tag.value == "secret")
            && let Some(secret) = value.text().and_then(|name| root.named("secret", name))
        {
            found.insert(value.span, secret.span());
        }
    }
    node.children.iter().for_each(|child| references(root, child, found));
}
