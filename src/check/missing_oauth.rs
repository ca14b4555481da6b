//! People log in to Grafana with passwords of its own, or not at all.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S618",
    name: "missing-oauth",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(grafana) = &stack.grafana else { return };
    if let Some(anonymous) = grafana.anonymous.as_ref().filter(|anonymous| anonymous.value) {
        findings.push(
            RULE.says("everybody may look at grafana's dashboards without logging in")
                .at(anonymous.span, "nobody is asked")
                .help("leave `anonymous` out"),
        );
    }
    // A provider that is set up by hand is one, too.
    let by_hand = grafana.env.iter().any(|(name, _)| {
        name.starts_with("GF_AUTH_") && name.ends_with("_ENABLED") && !name.contains("ANONYMOUS")
    });
    if grafana.oauth.is_empty() && !by_hand {
        findings.push(
            RULE.says("grafana has passwords of its own for everybody")
                .at(grafana.span(), "no `oauth`")
                .help(
                    "let people log in where they are known: \
                     `oauth \"github\" client_id=(env)\"GITHUB_ID\" client_secret=(secret)\"github_secret\"`",
                ),
        );
    }
}

const EXPLAIN: &str = r##"Passwords that only Grafana knows stay when somebody leaves, and nobody asks for a second factor.

    grafana { admin "admin" password=(secret)"grafana_admin" }

Let people log in where they are known, and say who may:

    grafana {
        admin "admin" password=(secret)"grafana_admin"
        oauth "github" client_id=(env)"GITHUB_ID" client_secret=(secret)"github_secret" {
            allowed_organizations "example"
        }
    }

Providers are `github`, `google`, `gitlab`, and `generic` with `auth_url`, `token_url` and `api_url`. Only said when asked
for: `lint deny="security"`."##;
