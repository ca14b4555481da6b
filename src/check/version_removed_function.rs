//! A function that this version of Prometheus has no longer, or not yet, under its name.

use super::names::is_prometheus_3;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;

pub(super) const RULE: Rule = Rule {
    code: "S318",
    name: "version-removed-function",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

const OLD: &str = "holt_winters";
const NEW: &str = "double_exponential_smoothing";

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    let new = is_prometheus_3(stack);
    let version = stack.prometheus.as_ref().and_then(|part| part.version.as_ref());
    for expression in expressions {
        let what = expression.site.what();
        // Ours is as new as Prometheus 3, so the old name is a mistake of the parser's.
        for error in &expression.errors {
            let written = expression.text.get(error.span.start..error.span.end).unwrap_or_default();
            if !new || !is_old_name(written) {
                continue;
            }
            let name = error.span.start..error.span.start + OLD.len();
            let place = expression.range(files, name);
            findings.push(
                RULE.says(format!("{what}: Prometheus 3 has no `{OLD}`; it is called `{NEW}` now"))
                    .at(place, "renamed")
                    .help(format!(
                        "write `{NEW}`, and switch it on: `features \"promql-experimental-functions\"` \
                         in `prometheus`"
                    ))
                    .replace("write the new name", place, NEW),
            );
        }
        let Some(tree) = expression.sound().filter(|_| !new) else { continue };
        tree.walk(&mut |node, _| {
            let Expr::Call(call) = node else { return };
            if call.function.name != NEW {
                return;
            }
            let place = expression.place(files, call.name_span);
            let finding = RULE
                .says(format!("{what}: Prometheus 2 has no `{NEW}`; it is called `{OLD}` there"))
                .at(place, "not yet known")
                .help(format!("write `{OLD}`"))
                .replace("write the old name", place, OLD);
            findings.push(match version {
                Some(version) => finding.also(version.span, "the version"),
                None => finding,
            });
        });
    }
}

/// Whether a part of an expression that was not understood begins with the old name. That is no
/// mistake of its own.
pub(super) fn is_old_name(text: &str) -> bool {
    let rest = text.strip_prefix(OLD);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric()))
}

const EXPLAIN: &str = r##"Prometheus 3 renamed `holt_winters` to `double_exponential_smoothing`, and put it behind the feature flag
`promql-experimental-functions`. Each version knows one of the two names and refuses a rule file with the
other.

    record "smooth" { expr "holt_winters(queue_length[1h], 0.5, 0.1)" }
    record "smooth" { expr "double_exponential_smoothing(queue_length[1h], 0.5, 0.1)" }

Which version is meant is what `version` or the tag of `image` in `prometheus` says; without them it is 3."##;
