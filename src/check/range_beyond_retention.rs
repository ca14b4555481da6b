//! A query looks back further than samples are kept.

use std::time::Duration;

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Prometheus;
use crate::model::format_duration;
use crate::promql::Expr;
use crate::promql::ast::DurationExpr;

pub(super) const RULE: Rule = Rule {
    code: "S316",
    name: "range-beyond-retention",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// What Prometheus keeps when neither a time nor a size is said: 15 days.
const DEFAULT_MS: i64 = 15 * 86_400_000;

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let Some(kept) = retention(prometheus) else { return };
    let told = prometheus.retention.as_ref().and_then(|retention| retention.time.as_ref());
    for expression in expressions {
        // The queries of a test see what the test says.
        if matches!(expression.site, Site::Test(_) | Site::Federate(_)) {
            continue;
        }
        if let Site::Panel(_, panel, query) = expression.site
            && (query.datasource.is_some() || panel.datasource.is_some())
        {
            continue;
        }
        let Some(tree) = expression.sound() else { continue };
        tree.walk(&mut |node, path| {
            let (range, offset, at) = match node {
                Expr::Vector(selector) => (None, selector.offset.as_ref(), selector.at),
                Expr::Matrix(matrix) => {
                    (Some(&matrix.range), matrix.selector.offset.as_ref(), matrix.selector.at)
                }
                _ => return,
            };
            let mut back = length(range) + length(offset);
            let mut fixed = at.is_some();
            // The longest of the parts is what a reader has to look at.
            let mut longest = range.into_iter().chain(offset).max_by_key(|part| part.constant());
            for above in path {
                if let Expr::Subquery(subquery) = above {
                    back += length(Some(&subquery.range)) + length(subquery.offset.as_ref());
                    fixed |= subquery.at.is_some();
                    let parts = [Some(&subquery.range), subquery.offset.as_ref(), longest];
                    longest = parts.into_iter().flatten().max_by_key(|part| part.constant());
                }
            }
            let Some(longest) = longest.filter(|_| back > kept && !fixed) else { return };
            let text = |ms: i64| format_duration(Duration::from_millis(ms.unsigned_abs()));
            let finding = RULE
                .says(format!(
                    "{}: this looks back {}, and {} are kept",
                    expression.site.what(),
                    text(back),
                    text(kept)
                ))
                .at(expression.place(files, longest.span()), "longer than the retention");
            findings.push(match told {
                Some(time) => finding
                    .also(time.span, "the retention")
                    .help("keep more, or look back less; a recording rule keeps what is counted"),
                None => finding.help("say how long to keep samples: `retention time=\"…\"`"),
            });
        });
    }
}

/// How long samples are kept, in milliseconds; `None` if only their size is limited.
fn retention(prometheus: &Prometheus) -> Option<i64> {
    let Some(retention) = &prometheus.retention else { return Some(DEFAULT_MS) };
    match (&retention.time, &retention.size) {
        (Some(time), _) => Some(time.ms).filter(|ms| *ms > 0),
        (None, Some(_)) => None,
        (None, None) => Some(DEFAULT_MS),
    }
}

fn length(duration: Option<&DurationExpr>) -> i64 {
    duration.and_then(DurationExpr::constant).unwrap_or(0)
}

const EXPLAIN: &str = r##"What is older than the retention is gone: the query quietly computes with the part that is left, and a
comparison with last month is a comparison with nothing.

    prometheus { retention time="30d" }
    rules "capacity" { record "disk:growth:40d" { expr "deriv(disk_used_bytes[40d])" } }

Keep samples for longer, or look back less. Without `retention` Prometheus keeps 15 days."##;
