//! A rule or a graph is given what has not one value for each series.

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::{Expr, ValueType};

pub(super) const RULE: Rule =
    Rule { code: "S331", name: "no-vector", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let Some(tree) = expression.sound() else { continue };
        let kind = tree.value_type();
        if !matches!(kind, ValueType::Matrix | ValueType::String) {
            continue;
        }
        let wants = match expression.site {
            Site::Alert(..) | Site::Record(..) => "a rule",
            // The newest samples may well be shown as they are.
            Site::Panel(_, _, query) if query.instant => continue,
            Site::Panel(..) => "a graph",
            // A rule of their own looks at the selectors of objectives and federation; what a dashboard
            // asks besides its panels is not drawn.
            Site::Test(_)
            | Site::Federate(_)
            | Site::SloTotal(_)
            | Site::SloErrors(_)
            | Site::Variable(..)
            | Site::Annotation(..) => continue,
        };
        let message = format!(
            "{} gives a {}, and {wants} needs one value for each series",
            expression.site.what(),
            kind.documented()
        );
        let (span, label, help) = match tree.unwrap_parens() {
            Expr::Matrix(matrix) => (
                matrix.range_span,
                "all samples of this window",
                "leave out the brackets, or put a function around: `rate(…)`, `max_over_time(…)`",
            ),
            Expr::Subquery(subquery) => (
                subquery.range_span,
                "all samples of this window",
                "leave out the brackets, or put a function around: `max_over_time(…)`",
            ),
            _ => (tree.span(), "a text", "write an expression over series"),
        };
        let place = expression.place(files, span);
        findings.push(RULE.says(message).at(place, label).help(help));
    }
}

const EXPLAIN: &str = r##"Prometheus loads the rule, and each evaluation fails: a window of samples, or a text, is no result of a
rule. Neither can it be drawn over time.

    record "requests" { expr "http_requests_total[5m]" }
    record "requests:rate5m" { expr "rate(http_requests_total[5m])" }

A function such as `rate` or `max_over_time` makes one value of a window."##;
