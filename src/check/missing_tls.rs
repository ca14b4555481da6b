//! A part speaks HTTP in the clear.

use super::topology::Topology;
use super::{Input, Rule, guarded};
use crate::diag::{Findings, Severity, Span};
use crate::render;

pub(super) const RULE: Rule = Rule {
    code: "S614",
    name: "missing-tls",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    let mut says = |what: &str, host: &str, span: Span| {
        findings.push(
            RULE.says(format!("{what} speaks HTTP in the clear"))
                .at(span, "no `tls`")
                .help(format!(
                    "give it a certificate: `tls cert=\"./tls/{host}.crt\" key=\"./tls/{host}.key\"`, with \
                     `{host}` among its names"
                )),
        );
    };
    for part in guarded::all(stack).iter().filter(|part| part.tls.is_none()) {
        if !behind_a_site(topology, &part.host) {
            says(&part.what, &part.host, part.span);
        }
    }
    for store in stack.stores.iter().filter(|store| store.tls.is_none()) {
        if !render::query_host(store).is_some_and(|host| behind_a_site(topology, &host)) {
            says(&format!("store `{}`", store.name), &store.name, store.name.span);
        }
    }
    if let Some(grafana) = stack.grafana.as_ref().filter(|grafana| grafana.tls.is_none())
        && !behind_a_site(topology, "grafana")
    {
        says("grafana", "grafana", grafana.span());
    }
}

/// Whether a site of the stack passes requests on to the host: Caddy speaks HTTPS for it.
fn behind_a_site(topology: &Topology<'_>, host: &str) -> bool {
    topology.connections.iter().any(|connection| {
        let from = topology.host(connection.from).and_then(|from| from.service);
        from.is_some_and(|service| !service.sites.is_empty())
            && topology.resolve(&connection.host).is_some_and(|to| to.name == host)
    })
}

const EXPLAIN: &str = r##"Passwords, tokens and metrics that go over plain HTTP can be read by whoever is on the way.

    grafana { admin "admin" password=(secret)"grafana_admin" }

Give the part a certificate: `tls cert="./tls/grafana.crt" key="./tls/grafana.key"`; Prometheus and Grafana then ask for
`https`, and trust it, by themselves. A store with several programs has one certificate, which
names them all. Or let a site of the stack pass requests on to it, since Caddy gets certificates
itself:

    service "caddy" { site "grafana.example.com" { reverse_proxy to="grafana:3000" } }

Only said when asked for: `lint deny="security"`."##;
