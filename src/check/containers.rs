//! Every container of a stack with its limits and where its output goes, what is said for all included.

use crate::diag::Span;
use crate::manifest::{Logging, Resources, Stack};

/// A container of compose.yaml.
pub(super) struct Container<'a> {
    /// Its name in compose.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Its limits, or those of all containers.
    pub resources: Option<&'a Resources>,
    /// Where its output goes, or that of all containers.
    pub logging: Option<&'a Logging>,
}

/// Services with an image, exporters and monitoring parts.
pub(super) fn all(stack: &Stack) -> Vec<Container<'_>> {
    let container = |name: String, span, resources: Option<_>, logging: Option<_>| Container {
        name,
        span,
        resources: resources.or(stack.resources.as_deref()),
        logging: logging.or(stack.logging.as_deref()),
    };
    let mut all = Vec::new();
    for service in &stack.services {
        if service.image.is_some() || service.build.is_some() {
            let (resources, logging) = (service.resources.as_deref(), service.logging.as_deref());
            all.push(container(service.name.value.clone(), service.name.span, resources, logging));
        }
    }
    for exporter in &stack.exporters {
        let (resources, logging) = (exporter.resources.as_deref(), exporter.logging.as_deref());
        all.push(container(exporter.host(), exporter.name.span, resources, logging));
    }
    let mut part = |name: &str, span, resources, logging| {
        all.push(container(name.to_owned(), span, resources, logging));
    };
    if let Some(own) = &stack.prometheus {
        part("prometheus", own.span(), own.resources.as_deref(), own.logging.as_deref());
    }
    if let Some(own) = &stack.pushgateway {
        part("pushgateway", own.span(), own.resources.as_deref(), own.logging.as_deref());
    }
    if let Some(own) = &stack.alertmanager {
        part("alertmanager", own.span(), own.resources.as_deref(), own.logging.as_deref());
    }
    if let Some(own) = &stack.grafana {
        part("grafana", own.span(), own.resources.as_deref(), own.logging.as_deref());
    }
    all
}
