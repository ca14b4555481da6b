//! The stack in a cluster with the Prometheus operator: Prometheus and Alertmanager are its objects,
//! jobs are ScrapeConfigs, rules a PrometheusRule; everything else is as without it.

mod alerting;
mod jobs;
mod keys;
pub(super) mod review;
mod rights;

use crate::manifest::{ServerTls, Stack};
use crate::wire::kubernetes::{KeyRef, Metadata, Selector, Words};
use crate::wire::operator as wire;
use crate::wire::prometheus as file;

use super::kubernetes::discovery::adapt_jobs;
use super::kubernetes::names::Labels;
use super::kubernetes::objects::{document, joined, labels, metadata};
use super::kubernetes::{self, Context, Workload};
use super::parts::{Part, PartKind, parts, tls_path};
use super::versions::Product;
use super::{
    Output, Plan, RenderError, Renderer, alertmanager, alerts, header, prometheus, to_yaml,
};
use keys::{Keys, USERS, Users};

pub(super) const RENDERER: Renderer = Renderer { name: "prometheus operator", render };

const V1: &str = "monitoring.coreos.com/v1";
const V1ALPHA1: &str = "monitoring.coreos.com/v1alpha1";
/// The Secret with alertmanager.yaml, where an AlertmanagerConfig does not know everything.
const CONFIG_SECRET: &str = "alertmanager-config";

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let rendered = out.clone();
    let mut context = Context::new(stack, &rendered);
    let mut users = Users::default();
    let mut others: Vec<(String, String)> = Vec::new();
    let mut workloads = kubernetes::services(plan, &mut context)?;
    for part in parts(stack) {
        let mut workload = kubernetes::part(plan, &mut context, &part)?;
        let mut keys = Keys { part: &part, wanted: &mut context.wanted, users: &mut users };
        match part.kind {
            PartKind::Prometheus => {
                let Some(config) = prometheus::config(stack) else { continue };
                workload.object = Some(server(plan, &mut keys, &workload, &config));
                if config.alerting.is_some() {
                    others.push(("rights".to_owned(), rights::documents(stack, prometheus::NAME)));
                }
                let jobs = self::jobs(stack, &mut keys, config.scrape_configs);
                others.extend(jobs.map(|text| ("scrape-configs".to_owned(), text)));
            }
            PartKind::Alertmanager => {
                let (object, further) = alertmanager(plan, &mut keys, &workload, out);
                workload.object = Some(object);
                others.extend(further.map(|text| ("alertmanager-config".to_owned(), text)));
            }
            _ => {}
        }
        workloads.push(workload);
    }
    others.extend(rules(stack).map(|text| ("rules".to_owned(), text)));
    let names = users.texts();
    if !names.is_empty() {
        others.push((USERS.to_owned(), secret(stack, USERS, names)));
    }
    kubernetes::write(plan, context, &workloads, others, out);
    Ok(())
}

/// Labels by which the objects of the stack are found by its Prometheus.
fn own(stack: &Stack) -> Words {
    labels(stack, "").split_off(1)
}

fn named(stack: &Stack, name: &str) -> Metadata {
    Metadata { name: Some(name.to_owned()), labels: own(stack), ..Metadata::default() }
}

fn secret(stack: &Stack, name: &str, texts: Words) -> String {
    to_yaml(&wire::PlainSecret {
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        metadata: named(stack, name),
        string_data: texts,
    })
}

/// All rules.
fn rules(stack: &Stack) -> Option<String> {
    let file = alerts::any(stack).then(|| alerts::rule_file(stack))?;
    Some(document(V1, "PrometheusRule", named(stack, "rules"), Some(file)))
}

/// All jobs.
fn jobs(stack: &Stack, keys: &mut Keys, mut jobs: Vec<file::ScrapeConfig>) -> Option<String> {
    adapt_jobs(stack, &mut jobs);
    let mut names = Labels::default();
    let documents: Vec<String> = jobs
        .iter()
        .map(|job| {
            let name = names.add(&job.job_name);
            let spec = jobs::job(keys, job);
            document(V1ALPHA1, "ScrapeConfig", named(stack, &name), Some(spec))
        })
        .collect();
    (!documents.is_empty()).then(|| joined(&documents))
}

/// Labels of the pods: that they belong to the stack, and their networks. The operator adds the name.
fn pod(stack: &Stack, workload: &Workload) -> Option<wire::PodMetadata> {
    let mut labels = own(stack);
    labels.extend(kubernetes::network_labels(stack, workload));
    Some(wire::PodMetadata { labels })
}

fn storage(workload: &Workload) -> Option<wire::Storage> {
    workload
        .claims
        .first()
        .map(|claim| wire::Storage { volume_claim_template: Some(claim.clone()) })
}

fn web(keys: &mut Keys, tls: Option<&ServerTls>) -> Option<wire::Web> {
    tls.map(|tls| wire::Web {
        tls_config: Some(wire::WebTls {
            key_secret: keys.file(&tls_path(tls.key.as_str())),
            cert: keys.certificate(Some(&tls_path(tls.cert.as_str()))),
            client_ca: tls
                .client_ca
                .as_ref()
                .and_then(|path| keys.certificate(Some(&tls_path(path.as_str())))),
            client_auth_type: tls
                .client_ca
                .is_some()
                .then(|| "RequireAndVerifyClientCert".to_owned()),
            min_version: tls.min_version.as_ref().map(|version| version.value.clone()),
        }),
    })
}

/// `v3.5.0`: what the operator makes its decisions by.
fn version(product: Product, said: Option<&str>, part: &Part) -> Option<String> {
    let version = product.version(said, Some(&part.image));
    Some(format!("v{}.{}.{}", version.0, version.1, version.2))
}

/// The value of a flag of the command line.
fn flag(part: &Part, name: &str) -> Option<String> {
    let flag = format!("--{name}=");
    part.argv.iter().find_map(|word| word.strip_prefix(&flag)).map(str::to_owned)
}

/// Flags of the command line that are settings of the object, or the operator's own business.
const SETTINGS: [&str; 14] = [
    "config.file",
    "storage.tsdb.path",
    "storage.tsdb.retention.time",
    "storage.tsdb.retention.size",
    "web.external-url",
    "web.route-prefix",
    "query.timeout",
    "query.max-concurrency",
    "query.max-samples",
    "query.lookback-delta",
    "web.enable-lifecycle",
    "web.enable-admin-api",
    "web.enable-remote-write-receiver",
    "enable-feature",
];

/// Flags that no setting stands for.
fn further_flags(part: &Part) -> Vec<wire::Argument> {
    let words = part.argv.iter().filter_map(|word| word.strip_prefix("--"));
    words
        .map(|word| match word.split_once('=') {
            Some((name, value)) => {
                wire::Argument { name: name.to_owned(), value: Some(value.to_owned()) }
            }
            None => wire::Argument { name: word.to_owned(), value: None },
        })
        .filter(|flag| !SETTINGS.contains(&flag.name.as_str()))
        .filter(|flag| !matches!(flag.name.as_str(), "web.config.file" | "web.listen-address"))
        .collect()
}

/// What a configuration reads by path stays at its path: files of the user, and secrets.
fn mounted(
    workload: &Workload,
    wanted: impl Fn(&str) -> bool,
) -> (Vec<crate::wire::kubernetes::Volume>, Vec<crate::wire::kubernetes::VolumeMount>) {
    let Some(container) = workload.spec.containers.first() else { return Default::default() };
    let mounts: Vec<_> =
        container.volume_mounts.iter().filter(|mount| wanted(&mount.mount_path)).cloned().collect();
    let named = |name: &String| mounts.iter().any(|mount| mount.name == *name);
    let volumes = workload.spec.volumes.iter().filter(|volume| named(&volume.name)).cloned();
    // The operator's own volumes are called `config`, `tls-assets` …
    let ours = |name: &str| format!("stackctl-{name}");
    let volumes = volumes
        .map(|volume| crate::wire::kubernetes::Volume { name: ours(&volume.name), ..volume })
        .collect();
    let mounts = mounts
        .into_iter()
        .map(|mount| crate::wire::kubernetes::VolumeMount { name: ours(&mount.name), ..mount })
        .collect();
    (volumes, mounts)
}

fn server(plan: &Plan, keys: &mut Keys, workload: &Workload, config: &file::Config) -> String {
    let stack = plan.stack;
    let part = keys.part;
    let said = stack.prometheus.as_deref();
    let text = |duration: Option<crate::model::PromDuration>| duration.map(|d| d.to_string());
    let number = |name: &str| flag(part, name).and_then(|text| text.parse().ok());
    let has = |name: &str| part.argv.iter().any(|word| *word == format!("--{name}"));
    let query = wire::Query {
        lookback_delta: flag(part, "query.lookback-delta"),
        max_concurrency: number("query.max-concurrency"),
        max_samples: number("query.max-samples"),
        timeout: flag(part, "query.timeout"),
    };
    let selector = Selector { match_labels: own(stack) };
    // Alertmanagers are found by asking the API server for the pods of their Service.
    let asks = config.alerting.is_some();
    let tsdb = config.storage.as_ref().and_then(|storage| storage.tsdb.as_ref());
    // Targets of discovery are the one thing that is read by path.
    let (volumes, volume_mounts) =
        mounted(workload, |path| path.starts_with("/etc/prometheus/") && path != "/etc/prometheus");
    let spec = wire::Prometheus {
        image: Some(part.image.clone()),
        version: version(
            Product::Prometheus,
            said.and_then(|part| part.version.as_ref()).map(|version| version.as_str()),
            part,
        ),
        replicas: Some(1),
        pod_metadata: pod(stack, workload),
        port_name: workload.ports.first().map(|port| port.name.clone()),
        service_account_name: asks.then(|| prometheus::NAME.to_owned()),
        automount_service_account_token: (!asks).then_some(false),
        scrape_interval: text(config.global.scrape_interval),
        scrape_timeout: text(config.global.scrape_timeout),
        evaluation_interval: text(config.global.evaluation_interval),
        external_labels: config.global.external_labels.clone(),
        // Labels are those of the manifest, and no others.
        prometheus_external_label_name: Some(String::new()),
        replica_external_label_name: Some(String::new()),
        external_url: flag(part, "web.external-url"),
        route_prefix: flag(part, "web.route-prefix"),
        rule_selector: Some(selector.clone()),
        scrape_config_selector: Some(selector),
        retention: flag(part, "storage.tsdb.retention.time"),
        retention_size: flag(part, "storage.tsdb.retention.size"),
        storage: storage(workload),
        resources: workload.spec.containers.first().and_then(|own| own.resources.clone()),
        security_context: workload.spec.security_context.clone(),
        enable_features: flag(part, "enable-feature")
            .map(|features| features.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        enable_admin_api: has("web.enable-admin-api"),
        enable_remote_write_receiver: has("web.enable-remote-write-receiver"),
        query: (query != wire::Query::default()).then_some(query),
        tsdb: tsdb.map(|tsdb| wire::Tsdb {
            out_of_order_time_window: text(tsdb.out_of_order_time_window),
        }),
        web: web(keys, said.and_then(|part| part.tls.as_deref())),
        alerting: config.alerting.as_ref().map(|alerting| wire::Alerting {
            alertmanagers: alerting
                .alertmanagers
                .iter()
                .map(|other| endpoints(stack, keys, other))
                .collect(),
        }),
        remote_write: config.remote_write.iter().map(|write| remote_write(keys, write)).collect(),
        additional_args: further_flags(part),
        volumes,
        volume_mounts,
    };
    document(V1, "Prometheus", metadata(stack, prometheus::NAME, prometheus::NAME), Some(spec))
}

fn endpoints(stack: &Stack, keys: &mut Keys, other: &file::AlertmanagerConfig) -> wire::Endpoints {
    let encrypted = stack.alertmanager.as_ref().is_some_and(|other| other.tls.is_some());
    let word = if encrypted { "https" } else { "http" };
    let port = crate::manifest::address::ALERTMANAGER_PORT;
    let mut tls_config = keys.tls(other.tls_config.as_ref());
    if let Some(tls) = &mut tls_config {
        // The operator asks pods by their addresses.
        tls.server_name.get_or_insert_with(|| alertmanager::NAME.to_owned());
    }
    wire::Endpoints {
        name: alertmanager::NAME.to_owned(),
        port: format!("{word}-{port}"),
        scheme: encrypted.then(|| word.to_owned()),
        tls_config,
        basic_auth: keys.basic(other.basic_auth.as_ref()),
    }
}

fn remote_write(keys: &mut Keys, write: &file::RemoteWrite) -> wire::RemoteWrite {
    let text = |duration: Option<crate::model::PromDuration>| duration.map(|d| d.to_string());
    wire::RemoteWrite {
        url: write.url.clone(),
        name: write.name.clone(),
        remote_timeout: text(write.remote_timeout),
        headers: write.headers.clone(),
        send_exemplars: write.send_exemplars,
        send_native_histograms: write.send_native_histograms,
        write_relabel_configs: jobs::steps(&write.write_relabel_configs),
        basic_auth: keys.basic(write.basic_auth.as_ref()),
        authorization: keys.authorization(write.authorization.as_ref()),
        tls_config: keys.tls(write.tls_config.as_ref()),
        queue_config: write.queue_config.as_ref().map(|queue| wire::Queue {
            capacity: queue.capacity,
            max_shards: queue.max_shards,
            min_shards: queue.min_shards,
            max_samples_per_send: queue.max_samples_per_send,
            batch_send_deadline: text(queue.batch_send_deadline),
            min_backoff: text(queue.min_backoff),
            max_backoff: text(queue.max_backoff),
            sample_age_limit: text(queue.sample_age_limit),
            retry_on_rate_limit: queue.retry_on_http_429,
        }),
    }
}

/// The Alertmanager, and its configuration as an object of its own.
fn alertmanager(
    plan: &Plan,
    keys: &mut Keys,
    workload: &Workload,
    out: &mut Vec<Output>,
) -> (String, Option<String>) {
    let stack = plan.stack;
    let part = keys.part;
    let Some(said) = stack.alertmanager.as_deref() else { return Default::default() };
    let config = alertmanager::config(stack, said);
    let plain = !alerting::unknown(said).is_empty();
    let mut spec = wire::Alertmanager {
        image: Some(part.image.clone()),
        version: version(
            Product::Alertmanager,
            said.version.as_ref().map(|version| version.as_str()),
            part,
        ),
        replicas: Some(1),
        pod_metadata: pod(stack, workload),
        port_name: workload.ports.first().map(|port| port.name.clone()),
        automount_service_account_token: Some(false),
        external_url: flag(part, "web.external-url"),
        route_prefix: flag(part, "web.route-prefix"),
        retention: flag(part, "data.retention"),
        storage: storage(workload),
        resources: workload.spec.containers.first().and_then(|own| own.resources.clone()),
        security_context: workload.spec.security_context.clone(),
        web: web(keys, said.tls.as_deref()),
        ..wire::Alertmanager::default()
    };
    let further = if plain {
        // Byte for byte the file that containers get; secrets and templates lie where it says.
        let text = format!("{}{}", header(stack), to_yaml(&config));
        out.push(Output::text("monitoring/alertmanager.yml", text.clone()));
        spec.config_secret = Some(CONFIG_SECRET.to_owned());
        (spec.volumes, spec.volume_mounts) = mounted(workload, |path| {
            path.starts_with("/run/") || path.starts_with("/etc/alertmanager-templates/")
        });
        secret(stack, CONFIG_SECRET, Words::from([("alertmanager.yaml".to_owned(), text)]))
    } else {
        let global = config.global.as_ref().map(|global| alerting::global(keys, global));
        spec.alertmanager_configuration = Some(wire::Configuration {
            name: alertmanager::NAME.to_owned(),
            global,
            templates: templates(workload),
        });
        let config = alerting::config(keys, &config);
        document(V1ALPHA1, "AlertmanagerConfig", named(stack, alertmanager::NAME), Some(config))
    };
    let name = metadata(stack, alertmanager::NAME, alertmanager::NAME);
    (document(V1, "Alertmanager", name, Some(spec)), Some(further))
}

/// The ConfigMaps with message templates, which prepare.sh makes.
fn templates(workload: &Workload) -> Vec<wire::SecretOrConfigMap> {
    let Some(container) = workload.spec.containers.first() else { return Vec::new() };
    let mounts = container
        .volume_mounts
        .iter()
        .filter(|mount| mount.mount_path.starts_with("/etc/alertmanager-templates/"));
    mounts
        .filter_map(|mount| {
            let volume = workload.spec.volumes.iter().find(|volume| volume.name == mount.name)?;
            let name = volume.config_map.as_ref()?.name.clone();
            let key = mount.sub_path.clone()?;
            Some(wire::SecretOrConfigMap { secret: None, config_map: Some(KeyRef { name, key }) })
        })
        .collect()
}
