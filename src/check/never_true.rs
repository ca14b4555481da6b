//! A condition that no value meets, or a selector that no series fits.

use super::bounds::{Bounds, Outcome, compare, never_empty, of};
use super::expressions::{Expression, Site};
use super::{Input, Rule};
use crate::diag::{Files, Finding, Findings, Severity};
use crate::model::MatchOp;
use crate::promql::ast::{AggregateOp, Binary, BinaryOp, Call, SelectorMatcher, VectorSelector};
use crate::promql::{Expr, Span};

pub(super) const RULE: Rule =
    Rule { code: "S312", name: "never-true", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        // A test may well show that something is empty.
        if matches!(expression.site, Site::Test(_)) {
            continue;
        }
        let Some(tree) = expression.sound() else { continue };
        tree.walk(&mut |node, path| {
            let found = match node {
                Expr::Binary(binary) if binary.op.is_comparison() => {
                    comparison(expression, binary, files)
                }
                Expr::Binary(binary) if matches!(binary.op, BinaryOp::And | BinaryOp::Unless) => {
                    let inside = path.iter().rev().find(|above| !matches!(above, Expr::Paren(_)));
                    let chain = binary.op == BinaryOp::And
                        && matches!(inside, Some(Expr::Binary(above)) if above.op == BinaryOp::And);
                    if chain { None } else { together(expression, node, binary, files) }
                }
                Expr::Call(call) => presence(expression, call, files),
                Expr::Vector(selector) => contradiction(expression, selector, files),
                Expr::Matrix(matrix) => contradiction(expression, &matrix.selector, files),
                _ => None,
            };
            if let Some(found) = found {
                findings.push(found);
            }
        });
    }
}

/// `up == 2`
fn comparison(expression: &Expression<'_>, binary: &Binary, files: &Files) -> Option<Finding> {
    let Binary { op, lhs, rhs, op_span, .. } = binary;
    let place = |span: Span| expression.place(files, span);
    let what = expression.site.what();
    if binary.matching.is_some()
        && matches!(op, BinaryOp::Greater | BinaryOp::Less)
        && matches_itself(binary)
        && lhs.same(rhs)
    {
        let finding = RULE
            .says(format!("{what}: nothing is `{}` itself", op.as_str()))
            .at(place(*op_span), "the same on both sides");
        return Some(
            finding.help("compare with a number, or with the value of another time: `offset 1h`"),
        );
    }
    let (left, right) = (of(lhs), of(rhs));
    if compare(*op, left, right) != Outcome::Never {
        return None;
    }
    // The side that is a constant says less than the other one.
    let (side, bounds, limit) = if left.constant().is_some() && right.constant().is_none() {
        (rhs, right, left)
    } else {
        (lhs, left, right)
    };
    let subject = short(expression, side);
    let says =
        |text: String| RULE.says(format!("{what}: {text}")).at(place(*op_span), "never true");
    if limit.low.is_nan() || bounds.low.is_nan() {
        return Some(says("nothing equals NaN, not even NaN itself".to_owned()).help(
            "`x != x` is true for NaN and nothing else; a comparison with a number leaves NaN out",
        ));
    }
    let known = bounds.words().or_else(|| limit.words())?;
    let finding = says(format!("this cannot be true: {subject} is {known}"));
    Some(match counted(side) {
        Some(counted) if bounds.low == 1.0 && limit.high <= 1.0 => {
            finding.also(place(counted), "of nothing there is no count").help(
                "where there is nothing to count, the result is empty and not 0: ask with \
                 `absent(…)`, or compare `(count(…) or vector(0))`",
            )
        }
        _ if is_up(side) => finding.help("a target that cannot be scraped has `up == 0`"),
        _ => finding,
    })
}

/// Whether series of both sides meet by all their labels.
fn matches_itself(binary: &Binary) -> bool {
    binary.matching.as_ref().is_some_and(|matching| {
        !matching.on
            && matching.labels.is_empty()
            && matching.fill_left.is_none()
            && matching.fill_right.is_none()
    })
}

/// The operand for a sentence: itself, if it is short.
fn short(expression: &Expression<'_>, side: &Expr) -> String {
    let side = side.unwrap_parens();
    let span = side.span();
    match expression.text.get(span.start..span.end) {
        Some(text) if text.len() <= 40 && !text.contains(['\n', '`']) => format!("`{text}`"),
        _ => "the other side".to_owned(),
    }
}

fn is_up(expr: &Expr) -> bool {
    matches!(expr.unwrap_parens(), Expr::Vector(selector) if selector.metric().is_some_and(|(name, _)| name == "up"))
}

/// The operator of a count.
fn counted(expr: &Expr) -> Option<Span> {
    match expr.unwrap_parens() {
        Expr::Aggregate(aggregate) if aggregate.op == AggregateOp::Count => Some(aggregate.op_span),
        Expr::Call(call) if call.function.name == "count_over_time" => Some(call.name_span),
        _ => None,
    }
}

/// A comparison with what can be said of the other side.
struct Condition<'e> {
    /// What is compared.
    core: &'e Expr,
    bounds: Bounds,
    op_span: Span,
}

/// `x > 5 and x < 3`, `x > 5 unless x > 3`
fn together(
    expression: &Expression<'_>,
    node: &Expr,
    binary: &Binary,
    files: &Files,
) -> Option<Finding> {
    let place = |span: Span| expression.place(files, span);
    let what = expression.site.what();
    if binary.op == BinaryOp::Unless {
        let same = matches_itself(binary) && binary.lhs.same(&binary.rhs) && one_name(&binary.lhs);
        return same.then(|| {
            RULE.says(format!("{what}: what is left of a thing without itself is nothing"))
                .at(place(binary.op_span), "the same on both sides")
        });
    }
    let mut conditions: Vec<Condition<'_>> = Vec::new();
    gather(node, &mut conditions);
    for (index, second) in conditions.iter().enumerate() {
        for first in &conditions[..index] {
            let both = first.bounds.and(second.bounds);
            let each = !first.bounds.is_empty() && !second.bounds.is_empty();
            if both.is_empty() && each && first.core.same(second.core) && one_name(first.core) {
                let subject = short(expression, first.core);
                return Some(
                    RULE.says(format!("{what}: no value of {subject} meets both conditions"))
                        .at(place(second.op_span), "never true together")
                        .also(place(first.op_span), "with this")
                        .help("write `or` if one of them is enough"),
                );
            }
        }
    }
    None
}

/// The comparisons of a chain of `and` that are about the same elements.
fn gather<'e>(expr: &'e Expr, conditions: &mut Vec<Condition<'e>>) {
    match expr.unwrap_parens() {
        Expr::Binary(binary) if binary.op == BinaryOp::And && matches_itself(binary) => {
            gather(&binary.lhs, conditions);
            gather(&binary.rhs, conditions);
        }
        Expr::Binary(binary) if binary.op.is_comparison() && !binary.return_bool => {
            let mut core =
                if of(&binary.lhs).constant().is_some() { &binary.rhs } else { &binary.lhs };
            while let Expr::Binary(inner) = core.unwrap_parens() {
                if !inner.op.is_comparison() || inner.return_bool {
                    break;
                }
                core = if of(&inner.lhs).constant().is_some() { &inner.rhs } else { &inner.lhs };
            }
            conditions.push(Condition { core, bounds: of(expr), op_span: binary.op_span });
        }
        _ => {}
    }
}

/// Whether equal labels mean the same series: names are not compared where series are paired.
fn one_name(expr: &Expr) -> bool {
    expr.selectors().iter().all(|found| found.metric().is_some())
}

/// `absent(x or vector(0))`
fn presence(expression: &Expression<'_>, call: &Call, files: &Files) -> Option<Finding> {
    let arg = call.args.first()?;
    if !matches!(call.function.name, "absent" | "absent_over_time") || !never_empty(arg) {
        return None;
    }
    Some(
        RULE.says(format!("{}: this is never absent", expression.site.what()))
            .at(expression.place(files, arg.span()), "always gives something")
            .help("leave out what stands in for missing series, such as `or vector(0)`"),
    )
}

/// `up{job="a", job="b"}`, `up{job!~".*"}`
fn contradiction(
    expression: &Expression<'_>,
    selector: &VectorSelector,
    files: &Files,
) -> Option<Finding> {
    let written = |entry: &&SelectorMatcher| {
        // A dashboard variable may be anything.
        let text = expression.text.get(entry.value_span.start..entry.value_span.end);
        !(matches!(expression.site, Site::Panel(..)) && text.is_some_and(|text| text.contains('$')))
    };
    let matchers: Vec<&SelectorMatcher> = selector.matchers.iter().filter(written).collect();
    let what = expression.site.what();
    let place = |span: Span| expression.place(files, span);
    for (index, second) in matchers.iter().enumerate() {
        let name = &second.matcher.name;
        if second.matcher.op == MatchOp::NotRegex && second.matcher.value == ".*" {
            return Some(
                RULE.says(format!("{what}: every `{name}` matches `.*`, so no series is left"))
                    .at(place(second.span), "leaves nothing")
                    .help(format!("`{{{name}=\"\"}}` selects series without the label")),
            );
        }
        for first in &matchers[..index] {
            let (a, b) = (&first.matcher, &second.matcher);
            let opposite = matches!(
                (a.op, b.op),
                (MatchOp::Regex, MatchOp::NotRegex) | (MatchOp::NotRegex, MatchOp::Regex)
            );
            let apart = a.op == MatchOp::Equal && !b.matches(&a.value)
                || b.op == MatchOp::Equal && !a.matches(&b.value)
                || opposite && a.value == b.value;
            if a.name == b.name && apart {
                return Some(
                    RULE.says(format!("{what}: no series can have both of these `{name}`"))
                        .at(place(second.span), "never together")
                        .also(place(first.span), "with this")
                        .help(format!(
                            "for one or the other write one matcher: `{{{name}=~\"…|…\"}}`"
                        )),
                );
            }
        }
    }
    None
}

const EXPLAIN: &str = r##"The expression can give nothing, whatever is measured: the condition is outside of what the value can be,
two conditions exclude each other, or no series has both labels. An alert on it sleeps for ever.

    expr "up == 2"                                  // up is 0 or 1
    expr "x > 5 and x < 3"                          // write `x > 5 or x < 3`
    expr "count(up == 1) == 0"                      // of nothing there is no count: `absent(up == 1)`
    expr #"up{job="a", job="b"}"#                   // write `job=~"a|b"`
    expr "absent(x or vector(0))"                   // vector(0) is always there
    expr "x == NaN"                                 // nothing equals NaN; `x != x` finds it

Known are the values of `up`, of counts, rates, times of day, of `bool` comparisons and of what is
computed from them. Values of your own metrics are never guessed."##;
