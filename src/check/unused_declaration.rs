//! Something is declared and never used.

use super::{Input, Rule, undefined_volume, values};
use crate::diag::{Finding, Findings, Severity, Spanned, most_similar};
use crate::manifest::codes;

pub(super) const RULE: Rule = Rule {
    code: "S010",
    name: "unused-declaration",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    // What could not be read may be what uses it.
    if findings.iter().any(leaves_out) {
        return;
    }
    let mut unused = |kind: &str, name: &Spanned<String>| {
        findings.push(
            RULE.says(format!("{kind} `{name}` is declared, and nothing uses it"))
                .at(name.span, "not used")
                .help("remove it, or use it"),
        );
    };
    // A reference that is misspelt is a finding of its own, and what it means is not unused.
    let meant = |name: &str, undefined: &[&str]| {
        undefined.iter().any(|written| most_similar(written, [name]).is_some())
    };
    let sites = values::sites(stack);
    let named: Vec<&str> = sites.iter().filter_map(|site| site.value.secret()).collect();
    let undefined: Vec<&str> =
        named.iter().copied().filter(|name| stack.secret(name).is_none()).collect();
    for secret in &stack.secrets {
        let name = secret.name.as_str();
        if !named.contains(&name) && !meant(name, &undefined) {
            unused("secret", &secret.name);
        }
    }
    let declared: Vec<&str> = stack.volumes().map(|name| name.as_str()).collect();
    let named: Vec<&str> = undefined_volume::used(stack).map(|name| name.as_str()).collect();
    let undefined: Vec<&str> =
        named.iter().copied().filter(|name| !declared.contains(name)).collect();
    for volume in stack.volumes() {
        if !named.contains(&volume.as_str()) && !meant(volume, &undefined) {
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

/// Whether the finding is a mistake that kept a part of the manifest from being read.
fn leaves_out(finding: &Finding) -> bool {
    finding.severity == Severity::Error && codes::ALL.iter().any(|code| code.code == finding.code)
}

const EXPLAIN: &str = r##"A secret, volume, network or external host that nothing refers to is a leftover, or the reference to
it is misspelt.

    secret "old" file="./secrets/old"          // no (secret)"old" anywhere

Remove the declaration, or use it."##;
