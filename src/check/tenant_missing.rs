//! Samples go to a Mimir that has to know whose they are.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S912",
    name: "tenant-missing",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// The address that Mimir and its ancestors take samples at.
const PUSH: &str = "/api/v1/push";
const HEADER: &str = "X-Scope-OrgID";

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    for write in &prometheus.remote_write {
        let path = write.url.split(['?', '#']).next().unwrap_or_default();
        let says_who = write.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(HEADER));
        // A login may say it: a gateway in front adds the header.
        let login = write.user.is_some() || write.bearer_token.is_some();
        if !path.trim_end_matches('/').ends_with(PUSH) || says_who || login {
            continue;
        }
        findings.push(
            RULE.says(format!("samples go to `{}`, which is not told whose they are", write.url))
                .at(write.url.span, "an address of Mimir")
                .help(format!(
                    "name the tenant: `headers {HEADER}=\"eu\"`; or declare the Mimir as a `store`"
                )),
        );
    }
}

const EXPLAIN: &str = r##"Mimir keeps the samples of tenants apart, and answers 401 to a request that names none, unless `multitenancy_enabled`
is off.

    prometheus { remote_write "http://mimir.example.net:9009/api/v1/push" }

Name the tenant in a header (`headers X-Scope-OrgID="eu"`), log in at a gateway that knows it, or declare the Mimir as
a `store "mimir"` with a `tenant`, which puts the header everywhere it belongs. Where tenants are switched off, allow
this finding."##;
