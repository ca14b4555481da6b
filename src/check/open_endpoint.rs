//! A part that lets everybody in is open to the network.

use super::topology::beyond_loopback;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::{Block, ServerTls, Stack, WebUser};

pub(super) const RULE: Rule = Rule {
    code: "S603",
    name: "open-endpoint",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for (name, bind) in open(stack) {
        findings.push(
            RULE.says(format!("{name} lets everybody in and listens on `{bind}`"))
                .at(bind.span, "beyond the loopback")
                .help(format!(
                    "let only known users in: `web user=\"ops\" password=(secret)\"{name}_hash\"`; or leave \
                     `bind` out, and only this machine reaches it"
                )),
        );
    }
}

/// Parts that ask nobody who they are and are bound beyond the loopback, with the address.
pub(super) fn open(stack: &Stack) -> impl Iterator<Item = (&'static str, &Spanned<String>)> {
    let prometheus = stack
        .prometheus
        .as_ref()
        .filter(|part| !guarded(&part.web, part.tls.as_ref()))
        .and_then(|part| Some(("prometheus", part.bind.as_ref()?)));
    let alertmanager = stack
        .alertmanager
        .as_ref()
        .filter(|part| !guarded(&part.web, part.tls.as_ref()))
        .and_then(|part| Some(("alertmanager", part.bind.as_ref()?)));
    prometheus.into_iter().chain(alertmanager).filter(|(_, bind)| beyond_loopback(bind))
}

/// Whether clients have to show who they are, by a password or a certificate.
fn guarded(web: &[Block<WebUser>], tls: Option<&Block<ServerTls>>) -> bool {
    !web.is_empty() || tls.is_some_and(|tls| tls.client_ca.is_some())
}

const EXPLAIN: &str = r##"Prometheus and Alertmanager ask nobody who they are unless they are told to. Whoever reaches the port reads every
metric, and silences every alert.

    prometheus { bind "0.0.0.0" }

Leave `bind` out: ports are published on 127.0.0.1, and a web server in front does the rest. Or let only known users
in, with HTTPS so that their passwords stay theirs:

    prometheus {
        bind "0.0.0.0"
        web user="ops" password=(secret)"prometheus_hash"
        tls cert="./tls/prometheus.crt" key="./tls/prometheus.key"
    }

The secret holds what `stackctl hash-password` prints."##;
