//! A target is no `host:port`.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};

pub(super) const RULE: Rule = Rule {
    code: "S208",
    name: "invalid-target",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for exporter in &stack.exporters {
        if let Some(target) = &exporter.target {
            let what = format!("target of exporter `{}`", exporter.name);
            refuse(target, &what, false, findings);
        }
    }
    if let Some(prometheus) = &stack.prometheus {
        // A probe is asked about URLs, and steps say where it is.
        for scrape in prometheus.scrapes.iter().filter(|scrape| !scrape.writes_address()) {
            let what = format!("target of scrape job `{}`", scrape.job);
            for address in scrape.targets.iter().flat_map(|target| &target.addresses) {
                refuse(address, &what, true, findings);
            }
        }
        for federate in &prometheus.federate {
            let what = format!("target of federation job `{}`", federate.job);
            refuse(&federate.target, &what, true, findings);
        }
    }
}

/// Says what of the address belongs elsewhere; `page` when it is an HTTP page that is meant.
fn refuse(address: &Spanned<String>, what: &str, page: bool, findings: &mut Findings) {
    let text = address.as_str();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let (rest, path) = match rest.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (rest, None),
    };
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest),
    };
    let port = place.rsplit_once(':').filter(|_| !place.ends_with(']')).map(|(_, port)| port);
    let wrong = if text.is_empty() || (place.is_empty() && path.is_none()) {
        "is empty"
    } else if scheme.is_some() {
        "is a URL"
    } else if path.is_some() {
        "has a path"
    } else if login.is_some() {
        "has a user in it"
    } else if text.contains(char::is_whitespace) {
        "has a space in it"
    } else if port
        .is_some_and(|port| !port.contains('$') && !matches!(port.parse(), Ok(1..=65535u16)))
    {
        "has no port from 1 to 65535"
    } else {
        return;
    };
    let mut elsewhere = Vec::new();
    if page {
        elsewhere.extend(scheme.filter(|s| *s != "http").map(|s| format!("`scheme` \"{s}\"")));
        elsewhere.extend(
            path.filter(|path| !matches!(*path, "" | "metrics"))
                .map(|path| format!("`path` \"/{path}\"")),
        );
        elsewhere.extend(login.map(|_| "`user` and `password`".to_owned()));
    }
    let mut help = match place {
        "" => "write `host:port`, or the name of a service".to_owned(),
        _ if wrong == "has a space in it" || wrong.starts_with("has no port") => {
            "write `host:port`, or the name of a service".to_owned()
        }
        place => format!("write \"{place}\""),
    };
    if !elsewhere.is_empty() {
        help = format!("{help}; settings of the job say the rest: {}", elsewhere.join(", "));
    }
    findings.push(
        RULE.says(format!("the {what} {wrong}")).at(address.span, "not `host:port`").help(help),
    );
}

const EXPLAIN: &str = r##"A target is a host with its port, or the name of a service. Prometheus refuses a configuration whose
targets have a scheme or a path: those are settings of the whole job. A job whose relabelling writes to
`__address__` may have any text as a target: it is a parameter of what is asked instead.

    scrape "db" { target "https://db.example.org:9104/stats" }
    scrape "db" scheme="https" path="/stats" { target "db.example.org:9104" }

A job with a `relabel` step that writes `__address__` says itself who is asked, as for an exporter that probes what it
is told; its targets may be anything.

    scrape "pages" path="/probe" {
        param "module" "http_2xx"
        target "https://www.example.org"
        relabel target_label="__param_target" { source_labels "__address__" }
        relabel target_label="instance" { source_labels "__param_target" }
        relabel target_label="__address__" replacement="blackbox:9115"
    }"##;
