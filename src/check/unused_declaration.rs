//! Something is declared and never used.

use super::{Input, Rule, undefined_volume, values};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::Value;

pub(super) const RULE: Rule = Rule {
    code: "S010",
    name: "unused-declaration",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    let mut unused = |kind: &str, name: &Spanned<String>| {
        findings.push(
            RULE.says(format!("{kind} `{name}` is declared, and nothing uses it"))
                .at(name.span, "not used")
                .help("remove it, or use it"),
        );
    };
    let sites = values::sites(stack);
    for secret in &stack.secrets {
        let uses = |value: &Value| value.secret() == Some(secret.name.as_str());
        if !sites.iter().any(|site| uses(site.value)) {
            unused("secret", &secret.name);
        }
    }
    for volume in stack.volumes() {
        if !undefined_volume::used(stack).any(|name| name.value == volume.value) {
            unused("volume", volume);
        }
    }
    for network in &stack.networks {
        let name = network.name.as_str();
        if !topology.hosts.iter().any(|host| host.networks.contains(&name)) {
            unused("network", &network.name);
        }
    }
    for external in &stack.externals {
        let name = external.name.as_str();
        if !topology.connections.iter().any(|connection| connection.host == name) {
            unused("external host", &external.name);
        }
    }
}

const EXPLAIN: &str = r##"A secret, volume, network or external host that nothing refers to is a leftover, or the reference to
it is misspelt.

    secret "old" file="./secrets/old"          // no (secret)"old" anywhere

Remove the declaration, or use it."##;
