//! A password or token is written out in the manifest.

use std::path::Path;

use super::{Input, Rule, default_password, values};
use crate::diag::{Findings, Severity};
use crate::manifest::{Format, Value};

pub(super) const RULE: Rule = Rule {
    code: "S601",
    name: "inline-secret",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
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
        let finding = RULE
            .says(format!("the {} is written out", site.what))
            .at(site.value.span, "readable by everyone who sees this file")
            .help(
                "declare a secret and refer to it: `secret \"name\" file=\"./secrets/name\"`, \
                 then `(secret)\"name\"`",
            );
        let variable = variable_for(&site.what);
        // What is written over several lines, or with escapes, is left to its author.
        let written = files.text(site.value.span);
        let reference = match Format::of(Path::new(files.name(site.value.span.file))) {
            _ if !written.contains(text.as_str()) || written.contains('\n') => None,
            Some(Format::Kdl) => Some(format!("(env)\"{variable}\"")),
            Some(Format::Yaml) => Some(format!("{{env: {variable}}}")),
            Some(Format::Json) => Some(format!("{{\"env\": \"{variable}\"}}")),
            None => None,
        };
        findings.push(match reference {
            // The text goes away with it, so that is for somebody who has kept it.
            Some(reference) => finding
                .replace(
                    &format!(
                        "read it from `{variable}` of the environment; keep the text elsewhere first"
                    ),
                    site.value.span,
                    reference,
                )
                .as_a_choice(),
            None => finding,
        });
    }
}

/// A name for a variable that holds the secret: `DB_PASSWORD` for ``password of exporter `db` ``, and
/// its own for a variable.
fn variable_for(what: &str) -> String {
    let (kind, owner) = what.split_once(" of ").or(what.split_once(" at ")).unwrap_or((what, ""));
    let named = |text: &str| text.split('`').nth(1).map(str::to_owned);
    let last = |text: &str| text.rsplit(' ').next().unwrap_or_default().to_owned();
    let name = match kind.strip_prefix("environment variable ") {
        Some(variable) => variable.to_owned(),
        None => {
            // An address is no name: ``remote write to `https://…` ``.
            let plain = || owner.split(" to `").next().unwrap_or_default().replace("the ", "");
            let owner = named(owner).filter(|name| !name.contains('/')).unwrap_or_else(plain);
            format!("{owner}_{}", last(kind))
        }
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = name.trim_matches('`').chars().map(plain).collect();
    let name = name.trim_matches('_');
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name.to_owned()
    }
}

const EXPLAIN: &str = r##"Whatever stands in a manifest ends up in version control, in backups and in rendered files.

    exporter "mysql" { password "hunter2" }

Declare where the secret comes from and refer to it:

    secret "db_exporter" file="./secrets/db_exporter"
    exporter "mysql" { password (secret)"db_exporter" }

Or let the environment have it: `password (env)"DB_PASSWORD"`. An editor offers that; the password itself is not
in the manifest any more then, so write it down where it belongs before.

What has been in version control is known: change the password as well."##;

#[cfg(test)]
mod tests {
    use super::variable_for;

    #[test]
    fn a_variable_is_called_after_its_owner() {
        for (what, name) in [
            ("password of exporter `db-1`", "DB_1_PASSWORD"),
            ("admin password of grafana", "GRAFANA_PASSWORD"),
            ("environment variable `API_TOKEN` of service `a`", "API_TOKEN"),
            ("Slack hook of receiver `ops`", "OPS_HOOK"),
            ("password of the mail server", "MAIL_SERVER_PASSWORD"),
            ("password of remote write to `https://a.b/c`", "REMOTE_WRITE_PASSWORD"),
        ] {
            assert_eq!(variable_for(what), name);
        }
    }
}
