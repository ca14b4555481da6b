//! A file of a manifest as it was written, for editors: its nodes with their places, and every value
//! with the setting that it is for. Profiles are not laid over, includes not followed.

use super::decode::Decode;
use super::load::Format;
use super::shape::{Field, Kind, Role, Shape};
use super::stack::Stack;
use super::tree::{Node, Value};
use super::{kdl, yaml};
use crate::diag::{FileId, Findings};

/// A value and what it is for.
#[derive(Clone, Copy)]
pub struct Written<'n> {
    /// The node type whose setting it is.
    pub owner: &'static Shape,
    /// The setting.
    pub field: &'static Field,
    /// The value.
    pub value: &'n Value,
    /// The node whose setting it is; `None` at the top.
    pub node: Option<&'n Node>,
}

/// The nodes of a file, as far as they can be read.
pub fn nodes(text: &str, file: FileId, format: Format) -> Vec<Node> {
    let mut findings = Findings::default();
    match format {
        Format::Kdl => kdl::read(text, file, &mut findings),
        Format::Yaml | Format::Json => yaml::read(text, file, &mut findings),
    }
}

/// What a node inside of another one is: its shape, where it has settings of its own.
pub fn shape_of(parent: &'static Shape, name: &str) -> Option<&'static Shape> {
    // A profile speaks the language of the whole manifest.
    if parent.name == "Stack" && name == "profile" {
        return Some(Stack::shape());
    }
    parent.child(name).and_then(|child| child.shape)
}

/// Calls the visitor with every value for which there is a setting, in reading order of the nodes.
pub fn walk<'n>(nodes: &'n [Node], visit: &mut dyn FnMut(Written<'n>)) {
    children(nodes, Stack::shape(), None, visit);
}

fn children<'n>(
    nodes: &'n [Node],
    owner: &'static Shape,
    parent: Option<&'n Node>,
    visit: &mut dyn FnMut(Written<'n>),
) {
    for node in nodes {
        if owner.name == "Stack" && node.name.as_str() == "profile" {
            children(&node.children, owner, parent, visit);
            continue;
        }
        let Some(child) = owner.child(&node.name) else {
            if let Some(field) = owner.rest() {
                for value in &node.args {
                    visit(Written { owner, field, value, node: parent });
                }
            }
            continue;
        };
        let Some(shape) = child.shape else {
            let field = child.field;
            let props = node.props.iter().map(|prop| &prop.value);
            let inner = node.children.iter().flat_map(|inner| &inner.args);
            for value in node.args.iter().chain(props).chain(inner) {
                visit(Written { owner, field, value, node: parent });
            }
            continue;
        };
        settings(node, shape, visit);
    }
}

/// The values of one node, then those of the nodes in it.
fn settings<'n>(node: &'n Node, shape: &'static Shape, visit: &mut dyn FnMut(Written<'n>)) {
    let mut arguments = shape.arguments();
    let mut last = None;
    for value in &node.args {
        if let Some(field) = arguments.next().or(last) {
            visit(Written { owner: shape, field, value, node: Some(node) });
            last = (field.role == Role::Arguments).then_some(field);
        }
    }
    for prop in &node.props {
        let plain = |field: &&Field| !matches!(field.kind, Kind::Block(_) | Kind::Blocks(_));
        if let Some(field) = shape.field(&prop.name).filter(plain).or(shape.rest()) {
            visit(Written { owner: shape, field, value: &prop.value, node: Some(node) });
        }
    }
    children(&node.children, shape, Some(node), visit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_setting() {
        let kdl = "service \"a\" { depends_on \"b\" condition=\"healthy\"; env A=(secret)\"s\" }\n\
                   profile \"p\" { volumes \"v\" \"w\" }";
        let yaml = "service: {a: {depends_on: {b: {condition: healthy}}, env: {A: {secret: s}}}}\n\
                    profile: {p: {volumes: [v, w]}}";
        for (text, format) in [(kdl, Format::Kdl), (yaml, Format::Yaml)] {
            let nodes = nodes(text, FileId(0), format);
            let mut found = Vec::new();
            walk(&nodes, &mut |it| {
                found.push(format!("{}.{} {}", it.owner.name, it.field.key, it.value.describe()));
            });
            assert_eq!(
                found,
                [
                    "Service.name \"a\"",
                    "DependsOn.name \"b\"",
                    "DependsOn.condition \"healthy\"",
                    "Service.env \"s\"",
                    "Stack.volumes \"v\"",
                    "Stack.volumes \"w\"",
                ],
                "{text}"
            );
        }
    }
}
