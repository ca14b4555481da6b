//! A client takes any certificate.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::{Block, ClientTls, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S606",
    name: "tls-skip-verify",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for (owner, tls) in trusts(stack) {
        let Some(said) = tls.insecure_skip_verify.as_ref().filter(|said| said.value) else {
            continue;
        };
        findings.push(
            RULE.says(format!("{owner} takes any certificate, a stranger's as well"))
                .at(said.span, "not verified")
                .help(
                    "name the authority that signed it: `ca=\"./tls/ca.crt\"`, and `server_name` where \
                     the certificate has another name than the address",
                ),
        );
    }
}

/// Every place that says how a server is trusted.
fn trusts(stack: &Stack) -> impl Iterator<Item = (String, &Block<ClientTls>)> {
    let prometheus = stack.prometheus.iter().flat_map(|prometheus| {
        let scrapes = prometheus
            .scrapes
            .iter()
            .filter_map(|job| Some((format!("scrape job `{}`", job.job), job.tls.as_ref()?)));
        let writes = prometheus
            .remote_write
            .iter()
            .filter_map(|to| Some((format!("remote write to `{}`", to.url), to.tls.as_ref()?)));
        let sites = prometheus
            .federate
            .iter()
            .filter_map(|job| Some((format!("federation job `{}`", job.job), job.tls.as_ref()?)));
        scrapes.chain(writes).chain(sites)
    });
    let receivers = stack.alertmanager.iter().flat_map(|part| &part.receivers);
    let hooks = receivers.flat_map(|receiver| {
        let tls = receiver.webhook.iter().filter_map(|hook| hook.tls.as_ref());
        tls.map(|tls| (format!("webhook of receiver `{}`", receiver.name), tls))
    });
    prometheus.chain(hooks)
}

const EXPLAIN: &str = r##"HTTPS without a look at the certificate protects from nobody who can stand in between: that one shows a certificate
of their own, and reads passwords and metrics.

    scrape "nas" scheme="https" { target "nas.lan:9100"; tls insecure_skip_verify=#true }

Name the authority that signed the certificate; for one that signed itself that is the certificate:

    scrape "nas" scheme="https" { target "nas.lan:9100"; tls ca="./tls/nas.crt" }"##;
