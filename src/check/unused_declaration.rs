//! Something is declared and never used.

use super::{Input, Rule, mending, undefined_volume, values};
use crate::diag::{Finding, Findings, Severity, Span, Spanned, most_similar};
use crate::manifest::codes;

pub(super) const RULE: Rule = Rule {
    code: "S010",
    name: "unused-declaration",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    // What could not be read may be what uses it.
    if findings.iter().any(leaves_out) {
        return;
    }
    let mut unused = |kind: &str, name: &Spanned<String>, removed: Option<Span>| {
        let finding = RULE
            .says(format!("{kind} `{name}` is declared, and nothing uses it"))
            .at(name.span, "not used")
            .help("remove it, or use it");
        findings.push(match removed {
            Some(removed) => finding.replace("remove it", removed, "").as_a_choice(),
            None => finding,
        });
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
            let alone = stack.secrets.len() == 1;
            unused("secret", &secret.name, mending::node(files, secret.whole, alone));
        }
    }
    let declared: Vec<&str> = stack.volumes().map(|name| name.as_str()).collect();
    let named: Vec<&str> = undefined_volume::used(stack).map(|name| name.as_str()).collect();
    let undefined: Vec<&str> =
        named.iter().copied().filter(|name| !declared.contains(name)).collect();
    let needless =
        |volume: &Spanned<String>| !named.contains(&volume.as_str()) && !meant(volume, &undefined);
    for volume in stack.volume_names.iter().filter(|volume| needless(volume)) {
        unused("volume", volume, mending::word(files, volume.span));
    }
    for volume in stack.volume_blocks.iter().filter(|volume| needless(&volume.name)) {
        let alone = stack.volume_blocks.len() == 1;
        unused("volume", &volume.name, mending::node(files, volume.whole, alone));
    }
    for network in &stack.networks {
        let name = network.name.as_str();
        if !topology.hosts.iter().any(|host| host.networks.contains(&name)) {
            let alone = stack.networks.len() == 1;
            unused("network", &network.name, mending::node(files, network.whole, alone));
        }
    }
    for external in &stack.externals {
        let name = external.name.as_str();
        if !topology.connections.iter().any(|connection| connection.host == name) {
            let alone = stack.externals.len() == 1;
            unused("external host", &external.name, mending::node(files, external.whole, alone));
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
