//! A rate of counters that were added up before.

use super::expressions::Expression;
use super::known::{Nature, Series};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;

pub(super) const RULE: Rule = Rule {
    code: "S309",
    name: "rate-after-sum",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
    let flows = expression.flows(&input.known);
    tree.walk(&mut |node, _| {
        let Expr::Call(call) = node else { return };
        let name = call.function.name;
        let Some(arg) = call.args.first().filter(|_| ["rate", "increase", "irate"].contains(&name))
        else {
            return;
        };
        let flow = flows.at(arg);
        if !flow.aggregated || !matches!(flow.nature, Nature::Counter | Nature::Bucket) {
            return;
        }
        let place = expression.place(input.files, call.name_span);
        let mut finding = RULE
            .says(format!(
                "{}: `{name}` of counters that were added up before",
                expression.site.what()
            ))
            .at(place, "sees a sum")
            .help(format!("take `{name}` of each counter, and add up the rates"));
        if let Expr::Matrix(matrix) = arg.unwrap_parens() {
            let reads = input.known.reads(&matrix.selector);
            if let Some(record) = reads.series.iter().find_map(Series::place) {
                finding = finding.also(record, "added up here");
            }
        }
        findings.push(finding);
    });
}

const EXPLAIN: &str = r##"`rate` knows a restart by the fall of a counter. In a sum of counters the restart of one is a small dip
that is taken for a restart of all, and the rate jumps to the whole of the sum.

    record "job:errors:sum" { expr "sum by (job) (api_errors_total)" }
    alert "Errors" { expr "rate(job:errors:sum[5m]) > 1" }

Add up rates:

    record "job:errors:rate5m" { expr "sum by (job) (rate(api_errors_total[5m]))" }"##;
