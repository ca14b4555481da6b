//! Where things lie on a machine without containers: files below `/etc/stackctl/STACK`, data in the
//! state folder of each unit, secrets as credentials; and where services listen.

use std::collections::HashMap;

use crate::manifest::Stack;
use crate::manifest::address::host_of;
use crate::render::endpoints::endpoints;
use crate::render::kubernetes::names::{Labels, label};
use crate::render::parts::{HostPath, Part, PartKind, parts};
use crate::wire::prometheus::{Config, ScrapeConfig, StaticConfig};

/// The folder of the stack's files.
pub(super) fn folder(stack: &Stack) -> String {
    format!("/etc/stackctl/{}", label(stack.name()))
}

/// The unit of a part or service, without its ending.
pub(super) fn unit(stack: &Stack, name: &str) -> String {
    let services = stack.services.iter().map(|service| service.name.value.clone());
    let all: Vec<String> = parts(stack).into_iter().map(|part| part.name).chain(services).collect();
    let labels = Labels::of(all.iter().map(String::as_str));
    format!("stackctl-{}-{}", label(stack.name()), labels.get(name))
}

/// Whether the program runs such a part by itself.
pub(super) fn runs(kind: PartKind) -> bool {
    matches!(kind, PartKind::Prometheus | PartKind::NodeExporter | PartKind::MysqldExporter)
}

/// The folder of a unit's credentials.
pub(super) fn credentials(stack: &Stack, name: &str) -> String {
    format!("/run/credentials/{}.service", unit(stack, name))
}

/// The file that install.sh puts a secret or a certificate into.
pub(super) fn kept(stack: &Stack, name: &str) -> String {
    format!("{}/secrets/{name}", folder(stack))
}

/// Where a path inside of a part's container lies.
pub(super) fn located(stack: &Stack, part: &Part, inside: &str) -> Option<String> {
    let (outside, rest) = part.locate(inside)?;
    let secret = |name: &str| match runs(part.kind) {
        true => format!("{}/{name}", credentials(stack, &part.name)),
        false => kept(stack, name),
    };
    let root = match outside {
        HostPath::Output(path) => format!("{}/{path}", folder(stack)),
        HostPath::Manifest(_) if inside.starts_with("/run/tls/") => {
            secret(&inside["/run/tls/".len()..])
        }
        HostPath::Manifest(path) => of_user(stack, &path),
        HostPath::Volume(_) => format!("/var/lib/{}", unit(stack, &part.name)),
        HostPath::Machine(path) => path,
        HostPath::Secret(secret_ref) => secret(&secret_ref.name),
    };
    Some(match (rest.as_str(), root.as_str()) {
        ("", _) => root,
        (rest, "/") => format!("/{rest}"),
        (rest, root) => format!("{root}/{rest}"),
    })
}

/// A file or folder of the user: install.sh makes `here` lead to the manifest's folder.
pub(super) fn of_user(stack: &Stack, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let path = path.trim_start_matches("./").trim_end_matches('/');
    match path {
        "" | "." => format!("{}/here", folder(stack)),
        path => format!("{}/here/{path}", folder(stack)),
    }
}

/// What listens where on this machine: `host:port` of the networks, and the address that reaches it.
pub(in crate::render) fn reached(stack: &Stack) -> HashMap<String, String> {
    let known = endpoints(stack).into_iter().filter_map(|endpoint| {
        let name = format!("{}:{}", endpoint.host, endpoint.port);
        Some((name, endpoint.published?.reachable()))
    });
    known.collect()
}

/// prometheus.yml for this machine: targets by their addresses here, `instance` as everywhere.
pub(in crate::render) fn adapt(stack: &Stack, config: &mut Config) {
    let reached = reached(stack);
    for job in &mut config.scrape_configs {
        self::job(job, &reached);
    }
    let alertmanagers = config.alerting.iter_mut().flat_map(|alerting| &mut alerting.alertmanagers);
    for other in alertmanagers {
        for target in other.static_configs.iter_mut().flat_map(|group| &mut group.targets) {
            if let Some(address) = reached.get(target) {
                if let Some(tls) = &mut other.tls_config {
                    tls.server_name.get_or_insert(host_of(target).to_owned());
                }
                target.clone_from(address);
            }
        }
    }
    for write in &mut config.remote_write {
        if let Some(url) = moved(&write.url, &reached) {
            write.url = url;
        }
    }
}

/// An address of the networks as one of this machine.
fn moved(url: &str, reached: &HashMap<String, String>) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let address = reached.get(&rest[..end])?;
    Some(format!("{scheme}://{address}{}", &rest[end..]))
}

fn job(job: &mut ScrapeConfig, reached: &HashMap<String, String>) {
    // What is found by DNS among containers is one process here.
    let mut found = Vec::new();
    job.dns_sd_configs.retain(|discovery| {
        let port = discovery.port.unwrap_or_default();
        let targets: Vec<String> =
            discovery.names.iter().map(|name| format!("{name}:{port}")).collect();
        let known = targets.iter().all(|target| reached.contains_key(target));
        if known {
            found.push(StaticConfig { targets, ..StaticConfig::default() });
        }
        !known
    });
    let mut groups = Vec::new();
    for group in std::mem::take(&mut job.static_configs).into_iter().chain(found) {
        let mut others = Vec::new();
        for target in group.targets {
            let Some(address) = reached.get(&target) else {
                others.push(target);
                continue;
            };
            if let Some(tls) = &mut job.tls_config {
                tls.server_name.get_or_insert(host_of(&target).to_owned());
            }
            let mut labels = group.labels.clone();
            labels.entry("instance".to_owned()).or_insert(target);
            groups.push(StaticConfig { targets: vec![address.clone()], labels });
        }
        if !others.is_empty() {
            groups.push(StaticConfig { targets: others, labels: group.labels });
        }
    }
    job.static_configs = groups;
    for step in &mut job.relabel_configs {
        let to_address = step.target_label.as_deref() == Some("__address__");
        if let Some(address) = step.replacement.as_ref().filter(|_| to_address)
            && let Some(address) = reached.get(address)
        {
            step.replacement = Some(address.clone());
        }
        // The name that the target has on the networks, not its address here.
        if step.target_label.as_deref() == Some("instance")
            && step.source_labels == ["__address__"]
            && step.regex.is_none()
        {
            step.source_labels = vec!["instance".to_owned()];
        }
    }
}
