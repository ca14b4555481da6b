//! Laying a profile over the stack, and joining what one manifest says in several places.

use super::codes;
use super::shape::{Child, Field, Kind, Naming, Role, Shape};
use super::tree::{Data, Near, Node, Property, Value};
use crate::diag::{Findings, most_similar};

/// Settings that stand for one another: what a profile says for one of them replaces all.
const ALTERNATIVES: &[(&str, &[&str])] = &[
    ("Secret", &["file", "env"]),
    ("Service", &["image", "build"]),
    ("Native", &["run", "external"]),
];

/// Brings a node into the form that everything behind relies on: settings that are nodes stand among
/// the children however they were written, and a node that can only be there once is there once.
pub fn normalise(node: &mut Node, shape: &'static Shape) {
    let is_node = |prop: &Property| {
        shape.child(&prop.name).is_some_and(|child| {
            child.shape.is_some_and(|inner| inner.arguments().next().is_some())
        })
    };
    if node.props.iter().any(is_node) {
        let (nodes, props) = std::mem::take(&mut node.props).into_iter().partition(is_node);
        node.props = props;
        for Property { name, value } in nodes {
            let span = name.span.to(value.span);
            let mut child = Node { notation: node.notation, ..Node::new(name, span) };
            child.args.push(value);
            node.children.push(child);
        }
    }
    let children = std::mem::take(&mut node.children);
    for mut child in children {
        let Some(Child { field, shape: Some(inner) }) = shape.child(&child.name) else {
            node.children.push(child);
            continue;
        };
        normalise(&mut child, inner);
        let first = node.children.iter_mut().find(|first| first.name == child.name);
        match first {
            Some(first) if matches!(field.kind, Kind::Block(_)) && agree(first, &child) => {
                join(first, child, inner);
            }
            _ => node.children.push(child),
        }
    }
}

/// Whether two nodes have the same arguments, or one has none: then both can be one.
fn agree(first: &Node, second: &Node) -> bool {
    let same = |(one, other): (&Value, &Value)| one.data == other.data;
    first.args.is_empty()
        || second.args.is_empty()
        || first.args.len() == second.args.len() && first.args.iter().zip(&second.args).all(same)
}

/// Two nodes of a kind that can only be there once become one; what both say is found when decoding.
fn join(first: &mut Node, second: Node, shape: &'static Shape) {
    first.damaged |= second.damaged;
    if first.args.is_empty() {
        first.args = second.args;
    }
    first.props.extend(second.props);
    for child in second.children {
        let known = shape.child(&child.name);
        let same = first.children.iter_mut().find(|other| other.name == child.name);
        match (same, known) {
            (Some(same), Some(Child { field, shape: Some(inner) }))
                if matches!(field.kind, Kind::Block(_)) && agree(same, &child) =>
            {
                join(same, child, inner);
            }
            _ => first.children.push(child),
        }
    }
}

/// Lays `over` upon `base`: what it says wins, what it adds is added.
pub fn overlay(base: &mut Node, over: Node, shape: &'static Shape, findings: &mut Findings) {
    let positional = shape.fields.iter().filter(|field| field.role == Role::Argument).count();
    base.damaged |= over.damaged;
    if over.args.len() > positional {
        base.args = over.args;
    } else {
        for (at, arg) in over.args.into_iter().enumerate() {
            match base.args.get_mut(at) {
                Some(known) => {
                    if at == 0 && known.data == arg.data {
                        base.first_named.get_or_insert(known.span);
                    }
                    *known = arg;
                }
                None => base.args.push(arg),
            }
        }
    }
    for (_, keys) in ALTERNATIVES.iter().filter(|(name, _)| *name == shape.name) {
        let says = |name: &str| keys.contains(&name);
        let props = over.props.iter().map(|prop| prop.name.as_str());
        if props.chain(over.children.iter().map(|child| child.name.as_str())).any(says) {
            let said: Vec<&str> = keys
                .iter()
                .copied()
                .filter(|key| over.children.iter().any(|child| child.name.as_str() == *key))
                .collect();
            base.props.retain(|prop| !says(&prop.name));
            // A block that both have is joined further down.
            base.children.retain(|child| !says(&child.name) || said.contains(&child.name.as_str()));
        }
    }
    for prop in over.props {
        match shape.child(&prop.name) {
            Some(child) => replace(base, child.field, shape),
            None => base.props.retain(|known| known.name != prop.name),
        }
        base.props.push(prop);
    }
    // A setting that the profile itself gives twice is a mistake, and must be seen as one.
    let mut replaced: Vec<String> = Vec::new();
    for child in over.children {
        match shape.child(&child.name) {
            None => base.children.push(child),
            Some(Child { field, shape: None }) => {
                if let Kind::Map(_) = field.kind {
                    forget_pairs(base, &child);
                } else if !replaced.contains(&child.name) {
                    replace(base, field, shape);
                    replaced.push(child.name.value.clone());
                }
                base.children.push(child);
            }
            Some(Child { field, shape: Some(inner) }) => {
                let once = matches!(field.kind, Kind::Block(_));
                lay_block(base, child, once, inner, findings);
            }
        }
    }
}

fn lay_block(
    base: &mut Node,
    mut child: Node,
    once: bool,
    shape: &'static Shape,
    findings: &mut Findings,
) {
    let key = child.args.first().map(|arg| arg.data.clone());
    let same = base.children.iter_mut().find(|known| {
        known.name == child.name
            && (once || key.is_some() && known.args.first().map(|arg| &arg.data) == key.as_ref())
    });
    if let Some(same) = same {
        overlay(same, child, shape, findings);
        return;
    }
    if shape.naming == Naming::Unique && !once {
        let mut near = nearest(base, &child);
        let complete = shape.checked
            || shape.fields.iter().any(|field| field.required && field.role != Role::Argument);
        if let Some((name, place)) = &near.name
            && (!complete || is_slip(&child, name))
        {
            let at = child.args.first().map_or(child.name.span, |arg| arg.span);
            let finding = codes::PROFILE_OVERRIDES_NOTHING
                .says(format!("the stack has no {} of this name to change", child.name))
                .at(at, "added by the profile")
                .also(*place, "is this one meant?")
                .help(format!("did you mean `{name}`?"))
                .replace(&format!("write \"{name}\""), at, format!("{name:?}"));
            findings.push(finding);
            near.reported = true;
        }
        child.only_in_profile = Some(near);
    }
    base.children.push(child);
}

/// Whether two names differ as by a slip of the finger, and not as `app` and `app2` or `db1` and `db2`.
fn is_slip(child: &Node, name: &str) -> bool {
    let Some(written) = child.args.first().and_then(|arg| arg.text()) else { return false };
    let bare = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    strsim::damerau_levenshtein(written, name) == 1
        && bare(written) != bare(name)
        && !written.starts_with(name)
        && !name.starts_with(written)
}

/// The node of the base whose name is closest.
fn nearest(base: &Node, child: &Node) -> Near {
    let names = || {
        base.children.iter().filter(|known| known.name == child.name).filter_map(|known| {
            let arg = known.args.first()?;
            Some((arg.text()?, arg.span))
        })
    };
    let name = child.args.first().and_then(|arg| match &arg.data {
        Data::Text(written) => {
            let near = most_similar(written, names().map(|(name, _)| name))?;
            names().find(|(name, _)| *name == near).map(|(name, place)| (name.to_owned(), place))
        }
        _ => None,
    });
    Near { name, known: names().map(|(name, _)| name.to_owned()).collect(), reported: false }
}

/// Removes what the base says for a setting that is replaced.
fn replace(base: &mut Node, field: &'static Field, shape: &'static Shape) {
    if field.role == Role::Set {
        return;
    }
    if field.role == Role::Argument {
        let at = shape.arguments().position(|argument| argument.key == field.key);
        if let Some(at) = at.filter(|at| at + 1 == base.args.len()) {
            base.args.truncate(at);
        }
    }
    base.props.retain(|known| *known.name != field.key);
    base.children.retain(|known| *known.name != field.key);
}

/// Removes the names of the base's map that the profile gives other values.
fn forget_pairs(base: &mut Node, over: &Node) {
    let given = |name: &str| {
        over.props.iter().any(|prop| *prop.name == name)
            || over.children.iter().any(|child| *child.name == name)
    };
    for map in base.children.iter_mut().filter(|known| known.name == over.name) {
        map.props.retain(|prop| !given(&prop.name));
        map.children.retain(|child| !given(&child.name));
    }
}
