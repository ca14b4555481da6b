//! Thanos: Receive takes samples in, Query answers; with an object store also a gateway to its blocks
//! and the compactor. Source: <https://thanos.io/tip/components/receive.md/>.

use serde::Serialize;

use crate::manifest::{Stack, Store};

use super::super::parts::{HostPath, MountPoint, Part};
use super::super::web::web_config;
use super::super::{Output, header, to_yaml};
use super::mimir::keys;
use super::{
    Program, certificate, host, keep, min_tls, nodes, program, publish, retention, scheme, version,
};

const VERSION: &str = "0.39.2";
const HTTP: u16 = 10902;
const GRPC: u16 = 10901;
const WRITE: u16 = 19291;
/// How long Receive keeps what it has sent to the object store.
const UNTIL_SENT: &str = "2d";
const DATA: &str = "/var/thanos";
const OBJECTS: &str = "/etc/thanos/objstore.yaml";
const HASHRINGS: &str = "/etc/thanos/hashrings.json";
const WEB: &str = "/etc/thanos/web.yml";

fn file(store: &Store, name: &str) -> String {
    format!("monitoring/{}/{name}", store.name)
}

pub(super) fn parts(stack: &Stack, store: &Store) -> Vec<Part> {
    let image = format!("quay.io/thanos/thanos:{}", version(store, VERSION));
    let thanos = |suffix: &str, mut argv: Vec<String>| {
        argv.push(format!("--http-address=0.0.0.0:{HTTP}"));
        let image = image.clone();
        if store.tls.is_some() {
            argv.push(format!("--http.config={WEB}"));
        }
        let mut part =
            program(stack, store, Program { suffix, image, port: HTTP, ready: "/-/ready", argv });
        if store.tls.is_some() {
            part.mounts.push(MountPoint::read_only(WEB, HostPath::Output(file(store, "web.yml"))));
        }
        part
    };
    let writing = |part: &mut Part, volume: &str| {
        // It has to own a volume that was just made.
        part.user = Some("0:0".to_owned());
        part.further_ports.push(GRPC);
        if let Some(s3) = &store.s3 {
            part.argv.push(format!("--objstore.config-file={OBJECTS}"));
            let outside = HostPath::Output(file(store, "objstore.yaml"));
            part.mounts.push(MountPoint::read_only(OBJECTS, outside));
            keys(part, stack, s3);
        }
        keep(part, store, DATA, volume);
    };
    let mut parts = Vec::new();
    let receivers = receivers(store);
    for (number, suffix) in receivers.iter().enumerate() {
        let mut argv = vec![
            "receive".to_owned(),
            format!("--tsdb.path={DATA}"),
            format!("--grpc-address=0.0.0.0:{GRPC}"),
            format!("--remote-write.address=0.0.0.0:{WRITE}"),
            format!("--label=receive_replica=\"{number}\""),
        ];
        let kept = if store.s3.is_some() { Some(UNTIL_SENT.to_owned()) } else { retention(store) };
        argv.extend(kept.map(|time| format!("--tsdb.retention={time}")));
        if let Some((cert, key)) = certificate(store) {
            argv.push(format!("--remote-write.server-tls-cert={cert}"));
            argv.push(format!("--remote-write.server-tls-key={key}"));
            argv.extend(
                min_tls(store)
                    .map(|version| format!("--remote-write.server-tls-min-version={version}")),
            );
        }
        if let Some(tenant) = &store.tenant {
            argv.push(format!("--receive.default-tenant-id={}", tenant.value));
        }
        if receivers.len() > 1 {
            argv.push(format!("--receive.hashrings-file={HASHRINGS}"));
            argv.push(format!("--receive.local-endpoint={}:{GRPC}", host(store, suffix)));
            if let Some(copies) = &store.replication {
                argv.push(format!("--receive.replication-factor={}", copies.value));
            }
        }
        let mut part = thanos(suffix, argv);
        if receivers.len() > 1 {
            let outside = HostPath::Output(file(store, "hashrings.json"));
            part.mounts.push(MountPoint::read_only(HASHRINGS, outside));
        }
        writing(&mut part, &if number == 0 { String::new() } else { number.to_string() });
        part.further_ports.push(WRITE);
        if number == 0 {
            part.further_published.push(WRITE);
        }
        parts.push(part);
    }
    let mut answering = receivers.clone();
    if store.s3.is_some() {
        let flags = |word: &str| vec![word.to_owned(), format!("--data-dir={DATA}")];
        let mut gateway = flags("store");
        gateway.push(format!("--grpc-address=0.0.0.0:{GRPC}"));
        let mut part = thanos("store", gateway);
        writing(&mut part, "store");
        parts.push(part);
        answering.push("store".to_owned());
        let mut compact = flags("compact");
        compact.push("--wait".to_owned());
        for resolution in ["raw", "5m", "1h"] {
            compact.extend(
                retention(store).map(|time| format!("--retention.resolution-{resolution}={time}")),
            );
        }
        let mut part = thanos("compact", compact);
        writing(&mut part, "compact");
        part.further_ports.clear();
        parts.push(part);
    }
    let mut query = vec!["query".to_owned()];
    for suffix in &answering {
        query.push(format!("--endpoint={}:{GRPC}", host(store, suffix)));
    }
    query.push("--query.replica-label=receive_replica".to_owned());
    let mut part = thanos("query", query);
    part.after = answering.iter().map(|suffix| host(store, suffix)).collect();
    publish(&mut part, store);
    parts.push(part);
    parts
}

/// The programs that take samples in; they share them by a ring when they are several.
fn receivers(store: &Store) -> Vec<String> {
    match store.is_cluster() {
        true => (0..nodes(store)).map(|node| format!("receive-{node}")).collect(),
        false => vec!["receive".to_owned()],
    }
}

/// Any of them passes on what belongs to another.
pub(super) fn write_url(store: &Store) -> String {
    let first = &receivers(store)[0];
    format!("{}://{}:{WRITE}/api/v1/receive", scheme(store), host(store, first))
}

pub(super) fn query_url(store: &Store) -> String {
    format!("{}://{}:{HTTP}", scheme(store), host(store, "query"))
}

/// Those who share the samples of tenants.
#[derive(Serialize)]
struct Hashring {
    endpoints: Vec<String>,
}

/// An object store, as every program of Thanos reads it. Without keys in the file it takes those of the
/// environment.
#[derive(Serialize)]
struct Objects {
    #[serde(rename = "type")]
    kind: &'static str,
    config: Bucket,
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "the program's own names")]
struct Bucket {
    bucket: String,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    insecure: bool,
}

pub(super) fn configs(stack: &Stack, store: &Store) -> Vec<Output> {
    let mut outputs = Vec::new();
    if let Some(s3) = &store.s3 {
        let objects = Objects {
            kind: "S3",
            config: Bucket {
                bucket: s3.bucket.value.clone(),
                endpoint: s3.endpoint.value.clone(),
                region: s3.region.as_ref().map(|region| region.value.clone()),
                insecure: s3.insecure.as_ref().is_some_and(|flag| flag.value),
            },
        };
        let text = format!("{}{}", header(stack), to_yaml(&objects));
        outputs.push(Output::text(file(store, "objstore.yaml"), text));
    }
    if let Some(tls) = &store.tls {
        let text = web_config(stack, Some(&tls.value), &[]);
        outputs.push(Output::text(file(store, "web.yml"), text));
    }
    let receivers = receivers(store);
    if receivers.len() > 1 {
        let endpoints = receivers.iter().map(|one| format!("{}:{GRPC}", host(store, one)));
        let rings = [Hashring { endpoints: endpoints.collect() }];
        let text = serde_json::to_string_pretty(&rings).expect("a list of texts");
        outputs.push(Output::text(file(store, "hashrings.json"), format!("{text}\n")));
    }
    outputs
}
