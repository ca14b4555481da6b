//! VictoriaMetrics: one program, or `vminsert`, `vmselect` and several `vmstorage`.
//! Source: <https://docs.victoriametrics.com/victoriametrics/cluster-victoriametrics/>.

use crate::manifest::{Stack, Store};

use super::super::parts::Part;
use super::super::secrets::SecretRef;
use super::{
    Program, certificate, host, keep, min_tls, nodes, program, publish, retention, scheme, version,
};

const VERSION: &str = "1.124.0";
const SINGLE: u16 = 8428;
const INSERT: u16 = 8480;
const SELECT: u16 = 8481;
const STORAGE: u16 = 8482;
/// Where a storage node listens for the two others.
const FROM_INSERT: u16 = 8400;
const FROM_SELECT: u16 = 8401;

pub(super) fn parts(stack: &Stack, store: &Store) -> Vec<Part> {
    if store.is_cluster() { cluster(stack, store) } else { vec![single(stack, store)] }
}

/// Asks whoever comes who they are, on every page but that of its health. What the programs of a
/// cluster tell each other stays as it is: only the commercial ones encrypt it.
fn guard(part: &mut Part, stack: &Stack, store: &Store) {
    let argv = &mut part.argv;
    if let Some((cert, key)) = certificate(store) {
        argv.extend([
            "-tls".to_owned(),
            format!("-tlsCertFile={cert}"),
            format!("-tlsKeyFile={key}"),
        ]);
        argv.extend(
            min_tls(store).map(|version| format!("-tlsMinVersion=TLS{}", version.replace('.', ""))),
        );
    }
    argv.extend(store.user.as_ref().map(|user| format!("-httpAuth.username={user}")));
    if let Some(password) = &store.password {
        let secret = SecretRef::of(stack, &password.value);
        argv.push(match &secret {
            Some(secret) => format!("-httpAuth.password=file://{}", secret.path()),
            None => format!("-httpAuth.password={}", password.value.text()),
        });
        if let Some(secret) = &secret {
            part.grant(secret);
        }
    }
}

fn single(stack: &Stack, store: &Store) -> Part {
    let mut argv = vec![
        "-storageDataPath=/victoria-metrics-data".to_owned(),
        format!("-httpListenAddr=:{SINGLE}"),
    ];
    argv.extend(retention(store).map(|time| format!("-retentionPeriod={time}")));
    let image = format!("victoriametrics/victoria-metrics:{}", version(store, VERSION));
    let mut part =
        program(stack, store, Program { suffix: "", image, port: SINGLE, ready: "/health", argv });
    guard(&mut part, stack, store);
    keep(&mut part, store, "/victoria-metrics-data", "");
    publish(&mut part, store);
    part
}

fn cluster(stack: &Stack, store: &Store) -> Vec<Part> {
    let image = |name: &str| format!("victoriametrics/{name}:{}-cluster", version(store, VERSION));
    let nodes: Vec<String> = (0..nodes(store)).map(|node| format!("vmstorage-{node}")).collect();
    let mut parts = Vec::new();
    for (number, suffix) in nodes.iter().enumerate() {
        let mut argv = vec![
            "-storageDataPath=/vmstorage-data".to_owned(),
            format!("-httpListenAddr=:{STORAGE}"),
            format!("-vminsertAddr=:{FROM_INSERT}"),
            format!("-vmselectAddr=:{FROM_SELECT}"),
        ];
        argv.extend(retention(store).map(|time| format!("-retentionPeriod={time}")));
        let (image, port) = (image("vmstorage"), STORAGE);
        let mut part =
            program(stack, store, Program { suffix, image, port, ready: "/health", argv });
        guard(&mut part, stack, store);
        part.further_ports = vec![FROM_INSERT, FROM_SELECT];
        // The first keeps the name, so that a volume that is declared is also used.
        let volume = if number == 0 { String::new() } else { number.to_string() };
        keep(&mut part, store, "/vmstorage-data", &volume);
        parts.push(part);
    }
    let of_nodes = |port: u16| {
        let all: Vec<String> =
            nodes.iter().map(|node| format!("{}:{port}", host(store, node))).collect();
        format!("-storageNode={}", all.join(","))
    };
    let copies = store.replication.as_ref().map_or(1, |copies| copies.value);
    let mut insert = vec![format!("-httpListenAddr=:{INSERT}"), of_nodes(FROM_INSERT)];
    let mut select = vec![format!("-httpListenAddr=:{SELECT}"), of_nodes(FROM_SELECT)];
    if copies > 1 {
        insert.push(format!("-replicationFactor={copies}"));
        select.push(format!("-replicationFactor={copies}"));
        select.push("-dedup.minScrapeInterval=1ms".to_owned());
    }
    for (suffix, port, argv) in [("vminsert", INSERT, insert), ("vmselect", SELECT, select)] {
        let image = image(suffix);
        let mut part =
            program(stack, store, Program { suffix, image, port, ready: "/health", argv });
        guard(&mut part, stack, store);
        part.after = nodes.iter().map(|node| host(store, node)).collect();
        match suffix {
            "vmselect" => publish(&mut part, store),
            // Other stacks may write here.
            _ => part.publish = true,
        }
        parts.push(part);
    }
    parts
}

fn tenant(store: &Store) -> &str {
    store.tenant.as_ref().map_or("0", |tenant| tenant.as_str())
}

pub(super) fn write_url(store: &Store) -> String {
    let scheme = scheme(store);
    match store.is_cluster() {
        true => format!(
            "{scheme}://{}:{INSERT}/insert/{}/prometheus/api/v1/write",
            host(store, "vminsert"),
            tenant(store)
        ),
        false => format!("{scheme}://{}:{SINGLE}/api/v1/write", store.name),
    }
}

pub(super) fn query_url(store: &Store) -> String {
    let scheme = scheme(store);
    match store.is_cluster() {
        true => format!(
            "{scheme}://{}:{SELECT}/select/{}/prometheus",
            host(store, "vmselect"),
            tenant(store)
        ),
        false => format!("{scheme}://{}:{SINGLE}", store.name),
    }
}
