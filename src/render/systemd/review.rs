//! What of a stack has no unit.

use crate::manifest::address::split_address;
use crate::manifest::{Map, Run, Stack, Value};
use crate::render::endpoints::{Published, endpoints};
use crate::render::parts::{PartKind, parts};
use crate::render::target::Remark;

use super::places::{moved, reached, runs};

/// Everything that there is to say.
pub(in crate::render) fn review(stack: &Stack) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for part in parts(stack).into_iter().filter(|part| !runs(part.kind)) {
        let span = match part.kind {
            PartKind::Alertmanager => stack.alertmanager.as_ref().map(|part| part.keyword),
            PartKind::Grafana => stack.grafana.as_ref().map(|part| part.keyword),
            PartKind::Pushgateway => stack.pushgateway.as_ref().map(|part| part.keyword),
            _ => part.exporter.map(|index| &stack.exporters[index]).and_then(|exporter| {
                let runs = exporter.native.as_ref().is_some_and(|native| native.run.is_some());
                (!runs).then_some(exporter.keyword)
            }),
        };
        let Some(span) = span else { continue };
        remarks.push(Remark::warning(
            span,
            format!("{} has no unit: the native binary does not run it", part.name),
            format!(
                "start it from its own package; it is expected at {}:{}",
                part.bind, part.host_port
            ),
        ));
    }
    for service in &stack.services {
        if service.native.is_none() {
            remarks.push(Remark::warning(
                service.name.span,
                format!("service `{}` has no unit: it has no `native` block", service.name),
                "say how it runs without a container: `native { run \"…\" }`, or where: `native external=\"…\"`",
            ));
        }
        let run = service.native.as_ref().and_then(|native| native.run.as_ref());
        let Some(run) = run else { continue };
        let program = run.command.first().map(|word| word.as_str()).unwrap_or_default();
        if program.starts_with('.') || (program.contains('/') && !program.starts_with('/')) {
            let span = run.command.first().map_or(service.name.span, |word| word.span);
            remarks.push(Remark::error(
                span,
                format!("systemd does not find `{program}`"),
                "a program is a full path, or a name without `/` that lies in the usual folders",
            ));
        }
        for file in &service.env_file {
            remarks.push(Remark::error(
                file.span,
                format!("the variables of `{file}` do not reach the unit of `{}`", service.name),
                "write them in `env`",
            ));
        }
        names(stack, service.name.as_str(), &service.env, run, &mut remarks);
    }
    for exporter in &stack.exporters {
        let run = exporter.native.as_ref().and_then(|native| native.run.as_deref());
        if let Some(run) = run {
            names(stack, exporter.name.as_str(), &exporter.env, run, &mut remarks);
        }
    }
    receivers(stack, &mut remarks);
    for external in &stack.externals {
        let name = external.name.as_str();
        if external.address.is_none() && !name.contains(['.', ':']) {
            remarks.push(Remark::warning(
                external.name.span,
                format!("the host `{name}` may be unknown to this machine"),
                format!(
                    "say its address, `external \"{name}\" address=\"10.0.0.5\"`, or a full name"
                ),
            ));
        }
    }
    remarks
}

/// The host of the stack that a text names: alone, with a port, or in a URL; and where it is reached here,
/// if that is known.
fn host_in(stack: &Stack, text: &str) -> Option<(String, Option<String>)> {
    let (host, port) = split_address(text)?;
    if stack.service(host).is_none() && !parts(stack).iter().any(|part| part.name == host) {
        return None;
    }
    let all = endpoints(stack).into_iter().filter(|endpoint| endpoint.host == host);
    let mut fitting = all.filter(|endpoint| port.is_none_or(|port| port == endpoint.port));
    let here = fitting.find_map(|endpoint| endpoint.published.as_ref().map(Published::reachable));
    Some((host.to_owned(), here))
}

/// What to do where a name is not resolved.
fn instead(host: &str, here: Option<&String>) -> String {
    match here {
        Some(here) => format!("`{host}` is reached at {here}"),
        None => format!("publish a port of `{host}`, or say where it is: `native external=\"…\"`"),
    }
}

/// Variables of a program that name a host of the containers' networks.
fn names(stack: &Stack, owner: &str, env: &Map<Value>, run: &Run, remarks: &mut Vec<Remark>) {
    // What is said for the native program wins.
    let general = env.iter().filter(|(name, _)| run.env.get(&name.value).is_none());
    for (name, value) in general.chain(&run.env) {
        let Value::Literal(text) = &value.value else { continue };
        let Some((host, here)) = host_in(stack, text) else { continue };
        remarks.push(Remark::warning(
            value.span,
            format!("`{owner}` does not find `{host}`: on this machine nobody resolves the names of containers"),
            format!(
                "{}; give the native program its own: `native {{ run … {{ env {}=\"…\" }} }}`",
                instead(&host, here.as_ref()),
                name.value
            ),
        ));
    }
}

/// Webhooks of the stack that cannot be reached from here.
fn receivers(stack: &Stack, remarks: &mut Vec<Remark>) {
    let reached = reached(stack);
    let receivers = stack.alertmanager.iter().flat_map(|part| &part.receivers);
    for url in receivers.flat_map(|receiver| &receiver.webhook).map(|hook| &hook.url) {
        let Value::Literal(text) = &url.value else { continue };
        if moved(text, &reached).is_none()
            && let Some((host, here)) = host_in(stack, text)
        {
            remarks.push(Remark::warning(
                url.span,
                format!("Alertmanager does not find `{host}` on this machine"),
                instead(&host, here.as_ref()),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Format};

    fn said(manifest: &str, profile: Option<&str>) -> Vec<(String, String, String)> {
        let loaded = manifest::parse("stack.kdl", manifest, Format::Kdl, profile).unwrap();
        let remarks = review(&loaded.stack).into_iter();
        let place = |span| loaded.files.text(span).to_owned();
        remarks.map(|remark| (place(remark.span), remark.message, remark.help)).collect()
    }

    #[test]
    fn names_of_containers_are_not_resolved() {
        let manifest = r#"
            service "db" { image "mysql:8"; port 3306 host=13306; native external="127.0.0.1:3307" }
            service "cache" { image "redis:8"; port 6379; native { run "redis-server" } }
            service "app" {
                image "app:1"
                env DB_URL="mysql://u@db:3306/x" CACHE="cache" NAME="database" LOG="db-app"
                native { run "php-fpm" { env CACHE="127.0.0.1" } }
            }
            profile "p" { service "app" { env MAIL="cache:6379" } }
        "#;
        let found = said(manifest, None);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "\"mysql://u@db:3306/x\"");
        assert!(found[0].1.starts_with("`app` does not find `db`"), "{found:?}");
        assert!(found[0].2.starts_with("`db` is reached at 127.0.0.1:3307;"), "{found:?}");
        let found = said(manifest, Some("p"));
        assert_eq!(found[1].0, "\"cache:6379\"", "{found:?}");
        assert!(found[1].2.starts_with("`cache` is reached at 127.0.0.1:6379;"), "{found:?}");
    }

    #[test]
    fn hosts_of_others_and_webhooks_have_to_be_found() {
        let found = said(
            r#"
            external "store" port=1
            external "other" port=1 address="10.0.0.1"
            external "a.example.com" port=1
            service "bot" { image "bot:1"; expose 80; native external="127.0.0.1" }
            service "hook" { image "hook:1"; port 5555; native { run "hook" } }
            service "box" { image "box:1"; expose 8080; native }
            alertmanager {
                receiver "r" { webhook "http://hook:5555/x"; webhook "http://box:8080/"; webhook "http://bot/" }
                route "r"
            }
            "#,
            None,
        );
        let places: Vec<&str> = found.iter().map(|(place, ..)| place.as_str()).collect();
        assert_eq!(places, ["alertmanager", "\"http://box:8080/\"", "\"store\""], "{found:?}");
    }
}
