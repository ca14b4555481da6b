//! What looks like a regular expression is compared as a text.

use super::expressions::{Expression, Site};
use super::{Input, Rule};
use crate::diag::{Files, Finding, Findings, Severity};
use crate::model::{METRIC_NAME, MatchOp, Matcher};
use crate::promql::ast::SelectorMatcher;

pub(super) const RULE: Rule = Rule {
    code: "S335",
    name: "pattern-without-tilde",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions.iter().filter(|it| !matches!(it.site, Site::Test(_))) {
        let Some(tree) = expression.sound() else { continue };
        for used in tree.selectors() {
            for entry in &used.selector.matchers {
                if is_pattern(&entry.matcher) && !expression.is_made_up(entry.value_span) {
                    findings.push(finding(expression, entry, files));
                }
            }
        }
    }
}

/// Whether a matcher that compares texts has something that hardly any label's value has.
fn is_pattern(Matcher { name, op, value, .. }: &Matcher) -> bool {
    let compares = matches!(op, MatchOp::Equal | MatchOp::NotEqual);
    // `5..`, but neither `..` nor a path that goes up.
    let dots = value
        .strip_suffix("..")
        .is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|byte| byte.is_ascii_digit()));
    // `/api/.*` is what some programs call all that is below, and so are `a|b` and `[0-9]` in routes.
    let route = value.starts_with(['/', '^']);
    let choice = value.contains('|')
        && value.split('|').all(|part| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.*+".contains(c))
        });
    // The tilde stands on the wrong side of the quote.
    let tilde = value.len() > 1 && value.starts_with('~');
    compares
        && name != METRIC_NAME
        && !route
        && (dots
            || tilde
            || choice
            || value.contains(".*")
            || value.contains(".+")
            || value.contains("[0-9]"))
}

fn finding(expression: &Expression<'_>, entry: &SelectorMatcher, files: &Files) -> Finding {
    let what = expression.site.what();
    let SelectorMatcher { matcher, value_span, span } = entry;
    let meant = if matcher.op == MatchOp::Equal { "=~" } else { "!~" };
    let place = expression.place(files, *value_span);
    let finding = RULE
        .says(format!(
            "{what}: `{}{}` compares with `{}` as it is written",
            matcher.name,
            matcher.op.as_str(),
            matcher.value
        ))
        .at(place, "looks like a regular expression")
        .help(format!("patterns are matched by `{meant}`"));
    if matcher.value.starts_with('~') {
        return finding.help(format!(
            "the `~` belongs before the quote: `{meant}\"{}\"`",
            &matcher.value[1..]
        ));
    }
    let between = expression.text.get(span.start..value_span.start).unwrap_or_default();
    let Some(at) = between.rfind(matcher.op.as_str()) else { return finding };
    let operator =
        expression.range(files, span.start + at..span.start + at + matcher.op.as_str().len());
    if files.text(operator) == matcher.op.as_str() {
        finding.replace(&format!("write `{meant}`"), operator, meant)
    } else {
        finding
    }
}

const EXPLAIN: &str = r##"`=` and `!=` compare texts: `code="5.."` asks for the three characters `5..`, which no status code is.

    alert "Errors" { expr #"rate(http_requests_total{code="5.."}[5m]) > 1"# }

A pattern is matched by `=~`, and left out by `!~`:

    alert "Errors" { expr #"rate(http_requests_total{code=~"5.."}[5m]) > 1"# }

The rule looks for `.*`, `.+`, `[0-9]`, alternatives such as `a|b`, and a digit with two dots. A value that begins with `/` is taken for
a path."##;
