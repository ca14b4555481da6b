//! An expression is no PromQL.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::ParseErrorKind;

pub(super) const RULE: Rule = Rule {
    code: "S301",
    name: "promql-syntax",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    report(&RULE, ParseErrorKind::Syntax, input, findings);
}

/// Findings for the parser's errors of one kind; those of types are only told where the syntax is well.
pub(super) fn report(
    rule: &Rule,
    kind: ParseErrorKind,
    Input { expressions, files, .. }: &Input<'_>,
    findings: &mut Findings,
) {
    for expression in expressions {
        let broken = expression.errors.iter().any(|e| e.kind == ParseErrorKind::Syntax);
        if broken && kind != ParseErrorKind::Syntax {
            continue;
        }
        // After a mistake of syntax the parser guesses: what follows may only follow from it.
        let told = if broken { 1 } else { usize::MAX };
        for error in expression.errors.iter().filter(|error| error.kind == kind).take(told) {
            let span = expression.place(files, error.span);
            let mut finding = rule
                .says(format!("{}: {}", expression.site.what(), error.message))
                .at(span, if kind == ParseErrorKind::Syntax { "here" } else { "this" });
            if let Some(opened) = error.opened {
                let span = expression.place(files, opened);
                finding = finding.also(span, "opened here");
            }
            findings.push(finding);
        }
    }
}

const EXPLAIN: &str = r##"The expression cannot be read: a parenthesis is not closed, an operator lacks a side, a duration or a
matcher is malformed. Prometheus would refuse the whole rule file.

    expr "sum(rate(x[5m])"                     // the parenthesis of `sum(` is not closed

In dashboards, variables such as `$job` and `$__rate_interval` are understood."##;
