//! An objective out of which no rules can be made.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::{parse, parse_selector};

pub(super) const RULE: Rule = Rule {
    code: "S330",
    name: "invalid-objective",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for slo in &stack.slos {
        let objective = slo.objective.value;
        if !(objective > 0.0 && objective < 100.0) {
            findings.push(
                RULE.says(format!("slo `{}`: {objective} % is no objective", slo.name))
                    .at(slo.objective.span, "not between 0 and 100")
                    .help("leave some room for errors: `99.9`"),
            );
        }
        for (what, selector) in [("total", &slo.total), ("errors", &slo.errors)] {
            // What does not parse at all is S301.
            if parse(selector).is_ok() && parse_selector(selector).is_err() {
                findings.push(
                    RULE.says(format!("slo `{}`: `{what}` is no counter", slo.name))
                        .at(selector.span, "more than a selector")
                        .help("name the counter alone: `http_requests_total{code=~\"5..\"}`; its rate and sum are taken for you"),
                );
            }
        }
    }
}

const EXPLAIN: &str = r##"The rules of an objective take the rate of two counters over many windows, so `total` and `errors` are selectors
and no expressions. An objective of 100 % leaves no room for errors, and nothing to measure.

    slo "web" objective=100 { total "sum(rate(hits_total[5m]))"; errors "faults_total" }
    slo "web" objective=99.9 { total "hits_total"; errors "faults_total" }"##;
