//! A subquery that has one point, since a window is open on the left.

use std::time::Duration;

use super::expressions::Site;
use super::names::is_prometheus_3;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::model::format_duration;
use crate::promql::Expr;
use crate::promql::ast::DurationExpr;

pub(super) const RULE: Rule = Rule {
    code: "S319",
    name: "left-open-range",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Step of a subquery without one, unless the stack says how often rules are evaluated.
const DEFAULT_STEP_MS: i64 = 60_000;

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    if !is_prometheus_3(stack) {
        return;
    }
    let evaluation = stack.prometheus.as_ref().and_then(|part| part.evaluation_interval.as_ref());
    let default = evaluation.map_or(DEFAULT_STEP_MS, |interval| interval.ms);
    for expression in expressions {
        if matches!(expression.site, Site::Test(_)) {
            continue;
        }
        let Some(tree) = expression.sound() else { continue };
        tree.walk(&mut |node, path| {
            let Expr::Subquery(subquery) = node else { return };
            let span = subquery.range_span;
            let written = expression.text.get(span.start..span.end).unwrap_or_default();
            let Some(range) = subquery.range.constant().filter(|_| !written.contains('$')) else {
                return;
            };
            let step = match &subquery.step {
                Some(step) => step.constant(),
                None => Some(default),
            };
            let Some(step) = step.filter(|step| *step > 0 && range <= *step) else { return };
            // One point is what these are for.
            if matches!(
                path.last(),
                Some(Expr::Call(call)) if matches!(call.function.name, "last_over_time" | "present_over_time" | "absent_over_time")
            ) {
                return;
            }
            let text = |ms: i64| format_duration(Duration::from_millis(ms.unsigned_abs()));
            let points = if range < step { "at most one point" } else { "one point" };
            let finding = RULE
                .says(format!(
                    "{}: a window of {} with a step of {} holds {points}",
                    expression.site.what(),
                    text(range),
                    text(step)
                ))
                .at(expression.place(files, span), "open on the left since Prometheus 3");
            let wider = text(2 * step);
            let finding = match (&subquery.step, evaluation) {
                (None, Some(interval)) => finding.also(interval.span, "the step"),
                _ => finding,
            };
            let finding = finding.help(match &subquery.step {
                Some(_) => format!("for two points write `[{wider}:{}]`", text(step)),
                None => format!("for two points write `[{wider}:]`, or a shorter step"),
            });
            findings.push(match &subquery.range {
                DurationExpr::Number(number) if range == step => {
                    let place = expression.place(files, number.span);
                    finding.replace("widen the window", place, wider)
                }
                _ => finding,
            });
        });
    }
}

const EXPLAIN: &str = r##"Before Prometheus 3 a window held what lies exactly at its left end, and `x[1m:1m]` had two points. Now the
left end is outside: one point is left, which has no rate, and whose maximum is itself.

    expr "max_over_time(rate(x_total[5m])[1m:1m])"
    expr "max_over_time(rate(x_total[5m])[2m:1m])"

A subquery without a step has that of `evaluation_interval`. For windows of plain series see S306, which
knows how often they are scraped."##;
