//! A function for counters is given a gauge, or the other way round.

use super::expressions::Expression;
use super::known::{Nature, Series};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;

pub(super) const RULE: Rule = Rule {
    code: "S307",
    name: "rate-of-gauge",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// Function, the kind that it is not for, what to use instead.
const WRONG: [(&str, Nature, &str); 6] = [
    ("rate", Nature::Gauge, "deriv"),
    ("increase", Nature::Gauge, "delta"),
    ("irate", Nature::Gauge, "idelta"),
    ("deriv", Nature::Counter, "rate"),
    ("delta", Nature::Counter, "increase"),
    ("idelta", Nature::Counter, "irate"),
];

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
    tree.walk(&mut |node, _| {
        let Expr::Call(call) = node else { return };
        let name = call.function.name;
        let Some((_, wrong, instead)) = WRONG.iter().find(|(function, _, _)| *function == name)
        else {
            return;
        };
        let Some(Expr::Matrix(matrix)) = call.args.first().map(Expr::unwrap_parens) else { return };
        let reads = input.known.reads(&matrix.selector);
        if reads.nature() != *wrong || reads.series.is_empty() {
            return;
        }
        let place = expression.place(input.files, call.name_span);
        let what = expression.site.what();
        let metric = reads.series[0].name();
        let gauge = *wrong == Nature::Gauge;
        let kind = if gauge { "a gauge" } else { "a counter" };
        let mut finding = RULE
            .says(format!("{what}: `{name}` of `{metric}`, which is {kind}"))
            .at(
                place,
                if gauge { "takes each fall for a restart" } else { "jumps at each restart" },
            )
            .help(format!("use `{instead}`"));
        if !gauge {
            finding.severity = Severity::Warning;
        }
        if let Some(declared) = reads.series.iter().find_map(Series::place) {
            finding = finding.also(declared, format!("{kind}, it says here"));
        }
        if input.files.text(place) == name {
            finding = finding.replace(&format!("use `{instead}`"), place, *instead);
        }
        findings.push(finding);
    });
}

const EXPLAIN: &str = r##"`rate`, `increase` and `irate` are for counters: they take every fall of the value for a restart and
count up from zero again, so on a gauge they give a number that means nothing. `deriv`, `delta` and
`idelta` are for gauges: on a counter they jump at every restart.

    expr "rate(node_load1[5m]) > 1"                // node_load1 is a gauge: deriv(node_load1[5m])

Use the function that belongs to the kind of the metric."##;
