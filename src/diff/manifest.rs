//! A manifest -> a model: it is rendered, and the files are read; every thing gets its place.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::fields::{Fields, flatten};
use super::model::{Kind, Model, Thing, Value};
use super::read::{Document, Extent, ReadError, read};
use crate::diag::Span;
use crate::manifest::{Alertmanager, Block, DashboardItem, RenderTarget, RowItem, Rule, Stack};
use crate::render::{self, RenderError, Setting};

/// What a manifest is compared with: what the other side does not know is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Another manifest.
    Manifest,
    /// A folder that was rendered for a target.
    Rendered(RenderTarget),
    /// A folder of other configuration, as the target has it.
    Folder(RenderTarget),
}

/// Why a manifest has no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// What was rendered cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The model of a stack without mistakes.
pub fn model(stack: &Stack, setting: &Setting, beside: Beside) -> Result<Model, ModelError> {
    let whole = stack;
    // Quiet times for some alerts are rendered as branches all over the tree of routes. Two manifests
    // are compared by the tree and the quiet times as they are written.
    let mut plain;
    let stack = match (&whole.alertmanager, beside) {
        (Some(_), Beside::Manifest) => {
            plain = whole.clone();
            if let Some(alertmanager) = &mut plain.alertmanager {
                alertmanager.value.mutes.clear();
            }
            &plain
        }
        _ => whole,
    };
    let (extent, target) = match beside {
        // What two manifests mean does not depend on a target, which may not even take them.
        Beside::Manifest => (Extent::Rendered, RenderTarget::Compose),
        Beside::Rendered(target) => (Extent::Rendered, target),
        Beside::Folder(target) => (Extent::Found, target),
    };
    let outputs = render::plan_for(stack, setting, target)?;
    let documents: Vec<Document> = outputs
        .into_iter()
        .map(|output| Document {
            path: output.path,
            text: String::from_utf8_lossy(&output.bytes).into_owned(),
        })
        .collect();
    let mut model = read(&documents, extent)?;
    if beside == Beside::Manifest {
        if let Some(alertmanager) = &whole.alertmanager {
            mutes(whole, alertmanager, &mut model);
        }
        only_in_manifests(whole, &mut model);
    }
    place(whole, &mut model);
    Ok(model)
}

/// The quiet times of the whole manifest, with the alerts that they are for.
fn mutes(stack: &Stack, alertmanager: &Alertmanager, model: &mut Model) {
    let config = render::alertmanager_config(stack, alertmanager);
    let json = serde_json::json!({ "time_intervals": config.time_intervals });
    let mut times = Model::default();
    super::alertmanager::read(json, &mut times);
    for mut thing in times.things.into_iter().filter(|thing| thing.kind == Kind::Mute) {
        let said = alertmanager.mutes.iter().find(|mute| mute.name.value == thing.name);
        if let Some(mute) = said {
            let Ok(Json::Object(map)) = serde_json::to_value(mute) else { continue };
            for key in ["when", "mode"] {
                if let Some(value) = map.get(key) {
                    flatten(&mut thing, key, key, value.clone());
                }
            }
        }
        model.push(thing);
    }
}

/// What no product's configuration has a place for.
fn only_in_manifests(stack: &Stack, model: &mut Model) {
    if let Some(target) = stack.header.as_ref().and_then(|header| header.target.as_ref()) {
        let thing = model.only(Kind::Stack);
        thing.set("target", Value::Text(target.value.name().to_owned()));
    }
    let natives = stack.services.iter().map(|service| (&service.name, &service.native));
    let exporters = stack.exporters.iter().map(|exporter| (&exporter.name, &exporter.native));
    for (name, native) in natives.chain(exporters) {
        if let Some(native) = native {
            let mut thing = Thing::new(Kind::Native, name.as_str());
            thing.span = Some(native.span());
            if let Ok(json) = serde_json::to_value(native) {
                Fields::of(json).rest(&[], &mut thing);
            }
            model.push(thing);
        }
    }
    for test in &stack.tests {
        let mut thing = Thing::new(Kind::Test, test.name.as_str());
        thing.span = Some(test.name.span);
        if let Ok(json) = serde_json::to_value(test) {
            let mut fields = Fields::of(json);
            fields.take("name");
            fields.rest(&[], &mut thing);
        }
        model.push(thing);
    }
}

/// Tells each thing where the manifest says it.
fn place(stack: &Stack, model: &mut Model) {
    let places = places(stack);
    // Rules are rendered in their order, those of objectives behind all others.
    let mut rules =
        stack.rules.iter().flat_map(|group| group.rules.iter()).map(|rule| match rule {
            Rule::Alert(alert) => alert.name.span,
            Rule::Record(record) => record.name.span,
        });
    let slos: HashMap<&str, Span> =
        stack.slos.iter().map(|slo| (slo.name.as_str(), slo.name.span)).collect();
    for thing in &mut model.things {
        let own = match thing.kind {
            Kind::Alert | Kind::Record => rules
                .next()
                .or_else(|| thing.text("label slo").and_then(|slo| slos.get(slo).copied())),
            kind => places.get(&(kind, thing.name.clone())).copied(),
        };
        thing.span = thing.span.or(own);
        if thing.kind == Kind::Dashboard {
            for part in &mut thing.parts {
                let name = format!("{}/{}", thing.name, part.name);
                part.span = places.get(&(part.kind, name)).copied().or(thing.span);
            }
        }
    }
}

/// Where things are said, by kind and name.
fn places(stack: &Stack) -> HashMap<(Kind, String), Span> {
    let mut places = HashMap::new();
    let mut put = |kind: Kind, name: &str, span: Span| {
        places.entry((kind, name.to_owned())).or_insert(span);
    };
    if let Some(header) = &stack.header {
        put(Kind::Stack, "", header.name.span);
    }
    if let Some(prometheus) = &stack.prometheus {
        put(Kind::Prometheus, "", prometheus.span());
        for scrape in &prometheus.scrapes {
            put(Kind::Job, &scrape.job, scrape.job.span);
        }
        for federate in &prometheus.federate {
            put(Kind::Job, &federate.job, federate.job.span);
        }
        for write in &prometheus.remote_write {
            put(Kind::RemoteWrite, &write.url, write.url.span);
        }
    }
    for part in render::parts(stack) {
        let node = match part.kind {
            render::PartKind::Prometheus => stack.prometheus.as_ref().map(Block::span),
            render::PartKind::Alertmanager => stack.alertmanager.as_ref().map(Block::span),
            render::PartKind::Grafana => stack.grafana.as_ref().map(Block::span),
            render::PartKind::Pushgateway => stack.pushgateway.as_ref().map(Block::span),
            _ => part.exporter.and_then(|at| Some(stack.exporters.get(at)?.name.span)),
        };
        if let Some(span) = node {
            put(Kind::Service, &part.name, span);
            put(Kind::Job, &part.name, span);
        }
    }
    for exporter in &stack.exporters {
        put(Kind::Job, &exporter.name, exporter.name.span);
    }
    for service in &stack.services {
        put(Kind::Service, &service.name, service.name.span);
        put(Kind::Job, &service.name, service.name.span);
    }
    for network in &stack.networks {
        put(Kind::Network, &network.name, network.name.span);
    }
    for volume in stack.volumes() {
        put(Kind::Volume, volume, volume.span);
    }
    for secret in &stack.secrets {
        put(Kind::Secret, &secret.name, secret.name.span);
    }
    for group in &stack.rules {
        put(Kind::RuleGroup, &group.name, group.name.span);
    }
    if let Some(alertmanager) = &stack.alertmanager {
        put(Kind::Alertmanager, "", alertmanager.span());
        for receiver in &alertmanager.receivers {
            put(Kind::Receiver, &receiver.name, receiver.name.span);
        }
        for mute in &alertmanager.mutes {
            put(Kind::Mute, &mute.name, mute.name.span);
        }
        if let Some(route) = &alertmanager.route {
            put(Kind::Route, "all alerts", route.span());
        }
    }
    if let Some(grafana) = &stack.grafana {
        for source in &grafana.datasources {
            put(Kind::Datasource, &source.name, source.name.span);
        }
        for dashboard in &grafana.dashboards {
            put(Kind::Dashboard, &dashboard.title, dashboard.title.span);
            let title = &dashboard.title;
            for variable in &dashboard.variables {
                let name = format!("{title}/{}", variable.name);
                put(Kind::Variable, &name, variable.name.span);
            }
            for item in &dashboard.items {
                match item {
                    DashboardItem::Panel(panel) => {
                        put(Kind::Panel, &format!("{title}/{}", panel.title), panel.title.span);
                    }
                    DashboardItem::Row(row) => {
                        for item in &row.panels {
                            if let RowItem::Panel(panel) = item {
                                let name = format!("{title}/{}", panel.title);
                                put(Kind::Panel, &name, panel.title.span);
                            }
                        }
                    }
                    DashboardItem::Use(_) => {}
                }
            }
        }
    }
    places
}
