//! Two parts publish the same port of the host.

use super::topology::Listen;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Protocol;

pub(super) const RULE: Rule = Rule {
    code: "S101",
    name: "host-port-clash",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { topology, .. }: &Input<'_>, findings: &mut Findings) {
    let published: Vec<_> = topology
        .hosts
        .iter()
        .flat_map(|host| host.listens.iter().map(move |listen| (host, listen)))
        .filter_map(|(host, listen)| Some((host, listen, listen.published.as_ref()?)))
        .collect();
    for (index, (host, listen, (bind, port))) in published.iter().enumerate() {
        let clash = published[..index].iter().find(|(_, earlier, (other_bind, other_port))| {
            let udp = |listen: &Listen| listen.protocol == Some(Protocol::Udp);
            other_port == port && overlap(bind, other_bind) && udp(listen) == udp(earlier)
        });
        if let Some((first, earlier, _)) = clash {
            findings.push(
                RULE.says(format!(
                    "port {port} of the host is published twice: by {} and by {}",
                    first.what, host.what
                ))
                .at(listen.span, "published again here")
                .also(earlier.span, "first published here")
                .help("give one of them another port of the host: `port 8080 host=8081`"),
            );
        }
    }
    for (host, listen, (_, port)) in &published {
        let Some(replicas) = host.service.and_then(|service| service.replicas.as_ref()) else {
            continue;
        };
        if replicas.value > 1 {
            findings.push(
                RULE.says(format!(
                    "port {port} of the host is published by each of the {replicas} replicas of {}",
                    host.what
                ))
                .at(listen.span, "only one of them can have it")
                .also(replicas.span, "this many containers")
                .help(format!(
                    "put a web server in front and leave the port inside: `expose {}`, or `unpublish {}` \
                     where a profile sets `replicas`",
                    listen.port, listen.port
                )),
            );
        }
    }
}

fn overlap(a: &str, b: &str) -> bool {
    let every = |bind: &str| matches!(bind, "0.0.0.0" | "::" | "[::]" | "*");
    a == b || every(a) || every(b)
}

const EXPLAIN: &str = r##"Only one program can listen on a port of the host; the second container would not start.

    service "whatsapp" { port 9090 }
    prometheus port=9090

The same goes for a service with `replicas 3` and a published port: the second of its containers would not
start. Leave the port inside (`expose 80`) and put a web server in front.

Give one of them another port of the host: `port 9090 host=9095`. The port inside the container can stay."##;
