//! A password or token is written out in the manifest.

use super::{Input, Rule, default_password, values};
use crate::diag::{Findings, Severity};
use crate::manifest::Value;

pub(super) const RULE: Rule = Rule {
    code: "S601",
    name: "inline-secret",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for site in values::sites(stack) {
        let Value::Literal(text) = &site.value.value else { continue };
        // An empty text, a variable of compose and a well-known default are no secrets.
        if !site.sensitive
            || text.is_empty()
            || text.contains("${")
            || default_password::is_default(text)
        {
            continue;
        }
        findings.push(
            RULE.says(format!("the {} is written out", site.what))
                .at(site.value.span, "readable by everyone who sees this file")
                .help(
                    "declare a secret and refer to it: `secret \"name\" file=\"./secrets/name\"`, \
                     then `(secret)\"name\"`",
                ),
        );
    }
}

const EXPLAIN: &str = r##"Whatever stands in a manifest ends up in version control, in backups and in rendered files.

    exporter "mysql" { password "hunter2" }

Declare where the secret comes from and refer to it:

    secret "db_exporter" file="./secrets/db_exporter"
    exporter "mysql" { password (secret)"db_exporter" }"##;
