//! A regular expression that is none.

use super::expressions::Expression;
use super::{Input, Rule};
use crate::diag::{Files, Finding, Findings, Severity};
use crate::model::MatchOp;
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
        tree.walk(&mut |node, _| {
            let selector = match node {
                Expr::Vector(selector) => selector,
                Expr::Matrix(matrix) => &matrix.selector,
                _ => return,
            };
            for index in 0..selector.matchers.len() {
                if let Some(finding) = matcher(expression, selector, index, files) {
                    findings.push(finding);
                }
            }
        });
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

const EXPLAIN: &str = r##"`=~` compares with a regular expression, which has to be tried on every value of the label. For a text
without special characters `=` does the same by a look-up, and says what is meant.

    expr #"up{job=~"node"} == 0"#
    expr #"up{job="node"} == 0"#

`=~".*"` fits every series, also those without the label, and can be left out."##;
