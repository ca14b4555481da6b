//! Workloads as objects: with Services for their ports, and an Ingress where a host name is known.

use serde::Serialize;

use crate::manifest::Stack;
use crate::wire::kubernetes as wire;
use crate::wire::kubernetes::{
    Backend, BackendService, ClaimSpec, DaemonSet, Deployment, Ingress, IngressHttp, IngressPath,
    IngressRule, IngressTls, Job, Metadata, Object, PodTemplate, PortName, Selector, ServicePort,
    StatefulSet, Words,
};

use super::discovery::replicas;
use super::names::label;
use super::workload::{Port, Shape, claim_spec};
use super::{Context, Workload, policies};
use crate::render::to_yaml;

/// An object as a document.
pub(in crate::render) fn document<T: Serialize>(
    version: &str,
    kind: &str,
    mut metadata: Metadata,
    spec: Option<T>,
) -> String {
    metadata.labels.extend(managed_by());
    to_yaml(&Object { api_version: version.to_owned(), kind: kind.to_owned(), metadata, spec })
}

/// The label of everything that is rendered; kubectl of all ages takes it from the objects, only newer
/// ones from a kustomization.
pub(super) fn managed_by() -> Words {
    Words::from([("app.kubernetes.io/managed-by".to_owned(), "stackctl".to_owned())])
}

/// Several documents in one file.
pub(in crate::render) fn joined(documents: &[String]) -> String {
    documents.join("---\n")
}

/// A name with the labels of the workload.
pub(in crate::render) fn metadata(stack: &Stack, name: &str, workload: &str) -> Metadata {
    Metadata { name: Some(name.to_owned()), labels: labels(stack, workload), ..Metadata::default() }
}

/// Labels by which the pods of a workload are known.
pub(in crate::render) fn labels(stack: &Stack, workload: &str) -> Words {
    Words::from([
        ("app.kubernetes.io/name".to_owned(), workload.to_owned()),
        ("app.kubernetes.io/part-of".to_owned(), label(stack.name())),
    ])
}

/// The namespace of the stack.
pub(super) fn namespace(name: &str) -> String {
    let metadata = Metadata { name: Some(name.to_owned()), ..Metadata::default() };
    document::<()>("v1", "Namespace", metadata, None)
}

/// Storage that several workloads mount. What is external exists already.
pub(super) fn claims(stack: &Stack, context: &Context) -> Option<String> {
    let claims: Vec<String> = context
        .shared
        .iter()
        .filter(|(_, uses)| **uses > 0)
        .map(|(volume, _)| {
            let metadata = Metadata {
                name: Some(context.volumes.get(volume)),
                labels: Words::from([(
                    "app.kubernetes.io/part-of".to_owned(),
                    label(stack.name()),
                )]),
                ..Metadata::default()
            };
            let spec: ClaimSpec = claim_spec("ReadWriteMany", &context.size_of(volume, "10Gi"));
            document("v1", "PersistentVolumeClaim", metadata, Some(spec))
        })
        .collect();
    (!claims.is_empty()).then(|| joined(&claims))
}

/// Name of the claim of a job for one of its volumes.
pub(super) fn claim_of(workload: &str, volume: &str) -> String {
    format!("{workload}-{volume}")
}

/// All objects of a workload.
pub(super) fn documents(stack: &Stack, workload: &Workload) -> String {
    let Workload { name, shape, replicas: count, spec, claims, ports, annotations, .. } = workload;
    let own = metadata(stack, name, name);
    let selector = Selector { match_labels: labels(stack, name) };
    let mut pod_labels = labels(stack, name);
    pod_labels.extend(policies::labels(stack, workload));
    let template = PodTemplate {
        metadata: Metadata {
            name: None,
            labels: pod_labels,
            annotations: annotations.iter().cloned().collect(),
        },
        spec: spec.clone(),
    };
    let count = (*count != 1).then_some(*count);
    let own_object = workload.object.clone();
    let mut documents = vec![own_object.unwrap_or_else(|| match shape {
        Shape::Deployment => document(
            "apps/v1",
            "Deployment",
            own,
            Some(Deployment { replicas: count, selector, strategy: None, template }),
        ),
        Shape::StatefulSet => document(
            "apps/v1",
            "StatefulSet",
            own,
            Some(StatefulSet {
                service_name: if ports.is_empty() { String::new() } else { name.clone() },
                replicas: count,
                selector,
                template,
                volume_claim_templates: claims.clone(),
            }),
        ),
        Shape::DaemonSet => {
            document("apps/v1", "DaemonSet", own, Some(DaemonSet { selector, template }))
        }
        Shape::Job => {
            document("batch/v1", "Job", own, Some(Job { backoff_limit: Some(0), template }))
        }
    })];
    if *shape == Shape::Job {
        documents.extend(claims.iter().map(|claim| {
            let volume = claim.metadata.name.as_deref().unwrap_or_default();
            let metadata = metadata(stack, name, &claim_of(name, volume));
            document("v1", "PersistentVolumeClaim", metadata, Some(claim.spec.clone()))
        }));
    }
    documents.extend(services(stack, workload));
    documents.extend(ingress(stack, workload));
    joined(&documents)
}

fn service_port(port: &Port, number: u16) -> ServicePort {
    ServicePort {
        name: port.name.clone(),
        port: number,
        target_port: port.name.clone(),
        protocol: port.protocol(),
    }
}

/// The name for the other workloads; one that leads to each pod where there are several; and one for
/// the outside, with the ports that everybody may reach.
fn services(stack: &Stack, workload: &Workload) -> Vec<String> {
    let Workload { name, shape, ports, .. } = workload;
    if ports.is_empty() {
        return Vec::new();
    }
    let of = |name: &str, spec: wire::Service| {
        document("v1", "Service", metadata(stack, name, &workload.name), Some(spec))
    };
    let selector = labels(stack, name);
    let inside: Vec<ServicePort> =
        ports.iter().map(|port| service_port(port, port.number)).collect();
    let headless = |ports: Vec<ServicePort>| wire::Service {
        cluster_ip: Some("None".to_owned()),
        // A pod that is down is a target that is down, not one that is gone.
        publish_not_ready_addresses: true,
        selector: selector.clone(),
        ports,
        kind: None,
    };
    let plain = wire::Service {
        selector: selector.clone(),
        ports: inside.clone(),
        ..wire::Service::default()
    };
    let mut services = match shape {
        Shape::DaemonSet => vec![of(name, headless(inside.clone()))],
        _ => vec![of(name, plain)],
    };
    if workload.replicas > 1 {
        services.push(of(&replicas(name), headless(inside)));
    }
    let open: Vec<ServicePort> = ports
        .iter()
        .filter_map(|port| port.open.map(|outside| service_port(port, outside)))
        .collect();
    // A pod on the node's network is open there by itself.
    if !open.is_empty() && workload.host.is_none() && *shape != Shape::DaemonSet {
        services.push(of(
            &public(name),
            wire::Service {
                kind: Some("LoadBalancer".to_owned()),
                selector: selector.clone(),
                ports: open,
                ..wire::Service::default()
            },
        ));
    }
    services
}

/// The Service for the outside.
pub(super) fn public(name: &str) -> String {
    format!("{name}-public")
}

/// The Secret with the certificate of an Ingress.
pub(super) fn tls_secret(name: &str) -> String {
    format!("{name}-ingress-tls")
}

fn ingress(stack: &Stack, workload: &Workload) -> Option<String> {
    let (host, encrypted) = workload.host.as_ref()?;
    let port = workload.ports.iter().find(|port| port.open.is_some())?;
    let backend = Backend {
        service: BackendService {
            name: workload.name.clone(),
            port: PortName { name: port.name.clone() },
        },
    };
    let path = IngressPath { path: "/".to_owned(), path_type: "Prefix".to_owned(), backend };
    let spec = Ingress {
        tls: encrypted
            .then(|| IngressTls {
                hosts: vec![host.clone()],
                secret_name: tls_secret(&workload.name),
            })
            .into_iter()
            .collect(),
        rules: vec![IngressRule { host: host.clone(), http: IngressHttp { paths: vec![path] } }],
    };
    let metadata = metadata(stack, &workload.name, &workload.name);
    Some(document("networking.k8s.io/v1", "Ingress", metadata, Some(spec)))
}
