//! A graph takes rates over a window that does not follow its zoom.

use super::expressions::Site;
use super::{Input, Rule, rate_window_too_short};
use crate::diag::{Findings, Severity};
use crate::promql::{Expr, Span};

pub(super) const RULE: Rule = Rule {
    code: "S508",
    name: "fixed-rate-window",
    severity: Severity::Info,
    explain: EXPLAIN,
    check,
};

/// Whoever writes a window of an hour or more wants to see it smoothed, in milliseconds.
const SMOOTHED: i64 = 3_600_000;

fn check(input: &Input<'_>, findings: &mut Findings) {
    let Input { expressions, boards, files, .. } = input;
    if (boards.version.0, boards.version.1) < (7, 2) {
        return;
    }
    for expression in expressions {
        let Site::Panel(_, panel, target) = expression.site else { continue };
        let over_time = panel.kind.as_ref().is_some_and(|kind| {
            matches!(kind.as_str(), "timeseries" | "graph" | "heatmap" | "barchart")
        });
        let Some(tree) = expression.sound().filter(|_| over_time && !target.instant) else {
            continue;
        };
        // What is too short at any zoom is told as that.
        let told = rate_window_too_short::told(input, expression);
        tree.walk(&mut |node, above| {
            let Expr::Call(call) = node else { return };
            let in_subquery = above.iter().any(|node| matches!(node, Expr::Subquery(_)));
            if !matches!(call.function.name, "rate" | "irate") || in_subquery {
                return;
            }
            let Some(Expr::Matrix(matrix)) = call.args.first().map(Expr::unwrap_parens) else {
                return;
            };
            let Span { start, end } = matrix.range_span;
            let fixed = matrix.range.constant().is_some_and(|window| window < SMOOTHED);
            let said = told.iter().any(|at| start <= at.start && at.end <= end);
            if !fixed || said || expression.is_made_up(matrix.range_span) || end < start + 2 {
                return;
            }
            let inside = expression.range(files, start + 1..end - 1);
            let window = expression.text[start + 1..end - 1].trim();
            findings.push(
                RULE.says(format!(
                    "{}: the window of `{}` is `{window}` at every zoom",
                    expression.site.what(),
                    call.function.name
                ))
                .at(inside, "fixed")
                .help("let Grafana choose it: `$__rate_interval`")
                .replace(
                    "let Grafana choose the window",
                    inside,
                    "$__rate_interval",
                ),
            );
        });
    }
}

const EXPLAIN: &str = r##"A graph asks for one value for each pixel. Over a month these are hours apart, and `rate(…[5m])` then looks at
five minutes of every few hours: peaks between them are not seen. Over a few minutes with a slow job the
same window may hold one sample, and the graph is empty.

    query "sum(rate(http_requests_total[5m]))"            // better: [$__rate_interval]

`$__rate_interval` is at least four scrape intervals and at least one step. Nothing is said of panels that
ask for one moment only, of `increase`, whose window is its meaning, and of windows of an hour or more."##;
