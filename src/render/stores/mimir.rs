//! Grafana Mimir as one process, with blocks in its volume or in an object store.

use crate::manifest::{ObjectStore, Stack, Store};
use crate::wire::mimir as wire;

use super::super::parts::{EnvValue, HostPath, MountPoint, Part};
use super::super::{Output, header, to_yaml};
use super::{Program, certificate, keep, min_tls, program, publish, retention, scheme};

const PORT: u16 = 9009;
const VERSION: &str = "2.17.2";
/// Samples a second that may come; Mimir's own limit is 10 thousand, for one of many tenants.
const RATE: u64 = 500_000;

/// Address of one of its pages.
pub(super) fn url(store: &Store, path: &str) -> String {
    format!("{}://{}:{PORT}{path}", scheme(store), store.name)
}

fn file(store: &Store) -> String {
    format!("monitoring/{}/mimir.yaml", store.name)
}

pub(super) fn parts(stack: &Stack, store: &Store) -> Vec<Part> {
    let said = store.version.as_ref().map_or(VERSION, |version| version.as_str());
    let image = format!("grafana/mimir:{}", said.trim_start_matches('v'));
    let mut argv = vec!["-config.file=/etc/mimir/mimir.yaml".to_owned()];
    if store.s3.is_some() {
        argv.push("-config.expand-env=true".to_owned());
    }
    let mut part =
        program(stack, store, Program { suffix: "", image, port: PORT, ready: "/ready", argv });
    // There is no shell in the image, nor anything else that could ask whether it is well.
    part.bare = true;
    // It has to own a volume that was just made.
    part.user = Some("0:0".to_owned());
    part.mounts.push(MountPoint::read_only("/etc/mimir/mimir.yaml", HostPath::Output(file(store))));
    keep(&mut part, store, "/data", "");
    if let Some(s3) = &store.s3 {
        keys(&mut part, stack, s3);
    }
    publish(&mut part, store);
    vec![part]
}

/// Gives a program the keys of its object store by the variables that its library reads.
pub(super) fn keys(part: &mut Part, stack: &Stack, s3: &ObjectStore) {
    for (name, value) in [(ACCESS_KEY, &s3.access_key), (SECRET_KEY, &s3.secret_key)] {
        match value {
            Some(value) => part.set_env(stack, name, &value.value),
            // Told by the surroundings: a role of the machine, or nothing at all.
            None => part.env.retain(|(known, _): &(String, EnvValue)| known != name),
        }
    }
}

/// Variables that every client of S3 reads.
pub(super) const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
pub(super) const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";

pub(super) fn config(stack: &Stack, store: &Store) -> Output {
    let flag = |flag: &Option<crate::diag::Spanned<bool>>| flag.as_ref().is_some_and(|f| f.value);
    let storage = match &store.s3 {
        Some(s3) => wire::Storage {
            backend: "s3",
            filesystem: None,
            s3: Some(wire::S3 {
                endpoint: s3.endpoint.value.clone(),
                bucket_name: s3.bucket.value.clone(),
                region: s3.region.as_ref().map(|region| region.value.clone()),
                access_key_id: s3.access_key.as_ref().map(|_| format!("${{{ACCESS_KEY}}}")),
                secret_access_key: s3.secret_key.as_ref().map(|_| format!("${{{SECRET_KEY}}}")),
                insecure: flag(&s3.insecure),
            }),
        },
        None => wire::Storage {
            backend: "filesystem",
            filesystem: Some(wire::Folder { dir: "/data/objects".to_owned() }),
            s3: None,
        },
    };
    let config = wire::Config {
        multitenancy_enabled: store.tenant.is_some(),
        server: wire::Server {
            http_listen_port: PORT,
            http_tls_config: certificate(store)
                .map(|(cert_file, key_file)| wire::ServerTls { cert_file, key_file }),
            tls_min_version: min_tls(store)
                .map(|version| format!("VersionTLS{}", version.replace('.', ""))),
            log_level: "warn",
        },
        activity_tracker: wire::File { filepath: "/data/activity.log".to_owned() },
        usage_stats: wire::Switch { enabled: false },
        common: wire::Common { storage },
        blocks_storage: wire::Blocks {
            storage_prefix: "blocks",
            tsdb: wire::Folder { dir: "/data/tsdb".to_owned() },
            bucket_store: wire::SyncFolder { sync_dir: "/data/tsdb-sync".to_owned() },
        },
        compactor: wire::Compactor { data_dir: "/data/compactor".to_owned() },
        ingester: wire::Ingester { ring: wire::Ring { replication_factor: 1 } },
        store_gateway: wire::StoreGateway { sharding_ring: wire::Ring { replication_factor: 1 } },
        ruler: wire::Ruler { rule_path: "/data/ruler".to_owned() },
        ruler_storage: wire::Prefixed { storage_prefix: "ruler" },
        limits: wire::Limits {
            compactor_blocks_retention_period: retention(store),
            max_global_series_per_user: 0,
            ingestion_rate: RATE,
            ingestion_burst_size: 2 * RATE,
        },
    };
    Output::text(file(store), format!("{}{}", header(stack), to_yaml(&config)))
}
