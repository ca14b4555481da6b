//! Where things lie on a machine without containers: files below `/etc/stackctl/STACK`, data in the
//! state folder of each unit, secrets as credentials; and where services listen.

use std::collections::HashMap;

use crate::manifest::Stack;
use crate::manifest::address::host_of;
use crate::render::endpoints::endpoints;
use crate::render::kubernetes::names::{Labels, label};
use crate::render::parts::{HostPath, Part, PartKind, parts};
use crate::wire::alertmanager;
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
pub(in crate::render) fn runs(kind: PartKind) -> bool {
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

/// alertmanager.yml for this machine: webhooks of the stack by their addresses here.
pub(in crate::render) fn adapt_receivers(stack: &Stack, config: &mut alertmanager::Config) {
    let reached = reached(stack);
    let hooks = config.receivers.iter_mut().flat_map(|receiver| &mut receiver.webhook_configs);
    for url in hooks.filter_map(|hook| hook.url.as_mut()) {
        if let Some(here) = moved(url, &reached) {
            *url = here;
        }
    }
}

/// An address of the networks as one of this machine.
pub(super) fn moved(url: &str, reached: &HashMap<String, String>) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let usual = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let address =
        reached.get(&rest[..end]).or_else(|| reached.get(&format!("{}{usual}", &rest[..end])))?;
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
    let mut any_moved = false;
    for group in std::mem::take(&mut job.static_configs).into_iter().chain(found) {
        let mut others = Vec::new();
        for target in group.targets {
            let here = reached.get(&target).cloned().or_else(|| moved(&target, reached));
            let Some(address) = here else {
                others.push(target);
                continue;
            };
            if let Some(tls) = &mut job.tls_config {
                tls.server_name.get_or_insert(host_of(&target).to_owned());
            }
            any_moved = true;
            let mut labels = group.labels.clone();
            labels.entry("instance".to_owned()).or_insert(target);
            groups.push(StaticConfig { targets: vec![address], labels });
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
    }
    if any_moved && names_instances(job) {
        job.static_configs =
            std::mem::take(&mut job.static_configs).into_iter().flat_map(with_instances).collect();
    }
}

/// Makes steps that copy the address to `instance` take the name that the target has on the networks,
/// not its address here; whether there is such a step.
fn names_instances(job: &mut ScrapeConfig) -> bool {
    let mut copies = vec!["__address__".to_owned()];
    let mut any = false;
    for step in &mut job.relabel_configs {
        let plain = step.regex.is_none() && step.replacement.is_none() && step.action.is_none();
        let copy = plain && matches!(&step.source_labels[..], [one] if copies.contains(one));
        match step.target_label.as_deref() {
            Some("instance") if copy => {
                step.source_labels = vec!["instance".to_owned()];
                any = true;
            }
            Some(label) if copy => copies.push(label.to_owned()),
            Some(label) => copies.retain(|known| known != label),
            None => {}
        }
    }
    any
}

/// A group whose targets each have their `instance` as a label.
fn with_instances(group: StaticConfig) -> Vec<StaticConfig> {
    if group.labels.contains_key("instance") {
        return vec![group];
    }
    let one = |target: String| {
        let mut labels = group.labels.clone();
        labels.insert("instance".to_owned(), target.clone());
        StaticConfig { targets: vec![target], labels }
    };
    group.targets.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probed_targets_keep_their_names_and_the_probe_is_found_here() {
        let text = "
job_name: probe
static_configs: [{targets: ['https://shop:8443/health', 'https://example.org']}]
relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {target_label: __address__, replacement: 'blackbox:9115'}
";
        let mut one: ScrapeConfig = serde_yaml::from_str(text).unwrap();
        let here = |name: &str, port| (name.to_owned(), format!("127.0.0.1:{port}"));
        let reached = HashMap::from([here("shop:8443", 18443), here("blackbox:9115", 19115)]);
        job(&mut one, &reached);
        let targets: Vec<(&str, &str)> = one
            .static_configs
            .iter()
            .map(|group| (group.targets[0].as_str(), group.labels["instance"].as_str()))
            .collect();
        let expected = [
            ("https://127.0.0.1:18443/health", "https://shop:8443/health"),
            ("https://example.org", "https://example.org"),
        ];
        assert_eq!(targets, expected);
        let steps = &one.relabel_configs;
        assert_eq!(steps[0].source_labels, ["__address__"]);
        assert_eq!(steps[1].source_labels, ["instance"]);
        assert_eq!(steps[2].replacement.as_deref(), Some("127.0.0.1:19115"));
    }
}
