//! A regular expression that is none.

use super::expressions::Expression;
use super::{Input, Rule};
use crate::diag::{Files, Finding, Findings, Severity};
use crate::model::{MatchOp, Matcher};
use crate::promql::Expr;
use crate::promql::ast::{SelectorMatcher, VectorSelector};

pub(super) const RULE: Rule = Rule {
    code: "S314",
    name: "useless-regexp",
    severity: Severity::Info,
    explain: EXPLAIN,
    check,
};

/// What means something in a regular expression.
const SPECIAL: &[char] = &['.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$', '\\'];

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let Some(tree) = expression.sound() else { continue };
        // The same matcher at both sides of an operator is one mistake.
        let mut told: Vec<(&Matcher, Finding)> = Vec::new();
        tree.walk(&mut |node, _| {
            let selector = match node {
                Expr::Vector(selector) => selector,
                Expr::Matrix(matrix) => &matrix.selector,
                _ => return,
            };
            for index in 0..selector.matchers.len() {
                let Some(finding) = matcher(expression, selector, index, files) else { continue };
                let same = &selector.matchers[index].matcher;
                match told.iter_mut().find(|(matcher, _)| *matcher == same) {
                    Some((_, first)) => first.join(finding),
                    None => told.push((same, finding)),
                }
            }
        });
        findings.extend(told.into_iter().map(|(_, finding)| finding).collect());
    }
}

fn matcher(
    expression: &Expression<'_>,
    selector: &VectorSelector,
    index: usize,
    files: &Files,
) -> Option<Finding> {
    let entry = &selector.matchers[index];
    let SelectorMatcher { matcher, span, value_span } = entry;
    // A dashboard variable becomes a regular expression when several values are chosen.
    if expression.is_made_up(*value_span) {
        return None;
    }
    let what = expression.site.what();
    let name = &matcher.name;
    if matcher.op == MatchOp::Regex && matcher.value == ".*" {
        // With what stands between it and its neighbour, so that no comma is left.
        let braces = |other: &&SelectorMatcher| other.span.start != other.value_span.start;
        let next = selector.matchers[index + 1..].iter().find(braces);
        let before = selector.matchers[..index].iter().rev().find(braces);
        let range = match (next, before) {
            (Some(next), _) => span.start..next.span.start,
            (None, Some(before)) => before.span.end..span.end,
            (None, None) => span.start..span.end,
        };
        return Some(
            RULE.says(format!(
                "{what}: `{name}=~\".*\"` matches every series, with and without it"
            ))
            .at(expression.place(files, *span), "leaves nothing out")
            .help(format!("leave it out; `{{{name}!=\"\"}}` asks for series that have the label"))
            .replace("remove the matcher", expression.range(files, range), ""),
        );
    }
    let (operator, plain) = match matcher.op {
        MatchOp::Regex => ("=~", "="),
        MatchOp::NotRegex => ("!~", "!="),
        MatchOp::Equal | MatchOp::NotEqual => return None,
    };
    if let Some(finding) = anchored(expression, entry, files) {
        return Some(finding);
    }
    if matcher.value.contains(SPECIAL) {
        return None;
    }
    let front = expression.text.get(span.start..value_span.start)?;
    let at = span.start + front.rfind(operator)?;
    let place = expression.range(files, at..at + operator.len());
    Some(
        RULE.says(format!("{what}: the pattern for `{name}` is a plain text"))
            .at(expression.place(files, *span), format!("`{plain}` is enough"))
            .help(format!("write `{{{name}{plain}\"{}\"}}`", matcher.value))
            .replace("compare the text", place, plain),
    )
}

/// What is said of anchors: a pattern has to fit the whole value anyway.
fn anchored(
    expression: &Expression<'_>,
    SelectorMatcher { matcher, value_span, .. }: &SelectorMatcher,
    files: &Files,
) -> Option<Finding> {
    let start = matcher.value.starts_with('^');
    let end = matcher.value.ends_with('$') && !matcher.value.ends_with("\\$");
    let inside = value_span.start + 1..value_span.end.checked_sub(1)?;
    let written = expression.text.get(inside.clone())?;
    if !(start || end) || written != matcher.value {
        return None;
    }
    let mut finding = RULE
        .says(format!(
            "{}: `^` and `$` add nothing to the pattern for `{}`",
            expression.site.what(),
            matcher.name
        ))
        .at(expression.place(files, *value_span), "fits whole values only, with or without them")
        .help("leave them out");
    if start {
        let place = expression.range(files, inside.start..inside.start + 1);
        finding = finding.replace("leave out the anchors", place, "");
    }
    if end && inside.len() > 1 {
        let place = expression.range(files, inside.end - 1..inside.end);
        finding = finding.replace("leave out the anchors", place, "");
    }
    Some(finding)
}

const EXPLAIN: &str = r##"`=~` compares with a regular expression, which has to be tried on every value of the label. For a text
without special characters `=` does the same by a look-up, and says what is meant.

    expr #"up{job=~"node"} == 0"#
    expr #"up{job="node"} == 0"#

Patterns have to fit the whole value: `=~"^node.*$"` is `=~"node.*"`.

A matcher that stands several times in one expression is told once, with all of its places. `=~".*"` fits every series, also those without the label, and can be left out."##;
