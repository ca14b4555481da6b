//! Everybody on the network may stop Prometheus, or delete its series.

use super::open_endpoint::open;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S604",
    name: "lifecycle-or-admin-api-open",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let Some((_, bind)) = open(stack).find(|(name, _)| *name == "prometheus") else { return };
    let doors = [
        (&prometheus.enable_admin_api, "enable_admin_api", "delete series"),
        (&prometheus.enable_lifecycle, "enable_lifecycle", "stop Prometheus"),
        (&prometheus.enable_remote_write_receiver, "enable_remote_write_receiver", "write series"),
    ];
    for (door, setting, what) in doors {
        let Some(door) = door.as_ref().filter(|door| door.value) else { continue };
        findings.push(
            RULE.says(format!("everybody on the network may {what}"))
                .at(door.span, format!("`{setting}` is on"))
                .also(bind.span, "beyond the loopback, and nobody has to log in")
                .help(format!(
                    "leave `{setting}` out, or let only known users in: \
                     `web user=\"ops\" password=(secret)\"prometheus_hash\"`"
                )),
        );
    }
}

const EXPLAIN: &str = r##"`enable_admin_api` lets clients delete series and make snapshots, `enable_lifecycle` lets them stop the server, and
`enable_remote_write_receiver` lets them write what they like. On a port that is open to the network and asks for
no password, everybody can.

    prometheus { bind "0.0.0.0"; enable_admin_api #true }

Leave the setting out (`stackctl reload` does not need it), publish the port on the loopback only, or let only known
users in: `web user="ops" password=(secret)"prometheus_hash"`."##;
