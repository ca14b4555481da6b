//! A rule reads what another group records, and so a value of before.

use std::collections::HashMap;
use std::time::Duration;

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::{Record, RuleGroup, Stack};
use crate::model::format_duration;

pub(super) const RULE: Rule = Rule {
    code: "S323",
    name: "recording-lag",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// How often rules are evaluated unless the stack says otherwise.
const DEFAULT_MS: i64 = 60_000;

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    let mut records: HashMap<&str, Vec<(&RuleGroup, &Record)>> = HashMap::new();
    for group in &stack.rules {
        for record in group.records() {
            records.entry(record.name.as_str()).or_default().push((group, record));
        }
    }
    let mut told: Vec<(&str, &str)> = Vec::new();
    for expression in expressions {
        let (Site::Alert(group, _) | Site::Record(group, _)) = expression.site else { continue };
        let Some(tree) = expression.sound() else { continue };
        let uses = tree.selectors();
        for found in &uses {
            let Some((name, span)) = found.metric() else { continue };
            let Some(sources) = records.get(name) else { continue };
            // Recorded here as well, or a name that several groups make: nothing is certain.
            let [(source, record)] = sources.as_slice() else { continue };
            if source.name.value == group.name.value || found.range.is_some() {
                continue;
            }
            // What shards evaluate cannot stand in a group of the central server.
            if source.evaluate.as_ref().map(|said| said.value)
                != group.evaluate.as_ref().map(|said| said.value)
            {
                continue;
            }
            let (own, theirs) = (interval(stack, group), interval(stack, source));
            // Beside samples of now the value is of another moment.
            let beside = uses
                .iter()
                .any(|other| other.metric().is_none_or(|(other, _)| !records.contains_key(other)));
            let slower = theirs > own;
            let pair = (group.name.as_str(), source.name.as_str());
            if !slower && !beside {
                if told.contains(&pair) {
                    continue;
                }
                told.push(pair);
            }
            let text = format_duration(Duration::from_millis(theirs.unsigned_abs()));
            let why = match (slower, beside) {
                (true, _) => ", and is recorded less often than it is read",
                (false, true) => ", beside samples of now",
                (false, false) => "",
            };
            let mut finding = RULE
                .says(format!(
                    "{}: `{name}` comes from group `{}` and is up to {text} old{why}",
                    expression.site.what(),
                    source.name
                ))
                .at(expression.place(files, span), "read here")
                .also(record.name.span, "recorded here")
                .help(
                    "rules of one group are evaluated one after the other: put both into one group",
                );
            if !slower && !beside {
                finding.severity = Severity::Info;
            }
            findings.push(finding);
        }
    }
}

fn interval(stack: &Stack, group: &RuleGroup) -> i64 {
    let evaluation = stack.prometheus.as_ref().and_then(|part| part.evaluation_interval.as_ref());
    group.interval.as_ref().or(evaluation).map_or(DEFAULT_MS, |interval| interval.ms)
}

const EXPLAIN: &str = r##"Groups are evaluated independently of each other, at moments of their own. What another group records is up
to one of its intervals old, so that an alert comes later, and a quotient is made of two moments.

    rules "sums" interval="1m" { record "job:errors:rate5m" { expr "sum by (job) (rate(errors_total[5m]))" } }
    rules "alerts" interval="15s" { alert "Errors" { expr "job:errors:rate5m > 5" } }

Put the recording rule in front of its reader, into the same group. It is a warning where the value is
recorded less often than it is read or stands beside samples of now, and else a note, once for two groups."##;
