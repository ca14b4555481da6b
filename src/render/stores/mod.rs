//! Stores that Prometheus writes to, as ordinary parts: their programs with flags, ports and volumes,
//! and the three addresses that the rest of the stack needs: where samples are written, where queries
//! are answered, and which header says whose they are. Whoever asks one also gets what that store wants
//! of its clients: HTTPS with its own certificate as the authority, and the login.

mod mimir;
mod thanos;
mod victoria;

use std::collections::BTreeMap;

use crate::manifest::{Stack, Store, StoreKind};
use crate::wire::prometheus as wire;

use super::parts::{
    Access, Common, HostPath, MountPoint, Part, PartKind, add_tls_file, part as new, tls_path,
};
use super::prometheus::{basic_auth, trust_own};
use super::secrets::SecretRef;
use super::versions::Product;
use super::{Output, Plan, RenderError, Renderer};

pub(super) const RENDERER: Renderer = Renderer { name: "stores", render };

/// One program of a store.
struct Program<'a> {
    /// Behind the store's name; empty for the only one.
    suffix: &'a str,
    image: String,
    /// Where it says how it is, and serves its metrics.
    port: u16,
    ready: &'static str,
    argv: Vec<String>,
}

/// The parts of all stores.
pub(super) fn parts(stack: &Stack) -> Vec<Part> {
    let mut parts = Vec::new();
    for (index, store) in stack.stores.iter().enumerate() {
        let mut own = match store.what() {
            Some(StoreKind::Victoriametrics) => victoria::parts(stack, store),
            Some(StoreKind::Mimir) => mimir::parts(stack, store),
            Some(StoreKind::Thanos) => thanos::parts(stack, store),
            None => Vec::new(),
        };
        for part in &mut own {
            part.store = Some(index);
        }
        parts.extend(own);
    }
    parts
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    for store in &plan.stack.stores {
        match store.what() {
            Some(StoreKind::Mimir) => out.push(mimir::config(plan.stack, store)),
            Some(StoreKind::Thanos) => out.extend(thanos::configs(plan.stack, store)),
            _ => {}
        }
    }
    Ok(())
}

fn program(stack: &Stack, store: &Store, program: Program<'_>) -> Part {
    let Program { suffix, image, port, ready, argv } = program;
    let common = Common {
        // Only its image is asked for, and a store has one of its own.
        product: Product::Prometheus,
        version: &None,
        image: &None,
        port: &None,
        bind: &store.bind,
        networks: &store.networks,
    };
    let name = host(store, suffix);
    let mut part = new(stack, PartKind::Custom, &name, port, &common);
    part.image = image;
    part.argv = argv;
    part.ready_path = Some(ready);
    part.publish = false;
    if let Some(tls) = &store.tls {
        part.encrypted = true;
        for path in [&tls.cert, &tls.key] {
            add_tls_file(&mut part, path.as_str());
        }
    }
    part
}

/// Paths of a store's certificate and key inside of its containers.
fn certificate(store: &Store) -> Option<(String, String)> {
    let tls = store.tls.as_ref()?;
    Some((tls_path(tls.cert.as_str()), tls_path(tls.key.as_str())))
}

/// The oldest version of TLS as a number: `1.2`.
fn min_tls(store: &Store) -> Option<&'static str> {
    match store.tls.as_ref()?.min_version.as_ref()?.as_str() {
        "TLS10" => Some("1.0"),
        "TLS11" => Some("1.1"),
        "TLS12" => Some("1.2"),
        "TLS13" => Some("1.3"),
        _ => None,
    }
}

fn scheme(store: &Store) -> &'static str {
    if store.tls.is_some() { "https" } else { "http" }
}

/// Gives a part what it needs to ask the stores: their certificates and passwords.
pub(super) fn know<'a>(
    part: &mut Part,
    stack: &Stack,
    stores: impl IntoIterator<Item = &'a Store>,
) {
    for store in stores {
        if let Some(tls) = &store.tls {
            add_tls_file(part, tls.cert.as_str());
        }
        let password = store.password.as_ref();
        if let Some(secret) = password.and_then(|value| SecretRef::of(stack, &value.value)) {
            part.grant(&secret);
        }
    }
}

/// How a store is trusted.
pub(super) fn trust(store: &Store) -> Option<wire::TlsConfig> {
    store.tls.as_ref().map(|tls| trust_own(tls.cert.as_str()))
}

/// Who its clients are.
pub(super) fn login(stack: &Stack, store: &Store) -> Option<wire::BasicAuth> {
    basic_auth(stack, store.user.as_ref(), store.password.as_ref())
}

/// Host name of one of the store's programs.
fn host(store: &Store, suffix: &str) -> String {
    match suffix {
        "" => store.name.value.clone(),
        suffix => format!("{}-{suffix}", store.name),
    }
}

/// Publishes the part's own port, on the number that the store says.
fn publish(part: &mut Part, store: &Store) {
    part.publish = true;
    part.host_port = store.port.as_ref().map_or(part.port, |port| port.value);
}

/// Mounts the store's volume, with a name behind it for further programs.
fn keep(part: &mut Part, store: &Store, inside: &str, suffix: &str) {
    if let Some(volume) = &store.data {
        let name = match suffix {
            "" => volume.value.clone(),
            suffix => format!("{}_{suffix}", volume.value),
        };
        part.mounts.push(MountPoint {
            inside: inside.to_owned(),
            outside: HostPath::Volume(name),
            access: Access::ReadWrite,
        });
    }
}

/// How long samples are kept, in days or hours: every program reads these.
fn retention(store: &Store) -> Option<String> {
    const HOUR_MS: i64 = 3_600_000;
    let ms = store.retention.as_ref()?.ms;
    Some(match ms % (24 * HOUR_MS) {
        0 => format!("{}d", ms / (24 * HOUR_MS)),
        _ => format!("{}h", (ms / HOUR_MS).max(1)),
    })
}

/// Version of the image, with one `v` before it.
fn version(store: &Store, default: &str) -> String {
    let said = store.version.as_ref().map_or(default, |version| version.as_str());
    format!("v{}", said.trim_start_matches('v'))
}

fn nodes(store: &Store) -> u64 {
    store.nodes.as_ref().map_or(2, |nodes| nodes.value).max(1)
}

/// Where samples of this stack are written to.
pub fn write_url(store: &Store) -> Option<String> {
    Some(match store.what()? {
        StoreKind::Victoriametrics => victoria::write_url(store),
        StoreKind::Mimir => mimir::url(store, "/api/v1/push"),
        StoreKind::Thanos => thanos::write_url(store),
    })
}

/// Where queries about them are answered, without `/api/v1`.
pub fn query_url(store: &Store) -> Option<String> {
    Some(match store.what()? {
        StoreKind::Victoriametrics => victoria::query_url(store),
        StoreKind::Mimir => mimir::url(store, "/prometheus"),
        StoreKind::Thanos => thanos::query_url(store),
    })
}

/// The host that answers queries about them.
pub fn query_host(store: &Store) -> Option<String> {
    Some(match store.what()? {
        StoreKind::Victoriametrics if store.is_cluster() => host(store, "vmselect"),
        StoreKind::Victoriametrics | StoreKind::Mimir => store.name.value.clone(),
        StoreKind::Thanos => host(store, "query"),
    })
}

/// The header that says whose samples they are, where it is not in the address.
pub fn tenant_header(store: &Store) -> Option<(&'static str, &str)> {
    let tenant = store.tenant.as_ref()?.as_str();
    match store.what()? {
        StoreKind::Victoriametrics => None,
        StoreKind::Mimir => Some(("X-Scope-OrgID", tenant)),
        StoreKind::Thanos => Some(("THANOS-TENANT", tenant)),
    }
}

/// What is sent to a store unless the manifest says otherwise: larger requests and a deeper queue than
/// Prometheus has by itself, as the makers of these stores advise.
pub(super) fn queue() -> wire::QueueConfig {
    wire::QueueConfig {
        capacity: Some(20_000),
        max_samples_per_send: Some(5000),
        ..wire::QueueConfig::default()
    }
}

/// The remote write of a store that no node of the manifest describes.
pub(super) fn remote_write(stack: &Stack, store: &Store) -> Option<wire::RemoteWrite> {
    Some(wire::RemoteWrite {
        url: write_url(store)?,
        name: Some(store.name.value.clone()),
        headers: headers(store),
        queue_config: Some(queue()),
        basic_auth: login(stack, store),
        tls_config: trust(store),
        ..wire::RemoteWrite::default()
    })
}

pub(super) fn headers(store: &Store) -> BTreeMap<String, String> {
    tenant_header(store)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The scrape job of a store: all of its programs, each with its name.
pub(super) fn job(stack: &Stack, store: &Store, parts: &[&Part]) -> wire::ScrapeConfig {
    let beginning = format!("{}-", store.name);
    wire::ScrapeConfig {
        job_name: store.name.value.clone(),
        scheme: store.tls.as_ref().map(|_| wire::Scheme::Https),
        basic_auth: login(stack, store),
        tls_config: trust(store),
        static_configs: parts
            .iter()
            .map(|part| wire::StaticConfig {
                targets: vec![format!("{}:{}", part.name, part.port)],
                labels: part
                    .name
                    .strip_prefix(&beginning)
                    .map(|component| ("component".to_owned(), component.to_owned()))
                    .into_iter()
                    .collect(),
            })
            .collect(),
        ..wire::ScrapeConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    fn stack(text: &str) -> Stack {
        let loaded =
            parse("stack.kdl", &format!("stack \"s\"\n{text}"), Format::Kdl, None).unwrap();
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        loaded.stack
    }

    #[test]
    fn addresses_fit_the_programs_that_answer() {
        let check = |text: &str, write: &str, query: &str| {
            let stack = stack(text);
            let store = &stack.stores[0];
            assert_eq!(write_url(store).as_deref(), Some(write), "{text}");
            assert_eq!(query_url(store).as_deref(), Some(query), "{text}");
            // Somebody listens there.
            let endpoints = crate::render::endpoints(&stack);
            for url in [write, query] {
                let url = url::Url::parse(url).unwrap();
                let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
                assert!(
                    endpoints.iter().any(|end| end.host == host && end.port == port),
                    "{url}: {endpoints:?}"
                );
            }
        };
        check(
            "store \"victoriametrics\"",
            "http://victoriametrics:8428/api/v1/write",
            "http://victoriametrics:8428",
        );
        check(
            "store \"vm\" kind=\"victoriametrics\" mode=\"cluster\" tenant=\"7\"",
            "http://vm-vminsert:8480/insert/7/prometheus/api/v1/write",
            "http://vm-vmselect:8481/select/7/prometheus",
        );
        check("store \"mimir\"", "http://mimir:9009/api/v1/push", "http://mimir:9009/prometheus");
        check(
            "store \"thanos\"",
            "http://thanos-receive:19291/api/v1/receive",
            "http://thanos-query:10902",
        );
    }

    #[test]
    fn clients_get_what_a_store_asks_for() {
        let text = r#"
            secret "p" file="./p"; volumes "d"; prometheus { remote_write "vm" { tls server_name="x" } }; grafana
            store "vm" kind="victoriametrics" mode="cluster" data="d" user="ops" password=(secret)"p" {
                tls cert="./vm.crt" key="./vm.key" min_version="TLS12"
            }
            store "thanos" data="d" { tls cert="./t.crt" key="./t.key" }
        "#;
        let stack = stack(text);
        let config = crate::render::prometheus::config(&stack).unwrap();
        let [vm, thanos] = &config.remote_write[..] else { panic!("{:?}", config.remote_write) };
        assert_eq!(vm.url, "https://vm-vminsert:8480/insert/0/prometheus/api/v1/write");
        let trust = vm.tls_config.as_ref().unwrap();
        assert_eq!(trust.ca_file.as_deref(), Some("/run/tls/vm.crt"));
        assert_eq!(trust.server_name.as_deref(), Some("x"));
        let login = vm.basic_auth.as_ref().unwrap();
        assert_eq!(login.password_file.as_deref(), Some("/run/secrets/p"));
        assert!(thanos.url.starts_with("https://") && thanos.basic_auth.is_none());
        let job = config.scrape_configs.iter().find(|job| job.job_name == "vm").unwrap();
        assert_eq!(job.scheme, Some(wire::Scheme::Https));
        assert_eq!(job.basic_auth, vm.basic_auth);
        // Whoever refers to a file has it.
        let parts = crate::render::parts(&stack);
        for name in ["prometheus", "grafana", "vm-vmselect", "vm-vmstorage-1"] {
            let part = parts.iter().find(|part| part.name == name).unwrap();
            assert!(part.locate("/run/tls/vm.crt").is_some(), "{name}");
            assert!(part.locate("/run/secrets/p").is_some(), "{name}");
        }
        for flag in ["-tls", "-tlsMinVersion=TLS12", "-httpAuth.password=file:///run/secrets/p"] {
            let with = |part: &&Part| part.argv.iter().any(|arg| arg == flag);
            let programs = parts.iter().filter(|part| part.store == Some(0));
            assert_eq!(programs.filter(with).count(), 4, "{flag}");
        }
    }

    #[test]
    fn a_cluster_has_a_volume_for_each_node() {
        let stack = stack(
            "volumes \"d\"\nstore \"vm\" kind=\"victoriametrics\" mode=\"cluster\" nodes=3 replication=2 data=\"d\" retention=\"400d\"",
        );
        let parts = parts(&stack);
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(
            names,
            ["vm-vmstorage-0", "vm-vmstorage-1", "vm-vmstorage-2", "vm-vminsert", "vm-vmselect"]
        );
        let volumes: Vec<_> = parts.iter().flat_map(|part| &part.mounts).collect();
        let named = |name: &str| {
            volumes.iter().any(|mount| mount.outside == HostPath::Volume(name.to_owned()))
        };
        assert!(named("d") && named("d_1") && named("d_2"));
        assert!(parts[0].argv.contains(&"-retentionPeriod=400d".to_owned()));
        assert!(parts[3].argv.contains(&"-replicationFactor=2".to_owned()));
        assert!(parts[3].argv.iter().any(|flag| flag
            == "-storageNode=vm-vmstorage-0:8400,vm-vmstorage-1:8400,vm-vmstorage-2:8400"));
        // Copies of a sample are one when they are read.
        assert!(parts[4].argv.contains(&"-dedup.minScrapeInterval=1ms".to_owned()));
    }
}
