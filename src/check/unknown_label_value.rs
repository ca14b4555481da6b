//! A matcher asks for a value that its label never has.

use super::expressions::Expression;
use super::known::{Job, Reads, Series, Values};
use super::unknown_metric::is_absent;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, most_similar, quoted_list};
use crate::model::{METRIC_NAME, MatchOp, Matcher};
use crate::promql::Expr;

pub(super) const RULE: Rule = Rule {
    code: "S305",
    name: "unknown-label-value",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
    if input.known.is_blind() {
        return;
    }
    for used in tree.selectors() {
        if used.selector.info_labels || is_absent(&used) {
            continue;
        }
        let reads = input.known.reads(used.selector);
        if reads.open() {
            continue;
        }
        let Some(entry) = used.selector.matchers.iter().find(|entry| {
            misses(&reads, &entry.matcher) && !expression.is_made_up(entry.value_span)
        }) else {
            continue;
        };
        let Matcher { name, value, .. } = &entry.matcher;
        let values = all_values(&reads, name);
        let what = expression.site.what();
        let metric = reads.named.first().map_or("", Series::name);
        let job = input.known.jobs.iter().find(|job| name == "job" && job.name == *value);
        let message = match (name.as_str(), job) {
            ("job", Some(Job { name, .. })) => {
                format!("{what}: job `{name}` does not expose `{metric}`")
            }
            ("job", None) => format!("{what}: there is no scrape job `{value}`"),
            _ => format!("{what}: label `{name}` of `{metric}` never is `{value}`"),
        };
        let place = expression.place(input.files, entry.value_span);
        let list = quoted_list(values.iter().copied());
        let meant = most_similar(value, values.iter().copied()).filter(|_| job.is_none());
        let mut finding = RULE.says(message).at(place, "matches nothing").help(match meant {
            Some(meant) => format!("did you mean `{meant}`? values: {list}"),
            None => format!("values: {list}"),
        });
        let inside = crate::promql::Span::new(entry.value_span.start + 1, entry.value_span.end - 1);
        let inside = expression.place(input.files, inside);
        if let Some(meant) = meant
            && entry.matcher.op == MatchOp::Equal
            && input.files.text(inside) == value
        {
            finding = finding.replace(&format!("write `{meant}`"), inside, meant);
        }
        if let Some(job) = job.and_then(|job| job.place) {
            finding = finding.also(job, "this job");
        }
        findings.push(finding);
    }
}

/// Whether the values of a label are known and none passes the matcher.
pub(super) fn misses(named: &Reads<'_>, matcher: &Matcher) -> bool {
    matcher.name != METRIC_NAME
        && matches!(matcher.op, MatchOp::Equal | MatchOp::Regex)
        && !named.named.is_empty()
        && named.named.iter().all(|series| {
            let values = series.values(&matcher.name);
            !values.pass(matcher)
        })
        // A label that is nowhere is another finding.
        && named.named.iter().any(|series| matches!(series.values(&matcher.name), Values::OneOf(_)))
}

/// The values that a label can have.
fn all_values<'k>(named: &Reads<'k>, label: &str) -> Vec<&'k str> {
    let mut values: Vec<&str> = Vec::new();
    for series in &named.named {
        if let Values::OneOf(some) = series.values(label) {
            values.extend(some.into_iter().filter(|value| !value.is_empty()));
        }
    }
    values.sort_unstable();
    values.dedup();
    values
}

const EXPLAIN: &str = r##"The values of this label are known, and the matcher passes none of them: the expression gives nothing.
Known are the names of jobs, addresses of targets, labels that the stack itself sets, and values such as
the modes of a CPU.

    expr #"up{job="mysqld"} == 0"#                 // the job is called `mysql`

Write a value that exists. A matcher with several, `job=~"mysql|mysqld"`, is well as long as one of them
does."##;
