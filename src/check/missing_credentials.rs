//! A part lets only known users or clients in, and another part of the stack knocks without a name.

use super::guarded::{self, Guarded};
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::address::split_address;
use crate::manifest::{Block, Stack, WebUser};

pub(super) const RULE: Rule = Rule {
    code: "S612",
    name: "missing-credentials",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for part in guarded::all(stack) {
        if let Some(user) = part.web.first() {
            without_user(stack, &part, user, findings);
        }
        if let Some(authority) = part.tls.and_then(|tls| tls.client_ca.as_ref()) {
            without_certificate(stack, &part, authority.span, findings);
        }
    }
}

fn without_user(stack: &Stack, part: &Guarded<'_>, user: &WebUser, findings: &mut Findings) {
    let (name, whole) = (part.job, &part.what);
    let login = format!("user=\"{}\" password=(secret)\"{name}_password\"", user.user);
    let mut says = |what: &str, place: Span, help: String| {
        findings.push(
            RULE.says(format!("{whole} asks for a password, and {what} has none"))
                .at(place, "will be answered with 401")
                .also(user.user.span, "who may come in")
                .help(help),
        );
    };
    let jobs = stack.prometheus.as_ref().map(|prometheus| &prometheus.scrapes);
    let own = jobs.and_then(|jobs| jobs.iter().find(|scrape| scrape.job.value == name));
    let off = own.is_some_and(|job| job.enabled.as_ref().is_some_and(|wanted| !wanted.value));
    let known = own.is_some_and(|job| job.user.is_some() || job.bearer_token.is_some());
    if stack.prometheus.is_some() && part.scraped && !off && !known {
        says(
            &format!("its own scrape job `{name}`"),
            own.map_or(part.span, |job| job.job.span),
            format!(
                "write in `prometheus`: `scrape \"{name}\" {login}`; the secret holds the password itself"
            ),
        );
    }
    if let Some(grafana) = &stack.grafana {
        let of_part = || grafana.datasources.iter().filter(|source| source.plugin() == name);
        let own = of_part().filter(|source| source.url.is_none());
        for source in own.filter(|source| source.user.is_none()) {
            says(
                &format!("the data source `{}`", source.name),
                source.name.span,
                format!("add `{login}`"),
            );
        }
        // Without one that is written there is one that follows from the stack's Prometheus.
        if part.host == "prometheus" && of_part().next().is_none() {
            says(
                "the data source that Grafana gets of it",
                grafana.span(),
                format!("write it in `grafana`: `datasource \"{name}\" {login}`"),
            );
        }
    }
    if let Some(prometheus) = &stack.prometheus {
        for federate in prometheus.federate.iter().filter(|federate| federate.user.is_none()) {
            if split_address(&federate.target).is_some_and(|(host, _)| host == part.host) {
                let what = format!("the federation job `{}`", federate.job);
                says(&what, federate.job.span, format!("add `{login}`"));
            }
        }
        for write in prometheus.remote_write.iter().filter(|write| write.user.is_none()) {
            if split_address(&write.url).is_some_and(|(host, _)| host == part.host) {
                says("this remote write", write.url.span, format!("add `{login}`"));
            }
        }
        if part.host == "alertmanager" {
            let alerting = prometheus.alerting.as_ref();
            if alerting.is_none_or(|alerting| alerting.user.is_none()) {
                says(
                    "prometheus, which sends the alerts to it,",
                    alerting.map_or(prometheus.span(), Block::span),
                    format!("write in `prometheus`: `alerting {login}`"),
                );
            }
        }
    }
}

fn without_certificate(
    stack: &Stack,
    part: &Guarded<'_>,
    authority: Span,
    findings: &mut Findings,
) {
    let Some(prometheus) = &stack.prometheus else { return };
    let (name, whole) = (part.job, &part.what);
    let own = prometheus.scrapes.iter().find(|scrape| scrape.job.value == name);
    let off = own.is_some_and(|job| job.enabled.as_ref().is_some_and(|wanted| !wanted.value));
    let shows = own.and_then(|job| job.tls.as_ref()).is_some_and(|tls| tls.cert.is_some());
    if part.scraped && !off && !shows {
        findings.push(
            RULE.says(format!(
                "{whole} asks for a client's certificate, and its own scrape job `{name}` has none"
            ))
            .at(own.map_or(part.span, |job| job.job.span), "will not be let in")
            .also(authority, "who vouches for clients")
            .help(format!(
                "write in `prometheus`: `scrape \"{name}\" {{ tls cert=\"./tls/client.crt\" key=\"./tls/client.key\" }}`"
            )),
        );
    }
}

const EXPLAIN: &str = r##"`web` users and `client_ca` guard a part against everybody, the stack's own parts among them: Prometheus that
scrapes itself, Grafana that reads it, a federation job. The password of a `web` user is a hash, so the others cannot
take it from there; they need the password itself, as a secret of its own. Prometheus shows it to Alertmanager by
`alerting user="…" password=…`.

    prometheus { web user="ops" password=(secret)"hash" }
    grafana

Tell each of them who it is:

    prometheus {
        web user="ops" password=(secret)"hash"
        scrape "prometheus" user="ops" password=(secret)"password"
    }
    grafana { datasource "prometheus" user="ops" password=(secret)"password" }

Other sites that federate from here need the same in their own manifests."##;
