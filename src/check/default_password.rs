//! A password is one that everybody tries first.

use super::{Input, Rule, values};
use crate::diag::{Findings, Severity};
use crate::manifest::Value;

pub(super) const RULE: Rule = Rule {
    code: "S602",
    name: "default-password",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Passwords of installation guides.
const DEFAULTS: [&str; 25] = [
    "admin",
    "admin123",
    "administrator",
    "password",
    "password1",
    "passw0rd",
    "pass",
    "root",
    "toor",
    "secret",
    "changeme",
    "change_me",
    "changeit",
    "default",
    "test",
    "guest",
    "user",
    "12345",
    "123456",
    "12345678",
    "123456789",
    "qwerty",
    "letmein",
    "grafana",
    "prometheus",
];

/// Whether the password is among those of installation guides.
pub(super) fn is_default(text: &str) -> bool {
    DEFAULTS.iter().any(|known| text.eq_ignore_ascii_case(known))
}

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for site in values::sites(stack) {
        let Value::Literal(text) = &site.value.value else { continue };
        if site.sensitive && is_default(text) {
            findings.push(
                RULE.says(format!("the {} is a well-known default", site.what))
                    .at(site.value.span, "among the first that are tried")
                    .help("choose another one, and keep it in a secret: `(secret)\"name\"`"),
            );
        }
    }
    let Some(grafana) = &stack.grafana else { return };
    if let Some(admin) = &grafana.admin
        && admin.password.is_none()
    {
        findings.push(
            RULE.says("grafana's admin has no password here, so it is `admin`")
                .at(admin.user.span, "password missing")
                .help("give it one: `admin \"admin\" password=(secret)\"grafana_admin\"`"),
        );
    }
}

const EXPLAIN: &str = r##"Default passwords are tried within minutes by whoever can reach the port.

    grafana { admin "admin" password="admin123" }

Choose another one and keep it in a secret: `password=(secret)"grafana_admin"`."##;
