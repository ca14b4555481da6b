//! Two recording rules write the same series.

use super::duplicate_alert::{identity, twice};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S328",
    name: "duplicate-record",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let mut seen = Vec::new();
    for group in &stack.rules {
        for record in group.records() {
            let identity = identity(&record.name, None, &record.labels, group);
            twice(&RULE, "recording rule", identity, record.name.span, &mut seen, findings);
        }
    }
}

const EXPLAIN: &str = r##"Two recording rules with the same name and labels can write the same series: of two samples for one moment
one is refused, and which one it is depends on who comes first.

    record "job:errors:rate5m" { expr "sum by (job) (rate(errors_total[5m]))" }
    record "job:errors:rate5m" { expr "sum by (job) (rate(failures_total[5m]))" }

Rename one, or tell them apart by a label."##;
