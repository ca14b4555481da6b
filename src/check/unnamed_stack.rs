//! The manifest says nothing, or not which stack it is.

use std::path::Path;

use super::{Input, Rule};
use crate::diag::{Finding, Findings, Severity, Span};
use crate::manifest::{Format, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S016",
    name: "unnamed-stack",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    if stack.header.is_some() || findings.iter().any(hides_the_name) {
        return;
    }
    let Some((file, first)) = files.iter().next() else { return };
    let named = match Format::of(Path::new(&first.name)) {
        Some(Format::Yaml) => "stack: shop",
        Some(Format::Json) => "\"stack\": \"shop\"",
        Some(Format::Kdl) | None => "stack \"shop\"",
    };
    let empty = **stack == Stack::default();
    let (message, help) = if empty {
        let more = "a first useful one adds `prometheus` and `exporter \"node\"`";
        ("the manifest is empty", format!("the smallest manifest is a name: `{named}`; {more}"))
    } else {
        let why = "compose calls the project by it";
        ("the stack has no name", format!("begin with its name: `{named}`; {why}"))
    };
    findings.push(RULE.says(message).at(Span::new(file, 0..0), "").help(help));
}

/// Whether the finding may be the reason that there is no name: text that could not be read, or a
/// `stack` that is wrong itself.
fn hides_the_name(finding: &Finding) -> bool {
    matches!(finding.code, "S001" | "S013" | "S014")
        || finding.message.starts_with("`stack")
        || finding.fix.iter().flat_map(|fix| &fix.replacements).any(|edit| edit.text == "stack")
}

const EXPLAIN: &str = r##"A stack has a name: compose makes it the name of the project, and so of its volumes. Two stacks without one
on the same machine would share theirs.

    stack "shop"
    prometheus

In YAML it is `stack: shop`."##;
