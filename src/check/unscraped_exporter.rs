//! An exporter runs, and no job collects what it shows.

use super::topology::{Topology, beyond_loopback};
use super::{Input, Rule, notation};
use crate::diag::{Findings, Severity};
use crate::manifest::Prometheus;

pub(super) const RULE: Rule = Rule {
    code: "S203",
    name: "unscraped-exporter",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let discovers =
        |scrape: &crate::manifest::Scrape| scrape.file_sd.is_some() || !scrape.http_sd.is_empty();
    // What is found in files or over HTTP may be the exporter.
    if prometheus.scrapes.iter().any(|scrape| discovers(scrape)) {
        return;
    }
    let exporters = stack.exporters.iter().map(|exporter| {
        let what = format!("exporter `{}`", exporter.name);
        let bind = exporter.bind.as_ref();
        (what, exporter.name.as_str(), exporter.host(), exporter.scrape.as_ref(), bind)
    });
    let gateway = stack.pushgateway.iter().map(|gateway| {
        let name = "pushgateway";
        let (scrape, bind) = (gateway.scrape.as_ref(), gateway.bind.as_ref());
        (name.to_owned(), name, name.to_owned(), scrape, bind)
    });
    for (what, job, host, scrape, bind) in exporters.chain(gateway) {
        let disabled = prometheus.scrapes.iter().find(|scrape| scrape.job.value == job);
        let disabled = disabled.and_then(|scrape| scrape.enabled.as_ref());
        let off = scrape.into_iter().chain(disabled).find(|wanted| !wanted.value);
        let Some(off) = off else { continue };
        // Another Prometheus may come for one that is open to the network.
        if bind.is_some_and(|bind| beyond_loopback(bind)) || collected(topology, prometheus, &host)
        {
            continue;
        }
        findings.push(
            RULE.says(format!("{what} runs, and nothing collects what it shows"))
                .at(off.span, "switched off here")
                .help("leave this out, or leave out the exporter; or write a job that asks it")
                .replace("scrape it", off.span, notation::switch(files, off.span, true)),
        );
    }
}

/// Whether a job of the user's own asks that host.
fn collected(topology: &Topology<'_>, prometheus: &Prometheus, host: &str) -> bool {
    let mut asked = topology.connections.iter().filter(|c| c.from == "prometheus");
    let names = prometheus.scrapes.iter().flat_map(|scrape| &scrape.dns_sd);
    asked.any(|connection| {
        topology.resolve(&connection.host).is_some_and(|resolved| resolved.name == host)
    }) || names.flat_map(|discovery| &discovery.names).any(|name| name.value == host)
}

const EXPLAIN: &str = r##"An exporter that no job asks costs memory and shows nobody anything.

    exporter "node" scrape=#false

Leave `scrape=#false` out, so that its job is derived again; or write a job of your own that asks it; or remove the
exporter. One that is published beyond the loopback may be asked by another Prometheus, and is not reported."##;
