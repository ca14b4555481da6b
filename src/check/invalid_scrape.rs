//! Scrape jobs and remote writes with settings that Prometheus does not take.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span, Spanned};
use crate::manifest::{Block, ClientTls, Value};
use crate::promql::parse_selector;

pub(super) const RULE: Rule = Rule {
    code: "S214",
    name: "invalid-scrape",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let mut says = |owner: &str, what: &str, span: Span, label: &str, help: &str| {
        findings.push(RULE.says(format!("{owner}: {what}")).at(span, label).help(help));
    };
    for service in &stack.services {
        let Some(metrics) = &service.metrics else { continue };
        let owner = format!("metrics of service `{}`", service.name);
        scheme(metrics.scheme.as_ref(), &owner, &mut says);
    }
    let Some(prometheus) = &stack.prometheus else { return };
    for scrape in &prometheus.scrapes {
        let owner = format!("scrape job `{}`", scrape.job);
        scheme(scrape.scheme.as_ref(), &owner, &mut says);
        login(scrape.user.as_ref(), scrape.bearer_token.as_ref(), &owner, &mut says);
        certificate(scrape.tls.as_ref(), &owner, &mut says);
        for file in scrape.file_sd.iter().flat_map(|discovery| &discovery.files) {
            if ![".json", ".yml", ".yaml"].iter().any(|end| file.ends_with(end)) {
                let what = "files with targets end in `.json`, `.yml` or `.yaml`";
                says(&owner, what, file.span, "another ending", "rename the file");
            }
        }
        for discovery in &scrape.dns_sd {
            let kind = discovery.kind.as_ref().map_or("SRV", |kind| kind.as_str());
            let known = ["SRV", "A", "AAAA", "MX", "NS"];
            if let Some(written) = &discovery.kind
                && !known.iter().any(|known| known.eq_ignore_ascii_case(kind))
            {
                let what = format!("`{written}` is no type of DNS records that has targets");
                says(
                    &owner,
                    &what,
                    written.span,
                    "not known",
                    "write `SRV`, `A`, `AAAA`, `MX` or `NS`",
                );
            } else if !kind.eq_ignore_ascii_case("SRV") && discovery.port.is_none() {
                let what = format!("records of the type {kind} have no port, and none is written");
                let span = discovery.kind.as_ref().map_or(discovery.span(), |kind| kind.span);
                says(&owner, &what, span, "needs a port", "add `port`, that of the targets");
            }
        }
        for discovery in &scrape.http_sd {
            address(&discovery.url, &owner, &mut says);
        }
    }
    for federate in &prometheus.federate {
        let owner = format!("federation job `{}`", federate.job);
        scheme(federate.scheme.as_ref(), &owner, &mut says);
        certificate(federate.tls.as_ref(), &owner, &mut says);
        for selector in &federate.matches {
            // What does not parse at all is S301.
            if crate::promql::parse(selector).is_ok() && parse_selector(selector).is_err() {
                let help =
                    "name series by their labels; let a recording rule of the other site compute";
                says(
                    &owner,
                    "only series can be taken, no expression",
                    selector.span,
                    "not a selector",
                    help,
                );
            }
        }
        if federate.matches.is_empty() {
            let help = "say which series to take: `match=\"{__name__=~\\\"job:.*\\\"}\"`";
            says(&owner, "nothing is asked for", federate.job.span, "no `match`", help);
        }
    }
    let mut names: Vec<&Spanned<String>> = Vec::new();
    for write in &prometheus.remote_write {
        let owner = format!("remote write to `{}`", write.url);
        if stack.store(&write.url).is_none() {
            address(&write.url, &owner, &mut says);
        }
        login(write.user.as_ref(), write.bearer_token.as_ref(), &owner, &mut says);
        certificate(write.tls.as_ref(), &owner, &mut says);
        if let Some(name) = &write.name {
            if names.contains(&name) {
                let what = format!("another remote write is called `{name}` as well");
                says(&owner, &what, name.span, "again here", "rename one of them");
            }
            names.push(name);
        }
    }
}

/// What the helpers below call: owner, what is wrong, where, label, help.
type Says<'a> = dyn FnMut(&str, &str, Span, &str, &str) + 'a;

fn scheme(scheme: Option<&Spanned<String>>, owner: &str, says: &mut Says<'_>) {
    let Some(scheme) = scheme else { return };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        let what = format!("`{scheme}` is no way to ask for metrics");
        says(owner, &what, scheme.span, "not known", "write `http` or `https`");
    }
}

fn login(
    user: Option<&Spanned<String>>,
    token: Option<&Spanned<Value>>,
    owner: &str,
    says: &mut Says<'_>,
) {
    if let (Some(_), Some(token)) = (user, token) {
        says(owner, "there are a user and a token", token.span, "one too many", "keep one of them");
    }
}

fn certificate(tls: Option<&Block<ClientTls>>, owner: &str, says: &mut Says<'_>) {
    let Some(tls) = tls else { return };
    match (&tls.cert, &tls.key) {
        (Some(cert), None) => {
            says(
                owner,
                "the certificate has no key",
                cert.span,
                "key missing",
                "add `key`, its path",
            );
        }
        (None, Some(key)) => {
            let help = "add `cert`, its path";
            says(owner, "the key has no certificate", key.span, "certificate missing", help);
        }
        _ => {}
    }
}

fn address(text: &Spanned<String>, owner: &str, says: &mut Says<'_>) {
    let known = url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !known {
        let help = "write a whole address: `http://host:8080/path`";
        says(
            owner,
            &format!("`{text}` is no address of the web"),
            text.span,
            "not an address",
            help,
        );
    }
}

const EXPLAIN: &str = r##"Prometheus refuses a configuration in which a job has two logins, a certificate without its key, a discovery by
DNS records that have no port, a file of targets with an unknown ending, or an address that is none.

    scrape "replicas" { dns_sd "app" type="A" }

Write what is missing: `dns_sd "app" type="A" port=8080`."##;
