//! A moment is compared as if it were a length of time.

use super::bounds;
use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;
use crate::promql::ast::{AggregateOp, Binary};

pub(super) const RULE: Rule = Rule {
    code: "S333",
    name: "timestamp-without-time",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Below this many seconds a number is a length of time: a moment so early was in 1973.
const LONGEST: f64 = 1e8;

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        if matches!(expression.site, Site::Test(_) | Site::Panel(..)) {
            continue;
        }
        let Some(tree) = expression.sound() else { continue };
        tree.walk(&mut |node, _| {
            let Expr::Binary(Binary { op, lhs, rhs, .. }) = node else { return };
            if !op.is_comparison() {
                return;
            }
            let (moment, side) =
                if is_moment(lhs) { (lhs, rhs) } else { (rhs, lhs) };
            let Some(limit) = bounds::of(side).constant().filter(|_| is_moment(moment)) else {
                return;
            };
            // Compared with 0 it is asked whether it ever happened.
            if !(1.0..=LONGEST).contains(&limit) {
                return;
            }
            findings.push(
                RULE.says(format!(
                    "{}: a moment is compared with {} seconds, and it is more than a billion seconds \
                     after 1970",
                    expression.site.what(),
                    limit
                ))
                .at(expression.place(files, moment.span()), "a moment")
                .also(expression.place(files, side.span()), "a length of time")
                .help(
                    "its age is `time() - …`, and for a moment to come the time until then is \
                     `… - time()`",
                ),
            );
        });
    }
}

/// Whether it gives seconds since 1970, by what its metric is called.
fn is_moment(expr: &Expr) -> bool {
    let named = |name: &str| {
        name.ends_with("_timestamp_seconds")
            || matches!(
                name,
                "process_start_time_seconds" | "node_boot_time_seconds" | "node_time_seconds"
            )
    };
    match expr.unwrap_parens() {
        Expr::Vector(selector) => selector.metric().is_some_and(|(name, _)| named(name)),
        Expr::Aggregate(aggregate) => {
            matches!(aggregate.op, AggregateOp::Min | AggregateOp::Max | AggregateOp::Avg)
                && is_moment(&aggregate.expr)
        }
        Expr::Call(call) => match call.function.name {
            "time" | "timestamp" => true,
            "max_over_time" | "min_over_time" | "last_over_time" => matches!(
                call.args.first().map(Expr::unwrap_parens),
                Some(Expr::Matrix(matrix)) if matrix.selector.metric().is_some_and(|(name, _)| named(name))
            ),
            _ => false,
        },
        _ => false,
    }
}

const EXPLAIN: &str = r##"A metric such as `backup_last_success_timestamp_seconds` holds the moment at which something happened, in
seconds since 1970. Compared with an hour it is always greater.

    alert "BackupOld" { expr "backup_last_success_timestamp_seconds > 86400" }
    alert "BackupOld" { expr "time() - backup_last_success_timestamp_seconds > 86400" }

Comparing it with 0 is well: it asks whether it has happened at all."##;
