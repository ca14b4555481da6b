//! A part lets everybody in who reaches its port.

use super::{Input, Rule, guarded};
use crate::diag::{Findings, Severity};
use crate::manifest::StoreKind;

pub(super) const RULE: Rule = Rule {
    code: "S613",
    name: "missing-users",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for part in guarded::all(stack).iter().filter(|part| !part.asks()) {
        findings.push(
            RULE.says(format!("{} asks nobody who they are", part.what))
                .at(part.span, "no `web` user")
                .help(format!(
                    "let only known users in: `web user=\"ops\" password=(secret)\"{}_hash\"`, a secret with \
                     what `stackctl hash-password` prints",
                    part.job.replace('-', "_")
                )),
        );
    }
    // The other kinds know no users.
    let asked =
        stack.stores.iter().filter(|store| store.what() == Some(StoreKind::Victoriametrics));
    for store in asked.filter(|store| store.user.is_none()) {
        let word = store.name.replace(['-', '.'], "_");
        findings.push(
            RULE.says(format!("store `{}` asks nobody who they are", store.name))
                .at(store.name.span, "no `user`")
                .help(format!(
                    "let only known users in: `user \"writer\"` and `password (secret)\"{word}_password\"`, a \
                     secret with the password itself"
                )),
        );
    }
}

const EXPLAIN: &str = r##"Even a port that is published on the loopback only is reached by every container of the network and every user of the
machine. In production each part should know who asks.

    exporter "node"

Give it a user, and tell Prometheus the password:

    exporter "node" { web user="ops" password=(secret)"node_hash" }
    prometheus { scrape "node" user="ops" password=(secret)"node_password" }

`stackctl hash-password` makes the hash. A `store` of VictoriaMetrics has one `user` with a `password`; Prometheus and
Grafana log in there by themselves. Only said when asked for: `lint deny="security"`."##;
