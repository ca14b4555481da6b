//! An alert on something that is missing fires at once, and so at every restart.

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::promql::Expr;
use crate::promql::ast::BinaryOp;

pub(super) const RULE: Rule = Rule {
    code: "S406",
    name: "absent-without-for",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let (Site::Alert(_, alert), Some(tree)) = (expression.site, expression.sound()) else {
            continue;
        };
        let held = alert.hold.as_ref();
        if held.is_some_and(|hold| hold.ms > 0) {
            continue;
        }
        let Some(absent) = absence(tree) else { continue };
        let finding = RULE
            .says(format!(
                "alert `{}` fires at every restart, before the first scrape has come in",
                alert.name
            ))
            .at(expression.place(files, absent), "missing for a moment is enough")
            .help("wait for some scrapes: `for=\"2m\"`");
        findings.push(match held {
            Some(hold) => {
                let text = files.text(hold.span).replace(hold.text.as_str(), "2m");
                let place: Span = hold.span;
                finding.also(place, "no time at all").replace("wait for two minutes", place, text)
            }
            None => finding,
        });
    }
}

/// Where the expression asks whether something is missing right now, if that alone makes it fire. What
/// looks back over a window waits by itself.
fn absence(expr: &Expr) -> Option<crate::promql::Span> {
    match expr.unwrap_parens() {
        Expr::Call(call) if call.function.name == "absent" => Some(call.name_span),
        Expr::Binary(binary) => match binary.op {
            BinaryOp::Or => absence(&binary.lhs).or_else(|| absence(&binary.rhs)),
            // `absent(x) == 1`, `absent(x) * on () group_left () y`
            op if !op.is_set() && binary.rhs.selectors().is_empty() => absence(&binary.lhs),
            _ => None,
        },
        Expr::Aggregate(node) => absence(&node.expr),
        _ => None,
    }
}

const EXPLAIN: &str = r##"`absent(…)` is true as long as there is no sample. That is so after each restart of Prometheus until the
first scrape, and while the application is exchanged for a newer one: without `for` each of these moments
is an alert.

    alert "AppGone" { expr #"absent(up{job="app"})"# }
    alert "AppGone" for="2m" { expr #"absent(up{job="app"})"# }

Some scrape intervals are enough. `absent_over_time(x[10m])` looks back and needs no `for`."##;
