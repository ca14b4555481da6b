//! What files are rendered for, and what of a stack the target does not have.

use crate::diag::Span;
use crate::manifest::{RenderTarget, Stack};
use crate::wire::alertmanager as alertmanager_wire;
use crate::wire::prometheus::Config;

use super::{
    Plan, Renderer, alertmanager, alerts, caddy, dashboards, grafana, kubernetes, mysql, operator,
    prometheus, shards, stores, systemd, user_templates, web,
};

/// All targets, by their words.
pub const TARGETS: [RenderTarget; 4] = [
    RenderTarget::Compose,
    RenderTarget::Kubernetes,
    RenderTarget::KubernetesOperator,
    RenderTarget::Systemd,
];

/// The target that the manifest says.
pub fn target_of(stack: &Stack) -> RenderTarget {
    let said = stack.header.as_ref().and_then(|header| header.target.as_ref());
    said.map_or(RenderTarget::Compose, |target| target.value)
}

/// Every renderer of a target, in the order in which its files are listed.
pub(super) fn renderers(target: RenderTarget) -> &'static [Renderer] {
    match target {
        RenderTarget::Compose => super::RENDERERS,
        RenderTarget::Kubernetes => KUBERNETES,
        RenderTarget::KubernetesOperator => OPERATOR,
        RenderTarget::Systemd => SYSTEMD,
    }
}

const KUBERNETES: &[Renderer] = &[
    prometheus::RENDERER,
    alerts::RENDERER,
    alertmanager::RENDERER,
    grafana::RENDERER,
    dashboards::RENDERER,
    mysql::RENDERER,
    web::RENDERER,
    caddy::RENDERER,
    user_templates::RENDERER,
    stores::RENDERER,
    shards::RENDERER,
    // Makes ConfigMaps of what the others have rendered.
    kubernetes::RENDERER,
];

const OPERATOR: &[Renderer] = &[
    grafana::RENDERER,
    dashboards::RENDERER,
    mysql::RENDERER,
    web::RENDERER,
    caddy::RENDERER,
    user_templates::RENDERER,
    stores::RENDERER,
    operator::RENDERER,
];
const SYSTEMD: &[Renderer] = &[
    prometheus::RENDERER,
    alerts::RENDERER,
    alertmanager::RENDERER,
    mysql::RENDERER,
    web::RENDERER,
    user_templates::RENDERER,
    // Puts the paths of this machine into what the others have rendered.
    systemd::RENDERER,
];

/// `host:port` on the target: on a machine without networks of its own, where it is published there.
pub(super) fn reached(plan: &Plan, address: String) -> String {
    match plan.target {
        RenderTarget::Systemd => {
            let known = systemd::places::reached(plan.stack);
            known.get(&address).cloned().unwrap_or(address)
        }
        _ => address,
    }
}

/// prometheus.yml as the target needs it.
pub(super) fn adapt(plan: &Plan, config: &mut Config) {
    match plan.target {
        RenderTarget::Kubernetes => kubernetes::discovery::adapt(plan.stack, config),
        RenderTarget::Systemd => systemd::places::adapt(plan.stack, config),
        RenderTarget::Compose | RenderTarget::KubernetesOperator => {}
    }
}

/// alertmanager.yml as the target needs it.
pub(super) fn adapt_receivers(plan: &Plan, config: &mut alertmanager_wire::Config) {
    if plan.target == RenderTarget::Systemd {
        systemd::places::adapt_receivers(plan.stack, config);
    }
}

/// Something of the manifest that the target does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where it is said.
    pub span: Span,
    /// What does not work, or works differently.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Whether what is rendered would not work.
    pub fatal: bool,
}

impl Remark {
    /// Something that would not work.
    pub(super) fn error(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into(), fatal: true }
    }

    /// Something that works differently, or not at all without harm.
    pub(super) fn warning(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into(), fatal: false }
    }
}

/// What the target does not have of the stack.
pub fn review(stack: &Stack, target: RenderTarget) -> Vec<Remark> {
    let mut remarks = match target {
        RenderTarget::Compose => Vec::new(),
        RenderTarget::Systemd => systemd::review::review(stack),
        RenderTarget::Kubernetes => kubernetes::review::review(stack),
        RenderTarget::KubernetesOperator => {
            let mut remarks = kubernetes::review::review(stack);
            remarks.extend(operator::review::review(stack));
            remarks
        }
    };
    remarks.extend(sharded(stack, target));
    remarks
}

/// Several Prometheus servers are containers of their own.
fn sharded(stack: &Stack, target: RenderTarget) -> Option<Remark> {
    let shards = stack.prometheus.as_ref()?.shards.as_ref()?;
    let (message, help) = match target {
        RenderTarget::Compose | RenderTarget::Kubernetes => return None,
        RenderTarget::KubernetesOperator => (
            "the operator's `shards` are servers of one object: each would evaluate every rule on its part of \
             the series, and none reads them all",
            "render the stack with `--target kubernetes`, whose central server does, or leave the shards out",
        ),
        RenderTarget::Systemd => (
            "the units are for one machine, where shards would only share its processors",
            "leave the shards out in this profile: one server scrapes all targets",
        ),
    };
    Some(Remark::error(shards.span(), message, help))
}
