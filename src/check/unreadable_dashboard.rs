//! The file of a dashboard is not there, is no JSON, or is another thing than a dashboard.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S513",
    name: "unreadable-dashboard",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { boards, .. }: &Input<'_>, findings: &mut Findings) {
    for broken in &boards.broken {
        let Some(from) = &broken.declared.from else { continue };
        let title = &broken.declared.title;
        let finding = match broken.place {
            Some(place) => RULE
                .says(format!("dashboard `{title}` cannot be read: {}", broken.reason))
                .at(place, "reading stopped here"),
            None => RULE
                .says(format!(
                    "dashboard `{title}` cannot be read from `{from}`: {}",
                    broken.reason
                ))
                .at(from.span, "not readable")
                .help("the path is relative to the manifest's folder"),
        };
        findings.push(finding);
    }
}

const EXPLAIN: &str = r##"A dashboard is taken from a file that does not exist, may not be read, is no JSON, or holds something
else: a list, a Kubernetes resource, a dashboard of Grafana's second schema. Grafana would leave it out and
say so in its log only; `render` stops.

    dashboard "Hosts" from="./dashboard/hosts.json"       // the folder is called `dashboards`

The path is relative to the manifest. What Grafana exports (Share, Export, in the classic form) can be
taken as it is."##;
