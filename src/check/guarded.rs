//! The parts that can ask their clients who they are: what the rules about users and certificates look at.

use crate::diag::Span;
use crate::manifest::{Block, ServerTls, Stack, WebUser};

/// A part with what it asks of its clients.
pub(super) struct Guarded<'a> {
    /// How messages call it: `prometheus`, ``exporter `node` ``.
    pub what: String,
    /// Name of its scrape job.
    pub job: &'a str,
    /// Its host on the networks.
    pub host: String,
    /// Where it is declared.
    pub span: Span,
    /// Who may log in; without one everybody may.
    pub web: &'a [Block<WebUser>],
    /// Its certificate.
    pub tls: Option<&'a Block<ServerTls>>,
    /// Whether a job is derived for it.
    pub scraped: bool,
}

/// Prometheus, Alertmanager, the push gateway and the exporters that are known.
pub(super) fn all(stack: &Stack) -> Vec<Guarded<'_>> {
    let part = |name: &'static str, span, web, tls, scraped| Guarded {
        what: name.to_owned(),
        job: name,
        host: name.to_owned(),
        span,
        web,
        tls,
        scraped,
    };
    let mut all = Vec::new();
    if let Some(prometheus) = &stack.prometheus {
        let tls = prometheus.tls.as_ref();
        all.push(part("prometheus", prometheus.span(), &prometheus.web[..], tls, true));
    }
    if let Some(manager) = &stack.alertmanager {
        all.push(part("alertmanager", manager.span(), &manager.web, manager.tls.as_ref(), true));
    }
    if let Some(gateway) = &stack.pushgateway {
        let scraped = gateway.scrape.as_ref().is_none_or(|wanted| wanted.value);
        all.push(part("pushgateway", gateway.span(), &gateway.web, gateway.tls.as_ref(), scraped));
    }
    let known = stack.exporters.iter().filter(|exporter| exporter.usual_port().is_some());
    all.extend(known.map(|exporter| Guarded {
        what: format!("exporter `{}`", exporter.name),
        job: &exporter.name,
        host: exporter.host(),
        span: exporter.name.span,
        web: &exporter.web,
        tls: exporter.tls.as_ref(),
        scraped: exporter.scrape.as_ref().is_none_or(|wanted| wanted.value),
    }));
    all
}

impl Guarded<'_> {
    /// Whether clients have to show who they are, by a password or a certificate.
    pub fn asks(&self) -> bool {
        !self.web.is_empty() || self.tls.is_some_and(|tls| tls.client_ca.is_some())
    }
}
