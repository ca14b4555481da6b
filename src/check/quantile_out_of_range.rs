//! A quantile that is no number from 0 to 1.

use super::expressions::Expression;
use super::{Input, Rule};
use crate::diag::{Files, Findings, Severity};
use crate::promql::Expr;
use crate::promql::ast::AggregateOp;

pub(super) const RULE: Rule = Rule {
    code: "S334",
    name: "quantile-out-of-range",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let Some(tree) = expression.sound() else { continue };
        tree.walk(&mut |node, _| match node {
            Expr::Call(call) => {
                let asked = match call.function.name {
                    "histogram_quantile" | "quantile_over_time" => call.args.first(),
                    _ => None,
                };
                if let Some(asked) = asked {
                    look(expression, call.function.name, asked, files, findings);
                }
            }
            Expr::Aggregate(node) if node.op == AggregateOp::Quantile => {
                if let Some(asked) = &node.param {
                    look(expression, "quantile", asked, files, findings);
                }
            }
            _ => {}
        });
    }
}

fn look(
    expression: &Expression<'_>,
    function: &str,
    asked: &Expr,
    files: &Files,
    findings: &mut Findings,
) {
    let Expr::Number(number) = asked.unwrap_parens() else { return };
    if (0.0..=1.0).contains(&number.value) || expression.is_made_up(number.span) {
        return;
    }
    let place = expression.place(files, number.span);
    let what = expression.site.what();
    let written = files.text(place);
    let finding = RULE
        .says(format!("{what}: `{function}` of {written} is infinite, whatever is measured"))
        .at(place, "not between 0 and 1");
    let share = number.value / 100.0;
    // The 95th percentile is the quantile 0.95.
    let percentile =
        number.value > 1.0 && number.value <= 100.0 && written.parse() == Ok(number.value);
    findings.push(if percentile {
        // What is left of binary fractions is no part of the number.
        let meant = format!("{share:.6}").trim_end_matches('0').trim_end_matches('.').to_owned();
        finding.help(format!("quantiles are shares: `{meant}`")).replace(
            &format!("write `{meant}`"),
            place,
            meant,
        )
    } else {
        finding.help("quantiles are shares: `0.95`")
    });
}

const EXPLAIN: &str = r##"A quantile is a share, from 0 to 1. Above 1 the result is +Inf and below 0 it is -Inf, for every series and at every time:
a comparison with it is always true or never.

    alert "Slow" { expr "histogram_quantile(95, sum by (le) (rate(api_seconds_bucket[5m]))) > 1" }

The 95th percentile is the quantile 0.95:

    alert "Slow" { expr "histogram_quantile(0.95, sum by (le) (rate(api_seconds_bucket[5m]))) > 1" }"##;
