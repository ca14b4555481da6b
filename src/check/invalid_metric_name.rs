//! A recording rule gives its series a name that is none.

use super::names::{is_plain_metric, weigh};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S327",
    name: "invalid-metric-name",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for record in stack.records() {
        let name = &record.name;
        if name.trim().is_empty() || is_plain_metric(name) {
            continue;
        }
        let finding = RULE
            .says(format!("`{name}` is no plain name of a metric"))
            .at(name.span, "only letters, digits, `_` and `:`");
        // Braces can only be a selector, and no version takes them.
        findings.push(if name.contains(['{', '}']) {
            finding.help("labels of the new series stand in `labels`")
        } else {
            let plain = name.replace(|c: char| c != ':' && !c.is_ascii_alphanumeric(), "_");
            let first = plain.starts_with(|c: char| c.is_ascii_digit());
            let plain = format!("{}{plain}", if first { "_" } else { "" });
            let help = format!(
                "write \"{plain}\"; Prometheus before version 3 refuses any other character"
            );
            weigh(stack, finding.help(help))
        });
    }
}

const EXPLAIN: &str = r##"The name of a recorded series is made of letters, digits, underscores and colons, by custom
`level:metric:operation`, and does not begin with a digit. Prometheus before version 3 refuses the whole
rule file otherwise; later versions take any text, which then has to stand in quotes in every query, so it
is a warning there.

    record "requests per second" { expr "sum(rate(http_requests_total[5m]))" }
    record "job:http_requests:rate5m" { expr "sum(rate(http_requests_total[5m]))" }"##;
