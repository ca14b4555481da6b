//! Something further out needs a label that an aggregation has dropped.

use super::expressions::Expression;
use super::known::{Flow, Loss, Lost, grouping_span};
use super::{Input, Rule};
use crate::diag::{Finding, Findings, Severity};
use crate::promql::Expr;
use crate::promql::ast::{Aggregate, BinaryOp, Cardinality, LabelName};

pub(super) const RULE: Rule = Rule {
    code: "S310",
    name: "label-lost-by-aggregation",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
    let flows = expression.flows(&input.known);
    tree.walk(&mut |node, _| match node {
        Expr::Aggregate(aggregate) if !aggregate.grouping.without => {
            let inner = flows.at(&aggregate.expr);
            for label in &aggregate.grouping.labels {
                findings_of(input, expression, &inner, label, "what is grouped", findings);
            }
        }
        Expr::Binary(binary) => {
            let Some(matching) = &binary.matching else { return };
            let (left, right) = (flows.at(&binary.lhs), flows.at(&binary.rhs));
            // `or` and `unless` give something where nothing matches.
            if matching.on && !matches!(binary.op, BinaryOp::Or | BinaryOp::Unless) {
                for label in &matching.labels {
                    let name = label.name.as_str();
                    if right.surely_has(name) {
                        let side = "the left side";
                        findings_of(input, expression, &left, label, side, findings);
                    } else if left.surely_has(name) {
                        let side = "the right side";
                        findings_of(input, expression, &right, label, side, findings);
                    }
                }
            }
            let one = match matching.cardinality {
                Cardinality::ManyToOne => &right,
                Cardinality::OneToMany => &left,
                Cardinality::OneToOne | Cardinality::ManyToMany => return,
            };
            for label in &matching.include {
                findings_of(input, expression, one, label, "the side it comes from", findings);
            }
        }
        _ => {}
    });
}

fn findings_of(
    input: &Input<'_>,
    expression: &Expression<'_>,
    flow: &Flow,
    label: &LabelName,
    side: &str,
    findings: &mut Findings,
) {
    let name = label.name.as_str();
    if flow.can_have(name) {
        return;
    }
    let Some(loss) = flow.lost(name) else { return };
    let what = expression.site.what();
    let place = expression.place(input.files, label.span);
    let finding = RULE
        .says(format!("{what}: {side} has no label `{name}` any more"))
        .at(place, "needed here");
    findings.push(dropped(finding, input, expression, name, loss));
}

/// Says where a label got lost, and how to keep it.
pub(super) fn dropped(
    finding: Finding,
    input: &Input<'_>,
    expression: &Expression<'_>,
    name: &str,
    loss: &Loss,
) -> Finding {
    let place = loss.record.unwrap_or_else(|| expression.place(input.files, loss.at));
    let finding = finding.also(place, "dropped here");
    match loss.how {
        Lost::Aggregation => kept(finding, input, expression, name, loss)
            .help(format!("keep it: `by ({name}, …)` in the aggregation")),
        Lost::Matching => finding
            .help(format!("keep it: `group_left` or `{name}` among the labels that are matched")),
        Lost::Function => finding,
    }
}

/// Offers to keep the label in the aggregation that drops it. There are other ways: to do without it
/// outside.
fn kept(
    mut finding: Finding,
    input: &Input<'_>,
    expression: &Expression<'_>,
    name: &str,
    loss: &Loss,
) -> Finding {
    let Some(tree) = expression.sound().filter(|_| loss.record.is_none()) else { return finding };
    tree.walk(&mut |node, path| {
        let Expr::Aggregate(aggregate) = node else { return };
        let keeps = |node: &Aggregate| {
            node.grouping.without != node.grouping.labels.iter().any(|label| label.name == name)
        };
        // One further out drops it again.
        let again = path.iter().any(|above| matches!(above, Expr::Aggregate(it) if !keeps(it)));
        if grouping_span(aggregate) != loss.at || aggregate.grouping.without || again {
            return;
        }
        let (part, written, meant) = match aggregate.grouping.labels.last() {
            Some(last) => (last.span, last.name.as_str(), format!("{}, {name}", last.name)),
            None => {
                let text = |from: usize, to: usize| expression.text.get(from..to).map(str::trim);
                let (op, inner, all) = (aggregate.op_span, aggregate.expr.span(), aggregate.span);
                let bare =
                    text(op.end, inner.start) == Some("(") && text(inner.end, all.end) == Some(")");
                let Some(op_text) = text(op.start, op.end).filter(|_| bare) else { return };
                (op, op_text, format!("{op_text} by ({name}) "))
            }
        };
        let place = expression.place(input.files, part);
        if input.files.text(place) == written {
            finding =
                finding.clone().replace(&format!("keep `{name}`"), place, meant).as_a_choice();
        }
    });
    finding
}

const EXPLAIN: &str = r##"An aggregation keeps the labels in `by (…)` and drops all others. Further out something asks for one of
those that are gone: `on (…)` then matches nothing, and a grouping puts everything into one group.

    expr "sum by (job) (rate(errors_total[5m])) / on (instance) up"

Keep the label in the aggregation, or do without it outside."##;
