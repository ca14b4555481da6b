//! A page with series of other jobs is scraped as if they were the page's own.

use super::topology::Topology;
use super::{Input, Rule, mending, notation};
use crate::diag::{Findings, Severity, Span, Spanned};
use crate::manifest::address::{PUSHGATEWAY_PORT, split_address};
use crate::manifest::{Relabel, Scrape};

pub(super) const RULE: Rule = Rule {
    code: "S207",
    name: "honor-labels-missing",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let mut says =
        |what: &str, whose: &str, place: Span, job: Span, said: Option<&Spanned<bool>>| {
            let finding = RULE
                .says(format!(
                    "{what} renames `job` and `instance` of what was {whose} to `exported_job` and \
                 `exported_instance`"
                ))
                .at(said.map_or(place, |said| said.span), "labels of the page are put aside");
            findings.push(match said {
                Some(said) => {
                    finding.help("take the labels as they are: `honor_labels=#true`").replace(
                        "take them as they are",
                        said.span,
                        notation::switch(files, said.span, true),
                    )
                }
                None => {
                    let finding =
                        finding.help("take the labels as they are: add `honor_labels=#true`");
                    match mending::setting(files, job, "honor_labels", "#true", "true") {
                        Some((at, text)) => finding.replace("take them as they are", at, text),
                        None => finding,
                    }
                }
            });
        };
    for federate in &prometheus.federate {
        if let Some(said) = federate.honor_labels.as_ref().filter(|said| !said.value) {
            let what = format!("federation job `{}`", federate.job);
            says(
                &what,
                "read at the other Prometheus",
                federate.job.span,
                federate.job.span,
                Some(said),
            );
        }
    }
    let derived = stack.pushgateway.is_some();
    for scrape in &prometheus.scrapes {
        let said = scrape.honor_labels.as_ref();
        let off = scrape.enabled.as_ref().is_some_and(|wanted| !wanted.value);
        let honors = said.is_some_and(|said| said.value);
        if honors || off || scrape.metric_relabel.iter().any(|step| puts_back(step)) {
            continue;
        }
        let own = derived && scrape.job.value == "pushgateway" && scrape.targets.is_empty();
        let place = pushed(scrape, topology).or((own && said.is_some()).then_some(scrape.job.span));
        let what = format!("scrape job `{}`", scrape.job);
        if let Some(place) = place {
            says(&what, "pushed", place, scrape.job.span, said);
        } else if let Some(path) = scrape.path.as_ref().filter(|path| path.value == "/federate") {
            says(&what, "read at the other Prometheus", path.span, scrape.job.span, said);
        }
    }
}

/// The target that is a push gateway, if the job asks one.
fn pushed(scrape: &Scrape, topology: &Topology<'_>) -> Option<Span> {
    let is_gateway = |address: &&Spanned<String>| {
        split_address(address).is_some_and(|(host, port)| {
            let own = topology.resolve(host);
            let usual = port == Some(PUSHGATEWAY_PORT) && host.contains("push");
            own.map_or(usual, |own| own.name == "pushgateway")
        })
    };
    scrape.addresses().into_iter().find(is_gateway).map(|address| address.span)
}

/// Whether a step reads the labels that were put aside.
fn puts_back(step: &Relabel) -> bool {
    let regex = step.regex.as_ref().is_some_and(|regex| regex.contains("exported_"));
    regex || step.source_labels.iter().any(|label| label.starts_with("exported_"))
}

const EXPLAIN: &str = r##"A push gateway and `/federate` show series of other jobs, with the labels `job` and `instance` that they have there.
Without `honor_labels` Prometheus overwrites both with those of the scrape, and keeps the real ones as
`exported_job` and `exported_instance`: alerts and dashboards that ask for the job find nothing.

    prometheus { scrape "batch" { target "pushgateway:9091" } }

Say `honor_labels=#true`. The derived job of the push gateway and `federate` have it by themselves."##;
