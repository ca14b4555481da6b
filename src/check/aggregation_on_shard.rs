//! Each shard aggregates over its own targets, and nobody over all.

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Evaluate;
use crate::promql::Expr;
use crate::render;

pub(super) const RULE: Rule = Rule {
    code: "S906",
    name: "aggregation-on-shard",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(shards) = render::shards(stack) else { return };
    for expression in expressions {
        let (Site::Record(group, _) | Site::Alert(group, _)) = expression.site else { continue };
        let Some(said) = group.evaluate.as_ref().filter(|said| said.value == Evaluate::Shards)
        else {
            continue;
        };
        let Some(tree) = expression.sound() else { continue };
        let mut found = None;
        tree.walk(&mut |node, _| {
            let (span, what) = match node {
                Expr::Aggregate(aggregate) => {
                    let grouping = &aggregate.grouping;
                    let named = grouping.labels.iter().any(|label| label.name == "instance");
                    if named != grouping.without && !grouping.labels.is_empty() {
                        return;
                    }
                    if grouping.without && !named {
                        return;
                    }
                    (aggregate.op_span, "one shard's targets, and no others")
                }
                Expr::Call(call) if call.function.name.starts_with("absent") => {
                    (call.name_span, "missing on every shard but one")
                }
                _ => return,
            };
            found.get_or_insert((span, what));
        });
        let Some((span, what)) = found else { continue };
        findings.push(
            RULE.says(format!(
                "{} is evaluated on each of {} shards, and none of them has all targets",
                expression.site.what(),
                shards.number
            ))
            .at(expression.place(files, span), what)
            .also(said.span, "evaluated there")
            .help(
                "keep `instance`, or leave this to the central server: a group without `evaluate`",
            ),
        );
    }
}

const EXPLAIN: &str = r##"A shard knows the targets that fell to it. A sum over them is a part of the sum, each shard writes another part under
the same name, and `absent` is true wherever the series is not. An average of averages is no average either.

    prometheus { shards 4 }
    rules "shop" evaluate="shards" { record "job:requests:rate5m" { expr "sum by (job) (rate(requests_total[5m]))" } }

On the shards record what stays with a target (`sum by (job, instance) (…)`), and let the central server, which sees
all of them, aggregate that. A group without `evaluate` is evaluated there."##;
