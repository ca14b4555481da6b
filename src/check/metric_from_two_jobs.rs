//! An alert reads a metric that different programs expose, without saying whose.

use super::expressions::{Expression, Site};
use super::known::{Role, Series};
use super::unknown_metric::is_absent;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, quoted_list};
use crate::manifest::Alert;
use crate::promql::{Expr, SelectorUse};
use crate::template::{ReferenceKind, references};

pub(super) const RULE: Rule = Rule {
    code: "S326",
    name: "metric-from-two-jobs",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    for (expression, tree) in input.judged() {
        let Site::Alert(_, alert) = expression.site else { continue };
        // Who tells the job or the instance to the reader means all of them.
        if names_its_target(alert) {
            continue;
        }
        for used in tree.selectors() {
            if !is_absent(&used) && !tells_jobs_apart(&used) {
                selector(input, expression, &used, findings);
            }
        }
    }
}

fn selector(
    input: &Input<'_>,
    expression: &Expression<'_>,
    used: &SelectorUse<'_>,
    findings: &mut Findings,
) {
    let Some((name, at)) = used.metric() else { return };
    let reads = input.known.reads(used.selector);
    let (mut jobs, mut pages): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for series in &reads.series {
        let Series::Scraped(job, metric) = series else { return };
        if metric.role == Role::Synthetic || metric.family {
            return;
        }
        jobs.push(&job.name);
        pages.extend(job.pages.iter().skip(1).map(|page| &*input.known.pages[*page].what));
    }
    pages.sort_unstable();
    pages.dedup();
    // Several jobs of one kind of page are meant together.
    if jobs.len() < 2 || pages.len() < 2 {
        return;
    }
    let place = expression.place(input.files, at);
    findings.push(
        RULE.says(format!(
            "{}: `{name}` comes from {} jobs, and nothing says which is meant",
            expression.site.what(),
            jobs.len()
        ))
        .at(place, "a metric of many programs")
        .help(format!(
            "say whose: `{name}{{job=\"{}\"}}`, or name `{{{{ $labels.job }}}}` in the summary; jobs: {}",
            jobs[0],
            quoted_list(jobs.iter().copied())
        )),
    );
}

/// Whether matchers on the target or an aggregation by job keep the programs apart.
fn tells_jobs_apart(used: &SelectorUse<'_>) -> bool {
    let matched = used.selector.plain_matchers().any(|matcher| matcher.name != "__name__");
    matched
        || used.path.iter().any(|node| match node {
            Expr::Aggregate(aggregate) => {
                let named =
                    |name: &str| aggregate.grouping.labels.iter().any(|label| label.name == name);
                !aggregate.grouping.without && (named("job") || named("instance"))
            }
            Expr::Binary(binary) => binary.matching.is_some(),
            _ => false,
        })
}

fn names_its_target(alert: &Alert) -> bool {
    let named = [&alert.summary, &alert.description, &alert.runbook_url];
    let named = named.into_iter().flatten();
    let free = alert.annotations.iter().chain(&alert.labels).map(|(_, text)| text);
    named.chain(free).flat_map(|text| references(text)).any(|reference| {
        matches!(&reference.kind, ReferenceKind::Label(name) if name == "job" || name == "instance")
    })
}

const EXPLAIN: &str = r##"Metrics such as `process_open_fds` are exposed by nearly every program. An alert on one of them that names
no job fires for any of them, and nobody sees for which.

    alert "Files" { expr "process_open_fds > 100"; summary "Many open files" }

Say whose metric is meant, `process_open_fds{job="api"}`, or tell the reader:
`summary "{{ $labels.job }} has many open files"`."##;
