//! Nothing tells whether a service is well.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S615",
    name: "missing-healthcheck",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let services = stack.services.iter().filter(|service| {
        (service.image.is_some() || service.build.is_some()) && service.healthcheck.is_none()
    });
    let services = services.map(|service| (format!("service `{}`", service.name), &service.name));
    // Those of known exporters and of the monitoring parts are derived.
    let custom = stack
        .exporters
        .iter()
        .filter(|exporter| exporter.usual_port().is_none() && exporter.healthcheck.is_none());
    let custom = custom.map(|exporter| (format!("exporter `{}`", exporter.name), &exporter.name));
    for (what, name) in services.chain(custom) {
        findings.push(
            RULE.says(format!("nothing tells whether {what} is well"))
                .at(name.span, "no `healthcheck`")
                .help(
                    "give a command that fails when it is not: \
                     `healthcheck \"curl -fs http://127.0.0.1:8080/\" interval=\"10s\"`",
                ),
        );
    }
}

const EXPLAIN: &str = r##"A container whose program hangs is still running, and what depends on it goes on asking. A healthcheck tells the two
apart: compose shows it, and others wait for it.

    service "shop" { image "example/shop:1.4.0"; port 8080 }

Give a command that fails when the service is not well:
`healthcheck "curl -fs http://127.0.0.1:8080/health" interval="10s"`. Monitoring parts and known exporters have one.
Only said when asked for: `lint deny="security"`."##;
