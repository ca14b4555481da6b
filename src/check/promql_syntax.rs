//! An expression is no PromQL.

use super::version_removed_function::is_old_name;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::{ParseError, ParseErrorKind};

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
        let mut own = expression.errors.iter().filter(|error| error.kind == kind);
        // After a mistake of syntax the parser guesses: what follows may only follow from it. But one
        // element of a list leaves the others as they are.
        let mut guessed = false;
        let told = std::iter::from_fn(|| {
            let error = own.next().filter(|_| !guessed)?;
            guessed = broken && !error.contained;
            Some(error)
        });
        for error in told {
            let text = expression.text.get(error.span.start..).unwrap_or_default();
            if is_old_name(text) {
                continue;
            }
            let span = expression.place(files, error.span);
            let mut finding = rule
                .says(format!("{}: {}", expression.site.what(), error.message))
                .at(span, if kind == ParseErrorKind::Syntax { "here" } else { "this" });
            if let Some(help) = meant(expression.text, error) {
                finding = finding.help(help);
            }
            if let Some(opened) = error.opened {
                let span = expression.place(files, opened);
                finding = finding.also(span, "opened here");
            }
            findings.push(finding);
        }
    }
}

/// What those who write so most likely mean.
fn meant(text: &str, error: &ParseError) -> Option<&'static str> {
    if error.kind != ParseErrorKind::Syntax {
        return None;
    }
    let here = text.get(error.span.start..).unwrap_or_default();
    let before = text.get(..error.span.start).unwrap_or_default().trim_end();
    let word = |c: char| c == '_' || c.is_ascii_alphabetic();
    let end = here.find(|c| !word(c)).unwrap_or(here.len());
    if before.ends_with('%') || here.starts_with('%') {
        return Some("there is no sign for percent: a share of 5 percent is 0.05");
    }
    match &here[..end] {
        "by" | "without" => {
            return Some(
                "`by` and `without` belong to an aggregation: `sum by (job) (rate(x[5m]))`",
            );
        }
        "on" | "ignoring" | "group_left" | "group_right" => {
            return Some("series are paired behind an operator: `a / on (job) group_left () b`");
        }
        "for" => return Some("how long it has to hold is a setting of the alert: `for=\"5m\"`"),
        "in" => return Some("for one of several values write `{job=~\"a|b\"}`"),
        _ => {}
    }
    if before.ends_with(['=', '~']) && end > 0 {
        return Some("a label's value stands in quotes: `{job=\"node\"}`");
    }
    match here.chars().next()? {
        '&' => Some("PromQL writes `and`"),
        '|' => Some("PromQL writes `or`"),
        '=' if before.ends_with('=') => Some("PromQL compares with `==`, and labels with `=`"),
        '=' => Some("PromQL compares with `==`"),
        _ if error.message.starts_with("ranges only allowed") => {
            Some("a window of computed values is a subquery and has a colon: `rate(x[5m])[1h:]`")
        }
        _ => None,
    }
}

const EXPLAIN: &str = r##"The expression cannot be read: a parenthesis is not closed, an operator lacks a side, a duration or a
matcher is malformed. Prometheus would refuse the whole rule file.

    expr "sum(rate(x[5m])"                     // the parenthesis of `sum(` is not closed

In dashboards, variables such as `$job` and `$__rate_interval` are understood."##;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{ParseOptions, parse_recovering};

    #[test]
    fn common_slips_are_told_what_to_write() {
        let check = |text: &str, expected: &str| {
            let (_, errors) = parse_recovering(text, ParseOptions::default());
            let help = errors.first().and_then(|error| meant(text, error));
            assert!(help.is_some_and(|help| help.contains(expected)), "{text}: {help:?}");
        };
        check("rate(x[5m]) by (job)", "sum by (job)");
        check("up == 0 for 5m", "for=");
        check("x{job=node}", "quotes");
        check("a && b", "`and`");
        check("x > 5%", "0.05");
        check("a === b", "`==`");
        check("rate(x[5m])[1h]", "subquery");
        check("a * group_left b", "on (job)");
    }
}
