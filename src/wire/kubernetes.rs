//! Objects of the Kubernetes API that are rendered, and kustomization.yaml.
//! Source: <https://kubernetes.io/docs/reference/kubernetes-api/> (1.34).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::absent::objects;

/// Labels or annotations.
pub type Words = IndexMap<String, String>;

/// Any object: what it is, its name, and what is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Object<T> {
    /// Group and version: `apps/v1`.
    pub api_version: String,
    /// Kind: `Deployment`.
    pub kind: String,
    /// Name and labels.
    pub metadata: Metadata,
    /// What is wanted; a Namespace wants nothing.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub spec: Option<T>,
}

objects! {
    /// Name and labels of an object.
    pub struct Metadata {
        /// Unique for its kind within the namespace.
        pub name: Option<String>,
        /// What selectors look at.
        pub labels: Words,
        /// Notes for programs.
        pub annotations: Words,
    }

    /// Pods that are alike and have no state of their own.
    pub struct Deployment {
        /// How many.
        pub replicas: Option<u64>,
        /// Which pods are its own.
        pub selector: Selector,
        /// How new ones replace old ones.
        pub strategy: Option<Strategy>,
        /// The pods.
        pub template: PodTemplate,
    }

    /// How new pods replace old ones.
    pub struct Strategy {
        /// `Recreate` or `RollingUpdate`.
        #[serde(rename = "type")]
        pub kind: String,
    }

    /// Pods with a name and storage of their own.
    pub struct StatefulSet {
        /// The Service that names the pods.
        pub service_name: String,
        /// How many.
        pub replicas: Option<u64>,
        /// Which pods are its own.
        pub selector: Selector,
        /// The pods.
        pub template: PodTemplate,
        /// Storage of each pod.
        pub volume_claim_templates: Vec<ClaimTemplate>,
    }

    /// A pod on each node.
    pub struct DaemonSet {
        /// Which pods are its own.
        pub selector: Selector,
        /// The pods.
        pub template: PodTemplate,
    }

    /// A pod that runs once.
    pub struct Job {
        /// How often a failed pod is replaced.
        pub backoff_limit: Option<u64>,
        /// The pod.
        pub template: PodTemplate,
    }

    /// Which objects are meant; an empty one means all.
    pub struct Selector {
        /// Labels that they have.
        pub match_labels: Words,
    }

    /// What the pods of a workload look like.
    pub struct PodTemplate {
        /// Labels and annotations of the pods.
        pub metadata: Metadata,
        /// The pods.
        pub spec: PodSpec,
    }

    /// Storage of each pod of a StatefulSet.
    pub struct ClaimTemplate {
        /// Name of the volume.
        pub metadata: Metadata,
        /// The storage.
        pub spec: ClaimSpec,
    }

    /// Storage that is asked for.
    pub struct ClaimSpec {
        /// `ReadWriteOnce` and others.
        pub access_modes: Vec<String>,
        /// How much.
        pub resources: Resources,
    }

    /// A pod.
    pub struct PodSpec {
        /// Whether the pod may ask the API server.
        pub automount_service_account_token: Option<bool>,
        /// Whether each Service shows up in the environment.
        pub enable_service_links: Option<bool>,
        /// Whether it has the node's network.
        pub host_network: bool,
        /// Whether it sees the node's processes.
        #[serde(rename = "hostPID")]
        pub host_pid: bool,
        /// How names are resolved.
        pub dns_policy: Option<String>,
        /// Whether one process reaps those of all containers.
        pub share_process_namespace: bool,
        /// Host name inside.
        pub hostname: Option<String>,
        /// Further names.
        pub host_aliases: Vec<HostAlias>,
        /// `Always`, `OnFailure`, `Never`.
        pub restart_policy: Option<String>,
        /// Seconds to stop in.
        pub termination_grace_period_seconds: Option<u64>,
        /// Rights of all containers.
        pub security_context: Option<PodSecurity>,
        /// Taints of nodes that it bears.
        pub tolerations: Vec<Toleration>,
        /// The containers.
        pub containers: Vec<Container>,
        /// What they mount.
        pub volumes: Vec<Volume>,
    }

    /// Names of an address.
    pub struct HostAlias {
        /// The address.
        pub ip: String,
        /// Its names.
        pub hostnames: Vec<String>,
    }

    /// A taint that is borne.
    pub struct Toleration {
        /// `Exists` or `Equal`.
        pub operator: String,
    }

    /// Rights of a pod.
    pub struct PodSecurity {
        /// Whether user 0 is refused.
        pub run_as_non_root: Option<bool>,
        /// User.
        pub run_as_user: Option<i64>,
        /// Group.
        pub run_as_group: Option<i64>,
        /// Group that volumes belong to.
        pub fs_group: Option<i64>,
        /// System calls.
        pub seccomp_profile: Option<Seccomp>,
    }

    /// Which system calls may be made.
    pub struct Seccomp {
        /// `RuntimeDefault`.
        #[serde(rename = "type")]
        pub kind: String,
    }

    /// Rights of a container.
    pub struct Security {
        /// Whether it may gain rights.
        pub allow_privilege_escalation: Option<bool>,
        /// Whether it has all rights of the node.
        pub privileged: bool,
        /// Whether its root file system is read-only.
        pub read_only_root_filesystem: bool,
        /// Kernel capabilities.
        pub capabilities: Option<Capabilities>,
    }

    /// Kernel capabilities.
    pub struct Capabilities {
        /// Added.
        pub add: Vec<String>,
        /// Taken away.
        pub drop: Vec<String>,
    }

    /// A container.
    pub struct Container {
        /// Name within the pod.
        pub name: String,
        /// Image.
        pub image: String,
        /// When the image is fetched.
        pub image_pull_policy: Option<String>,
        /// Replaces the image's entry point.
        pub command: Vec<String>,
        /// Arguments.
        pub args: Vec<String>,
        /// Folder to start in.
        pub working_dir: Option<String>,
        /// Ports that it listens on.
        pub ports: Vec<ContainerPort>,
        /// Environment.
        pub env: Vec<EnvVar>,
        /// Environment, many variables at once.
        pub env_from: Vec<EnvFrom>,
        /// What it may use.
        pub resources: Option<Resources>,
        /// What it mounts.
        pub volume_mounts: Vec<VolumeMount>,
        /// Asked until it answers once.
        pub startup_probe: Option<Probe>,
        /// Whether requests are sent to it.
        pub readiness_probe: Option<Probe>,
        /// Whether it is started again.
        pub liveness_probe: Option<Probe>,
        /// Rights.
        pub security_context: Option<Security>,
    }

    /// A port of a container.
    pub struct ContainerPort {
        /// Name, at most 15 characters.
        pub name: String,
        /// Number.
        pub container_port: u16,
        /// `UDP`; TCP where absent.
        pub protocol: Option<String>,
    }

    /// An environment variable.
    pub struct EnvVar {
        /// Name.
        pub name: String,
        /// Its value; `$(X)` is replaced, `$$` is one `$`.
        pub value: Option<String>,
        /// Where its value is.
        pub value_from: Option<EnvSource>,
    }

    /// Where the value of a variable is.
    pub struct EnvSource {
        /// In a Secret.
        pub secret_key_ref: Option<KeyRef>,
        /// In the pod itself.
        pub field_ref: Option<FieldRef>,
    }

    /// Something that is known of a pod.
    pub struct FieldRef {
        /// Its path: `status.hostIP`.
        pub field_path: String,
    }

    /// A key of an object.
    pub struct KeyRef {
        /// Name of the object.
        pub name: String,
        /// The key.
        pub key: String,
    }

    /// Many variables at once.
    pub struct EnvFrom {
        /// The keys of a Secret.
        pub secret_ref: Option<NameRef>,
    }

    /// An object by name.
    pub struct NameRef {
        /// Its name.
        pub name: String,
    }

    /// What may be used, and what is set aside.
    pub struct Resources {
        /// What is set aside.
        pub requests: Words,
        /// The most.
        pub limits: Words,
    }

    /// A mount of a container.
    pub struct VolumeMount {
        /// Name of the volume.
        pub name: String,
        /// Path inside.
        pub mount_path: String,
        /// Path within the volume.
        pub sub_path: Option<String>,
        /// Whether it is only read.
        pub read_only: bool,
        /// How later mounts below are seen.
        pub mount_propagation: Option<String>,
    }

    /// A question whether a container works: exactly one of the first three.
    pub struct Probe {
        /// By a command.
        pub exec: Option<Exec>,
        /// By a request.
        pub http_get: Option<HttpGet>,
        /// By a connection.
        pub tcp_socket: Option<TcpSocket>,
        /// Seconds between two questions.
        pub period_seconds: Option<u64>,
        /// Seconds for the answer.
        pub timeout_seconds: Option<u64>,
        /// Failures in a row that count.
        pub failure_threshold: Option<u64>,
    }

    /// A command.
    pub struct Exec {
        /// Program and arguments.
        pub command: Vec<String>,
    }

    /// A request.
    pub struct HttpGet {
        /// Path.
        pub path: String,
        /// Name of the port.
        pub port: String,
        /// `HTTPS`; HTTP where absent.
        pub scheme: Option<String>,
    }

    /// A connection.
    pub struct TcpSocket {
        /// Name of the port.
        pub port: String,
    }

    /// A volume of a pod: exactly one field besides the name.
    pub struct Volume {
        /// Name within the pod.
        pub name: String,
        /// Keys of a ConfigMap as files.
        pub config_map: Option<Keys>,
        /// Files from several objects.
        pub projected: Option<Projected>,
        /// A new folder.
        pub empty_dir: Option<EmptyDir>,
        /// A path of the node.
        pub host_path: Option<HostPath>,
        /// Storage.
        pub persistent_volume_claim: Option<ClaimRef>,
    }

    /// Files from several objects.
    pub struct Projected {
        /// Rights of the files, a decimal number.
        pub default_mode: Option<u16>,
        /// The objects.
        pub sources: Vec<Source>,
    }

    /// Keys of one object as files.
    pub struct Source {
        /// Of a ConfigMap.
        pub config_map: Option<Keys>,
        /// Of a Secret.
        pub secret: Option<Keys>,
    }

    /// Keys of an object, as files.
    pub struct Keys {
        /// Name of the object.
        pub name: String,
        /// Which keys; all where none is said.
        pub items: Vec<KeyPath>,
    }

    /// A key and the file that it becomes.
    pub struct KeyPath {
        /// The key.
        pub key: String,
        /// Path within the volume.
        pub path: String,
    }

    /// A new folder.
    pub struct EmptyDir {
        /// `Memory`, or the node's disk where absent.
        pub medium: Option<String>,
        /// The most that it may hold.
        pub size_limit: Option<String>,
    }

    /// A path of the node.
    pub struct HostPath {
        /// The path.
        pub path: String,
    }

    /// Storage by name.
    pub struct ClaimRef {
        /// Name of the claim.
        pub claim_name: String,
    }

    /// A name and an address for pods.
    pub struct Service {
        /// `ClusterIP`, `LoadBalancer`.
        #[serde(rename = "type")]
        pub kind: Option<String>,
        /// `None` for a name that leads to each pod.
        #[serde(rename = "clusterIP")]
        pub cluster_ip: Option<String>,
        /// Whether pods that are not ready have a name as well.
        pub publish_not_ready_addresses: bool,
        /// The pods.
        pub selector: Words,
        /// Ports.
        pub ports: Vec<ServicePort>,
    }

    /// A port of a Service.
    pub struct ServicePort {
        /// Name, at most 15 characters.
        pub name: String,
        /// Number.
        pub port: u16,
        /// Name of the pods' port.
        pub target_port: String,
        /// `UDP`; TCP where absent.
        pub protocol: Option<String>,
    }

    /// Requests from outside, by host name.
    pub struct Ingress {
        /// Certificates.
        pub tls: Vec<IngressTls>,
        /// Who answers.
        pub rules: Vec<IngressRule>,
    }

    /// The certificate of host names.
    pub struct IngressTls {
        /// Host names.
        pub hosts: Vec<String>,
        /// Secret with the certificate.
        pub secret_name: String,
    }

    /// Who answers for a host name.
    pub struct IngressRule {
        /// Host name.
        pub host: String,
        /// By path.
        pub http: IngressHttp,
    }

    /// Who answers for which path.
    pub struct IngressHttp {
        /// The paths.
        pub paths: Vec<IngressPath>,
    }

    /// Who answers for a path.
    pub struct IngressPath {
        /// The path.
        pub path: String,
        /// `Prefix` or `Exact`.
        pub path_type: String,
        /// Who answers.
        pub backend: Backend,
    }

    /// Who answers a request.
    pub struct Backend {
        /// A Service.
        pub service: BackendService,
    }

    /// A Service that answers.
    pub struct BackendService {
        /// Its name.
        pub name: String,
        /// Its port.
        pub port: PortName,
    }

    /// A port by name.
    pub struct PortName {
        /// The name.
        pub name: String,
    }

    /// Who may speak to whom.
    pub struct NetworkPolicy {
        /// Whom it is about.
        pub pod_selector: Selector,
        /// `Ingress`, `Egress`.
        pub policy_types: Vec<String>,
        /// Who may speak to them.
        pub ingress: Vec<Allowed>,
        /// Whom they may speak to.
        pub egress: Vec<Allowed>,
    }

    /// Connections that are allowed.
    pub struct Allowed {
        /// From whom; everybody where nothing is said.
        pub from: Vec<Peer>,
        /// To whom; everybody where nothing is said.
        pub to: Vec<Peer>,
        /// On which ports; all where none is said.
        pub ports: Vec<PolicyPort>,
    }

    /// One side of a connection.
    pub struct Peer {
        /// Pods of the namespace.
        pub pod_selector: Option<Selector>,
    }

    /// A port of a policy.
    pub struct PolicyPort {
        /// Number.
        pub port: u16,
        /// `TCP` or `UDP`.
        pub protocol: Option<String>,
    }
}

objects! {
    /// What may be done in a namespace.
    pub struct Role {
        /// `rbac.authorization.k8s.io/v1`.
        pub api_version: String,
        /// `Role`.
        pub kind: String,
        /// Name.
        pub metadata: Metadata,
        /// The rights.
        pub rules: Vec<Rule>,
    }

    /// Rights on some kinds of objects.
    pub struct Rule {
        /// Groups of the API; the empty one is the core.
        pub api_groups: Vec<String>,
        /// Kinds, as in paths.
        pub resources: Vec<String>,
        /// What may be done.
        pub verbs: Vec<String>,
    }

    /// Who has the rights of a role.
    pub struct RoleBinding {
        /// `rbac.authorization.k8s.io/v1`.
        pub api_version: String,
        /// `RoleBinding`.
        pub kind: String,
        /// Name.
        pub metadata: Metadata,
        /// The role.
        pub role_ref: RoleRef,
        /// Who.
        pub subjects: Vec<Subject>,
    }

    /// A role by name.
    pub struct RoleRef {
        /// `rbac.authorization.k8s.io`.
        pub api_group: String,
        /// `Role`.
        pub kind: String,
        /// Its name.
        pub name: String,
    }

    /// Somebody who has rights.
    pub struct Subject {
        /// `ServiceAccount`.
        pub kind: String,
        /// Its name.
        pub name: String,
        /// Its namespace.
        pub namespace: String,
    }
}

objects! {
    /// kustomization.yaml: what `kubectl apply -k` makes.
    /// Source: <https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/>.
    pub struct Kustomization {
        /// `kustomize.config.k8s.io/v1beta1`.
        pub api_version: String,
        /// `Kustomization`.
        pub kind: String,
        /// Namespace of everything.
        pub namespace: Option<String>,
        /// What all ConfigMaps have that are made.
        pub generator_options: GeneratorOptions,
        /// Files with objects.
        pub resources: Vec<String>,
        /// ConfigMaps that are made of files; a hash of their content goes into their names.
        pub config_map_generator: Vec<Generator>,
    }

    /// What all ConfigMaps have that are made.
    pub struct GeneratorOptions {
        /// Their labels.
        pub labels: Words,
    }

    /// A ConfigMap that is made of files.
    pub struct Generator {
        /// Its name, before the hash.
        pub name: String,
        /// `key=path`.
        pub files: Vec<String>,
    }
}
