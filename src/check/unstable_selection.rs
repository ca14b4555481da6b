//! An alert fires for a few of many series, and which ones they are changes.

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;
use crate::promql::ast::{Aggregate, AggregateOp, BinaryOp};

pub(super) const RULE: Rule = Rule {
    code: "S336",
    name: "unstable-selection",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let (Site::Alert(..), Some(tree)) = (expression.site, expression.sound()) else { continue };
        let Some(selection) = selection(tree) else { continue };
        let what = expression.site.what();
        let op = selection.op.as_str();
        findings.push(
            RULE.says(format!("{what}: which series `{op}` gives changes, and alerts come and go"))
                .at(
                    expression.place(files, selection.op_span),
                    "each series is an alert of its own",
                )
                .help(format!(
                    "leave `{op}` out: a limit says which series are bad; a panel or \
                     `{{{{ range query … }}}}` in a text may show the largest ones"
                )),
        );
    }
}

/// The aggregation whose selection becomes the alerts.
fn selection(node: &Expr) -> Option<&Aggregate> {
    match node.unwrap_parens() {
        Expr::Aggregate(node) => matches!(
            node.op,
            AggregateOp::Topk
                | AggregateOp::Bottomk
                | AggregateOp::Limitk
                | AggregateOp::LimitRatio
        )
        .then_some(node),
        Expr::Binary(binary) if binary.op == BinaryOp::Or => {
            selection(&binary.lhs).or_else(|| selection(&binary.rhs))
        }
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::And | BinaryOp::Unless) => {
            selection(&binary.lhs)
        }
        Expr::Binary(binary) if binary.op.is_comparison() => {
            selection(&binary.lhs).or_else(|| selection(&binary.rhs))
        }
        _ => None,
    }
}

const EXPLAIN: &str = r##"Each series that an expression gives is an alert of its own. `topk`, `bottomk`, `limitk` and `limit_ratio` choose some of many
series at each evaluation anew: when another one takes the lead, one alert ends and the next begins, and a hold time starts again.

    alert "Busy" { expr "topk(3, rate(api_requests_total[5m])) > 100" }

Let the limit alone decide:

    alert "Busy" { expr "rate(api_requests_total[5m]) > 100" }

Under an aggregation such as `sum(topk(…))` the choice makes no difference to which alerts there are, and nothing is said."##;
