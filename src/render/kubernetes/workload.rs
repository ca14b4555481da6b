//! One workload: a service of the user or a monitoring part as pods, with what they mount.

use crate::diag::Spanned;
use crate::manifest::{Resources, Stack};
use crate::model::slug;
use crate::render::RenderError;
use crate::render::parts::{Access, HostPath, MountPoint, PartKind};
use crate::render::secrets::SecretRef;
use crate::wire::kubernetes::{
    ClaimRef, ClaimSpec, ClaimTemplate, ContainerPort, EmptyDir, EnvSource, EnvVar, FieldRef,
    KeyPath, Keys, Metadata, Probe, Projected, Resources as Quantities, Source, Volume,
    VolumeMount, Words,
};

use super::Context;
use super::configs::{self, Entry};
use super::names::numbered;
use super::secrets::UserFiles;

/// How the pods are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Shape {
    /// Any number, all alike.
    Deployment,
    /// Each with its own storage.
    StatefulSet,
    /// One on each node.
    DaemonSet,
    /// Once.
    Job,
}

/// A port of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::render) struct Port {
    /// Number inside.
    pub number: u16,
    /// Whether it is UDP.
    pub udp: bool,
    /// Name: what is spoken and the number.
    pub name: String,
    /// Number outside, for a port that everybody may reach.
    pub open: Option<u16>,
}

impl Port {
    /// A port that speaks `word`.
    pub fn new(word: &str, number: u16, open: Option<u16>) -> Self {
        Self { number, udp: word == "udp", name: format!("{word}-{number}"), open }
    }

    /// As a container lists it.
    pub fn of_container(&self) -> ContainerPort {
        ContainerPort {
            name: self.name.clone(),
            container_port: self.number,
            protocol: self.protocol(),
        }
    }

    /// `UDP`; TCP is not said.
    pub fn protocol(&self) -> Option<String> {
        self.udp.then(|| "UDP".to_owned())
    }
}

/// Volumes of a pod, and where its container mounts them.
#[derive(Debug, Default)]
pub(in crate::render) struct Mounts {
    pub volumes: Vec<Volume>,
    pub points: Vec<VolumeMount>,
    pub claims: Vec<ClaimTemplate>,
}

impl Mounts {
    /// A name for a volume that no other of the pod has.
    fn name(&self, name: &str) -> String {
        numbered(name, |name| {
            self.volumes.iter().any(|volume| volume.name == name)
                || self.claims.iter().any(|claim| claim.metadata.name.as_deref() == Some(name))
        })
    }

    fn mount(&mut self, name: &str, path: &str, sub_path: Option<String>, read_only: bool) {
        self.points.push(VolumeMount {
            name: name.to_owned(),
            mount_path: path.to_owned(),
            sub_path,
            read_only,
            mount_propagation: None,
        });
    }

    /// A new folder, on the node's disk or in memory.
    pub fn empty(&mut self, name: &str, path: &str, memory: bool, limit: Option<String>) {
        let name = self.name(name);
        let medium = memory.then(|| "Memory".to_owned());
        self.volumes.push(Volume {
            name: name.clone(),
            empty_dir: Some(EmptyDir { medium, size_limit: limit }),
            ..Volume::default()
        });
        self.mount(&name, path, None, false);
    }

    /// Storage of this pod alone.
    pub fn claim(&mut self, name: &str, path: &str, size: &str, read_only: bool) {
        let name = self.name(name);
        self.mount(&name, path, inside_of_storage(path), read_only);
        self.claims.push(ClaimTemplate {
            metadata: Metadata { name: Some(name), ..Metadata::default() },
            spec: claim_spec("ReadWriteOnce", size),
        });
    }

    /// Secrets as files: those of `/run/secrets` or those of `/run/tls`.
    pub fn secrets(
        &mut self,
        context: &mut Context,
        folder: &str,
        secrets: &[SecretRef],
        mode: u16,
    ) {
        if secrets.is_empty() {
            return;
        }
        let sources = secrets
            .iter()
            .map(|secret| {
                let key = context.wanted.secret(secret);
                let item = KeyPath { key: key.key, path: secret.name.clone() };
                Source {
                    secret: Some(Keys { name: key.name, items: vec![item] }),
                    ..Source::default()
                }
            })
            .collect();
        let name = self.name(folder.rsplit('/').next().unwrap_or(folder));
        self.volumes.push(Volume {
            name: name.clone(),
            projected: Some(Projected { default_mode: Some(mode), sources }),
            ..Volume::default()
        });
        self.mount(&name, folder, None, true);
    }

    /// What lies behind one mount of the manifest or of a part.
    pub fn add(
        &mut self,
        context: &mut Context,
        owner: &Owner,
        point: &MountPoint,
    ) -> Result<(), RenderError> {
        let inside = point.inside.as_str();
        let read_only = point.access != Access::ReadWrite;
        match &point.outside {
            HostPath::Output(path) => self.rendered(context, owner, inside, path)?,
            HostPath::Manifest(path) => {
                let files = UserFiles { path: path.clone(), single: is_file(path, inside) };
                let config = context.wanted.files(&files);
                let name = self.name("files");
                self.volumes.push(Volume {
                    name: name.clone(),
                    config_map: Some(Keys { name: config, items: Vec::new() }),
                    ..Volume::default()
                });
                self.mount(&name, inside, files.single.then(|| files.key()), true);
            }
            HostPath::Volume(volume) => {
                let name = context.volumes.get(volume);
                if context.is_shared(volume) {
                    let pod_name = self.name(&name);
                    self.volumes.push(Volume {
                        name: pod_name.clone(),
                        persistent_volume_claim: Some(ClaimRef { claim_name: name }),
                        ..Volume::default()
                    });
                    self.mount(&pod_name, inside, inside_of_storage(inside), read_only);
                } else {
                    let size = context.size_of(volume, owner.size);
                    self.claim(&name, inside, &size, read_only);
                }
            }
            HostPath::Machine(path) => {
                let name = self.name(match path.as_str() {
                    "/" => "host",
                    _ => "host-path",
                });
                self.volumes.push(Volume {
                    name: name.clone(),
                    host_path: Some(crate::wire::kubernetes::HostPath { path: path.clone() }),
                    ..Volume::default()
                });
                self.mount(&name, inside, None, read_only);
                if point.access == Access::Follow
                    && let Some(mount) = self.points.last_mut()
                {
                    mount.mount_propagation = Some("HostToContainer".to_owned());
                }
            }
            HostPath::Secret(secret) => {
                let key = context.wanted.secret(secret);
                let item = KeyPath { key: key.key, path: secret.name.clone() };
                let name = self.name("secret");
                self.volumes.push(Volume {
                    name: name.clone(),
                    projected: Some(Projected {
                        default_mode: None,
                        sources: vec![Source {
                            secret: Some(Keys { name: key.name, items: vec![item] }),
                            ..Source::default()
                        }],
                    }),
                    ..Volume::default()
                });
                self.mount(&name, inside, Some(secret.name.clone()), true);
            }
        }
        Ok(())
    }

    /// Rendered files, as ConfigMaps of this workload.
    fn rendered(
        &mut self,
        context: &mut Context,
        owner: &Owner,
        inside: &str,
        path: &str,
    ) -> Result<(), RenderError> {
        let entries = configs::behind(context.outputs, path, |file| (owner.wanted)(path, file));
        let last = path.rsplit('/').next().unwrap_or(path);
        let map = match super::names::label(last) {
            own if own.starts_with(owner.name) => own,
            other => format!("{}-{other}", owner.name),
        };
        let map = numbered(&map, |name| context.has_config(name));
        let maps = configs::split(&map, &entries).map_err(|entry: Entry| {
            RenderError::TooLarge { path: entry.output, most: configs::MOST }
        })?;
        let single = entries.iter().any(|entry| entry.output == path);
        let mut keys: Vec<Keys> = maps
            .iter()
            .map(|(name, entries)| {
                let items = entries
                    .iter()
                    .map(|entry| KeyPath { key: entry.key.clone(), path: entry.path.clone() });
                Keys { name: name.clone(), items: items.collect() }
            })
            .collect();
        context.configs.extend(maps.iter().map(|(name, files)| configs::generator(name, files)));
        let name = self.name(if single { "config-file" } else { "config" });
        // Old kustomizes do not look for names of ConfigMaps in the projected volumes of a DaemonSet.
        let (config_map, several) = match &keys[..] {
            [_] => (keys.pop(), None),
            _ => (None, Some(keys)),
        };
        let projected = several.map(|keys| Projected {
            default_mode: None,
            sources: keys
                .into_iter()
                .map(|keys| Source { config_map: Some(keys), ..Source::default() })
                .collect(),
        });
        self.volumes.push(Volume {
            name: name.clone(),
            config_map,
            projected,
            ..Volume::default()
        });
        self.mount(&name, inside, single.then(|| last.to_owned()), true);
        Ok(())
    }
}

/// Where databases keep what must be an empty folder at the first start. New storage has a `lost+found`
/// of its own, so that they get a folder in it.
fn inside_of_storage(path: &str) -> Option<String> {
    let databases = ["/var/lib/mysql", "/var/lib/postgresql", "/var/lib/postgresql/data"];
    databases.contains(&path.trim_end_matches('/')).then(|| "data".to_owned())
}

/// Whose mounts they are.
pub(in crate::render) struct Owner<'a> {
    /// Name of the workload.
    pub name: &'a str,
    /// Size of storage of which nothing is said.
    pub size: &'a str,
    /// Whether a file below a mounted folder is of use to it: folder and path below it.
    pub wanted: &'a dyn Fn(&str, &str) -> bool,
}

/// Whether a path of the user is a file, as far as words tell: both sides end in a file name.
pub(super) fn is_file(outside: &str, inside: &str) -> bool {
    let name = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or("").to_owned();
    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_owned());
    let (outside, inside) = (name(outside), name(inside));
    let same = slug(&outside) == slug(&inside) || slug(&inside).ends_with(&slug(&outside));
    ending(&outside).is_some_and(|own| same || ending(&inside) == Some(own))
}

/// Storage that is asked for.
pub(super) fn claim_spec(mode: &str, size: &str) -> ClaimSpec {
    ClaimSpec {
        access_modes: vec![mode.to_owned()],
        resources: Quantities {
            requests: Words::from([("storage".to_owned(), size.to_owned())]),
            limits: Words::new(),
        },
    }
}

/// An environment variable with its value, in which no `$(X)` is replaced.
pub(super) fn env_text(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(literal(value)), value_from: None }
}

/// An environment variable from a Secret.
pub(super) fn env_secret(name: &str, key: crate::wire::kubernetes::KeyRef) -> EnvVar {
    let source = EnvSource { secret_key_ref: Some(key), ..EnvSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}

/// An environment variable with something that is known of the pod, such as `status.hostIP`.
pub(super) fn env_field(name: &str, path: &str) -> EnvVar {
    let field = FieldRef { field_path: path.to_owned() };
    let source = EnvSource { field_ref: Some(field), ..EnvSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}

/// A text in which Kubernetes replaces nothing: `$(X)` is a variable, `$$` one `$`.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// Limits of the manifest; requests are a tenth of the processors and all of the memory, since memory
/// that was promised twice ends processes.
pub(in crate::render) fn quantities(resources: Option<&Resources>) -> Option<Quantities> {
    let Resources { cpus, memory, pids: _ } = resources?;
    let mut quantities = Quantities::default();
    if let Some(cpus) = cpus {
        let milli = (cpus.value * 1000.0).round().max(1.0) as u64;
        quantities.limits.insert("cpu".to_owned(), format!("{milli}m"));
        quantities.requests.insert("cpu".to_owned(), format!("{}m", (milli / 10).max(1)));
    }
    if let Some(memory) = memory {
        quantities.limits.insert("memory".to_owned(), bytes(memory.value.bytes));
        quantities.requests.insert("memory".to_owned(), bytes(memory.value.bytes));
    }
    (quantities != Quantities::default()).then_some(quantities)
}

/// An amount of bytes as a quantity.
pub(in crate::render) fn bytes(bytes: u64) -> String {
    let units = [(30, "Gi"), (20, "Mi"), (10, "Ki")];
    let unit = units.iter().find(|(shift, _)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| bytes.to_string(), |(shift, name)| format!("{}{name}", bytes >> shift))
}

/// Seconds of a duration in milliseconds, at least one.
pub(super) fn seconds(ms: i64) -> u64 {
    ms.unsigned_abs().div_ceil(1000).max(1)
}

/// The probes of a healthcheck: a startup probe for as long as failures do not count, then the same
/// question decides about requests and about a new start.
pub(in crate::render) fn probes(
    check: &crate::manifest::Healthcheck,
) -> (Option<Probe>, Option<Probe>) {
    let crate::manifest::Healthcheck { command, interval, timeout, retries, start_period } = check;
    let of = |duration: &Option<Spanned<crate::manifest::DurationText>>, default: u64| {
        duration.as_ref().map_or(default, |duration| seconds(duration.value.ms))
    };
    // What compose takes where nothing is said.
    let (period, timeout) = (of(interval, 30), of(timeout, 30));
    let failures = retries.as_ref().map_or(3, |retries| retries.value.max(1));
    let probe = Probe {
        exec: Some(crate::wire::kubernetes::Exec {
            command: ["/bin/sh", "-c", command.as_str()].map(str::to_owned).to_vec(),
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(timeout.min(period.max(1))),
        failure_threshold: Some(failures),
        ..Probe::default()
    };
    // Compose never ends what is not healthy yet, a kubelet does: a database that makes its files at its
    // first start is given the time.
    let start = start_period.as_ref().map_or(0, |start| seconds(start.value.ms));
    let startup = Probe {
        failure_threshold: Some(start.max(FIRST_START).div_ceil(period.max(1)) + failures),
        ..probe.clone()
    };
    (Some(startup), Some(probe))
}

/// Least time in seconds in which what is checked may come up.
const FIRST_START: u64 = 300;

/// Whether a part has a use for a file of a mounted folder. Prometheus and Alertmanager are given one
/// folder in compose; in a cluster each gets its own files, and those of the user's templates.
pub(super) fn reads(stack: &Stack, kind: PartKind, folder: &str, file: &str) -> bool {
    if folder != "monitoring" {
        return true;
    }
    if stack.templates.iter().any(|template| template.to.value == format!("{folder}/{file}")) {
        return true;
    }
    let of_others = |file: &str| {
        file.contains('/') || file.starts_with("grafana-") || file.ends_with("-web.yml")
    };
    match kind {
        PartKind::Prometheus => !of_others(file) && !file.starts_with("alertmanager"),
        PartKind::Alertmanager => file.starts_with("alertmanager"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact() {
        assert_eq!([512 << 20, 3 << 30, 1000, 1 << 10].map(bytes), ["512Mi", "3Gi", "1000", "1Ki"]);
    }

    #[test]
    fn words_tell_files_from_folders() {
        assert!(is_file("./nginx/nginx.conf", "/etc/nginx/nginx.conf"));
        assert!(is_file(
            "./templates/shop.tmpl",
            "/etc/alertmanager-templates/templates-shop.tmpl"
        ));
        assert!(is_file("./a.yml", "/etc/b.yml"));
        assert!(!is_file("./app/public", "/srv/public"));
        assert!(!is_file("./conf.d", "/etc/nginx"));
    }

    #[test]
    fn nothing_is_replaced_in_a_literal() {
        assert_eq!(literal("$(cat x) $HOME $$"), "$$(cat x) $$HOME $$$$");
    }
}
