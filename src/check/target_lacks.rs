//! What the target of `render` does not have: findings that only `render` makes, who knows the target.

use crate::diag::{Code, Files, Findings, Severity};
use crate::manifest::{RenderTarget, Stack};
use crate::render::{self, Remark};

use super::{Levels, broken_template};

/// What would not work.
pub const CANNOT: Code = Code {
    code: "S809",
    name: "target-cannot-carry",
    severity: Severity::Error,
    explain: EXPLAIN_CANNOT,
};

/// What works differently.
pub const DIFFERS: Code = Code {
    code: "S810",
    name: "target-differs",
    severity: Severity::Warning,
    explain: EXPLAIN_DIFFERS,
};

/// Adds what a target does not have to the findings, weighed by the manifest and the command line; and
/// what is wrong with templates there, which was looked at for the manifest's own target.
pub fn review_target(
    stack: &Stack,
    files: &Files,
    target: RenderTarget,
    findings: &mut Findings,
    levels: &Levels,
) {
    let mut found = Findings::default();
    for Remark { span, message, help, fatal } in render::review(stack, target) {
        let code = if fatal { CANNOT } else { DIFFERS };
        found.push(code.says(message).at(span, format!("not with `--target {target}`")).help(help));
    }
    if target != render::target_of(stack) {
        findings.retain(|finding| finding.code != broken_template::RULE.code);
        broken_template::find(stack, files, target, &mut found);
    }
    levels.with_manifest(stack.lint.as_deref()).apply(&mut found);
    for finding in &found {
        findings.push(finding.clone());
    }
    findings.settle();
}

const EXPLAIN_CANNOT: &str = r##"A stack can be rendered for compose, for Kubernetes (with or without the Prometheus operator) and for systemd. Not
everything exists everywhere, and what would not work is refused, at the place where it is said.

    service "my_app" { … }          stackctl render --target kubernetes

A Service in Kubernetes is called by letters, digits and `-`. The name is not changed in silence, since environments and
programs name it as well: call the service `my-app`."##;

const EXPLAIN_DIFFERS: &str = r##"The stack can be rendered for the target, and works in another way there than in compose: read what is said, and silence
it when it is what you want.

    stackctl render --target kubernetes --allow target-differs

or in a profile for that target: `lint { allow "target-differs" }`."##;
