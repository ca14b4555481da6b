//! A password or token leaves the machine in the clear.

use super::topology::{Topology, beyond_loopback};
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span, Spanned};
use crate::manifest::address::split_address;
use crate::manifest::{Prometheus, Scrape, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S607",
    name: "plain-http-remote-write",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Something that logs in elsewhere.
struct Login<'a> {
    what: String,
    /// Where the address or what stands for it is written.
    place: Span,
    /// The user or token.
    with: Span,
    host: &'a str,
    help: &'static str,
}

const ADDRESS: &str = "write `https://`, or leave the login out";
const SCHEME: &str = "ask over HTTPS: `scheme=\"https\"`";

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    let mut logins = Vec::new();
    if let Some(prometheus) = &stack.prometheus {
        of_prometheus(prometheus, &mut logins);
    }
    of_others(stack, &mut logins);
    for Login { what, place, with, host, help } in logins {
        if stays_here(stack, topology, host) {
            continue;
        }
        findings.push(
            RULE.says(format!("the login of {what} goes to {host} in the clear"))
                .at(place, "not encrypted")
                .also(with, "readable on the way")
                .help(help),
        );
    }
}

fn of_prometheus<'a>(prometheus: &'a Prometheus, logins: &mut Vec<Login<'a>>) {
    for write in &prometheus.remote_write {
        let named = |name: &str| name.eq_ignore_ascii_case("authorization");
        let header = write.headers.iter().find(|(name, _)| named(name)).map(|(name, _)| name.span);
        let with = first([&write.password, &write.bearer_token]).or(header);
        let what = format!("remote write to `{}`", write.url);
        logins.extend(plain(what, &write.url, write.url.span, with));
    }
    let encrypted = |scheme: &Option<Spanned<String>>| {
        scheme.as_ref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    };
    let scrapes = prometheus.scrapes.iter().filter(|scrape| !encrypted(&scrape.scheme));
    for scrape in scrapes {
        let Some(with) = first([&scrape.password, &scrape.bearer_token]) else { continue };
        for (host, place) in hosts(scrape) {
            let what = format!("scrape job `{}`", scrape.job);
            logins.push(Login { what, place, with, host, help: SCHEME });
        }
    }
    let sites = prometheus.federate.iter().filter(|federate| !encrypted(&federate.scheme));
    for federate in sites {
        let Some(with) = first([&federate.password]) else { continue };
        let Some((host, _)) = split_address(&federate.target) else { continue };
        let what = format!("federation job `{}`", federate.job);
        logins.push(Login { what, place: federate.target.span, with, host, help: SCHEME });
    }
}

fn of_others<'a>(stack: &'a Stack, logins: &mut Vec<Login<'a>>) {
    for receiver in stack.alertmanager.iter().flat_map(|part| &part.receivers) {
        for hook in &receiver.webhook {
            let Some(url) = hook.url.value.literal() else { continue };
            let with = first([&hook.password, &hook.bearer_token]);
            let what = format!("receiver `{}`", receiver.name);
            logins.extend(plain(what, url, hook.url.span, with));
        }
    }
    for source in stack.grafana.iter().flat_map(|grafana| &grafana.datasources) {
        let Some(url) = &source.url else { continue };
        let what = format!("data source `{}`", source.name);
        logins.extend(plain(what, url, url.span, first([&source.password])));
    }
}

/// The first that was said.
fn first<const N: usize>(said: [&Option<Spanned<crate::manifest::Value>>; N]) -> Option<Span> {
    said.into_iter().flatten().map(|value| value.span).next()
}

fn plain(what: String, url: &str, place: Span, with: Option<Span>) -> Option<Login<'_>> {
    let is_plain = url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    let (host, _) = split_address(url).filter(|_| is_plain)?;
    Some(Login { what, place, with: with?, host, help: ADDRESS })
}

/// Hosts that a job asks by name. What is discovered in files is not known here.
fn hosts(scrape: &Scrape) -> impl Iterator<Item = (&str, Span)> {
    let discovered = scrape.dns_sd.iter().flat_map(|discovery| &discovery.names);
    scrape
        .addresses()
        .into_iter()
        .chain(discovered)
        .filter(|address| !address.starts_with("https://"))
        .filter_map(|address| Some((split_address(address)?.0, address.span)))
}

/// Whether the host is on the stack's own networks or on this machine.
fn stays_here(stack: &Stack, topology: &Topology<'_>, host: &str) -> bool {
    let external = stack.externals.iter().find(|external| external.name.value == host);
    let here = external.and_then(|external| external.address.as_ref());
    topology.resolve(host).is_some()
        || !beyond_loopback(host)
        || here.is_some_and(|address| {
            split_address(address).is_some_and(|(host, _)| !beyond_loopback(host))
        })
}

const EXPLAIN: &str = r##"Over `http://` a password or token can be read by everybody on the way. Inside of the stack's own networks nobody is;
on the way to another machine somebody may be.

    remote_write "http://store.example.com/api/v1/write" { user "writer"; password (secret)"store" }

Write `https://`, or `scheme="https"` in a scrape or federation job, with `tls ca="…"` where the certificate is signed by
an authority of your own. The rule looks at remote writes, scrape and federation jobs, webhooks and data sources."##;
