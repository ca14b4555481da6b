//! What of a stack a cluster does not have, or has in another way. Nothing is left out in silence.

use std::collections::BTreeMap;

use crate::diag::{Span, Spanned};
use crate::manifest::address::{host_of, split_address};
use crate::manifest::{Condition, Logging, Mount, Resources, Service, Stack};
use crate::render::parts::{HostPath, mount_source, parts};
use crate::render::target::Remark;

use super::names::{is_host, label};
use super::objects::{public, tls_secret};
use super::pods::user_and_group;
use super::{discovery, external_url, runs_in_container, volumes_in_use};

/// Everything that there is to say.
pub(in crate::render) fn review(stack: &Stack) -> Vec<Remark> {
    let mut remarks = Vec::new();
    hosts(stack, &mut remarks);
    variables(stack, &mut remarks);
    for service in &stack.services {
        self::service(stack, service, &mut remarks);
    }
    for exporter in &stack.exporters {
        let owner = format!("exporter `{}`", exporter.name);
        mounts(&owner, &exporter.volumes, &mut remarks);
        resources(&owner, exporter.resources.as_deref(), &mut remarks);
        logging(&owner, exporter.logging.as_deref(), &mut remarks);
    }
    if let Some(part) = &stack.prometheus {
        resources("prometheus", part.resources.as_deref(), &mut remarks);
        logging("prometheus", part.logging.as_deref(), &mut remarks);
    }
    if let Some(part) = &stack.alertmanager {
        resources("alertmanager", part.resources.as_deref(), &mut remarks);
        logging("alertmanager", part.logging.as_deref(), &mut remarks);
    }
    if let Some(part) = &stack.grafana {
        resources("grafana", part.resources.as_deref(), &mut remarks);
        logging("grafana", part.logging.as_deref(), &mut remarks);
    }
    if let Some(part) = &stack.pushgateway {
        resources("pushgateway", part.resources.as_deref(), &mut remarks);
        logging("pushgateway", part.logging.as_deref(), &mut remarks);
    }
    resources("the stack", stack.resources.as_deref(), &mut remarks);
    logging("the stack", stack.logging.as_deref(), &mut remarks);
    networks(stack, &mut remarks);
    volumes(stack, &mut remarks);
    externals(stack, &mut remarks);
    addresses(stack, &mut remarks);
    remarks
}

/// An address under which people are to reach a part, and what leads there.
fn addresses(stack: &Stack, remarks: &mut Vec<Remark>) {
    for part in parts(stack) {
        let Some(said) = external_url(stack, &part) else { continue };
        let Ok(url) = url::Url::parse(said.as_str()) else { continue };
        let Some(host) = url.domain().filter(|host| *host != "localhost") else { continue };
        let name = &part.name;
        let served = stack.services.iter().flat_map(|service| &service.sites);
        if served
            .map(|site| split_address(site.host.as_str()))
            .any(|site| site.is_some_and(|(site, _)| site == host))
        {
            continue;
        }
        let (message, help) = match super::external_host(stack, &part) {
            Some((_, false)) => continue,
            Some((_, true)) => (
                format!("the Ingress of `{host}` wants a certificate that nothing here makes"),
                format!(
                    "put it into the Secret `{0}`: `kubectl create secret tls {0} --cert=… --key=…`, or let \
                     cert-manager do it: annotate the Ingress in an overlay of kustomize",
                    tls_secret(name)
                ),
            ),
            None if !super::is_open(&part.bind) || !part.publish => (
                format!("nothing in the cluster leads from `{host}` to {name}"),
                "`bind=\"0.0.0.0\"` publishes it: through an Ingress, or with a certificate of its own through a \
                 load balancer; or pass requests on in a `site`"
                    .to_owned(),
            ),
            None => (
                format!("no Ingress leads from `{host}` to {name}: only whole hosts at usual ports, without a certificate of their own, get one"),
                format!(
                    "let the name lead to the load balancer `{}`, which listens on {}",
                    public(name),
                    part.host_port
                ),
            ),
        };
        remarks.push(Remark::warning(said.span, message, help));
    }
}

/// Names under which others find a service stand in configurations, environments and programs: they
/// are not changed, only refused.
fn hosts(stack: &Stack, remarks: &mut Vec<Remark>) {
    let services = stack.services.iter().filter(|service| runs_in_container(service));
    let services =
        services.map(|service| (service.name.span, service.name.value.clone(), "service"));
    let exporters =
        stack.exporters.iter().map(|exporter| (exporter.name.span, exporter.host(), "exporter"));
    let all: Vec<(Span, String, &str)> = services.chain(exporters).collect();
    for (span, host, what) in &all {
        if !is_host(host) {
            let better = label(host);
            let better = better.trim_start_matches(|c: char| !c.is_ascii_lowercase());
            let better = if *what == "exporter" {
                better.strip_suffix("-exporter").unwrap_or(better)
            } else {
                better
            };
            remarks.push(Remark::error(
                *span,
                format!("`{host}` is no host name in Kubernetes"),
                format!(
                    "a name there has small letters, digits and `-`, begins with a letter and has at \
                     most 63 of them: call the {what} `{better}`, here and wherever it is named"
                ),
            ));
        }
        let taken = all
            .iter()
            .find(|(_, other, _)| [public(host), discovery::replicas(host)].contains(other));
        if let Some((span, other, _)) = taken {
            remarks.push(Remark::error(
                *span,
                format!("`{other}` is the name of a Service of `{host}` in Kubernetes"),
                "give it another name".to_owned(),
            ));
        }
    }
}

/// prepare.sh asks for variables by their names.
fn variables(stack: &Stack, remarks: &mut Vec<Remark>) {
    let named = stack.secrets.iter().filter_map(|secret| secret.env.as_ref());
    for variable in named {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts = variable.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !variable.chars().all(plain) {
            remarks.push(Remark::error(
                variable.span,
                format!("`{variable}` is no name of a variable in a shell"),
                "use letters, digits and `_`",
            ));
        }
    }
}

fn service(stack: &Stack, service: &Service, remarks: &mut Vec<Remark>) {
    let name = service.name.as_str();
    let owner = format!("service `{name}`");
    let span = service.name.span;
    if !runs_in_container(service) {
        remarks.push(Remark::warning(
            span,
            format!("{owner} only runs natively and is not in the cluster"),
            "say its `image`, or leave it out of the profile for the cluster",
        ));
        return;
    }
    if let (Some(build), None) = (&service.build, &service.image) {
        let image = format!("{}-{name}", label(stack.name()));
        remarks.push(Remark::warning(
            build.keyword,
            format!("{owner} has no image that a cluster could fetch"),
            format!(
                "push what you build and name it: `image \"registry.example.com/{image}:1.0\"`; until \
                 then the nodes must have `{image}`"
            ),
        ));
    }
    mounts(&owner, &service.volumes, remarks);
    resources(&owner, service.resources.as_deref(), remarks);
    logging(&owner, service.logging.as_deref(), remarks);
    let many = service.replicas.as_ref().filter(|replicas| replicas.value > 1);
    let volume = service
        .volumes
        .iter()
        .find(|mount| matches!(mount_source(mount.name.as_str()), HostPath::Volume(_)));
    if let (Some(replicas), Some(volume)) = (many, volume) {
        remarks.push(Remark::warning(
            replicas.span,
            format!("each replica of {owner} has a volume `{}` of its own", volume.name),
            "in compose they share one; keep what they share in a database or an object store",
        ));
    }
    if let Some(user) = &service.user
        && user_and_group(user.as_str()).is_none()
    {
        remarks.push(Remark::error(
            user.span,
            format!("{owner} runs as `{user}`, a name that Kubernetes does not look up"),
            "say the numbers: `user \"1000:1000\"`",
        ));
    }
    for (host, address) in &service.extra_hosts {
        if address.parse::<std::net::IpAddr>().is_err() {
            remarks.push(Remark::error(
                address.span,
                format!("`{address}` of `{}` is no address", host.value),
                "a cluster takes numbers only, and knows no `host-gateway`",
            ));
        }
    }
    for other in &service.depends_on {
        if other.condition.as_ref().is_some_and(|condition| condition.value == Condition::Completed)
        {
            remarks.push(Remark::warning(
                other.name.span,
                format!("{owner} does not wait for the end of `{}`", other.name),
                "pods start at once and again until what they need is there; let it wait by itself",
            ));
        }
    }
    if super::pods::runs_once(service) && service.ports.is_empty() && many.is_some() {
        remarks.push(Remark::warning(
            span,
            format!("{owner} is a Job, which runs once"),
            "leave out `replicas`, or let it be started again",
        ));
    }
    for port in &service.ports {
        let Some((bind, outside)) = service.published(port) else { continue };
        if super::is_open(bind) && !matches!(bind, "0.0.0.0" | "::" | "[::]") {
            remarks.push(Remark::warning(
                port.bind.as_ref().map_or(port.number.span, |bind| bind.span),
                format!("port {outside} of {owner} is published at an address of the load balancer's choice"),
                format!("`{bind}` is an address of one machine; a cluster's address is asked for in its load balancer"),
            ));
        }
    }
    let keys = service.labels.iter().filter(|(name, _)| !is_annotation(&name.value));
    for (name, _) in keys {
        remarks.push(Remark::error(
            name.span,
            format!("`{}` cannot be the key of an annotation", name.value),
            "a key is a word, or a word behind a host name: `example.com/role`",
        ));
    }
}

/// Whether a word can be the key of an annotation: `name` or `prefix/name`.
fn is_annotation(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(a, b)| (Some(a), b));
    let word = |text: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.len() <= 63
            && text.chars().all(inside)
            && edge(text.chars().next())
            && edge(text.chars().next_back())
    };
    let lower = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|part| {
                word(part)
                    && part
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            })
    };
    word(name) && prefix.is_none_or(lower)
}

fn mounts(owner: &str, mounts: &[crate::manifest::Block<Mount>], remarks: &mut Vec<Remark>) {
    for mount in mounts {
        let writes = !mount.read_only.as_ref().is_some_and(|flag| flag.value);
        match mount_source(mount.name.as_str()) {
            HostPath::Machine(path) => remarks.push(Remark::warning(
                mount.name.span,
                format!("{owner} mounts `{path}` of whatever node it runs on"),
                "a volume moves with the pod: `volume \"data\" to=\"…\"`",
            )),
            HostPath::Manifest(path) if writes => remarks.push(Remark::error(
                mount.name.span,
                format!("{owner} cannot write to `{path}`: it becomes a ConfigMap"),
                "add `read_only=#true`, or use a volume",
            )),
            HostPath::Manifest(path) => remarks.push(Remark::warning(
                mount.name.span,
                format!("prepare.sh makes a ConfigMap of `{path}` for {owner}"),
                "it has no folders in it and takes 1 MiB; put more than that into the image",
            )),
            _ => {}
        }
    }
}

fn resources(owner: &str, resources: Option<&Resources>, remarks: &mut Vec<Remark>) {
    if let Some(pids) = resources.and_then(|resources| resources.pids.as_ref()) {
        remarks.push(Remark::warning(
            pids.span,
            format!("the number of processes of {owner} is not limited"),
            "in Kubernetes it is a setting of the node: `podPidsLimit` of the kubelet",
        ));
    }
}

fn logging(owner: &str, logging: Option<&Logging>, remarks: &mut Vec<Remark>) {
    let Some(Logging { driver, options }) = logging else { return };
    let span = driver.as_ref().map(|driver| driver.span);
    let span = span.or_else(|| options.iter().next().map(|(name, _)| name.span));
    if let Some(span) = span {
        remarks.push(Remark::warning(
            span,
            format!("where the output of {owner} goes is not said in Kubernetes"),
            "the kubelet keeps it and rotates it: `containerLogMaxSize`, `containerLogMaxFiles`",
        ));
    }
}

fn networks(stack: &Stack, remarks: &mut Vec<Remark>) {
    for network in &stack.networks {
        for (said, what) in [(&network.driver, "driver"), (&network.subnet, "range of addresses")] {
            if let Some(said) = said {
                remarks.push(Remark::warning(
                    said.span,
                    format!("network `{}` has no {what} in Kubernetes", network.name),
                    "the cluster has one network; a policy says who may speak to whom",
                ));
            }
        }
    }
}

fn volumes(stack: &Stack, remarks: &mut Vec<Remark>) {
    let in_use = volumes_in_use(stack);
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for volume in &in_use {
        *uses.entry(volume.as_str()).or_default() += 1;
    }
    for name in stack.volumes() {
        if uses.get(name.as_str()).is_some_and(|uses| *uses > 1) {
            remarks.push(Remark::warning(
                name.span,
                format!("volume `{name}` is mounted by several workloads"),
                "its claim asks for ReadWriteMany, which not every storage class has",
            ));
        }
    }
    for volume in &stack.volume_blocks {
        let external = volume.external.as_ref().is_some_and(|flag| flag.value);
        if let (Some(driver), false) = (&volume.driver, external) {
            remarks.push(Remark::warning(
                driver.span,
                format!("volume `{}` has the storage of the cluster's default class", volume.name),
                "drivers of volumes are storage classes there: patch `storageClassName` in an overlay",
            ));
        }
    }
}

/// Hosts of others have to be known to the cluster's DNS.
fn externals(stack: &Stack, remarks: &mut Vec<Remark>) {
    for external in &stack.externals {
        let name: &Spanned<String> = &external.name;
        let known = parts(stack).iter().any(|part| part.name == name.value);
        if !host_of(name.as_str()).contains('.') && !known {
            remarks.push(Remark::warning(
                name.span,
                format!("the host `{name}` is unknown to the cluster"),
                format!(
                    "make a Service of that name in the namespace, of type ExternalName, or use a full \
                     name such as `{name}.example.com`"
                ),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Format};

    fn said(manifest: &str) -> Vec<(bool, String)> {
        let loaded = manifest::parse("stack.kdl", manifest, Format::Kdl, None).unwrap();
        review(&loaded.stack).into_iter().map(|remark| (remark.fatal, remark.message)).collect()
    }

    #[test]
    fn names_that_are_no_hosts_are_refused() {
        let said = said(r#"service "my_app" { image "x:1" }; exporter "My" kind="node""#);
        assert_eq!(
            said,
            [
                (true, "`my_app` is no host name in Kubernetes".to_owned()),
                (true, "`My-exporter` is no host name in Kubernetes".to_owned()),
            ]
        );
    }

    #[test]
    fn a_name_that_a_service_needs_is_taken() {
        let said = said(r#"service "a" { image "x:1" }; service "a-public" { image "x:1" }"#);
        assert_eq!(said.len(), 1);
        assert!(said[0].0 && said[0].1.contains("`a-public`"), "{said:?}");
    }

    #[test]
    fn what_a_cluster_lacks_is_said() {
        let said = said(
            r#"
            network "n" driver="bridge" subnet="10.0.0.0/24"
            volume "v" driver="nfs"
            external "store" port=1
            external "store.example.com" port=1
            service "a" {
                build "./a"
                volume "/etc/x" to="/x"
                volume "./y" to="/y"
                volume "./z" to="/z" read_only=#true
                volume "v" to="/v"
                user "www-data"
                replicas 2
                extra_hosts h="host-gateway"
                labels "not a key"="x"
                port 80 bind="10.1.1.1"
                resources pids=10
                logging "local"
                depends_on "b" condition="completed"
            }
            service "b" { image "x:1"; volume "v" to="/v"; restart "no" }
            service "c" { native { run "x" } }
            "#,
        );
        let fatal = said.iter().filter(|(fatal, _)| *fatal).count();
        assert_eq!((fatal, said.len()), (4, 18), "{said:#?}");
    }

    #[test]
    fn what_leads_to_an_external_address_is_said() {
        let said = |manifest: &str| {
            said(manifest).into_iter().map(|(_, message)| message).collect::<Vec<_>>()
        };
        let closed = r#"grafana { root_url "https://g.example.com/" }"#;
        assert_eq!(said(closed), ["nothing in the cluster leads from `g.example.com` to grafana"]);
        let open = r#"grafana bind="0.0.0.0" { root_url "https://g.example.com/" }"#;
        assert!(said(open)[0].contains("wants a certificate that nothing here makes"));
        let below =
            r#"prometheus bind="0.0.0.0" { external_url "http://example.com/prometheus/" }"#;
        assert!(said(below)[0].starts_with("no Ingress leads from `example.com` to prometheus"));
        let plain = r#"prometheus bind="0.0.0.0" { external_url "http://p.example.com/" }"#;
        let proxied = r#"prometheus { external_url "https://p.example.com/" }
            service "c" { image "caddy:2"; port 443; site "https://p.example.com" { reverse_proxy to="prometheus" } }"#;
        let here = r#"prometheus { external_url "http://localhost:9090/" }"#;
        for quiet in [plain, proxied, here] {
            assert_eq!(said(quiet), Vec::<String>::new(), "{quiet}");
        }
    }

    #[test]
    fn keys_of_annotations_are_words() {
        for good in ["a", "example.com/role", "a.b-c_d"] {
            assert!(is_annotation(good), "{good}");
        }
        for bad in ["", "a b", "a/b/c", "Example.com/x", "-a", "/a"] {
            assert!(!is_annotation(bad), "{bad}");
        }
    }
}
