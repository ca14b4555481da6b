//! An expression needs a collector that the stack switches off.

use super::expressions::Expression;
use super::known::Series;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;

pub(super) const RULE: Rule = Rule {
    code: "S210",
    name: "collector-disabled-but-used",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
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
        let mut finding = RULE
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
