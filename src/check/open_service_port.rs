//! A service that is no web server is open to the network.

use super::topology::beyond_loopback;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Protocol;

pub(super) const RULE: Rule = Rule {
    code: "S619",
    name: "open-service-port",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for service in stack.services.iter().filter(|service| service.sites.is_empty()) {
        for port in &service.ports {
            let Some((bind, number)) = service.published(port) else { continue };
            let encrypted =
                port.protocol.as_ref().is_some_and(|spoken| spoken.value == Protocol::Https);
            // The ports of web servers are meant to be open.
            if !beyond_loopback(bind) || encrypted || matches!(number, 80 | 443) {
                continue;
            }
            let Some(bind) = &port.bind else { continue };
            findings.push(
                RULE.says(format!(
                    "port {number} of service `{}` is open to the network, on `{bind}`",
                    service.name
                ))
                .at(bind.span, "beyond the loopback")
                .help("leave `bind` out, and let a site pass requests on to it: `reverse_proxy to=\"…\"`"),
            );
        }
    }
}

const EXPLAIN: &str = r##"What is published beyond the loopback is reached by everybody on the network, past Docker's and the host's firewall.
That is meant for the web server in front, and for what speaks HTTPS itself.

    service "shop" { image "example/shop:1.4.0"; port 8080 bind="0.0.0.0" }

Leave `bind` out and let the web server pass requests on:

    service "caddy" { site "shop.example.com" { reverse_proxy to="shop:8080" } }

Services with a `site`, ports 80 and 443, and ports with `protocol="https"` may be open. Only said when asked for:
`lint deny="security"`."##;
