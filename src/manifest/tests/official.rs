//! The official cases of KDL, and what the crate `kdl` makes of them.

use std::fmt::Write as _;

use super::super::kdl;
use super::super::tree::{Data, Node};
use crate::diag::{FileId, Findings};

fn mine(text: &str) -> Result<Vec<Node>, String> {
    let mut findings = Findings::default();
    let nodes = kdl::read(text, FileId(0), &mut findings);
    match findings.iter().next() {
        None => Ok(nodes),
        Some(finding) => Err(format!("{}: {}", finding.span().start, finding.message)),
    }
}

/// Nodes in one notation for both readers.
fn write(nodes: &[Node], out: &mut String) {
    for node in nodes {
        let _ = write!(out, "{:?}", node.name.value);
        for arg in &node.args {
            let _ = write!(out, " {}", data(&arg.data));
        }
        let mut props: Vec<_> = node.props.iter().collect();
        // The last of equal names counts in KDL.
        props.reverse();
        let mut seen = Vec::new();
        props.retain(|prop| {
            !seen.contains(&&prop.name.value) && {
                seen.push(&prop.name.value);
                true
            }
        });
        props.sort_by_key(|prop| &prop.name.value);
        for prop in props {
            let _ = write!(out, " {:?}={}", prop.name.value, data(&prop.value.data));
        }
        out.push('{');
        write(&node.children, out);
        out.push('}');
    }
}

fn data(data: &Data) -> String {
    match data {
        Data::Text(text) => format!("{text:?}"),
        Data::Number(text) => number(text),
        Data::Bool(yes) => yes.to_string(),
        Data::Null => "null".to_owned(),
        Data::Compound(_) => unreachable!("KDL has no compound values"),
    }
}

fn number(text: &str) -> String {
    let clean = text.replace('_', "");
    let (sign, digits) = match clean.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", clean.strip_prefix('+').unwrap_or(&clean)),
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            return i128::from_str_radix(&format!("{sign}{digits}"), radix)
                .map_or_else(|_| clean.clone(), |number| number.to_string());
        }
    }
    match format!("{sign}{digits}").parse::<i128>() {
        Ok(number) => number.to_string(),
        Err(_) => format!("{:?}", format!("{sign}{digits}").parse::<f64>().unwrap_or(f64::NAN)),
    }
}

fn write_theirs(document: &::kdl::KdlDocument, out: &mut String) {
    for node in document.nodes() {
        let _ = write!(out, "{:?}", node.name().value());
        for entry in node.entries().iter().filter(|entry| entry.name().is_none()) {
            let _ = write!(out, " {}", their_value(entry.value()));
        }
        let mut props: Vec<(String, String)> = Vec::new();
        for entry in node.entries() {
            if let Some(name) = entry.name() {
                props.retain(|(known, _)| known != name.value());
                props.push((name.value().to_owned(), their_value(entry.value())));
            }
        }
        props.sort();
        for (name, value) in props {
            let _ = write!(out, " {name:?}={value}");
        }
        out.push('{');
        if let Some(children) = node.children() {
            write_theirs(children, out);
        }
        out.push('}');
    }
}

fn their_value(value: &::kdl::KdlValue) -> String {
    match value {
        ::kdl::KdlValue::String(text) => format!("{text:?}"),
        ::kdl::KdlValue::Integer(number) => number.to_string(),
        ::kdl::KdlValue::Float(number) => format!("{number:?}"),
        ::kdl::KdlValue::Bool(yes) => yes.to_string(),
        ::kdl::KdlValue::Null => "null".to_owned(),
    }
}

const CASES: &str = include_str!("../../../tests/fixtures/manifest/kdl_official_cases.json");

#[test]
fn official_cases_are_read_as_the_crate_reads_them_and_refused_when_they_should_be() {
    let all: serde_json::Value = serde_json::from_str(CASES).expect("written by a program");
    let cases = all["cases"].as_object().expect("a map of cases");
    assert!(cases.len() > 300);
    let mut wrong = Vec::new();
    // The language of stacks has no use for annotations before a node.
    for (name, text) in cases.iter().filter(|(name, _)| !name.contains("node_type")) {
        let text = text.as_str().expect("a text");
        match (mine(text), name.ends_with("_fail.kdl")) {
            (Ok(nodes), false) => {
                let document =
                    ::kdl::KdlDocument::parse_v2(text).expect("the crate passes its cases");
                let (mut a, mut b) = (String::new(), String::new());
                write(&nodes, &mut a);
                write_theirs(&document, &mut b);
                if a != b {
                    wrong.push(format!("{name}\n   mine   {a}\n   theirs {b}"));
                }
            }
            (Err(_), true) => {}
            (Ok(_), true) => wrong.push(format!("{name}: must be refused")),
            (Err(err), false) => wrong.push(format!("{name}: refused at {err}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
