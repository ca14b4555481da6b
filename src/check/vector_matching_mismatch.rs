//! An operator pairs series whose labels can never be equal.

use super::expressions::Expression;
use super::known::Flow;
use super::label_lost_by_aggregation::dropped;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, quoted_list};
use crate::promql::Expr;
use crate::promql::ast::{Binary, BinaryOp, Cardinality};

pub(super) const RULE: Rule = Rule {
    code: "S311",
    name: "vector-matching-mismatch",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
    let flows = expression.flows(&input.known);
    tree.walk(&mut |node, _| {
        let Expr::Binary(binary) = node else { return };
        let Some(matching) = &binary.matching else { return };
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if filled || matches!(binary.op, BinaryOp::Or | BinaryOp::Unless) {
            return;
        }
        let (left, right) = (flows.at(&binary.lhs), flows.at(&binary.rhs));
        let (more, only_left) = only(&left, &right, binary);
        let (other, only_right) = only(&right, &left, binary);
        let (side, labels, lacking) = match (only_left.as_slice(), only_right.as_slice()) {
            ([], []) => return,
            ([_, ..], _) => ("left", &only_left, &right),
            ([], _) => ("right", &only_right, &left),
        };
        // What an aggregation dropped under `on` is told by the rule for that.
        if matching.on && labels.iter().all(|label| lacking.lost(label).is_some()) {
            return;
        }
        let what = expression.site.what();
        let list = quoted_list(labels.iter().map(String::as_str));
        let place = expression.place(input.files, binary.op_span);
        let common: Vec<&str> = more.must.intersection(&other.must).map(String::as_str).collect();
        let op = binary.op.as_str();
        let group = match (binary.op, side) {
            (BinaryOp::And, _) => "",
            (_, "left") => " group_left ()",
            _ => " group_right ()",
        };
        let mut finding = RULE
            .says(format!("{what}: no series on both sides of `{op}` have equal labels"))
            .at(place, format!("only the {side} side has {list}"));
        let first = labels[0].as_str();
        if let Some(loss) = lacking.lost(first) {
            finding = dropped(finding, input, expression, first, loss);
            // With one of several labels back, nothing is paired yet.
            finding.fix = finding.fix.filter(|_| only_left.len() + only_right.len() == 1);
        }
        // Values of a common label may differ, and which side has more series is a guess.
        let nothing = |flow: &Flow| flow.may.is_empty() && !flow.open;
        let pairs = !common.is_empty() || nothing(&left) || nothing(&right);
        let bare = !matching.on && matching.labels.is_empty() && !binary.return_bool;
        let one_to_one = matches!(matching.cardinality, Cardinality::OneToOne);
        if finding.fix.is_none()
            && bare
            && pairs
            && (one_to_one || binary.op == BinaryOp::And)
            && input.files.text(place) == op
        {
            let meant = format!("{op} on ({}){group}", common.join(", "));
            finding = finding.replace(&format!("write `{meant}`"), place, meant).as_a_choice();
        }
        findings.push(finding.help(format!(
            "say which labels are to be equal: `{op} on ({}){group}`",
            common.join(", ")
        )));
    });
}

/// Labels that count in the matching, that every series of `one` has, and that none of `other` can have.
fn only<'f>(one: &'f Flow, other: &Flow, binary: &Binary) -> (&'f Flow, Vec<String>) {
    let Some(matching) = &binary.matching else { return (one, Vec::new()) };
    let named = |label: &String| matching.labels.iter().any(|entry| entry.name == *label);
    let labels = one
        .must
        .iter()
        .filter(|label| named(label) == matching.on && !other.can_have(label))
        .cloned()
        .collect();
    (one, labels)
}

const EXPLAIN: &str = r##"An operator between two vectors pairs series whose labels are all equal, except those in `ignoring`, or
only those in `on`. Here every series of one side has a label that no series of the other side has, so
nothing is ever paired and the result is empty.

    expr "mysql_up * mysql_version_info"           // only the right side has `version`

Say which labels are to be equal, and which side has more series:

    expr "mysql_up * on (instance) group_right () mysql_version_info""##;
