//! A server sends its samples to itself.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::address::split_address;

pub(super) const RULE: Rule = Rule {
    code: "S903",
    name: "remote-write-loop",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let outside = prometheus.external_url.as_ref();
    for write in &prometheus.remote_write {
        let Some((host, port)) = split_address(&write.url) else { continue };
        let own = topology.resolve(host).is_some_and(|host| {
            host.name == "prometheus" && port.is_none_or(|port| host.listen(port).is_some())
        });
        let public = outside.filter(|url| is_below(&write.url, url));
        if !own && public.is_none() {
            continue;
        }
        let finding = RULE
            .says("prometheus would send its samples to itself")
            .at(write.url.span, "this very server")
            .help(
                "name another server, or leave the remote write out: the samples are here anyway",
            );
        findings.push(match public {
            Some(url) => finding.also(url.span, "the address of this server"),
            None => finding,
        });
    }
}

/// Whether an address is a receiver's below another one: the same host and port, and its path.
fn is_below(url: &str, base: &str) -> bool {
    let (Ok(url), Ok(base)) = (url::Url::parse(url), url::Url::parse(base)) else { return false };
    let own = format!("{}/api/v1/write", base.path().trim_end_matches('/'));
    let place = |url: &url::Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    base.has_host() && place(&url) == place(&base) && url.path() == own
}

const EXPLAIN: &str = r##"Each sample that is written to the server itself is refused as a duplicate, or, where external labels are added on the
way, stored as a second series.

    prometheus { remote_write "http://prometheus:9090/api/v1/write" }

Name the server that the samples are meant for."##;
