//! The manifest says nothing, or not which stack it is.

use super::{Input, Rule};
use crate::diag::{Finding, Findings, Severity, Span};
use crate::manifest::Stack;

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
    let named = match first.name.ends_with(".kdl") {
        true => "stack \"shop\"",
        false if first.name.ends_with(".json") => "\"stack\": \"shop\"",
        false => "stack: shop",
    };
    let empty = **stack == Stack::default();
    let message = if empty { "the manifest is empty" } else { "the stack has no name" };
    let help = match empty {
        true => format!(
            "the smallest manifest is a name: `{named}`; a first useful one adds `prometheus` and \
             `exporter \"node\"`, see examples/quickstart.kdl"
        ),
        false => format!("begin with its name: `{named}`; compose calls the project by it"),
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
