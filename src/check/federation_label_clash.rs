//! Two sources give series that cannot be told apart.

use super::topology::Topology;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::address::split_address;
use crate::manifest::{Federate, Prometheus};

pub(super) const RULE: Rule = Rule {
    code: "S902",
    name: "federation-label-clash",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// Labels that tell sites and copies apart.
const SITES: [&str; 11] = [
    "dc",
    "datacenter",
    "site",
    "region",
    "zone",
    "cluster",
    "replica",
    "shard",
    "location",
    "prometheus",
    "environment",
];

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let jobs: Vec<&Federate> = prometheus
        .federate
        .iter()
        .map(|federate| &federate.value)
        .filter(|federate| federate.honor_labels.as_ref().is_none_or(|honor| honor.value))
        .collect();
    for (at, federate) in jobs.iter().enumerate() {
        from_itself(federate, prometheus, topology, findings);
        let earlier = &jobs[..at];
        let asks_again = |other: &&&Federate| {
            address(other) == address(federate)
                && other.matches.iter().any(|wanted| federate.matches.contains(wanted))
        };
        if let Some(first) = earlier.iter().find(asks_again) {
            let again = federate.matches.iter().find(|wanted| first.matches.contains(wanted));
            findings.push(
                RULE.says(format!(
                    "federation jobs `{}` and `{}` read the same series of {}",
                    first.job, federate.job, federate.target
                ))
                .at(again.map_or(federate.job.span, |again| again.span), "asked for again")
                .also(first.job.span, "first here")
                .help("both keep the labels that the series have there, so each sample comes twice: keep one job"),
            );
            continue;
        }
        let same_site = |other: &&&Federate| {
            site(other).is_some_and(|mine| {
                address(other) != address(federate) && site(federate) == Some(mine)
            })
        };
        if let Some(first) = earlier.iter().find(same_site)
            && let Some((name, value)) = federate.labels.iter().find(|(name, _)| is_site(name))
        {
            findings.push(
                RULE.says(format!(
                    "federation jobs `{}` and `{}` say of two servers that they are `{name}=\"{value}\"`",
                    first.job, federate.job
                ))
                .at(value.span, "the same again")
                .also(first.job.span, "first here")
                .help(format!("give each its own `{name}`, or add a `replica`")),
            );
        }
    }
}

fn address(federate: &Federate) -> &str {
    federate.target.as_str()
}

fn is_site(name: &str) -> bool {
    SITES.contains(&name)
}

/// All labels of a job, if one of them says which site it is.
fn site(federate: &Federate) -> Option<Vec<(&str, &str)>> {
    let labels = federate.labels.iter();
    let mut labels: Vec<_> = labels.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    labels.sort_unstable();
    labels.iter().any(|(name, _)| is_site(name)).then_some(labels)
}

/// A server that reads its own `/federate` gets its own series back, and only external labels tell
/// the two apart.
fn from_itself(
    federate: &Federate,
    prometheus: &Prometheus,
    topology: &Topology<'_>,
    findings: &mut Findings,
) {
    let host = split_address(&federate.target).and_then(|(host, _)| topology.resolve(host));
    if host.is_none_or(|host| host.name != "prometheus")
        || !prometheus.external_labels.is_empty()
        || !federate.labels.is_empty()
    {
        return;
    }
    findings.push(
        RULE.says(format!("federation job `{}` reads this very server", federate.job))
            .at(federate.target.span, "its own series, with the same labels")
            .help("leave the job out; here the series are anyway"),
    );
}

const EXPLAIN: &str = r##"Federation keeps the labels that a series has at its source. Two sources whose series have the same labels write one
series in turns: samples are refused as out of order, and graphs jump between two sites.

    federate "eu" target="prom-eu:9090" match="{__name__=~'job:.*'}" { labels dc="eu" }
    federate "us" target="prom-us:9090" match="{__name__=~'job:.*'}" { labels dc="eu" }

Let each site have its own `external_labels` (`dc="us" replica="a"`), read each series by one job only, and never read
this server itself."##;
