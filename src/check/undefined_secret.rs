//! A reference names a secret that is not declared.

use super::{Input, Rule, did_you_mean, mending, values};
use crate::diag::{Findings, Severity};
use crate::manifest::Value;

pub(super) const RULE: Rule = Rule {
    code: "S008",
    name: "undefined-secret",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for site in values::sites(stack) {
        let Value::Secret(name) = &site.value.value else { continue };
        if stack.secret(name).is_some() {
            continue;
        }
        let declared = stack.secrets.iter().map(|secret| secret.name.as_str());
        let known = did_you_mean(name, declared.clone(), "secrets here");
        let finding = RULE
            .says(format!("{} refers to the secret `{name}`, which is not declared", site.what))
            .at(site.value.span, "not declared")
            .help(format!("{known}; or declare it: `secret \"{name}\" file=\"./secrets/{name}\"`"));
        let place = site.value.span;
        findings.push(mending::rename_to_similar(finding, files, place, name, declared));
    }
}

const EXPLAIN: &str = r##"`(secret)"x"` refers to a `secret` node, which says where the secret comes from. Without one nobody
knows what to mount.

    slack channel="#ops" api_url=(secret)"slak"
    secret "slack_hook" env="SLACK_WEBHOOK_URL"

Correct the name, or declare the secret with `file=` or `env=`."##;
