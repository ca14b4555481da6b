//! An expression uses what Prometheus has behind a feature flag.

use super::expressions::{Expression, Site};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::versions::{Product, Version};
use crate::manifest::{Images, Prometheus};
use crate::promql::ast::{DurationExpr, Edges, VectorSelector};
use crate::promql::{Expr, Span};

pub(super) const RULE: Rule = Rule {
    code: "S317",
    name: "feature-flag-needed",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

const FUNCTIONS: &str = "promql-experimental-functions";
const DURATIONS: &str = "promql-duration-expr";
const RANGES: &str = "promql-extended-range-selectors";
const FILL: &str = "promql-binop-fill-modifiers";

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let images = stack.header.as_ref().and_then(|header| header.images.as_ref());
    // Ours has the whole language.
    if images.is_some_and(|images| images.value == Images::Stackctl) {
        return;
    }
    let version = Product::prometheus_of(stack);
    for expression in expressions {
        let own = match expression.site {
            Site::Test(_) | Site::Federate(_) => false,
            Site::Panel(_, panel, query) => {
                panel.datasource.is_none() && query.datasource.is_none()
            }
            _ => true,
        };
        let Some(tree) = expression.sound().filter(|_| own) else { continue };
        // Each flag once for an expression.
        let mut told: Vec<&str> = Vec::new();
        for Use { what, flag, span } in uses(expression, tree, version) {
            if has(prometheus, flag) || told.contains(&flag) {
                continue;
            }
            told.push(flag);
            let finding = RULE
                .says(format!(
                    "{}: {what} is experimental, and Prometheus refuses it without its feature flag",
                    expression.site.what()
                ))
                .at(expression.place(files, span), "behind a feature flag")
                .also(prometheus.span(), "not switched on here");
            findings
                .push(finding.help(format!("switch it on: `features \"{flag}\"` in `prometheus`")));
        }
    }
}

fn has(prometheus: &Prometheus, flag: &str) -> bool {
    prometheus.features.iter().flat_map(|said| said.split(',')).any(|said| said.trim() == flag)
}

/// What needs a flag, which one, and where it stands.
struct Use {
    what: String,
    flag: &'static str,
    span: Span,
}

/// What became part of the language itself is told by version: durations and `first_over_time` in 3.14,
/// windows with edges in 3.16.
fn uses(expression: &Expression<'_>, tree: &Expr, version: Version) -> Vec<Use> {
    let since = |major, minor| version >= Version(major, minor, 0);
    let panel = matches!(expression.site, Site::Panel(..));
    let mut uses = Vec::new();
    let duration = |duration: Option<&DurationExpr>, uses: &mut Vec<Use>| {
        let Some(duration) = duration else { return };
        let span = duration.span();
        let text = expression.text.get(span.start..span.end).unwrap_or_default();
        // Grafana may put a plain duration there.
        let variable = panel && text.contains('$');
        if !matches!(duration, DurationExpr::Number(_)) && !since(3, 14) && !variable {
            uses.push(Use { what: "a computed duration".to_owned(), flag: DURATIONS, span });
        }
    };
    let edges = |selector: &VectorSelector, uses: &mut Vec<Use>| {
        let word = match selector.edges {
            Edges::Plain => return,
            Edges::Anchored => "`anchored`",
            Edges::Smoothed => "`smoothed`",
        };
        if !since(3, 16) {
            uses.push(Use { what: word.to_owned(), flag: RANGES, span: selector.span });
        }
    };
    tree.walk(&mut |node, _| match node {
        Expr::Call(call) if call.function.experimental => {
            let name = call.function.name;
            // Of the old versions that lack a function altogether another rule tells.
            let renamed = name == "double_exponential_smoothing" && version < Version(3, 0, 0);
            let settled = name == "first_over_time" && since(3, 14);
            if !renamed && !settled {
                let what = format!("`{name}`");
                uses.push(Use { what, flag: FUNCTIONS, span: call.name_span });
            }
        }
        Expr::Aggregate(aggregate) if aggregate.op.is_experimental() => {
            let what = format!("`{}`", aggregate.op.as_str());
            uses.push(Use { what, flag: FUNCTIONS, span: aggregate.op_span });
        }
        Expr::Vector(selector) => {
            edges(selector, &mut uses);
            duration(selector.offset.as_ref(), &mut uses);
        }
        Expr::Matrix(matrix) => {
            edges(&matrix.selector, &mut uses);
            duration(Some(&matrix.range), &mut uses);
            duration(matrix.selector.offset.as_ref(), &mut uses);
        }
        Expr::Subquery(subquery) => {
            duration(Some(&subquery.range), &mut uses);
            duration(subquery.step.as_ref(), &mut uses);
            duration(subquery.offset.as_ref(), &mut uses);
        }
        Expr::Binary(binary) => {
            let filled = binary.matching.as_ref().is_some_and(|matching| {
                matching.fill_left.is_some() || matching.fill_right.is_some()
            });
            if filled {
                uses.push(Use { what: "`fill`".to_owned(), flag: FILL, span: binary.op_span });
            }
        }
        _ => {}
    });
    uses
}

const EXPLAIN: &str = r##"Prometheus keeps young parts of PromQL behind feature flags. Without the flag it refuses the whole rule
file, and the query of a panel fails.

    prometheus { }
    rules "shop" { record "some:hits" { expr "limitk(3, hits_total)" } }

    prometheus { features "promql-experimental-functions" }

The flags are `promql-experimental-functions` (`limitk`, `limit_ratio`, `sort_by_label`, `info`,
`mad_over_time`, `double_exponential_smoothing` …), `promql-duration-expr` (`[5m * 2]`),
`promql-extended-range-selectors` (`anchored`, `smoothed`) and `promql-binop-fill-modifiers` (`fill`).
stackctl itself has all of them switched on."##;
