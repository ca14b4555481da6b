//! An expression needs a collector that the stack switches off.

use super::expressions::Expression;
use super::known::Series;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S210",
    name: "collector-disabled-but-used",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    for expression in input.judged() {
        report(&RULE, input, expression, findings);
    }
}

/// Findings of `rule` for one expression; nothing where it has a mistake.
pub(super) fn report(
    rule: &Rule,
    input: &Input<'_>,
    expression: &Expression<'_>,
    findings: &mut Findings,
) {
    let Some(tree) = expression.sound() else { return };
    for used in tree.selectors() {
        let Some((name, at)) = used.metric() else { continue };
        let reads = input.known.reads(used.selector);
        if reads.open() {
            continue;
        }
        let mut off = None;
        let all_off = reads.series.iter().all(|series| {
            let Series::Scraped(_, metric) = series else { return false };
            off = off.or(metric.collector.filter(|collector| !collector.runs));
            metric.collector.is_some_and(|collector| !collector.runs)
        });
        let Some(collector) = off.filter(|_| all_off) else { continue };
        let place = expression.place(input.files, at);
        let what = expression.site.what();
        let word = collector.name;
        let mut finding = rule
            .says(format!("{what}: `{name}` needs the collector `{word}`, which does not run"))
            .at(place, "never comes")
            .help(format!("switch it on: `collectors {{ enable \"{word}\" }}` in the exporter"));
        if let Some(place) = collector.place {
            finding = finding.also(place, "switched off here");
        }
        findings.push(finding);
    }
}

const EXPLAIN: &str = r##"The metric comes from a collector of the exporter that the stack switches off, or that does not run by
itself. The expression gives nothing.

    exporter "node" { collectors { disable "filesystem" } }
    rules "disk" { alert "Full" { expr "node_filesystem_avail_bytes < 1e9" } }

Switch the collector on with `collectors { enable "filesystem" }`, or leave out what needs it."##;
