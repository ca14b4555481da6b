//! Networks of the manifest as policies: pods that share a network may speak to each other, ports that
//! are published may be reached by everybody, and a network without a way out has none.

use crate::manifest::{Network, Stack};
use crate::wire::kubernetes::{
    Allowed, Metadata, NetworkPolicy, Peer, PolicyPort, Selector, Words,
};

use super::Workload;
use super::names::Labels;
use super::objects::{self, document, joined, metadata};
use super::workload::Shape;

/// What labels for networks begin with.
const PREFIX: &str = "network.stackctl";

fn names(stack: &Stack) -> Labels {
    Labels::of(stack.networks.iter().map(|network| network.name.as_str()))
}

/// Networks of a workload: those said, or all.
fn networks<'a>(stack: &'a Stack, workload: &Workload) -> Vec<&'a Network> {
    let said = |network: &&Network| {
        workload.networks.is_empty() || workload.networks.contains(&network.name.value)
    };
    stack.networks.iter().map(|network| &network.value).filter(said).collect()
}

fn is_internal(network: &Network) -> bool {
    network.internal.as_ref().is_some_and(|flag| flag.value)
}

/// Labels of the pods: one for each network that they are on.
pub(in crate::render) fn labels(stack: &Stack, workload: &Workload) -> Words {
    let names = names(stack);
    networks(stack, workload)
        .into_iter()
        .map(|network| (key(&names, network), "true".to_owned()))
        .collect()
}

fn key(names: &Labels, network: &Network) -> String {
    format!("{PREFIX}/{}", names.get(network.name.as_str()))
}

fn on(key: String) -> Selector {
    Selector { match_labels: Words::from([(key, "true".to_owned())]) }
}

fn peer(selector: Selector) -> Peer {
    Peer { pod_selector: Some(selector) }
}

fn policy(stack: &Stack, name: &str, spec: NetworkPolicy) -> String {
    let part_of = objects::labels(stack, "").split_off(1);
    let metadata = Metadata { name: Some(name.to_owned()), labels: part_of, ..Metadata::default() };
    document("networking.k8s.io/v1", "NetworkPolicy", metadata, Some(spec))
}

/// All policies of the stack.
pub(super) fn documents(stack: &Stack, workloads: &[Workload]) -> String {
    let names = names(stack);
    let mut documents = Vec::new();
    let within = |selector: Selector| NetworkPolicy {
        pod_selector: selector.clone(),
        policy_types: vec!["Ingress".to_owned()],
        ingress: vec![Allowed { from: vec![peer(selector)], ..Allowed::default() }],
        egress: Vec::new(),
    };
    if stack.networks.is_empty() {
        documents.push(policy(stack, "default", within(Selector::default())));
    }
    for network in &stack.networks {
        let name = format!("network-{}", names.get(network.name.as_str()));
        documents.push(policy(stack, &name, within(on(key(&names, network)))));
    }
    for workload in workloads {
        let own = Selector { match_labels: objects::labels(stack, &workload.name) };
        let open: Vec<PolicyPort> = workload
            .ports
            .iter()
            .filter(|port| port.open.is_some())
            .map(|port| PolicyPort { port: port.number, protocol: port.protocol() })
            .collect();
        if !open.is_empty() {
            let spec = NetworkPolicy {
                pod_selector: own.clone(),
                policy_types: vec!["Ingress".to_owned()],
                ingress: vec![Allowed { ports: open, ..Allowed::default() }],
                egress: Vec::new(),
            };
            let metadata = metadata(stack, &objects::public(&workload.name), &workload.name);
            documents.push(document("networking.k8s.io/v1", "NetworkPolicy", metadata, Some(spec)));
        }
        let own_networks = networks(stack, workload);
        if !own_networks.is_empty() && own_networks.iter().all(|network| is_internal(network)) {
            let metadata = metadata(stack, &format!("{}-inside", workload.name), &workload.name);
            let spec = inside(own, &own_networks, &names, workloads);
            documents.push(document("networking.k8s.io/v1", "NetworkPolicy", metadata, Some(spec)));
        }
    }
    joined(&documents)
}

/// Only inside: the pods of the same networks, names, and what listens on the nodes themselves.
fn inside(
    own: Selector,
    networks: &[&Network],
    names: &Labels,
    workloads: &[Workload],
) -> NetworkPolicy {
    let dns = [Some("UDP".to_owned()), None].map(|protocol| PolicyPort { port: 53, protocol });
    let on_nodes: Vec<PolicyPort> = workloads
        .iter()
        .filter(|workload| workload.shape == Shape::DaemonSet)
        .flat_map(|workload| &workload.ports)
        .map(|port| PolicyPort { port: port.number, protocol: None })
        .collect();
    let to = networks.iter().map(|network| peer(on(key(names, network)))).collect();
    let mut egress = vec![
        Allowed { to, ..Allowed::default() },
        Allowed { ports: dns.to_vec(), ..Allowed::default() },
    ];
    if !on_nodes.is_empty() {
        egress.push(Allowed { ports: on_nodes, ..Allowed::default() });
    }
    NetworkPolicy {
        pod_selector: own,
        policy_types: vec!["Egress".to_owned()],
        ingress: Vec::new(),
        egress,
    }
}
