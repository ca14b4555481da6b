//! `Makefile`: the stack in containers by short words.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::manifest::Stack;
use crate::manifest::address::host_of;

use super::parts::{PartKind, own_images, parts};
use super::template;
use super::{Output, Plan, RenderError, Renderer, caddy, mysql};

pub(super) const RENDERER: Renderer = Renderer { name: "Makefile", render };

const MAKEFILE: &str = include_str!("templates/Makefile.j2");

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let parts = parts(stack);
    let own: Vec<&str> = stack
        .services
        .iter()
        .filter(|service| service.image.is_some() || service.build.is_some())
        .map(|service| service.name.as_str())
        .collect();
    let monitoring: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let services: Vec<&str> = own.iter().chain(&monitoring).copied().collect();
    let has = |kind: PartKind| parts.iter().any(|part| part.kind == kind);
    let caddies: Vec<&&str> =
        own.iter().filter(|name| caddy::file(stack, name).is_some()).collect();
    let values = context! {
        stack => stack.name(),
        services => Value::from(Serde(&services)),
        monitoring => Value::from(Serde(&monitoring)),
        builds => stack.services.iter().any(|service| service.build.is_some()),
        prometheus => has(PartKind::Prometheus),
        alertmanager => has(PartKind::Alertmanager),
        grafana => has(PartKind::Grafana),
        // Our own image brings no promtool.
        oracles => !own_images(stack),
        caddies => Value::from(Serde(&caddies)),
        grants => grants(stack),
    };
    out.push(Output::text("Makefile", template::builtin("Makefile", MAKEFILE, &values)));
    Ok(())
}

/// The databases in which a MySQL exporter has a user, with the script that makes it.
fn grants(stack: &Stack) -> Vec<Value> {
    let exporters = stack.exporters.iter().filter(|exporter| exporter.is_mysql());
    exporters
        .filter_map(|exporter| {
            let (script, _) = mysql::init_script(stack, exporter)?;
            let target = host_of(exporter.target.as_ref()?.as_str()).to_owned();
            Some(context! { exporter => exporter.name.as_str(), service => target, script => script.inside.as_str() })
        })
        .collect()
}
