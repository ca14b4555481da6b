//! A part that runs natively wants a port below 1024.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Service;

pub(super) const RULE: Rule = Rule {
    code: "S109",
    name: "privileged-port-native",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { topology, .. }: &Input<'_>, findings: &mut Findings) {
    for host in &topology.hosts {
        let native = host.service.map_or(!host.name.ends_with("-exporter"), runs_natively);
        for listen in &host.listens {
            let Some((_, port)) = &listen.published else { continue };
            if native && *port < 1024 {
                findings.push(
                    RULE.says(format!("{} wants port {port} when it runs natively", host.what))
                        .at(listen.span, "below 1024")
                        .help(
                            "run `stackctl up` with CAP_NET_BIND_SERVICE, or take a higher port of \
                             the host: `host=8080`",
                        ),
                );
            }
        }
    }
}

fn runs_natively(service: &Service) -> bool {
    service.native.as_ref().is_some_and(|native| native.run.is_some())
}

const EXPLAIN: &str = r##"Ports below 1024 need root or the capability CAP_NET_BIND_SERVICE. In a container the engine has it;
`stackctl up` as an ordinary user has not.

    service "web" { port 80; native { run "caddy" "run" } }

Take a higher port of the host (`port 80 host=8080`) or give the binary the capability."##;
