//! `monitoring/prometheus.yml`, its web configuration, and the command line.

use crate::diag::Spanned;
use crate::manifest::address::{ALERTMANAGER_PORT, PROMETHEUS_PORT};
use crate::manifest::{Block, ClientTls, DurationText, Map, Relabel, RelabelAction, Stack, Value};
use crate::model::PromDuration;
use crate::wire::prometheus as wire;

use super::parts::{
    Access, Common, HostPath, MountPoint, Part, PartKind, add_tls_file, add_web, part as new,
    route_prefix, tls_path,
};
use super::secrets::{SecretRef, slug};
use super::stores::{self, write_url};
use super::versions::{PROTOBUF_MESSAGE, Product, ROUND_ROBIN_DNS, SAMPLE_AGE_LIMIT};
use super::web::web_config;
use super::{Output, Plan, RenderError, Renderer, alerts, header, jobs, to_yaml};

pub(super) const RENDERER: Renderer = Renderer { name: "prometheus.yml", render };

pub(super) const NAME: &str = "prometheus";
/// Path of the web configuration below the output folder.
const WEB: &str = "monitoring/web.yml";

pub(super) fn part(stack: &Stack) -> Option<Part> {
    server(stack, NAME, "monitoring", "")
}

/// A server by its name, with the folder of its configuration and what stands behind its volume's name.
pub(super) fn server(stack: &Stack, name: &str, folder: &str, volume_end: &str) -> Option<Part> {
    let prometheus = stack.prometheus.as_ref()?;
    let common = Common {
        product: Product::Prometheus,
        version: &prometheus.version,
        image: &prometheus.image,
        port: &prometheus.port,
        bind: &prometheus.bind,
        networks: &prometheus.networks,
    };
    let mut part = new(stack, PartKind::Prometheus, name, PROMETHEUS_PORT, &common);
    part.mounts
        .push(MountPoint::read_only(format!("/etc/{name}"), HostPath::Output(folder.to_owned())));
    if let Some(volume) = &prometheus.data {
        part.mounts.push(MountPoint {
            inside: "/prometheus".to_owned(),
            outside: HostPath::Volume(format!("{}{volume_end}", volume.value)),
            access: Access::ReadWrite,
        });
    }

    let mut argv = vec![
        format!("--config.file=/etc/{name}/prometheus.yml"),
        "--storage.tsdb.path=/prometheus".to_owned(),
    ];
    let mut flag = |name: &str, value: Option<&str>| {
        argv.extend(value.map(|value| format!("--{name}={value}")));
    };
    if let Some(retention) = &prometheus.retention {
        flag("storage.tsdb.retention.time", retention.time.as_ref().map(|t| t.text.as_str()));
        flag("storage.tsdb.retention.size", retention.size.as_ref().map(|s| s.text.as_str()));
    }
    let external_url = prometheus.external_url.as_ref().map(|url| url.as_str());
    flag("web.external-url", external_url);
    flag("web.route-prefix", external_url.and_then(route_prefix));
    if let Some(query) = &prometheus.query {
        flag("query.timeout", query.timeout.as_ref().map(|t| t.text.as_str()));
        let number = |n: &Option<Spanned<u64>>| n.as_ref().map(|n| n.value.to_string());
        flag("query.max-concurrency", number(&query.max_concurrency).as_deref());
        flag("query.max-samples", number(&query.max_samples).as_deref());
        flag("query.lookback-delta", query.lookback_delta.as_ref().map(|t| t.text.as_str()));
    }
    for (name, wanted) in [
        ("web.enable-lifecycle", &prometheus.enable_lifecycle),
        ("web.enable-admin-api", &prometheus.enable_admin_api),
        ("web.enable-remote-write-receiver", &prometheus.enable_remote_write_receiver),
    ] {
        if wanted.as_ref().is_some_and(|wanted| wanted.value) {
            argv.push(format!("--{name}"));
        }
    }
    if !prometheus.features.is_empty() {
        let features: Vec<&str> = prometheus.features.iter().map(|f| f.as_str()).collect();
        argv.push(format!("--enable-feature={}", features.join(",")));
    }
    if part.own {
        // Ours listens on the loopback unless it is told otherwise.
        argv.push(format!("--web.listen-address=:{PROMETHEUS_PORT}"));
    }
    part.argv = argv;
    let web = format!("{folder}/web.yml");
    add_web(&mut part, stack, &web, &prometheus.web, prometheus.tls.as_deref());

    // Everything that prometheus.yml refers to by path lies in a mount.
    let mut secrets: Vec<&Value> = Vec::new();
    let mut trusts: Vec<&ClientTls> = Vec::new();
    for scrape in &prometheus.scrapes {
        secrets.extend(scrape.password.iter().chain(&scrape.bearer_token).map(|v| &v.value));
        trusts.extend(scrape.tls.as_deref());
        for pattern in scrape.file_sd.iter().flat_map(|discovery| &discovery.files) {
            let (folder, _) = split_pattern(&pattern.value);
            let mount = MountPoint::read_only(
                file_sd_folder(folder),
                HostPath::Manifest(folder.to_owned()),
            );
            if !part.mounts.contains(&mount) {
                part.mounts.push(mount);
            }
        }
    }
    for write in &prometheus.remote_write {
        secrets.extend(write.password.iter().chain(&write.bearer_token).map(|v| &v.value));
        trusts.extend(write.tls.as_deref());
    }
    if let Some(alerting) = &prometheus.alerting {
        secrets.extend(alerting.password.iter().map(|v| &v.value));
        trusts.extend(alerting.tls.as_deref());
    }
    for federate in &prometheus.federate {
        secrets.extend(federate.password.iter().map(|v| &v.value));
        trusts.extend(federate.tls.as_deref());
    }
    if let Some(shards) = &prometheus.shards {
        secrets.extend(shards.password.iter().map(|v| &v.value));
    }
    for secret in secrets.into_iter().filter_map(|value| SecretRef::of(stack, value)) {
        part.grant(&secret);
    }
    for trust in trusts {
        let ClientTls { ca, cert, key, server_name: _, insecure_skip_verify: _ } = trust;
        for path in [ca, cert, key].into_iter().flatten() {
            add_tls_file(&mut part, path.as_str());
        }
    }
    // The certificates of those that it asks.
    let asked = [
        stack.alertmanager.as_ref().and_then(|part| part.tls.as_ref()),
        stack.pushgateway.as_ref().and_then(|part| part.tls.as_ref()),
        stack.grafana.as_ref().and_then(|part| part.tls.as_ref()),
    ];
    let exporters = stack.exporters.iter().map(|exporter| exporter.tls.as_ref());
    for tls in asked.into_iter().chain(exporters).flatten() {
        add_tls_file(&mut part, tls.cert.as_str());
    }
    stores::know(&mut part, stack, stack.stores.iter().map(|store| &store.value));
    part.ready_path = Some("/-/ready");
    Some(part)
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    if let Some(mut config) = config(stack) {
        super::target::adapt(plan, &mut config);
        let text = format!("{}{}", header(stack), to_yaml(&config));
        out.push(Output::text("monitoring/prometheus.yml", text));
    }
    out.extend(web(stack).map(|text| Output::text(WEB, text)));
    Ok(())
}

/// The web configuration, if there is something to say in it.
pub(super) fn web(stack: &Stack) -> Option<String> {
    let prometheus = stack.prometheus.as_ref()?;
    (!prometheus.web.is_empty() || prometheus.tls.is_some())
        .then(|| web_config(stack, prometheus.tls.as_deref(), &prometheus.web))
}

/// The content of prometheus.yml; `None` for a stack without Prometheus. With shards it is that of the
/// central server.
pub fn config(stack: &Stack) -> Option<wire::Config> {
    let mut config = whole(stack)?;
    super::shards::centralize(stack, &mut config);
    Some(config)
}

/// The same as if one server did it all.
pub(super) fn whole(stack: &Stack) -> Option<wire::Config> {
    let prometheus = stack.prometheus.as_ref()?;
    let login = prometheus.alerting.as_deref();
    let trust = login.and_then(|login| login.tls.as_deref());
    let alerting = stack.alertmanager.as_ref().map(|alertmanager| wire::Alerting {
        alertmanagers: vec![wire::AlertmanagerConfig {
            scheme: alertmanager.tls.is_some().then_some(wire::Scheme::Https),
            tls_config: alertmanager
                .tls
                .as_ref()
                .and_then(|tls| trust_as_said(Some(trust_own(tls.cert.as_str())), trust)),
            basic_auth: login
                .and_then(|login| basic_auth(stack, login.user.as_ref(), login.password.as_ref())),
            static_configs: vec![wire::StaticConfig {
                targets: vec![format!("{}:{ALERTMANAGER_PORT}", super::alertmanager::NAME)],
                ..wire::StaticConfig::default()
            }],
            ..wire::AlertmanagerConfig::default()
        }],
        ..wire::Alerting::default()
    });
    let storage = prometheus.out_of_order_time_window.as_ref().map(|window| wire::Storage {
        tsdb: Some(wire::Tsdb {
            out_of_order_time_window: Some(duration(window)),
            ..wire::Tsdb::default()
        }),
        ..wire::Storage::default()
    });
    Some(wire::Config {
        global: wire::Global {
            scrape_interval: prometheus.scrape_interval.as_ref().map(duration),
            scrape_timeout: prometheus.scrape_timeout.as_ref().map(duration),
            evaluation_interval: prometheus.evaluation_interval.as_ref().map(duration),
            external_labels: label_map(&prometheus.external_labels),
            ..wire::Global::default()
        },
        alerting,
        rule_files: alerts::any(stack).then(|| alerts::FILE.to_owned()).into_iter().collect(),
        scrape_configs: jobs::jobs(stack),
        storage,
        remote_write: remote_writes(stack, prometheus),
        ..wire::Config::default()
    })
}

/// Who gets all samples as well: those that are written, and stores of the stack that none of them names.
pub(super) fn remote_writes(
    stack: &Stack,
    prometheus: &crate::manifest::Prometheus,
) -> Vec<wire::RemoteWrite> {
    let written = prometheus.remote_write.iter().map(|write| remote_write(stack, write));
    let named = |name: &str| prometheus.remote_write.iter().any(|write| write.url.value == name);
    let derived = stack
        .stores
        .iter()
        .filter(|store| store.is_written() && !named(&store.name))
        .filter_map(|store| stores::remote_write(stack, store));
    written.chain(derived).collect()
}

fn remote_write(stack: &Stack, write: &crate::manifest::RemoteWrite) -> wire::RemoteWrite {
    let crate::manifest::RemoteWrite {
        url,
        name,
        remote_timeout,
        headers,
        user,
        password,
        bearer_token,
        tls,
        write_relabel,
        send_exemplars,
        send_native_histograms,
        protobuf_message,
        round_robin_dns,
        queue,
        metadata,
    } = write;
    let store = stack.store(url);
    let mut all_headers = store.map(|store| stores::headers(store)).unwrap_or_default();
    all_headers.extend(label_map(headers));
    let usual = store.map(|_| stores::queue());
    wire::RemoteWrite {
        url: store.and_then(|store| write_url(store)).unwrap_or_else(|| url.value.clone()),
        name: name
            .as_ref()
            .map(|name| name.value.clone())
            .or_else(|| store.map(|store| store.name.value.clone())),
        remote_timeout: remote_timeout.as_ref().map(duration),
        headers: all_headers,
        write_relabel_configs: write_relabel.iter().map(relabel).collect(),
        send_exemplars: send_exemplars.as_ref().map(|flag| flag.value),
        send_native_histograms: send_native_histograms.as_ref().map(|flag| flag.value),
        protobuf_message: protobuf_message
            .as_ref()
            .filter(|_| PROTOBUF_MESSAGE.known_to(stack))
            .map(|message| message.value.message().to_owned()),
        round_robin_dns: round_robin_dns
            .as_ref()
            .filter(|_| ROUND_ROBIN_DNS.known_to(stack))
            .map(|flag| flag.value),
        queue_config: match (queue, usual) {
            (Some(queue), usual) => Some(queue_config(stack, queue, usual)),
            (None, usual) => usual,
        },
        metadata_config: metadata.as_ref().map(|metadata| wire::MetadataConfig {
            send: metadata.send.as_ref().map(|flag| flag.value),
            send_interval: metadata.send_interval.as_ref().map(duration),
            max_samples_per_send: metadata.max_samples_per_send.as_ref().map(|n| n.value),
        }),
        basic_auth: basic_auth(stack, user.as_ref(), password.as_ref()).or_else(|| {
            let store = store.filter(|_| bearer_token.is_none())?;
            stores::login(stack, store)
        }),
        authorization: bearer(stack, bearer_token.as_ref()),
        tls_config: trust_as_said(store.and_then(|store| stores::trust(store)), tls.as_deref()),
        ..wire::RemoteWrite::default()
    }
}

/// A queue as it is written; what is not said is what such a receiver usually gets.
fn queue_config(
    stack: &Stack,
    queue: &crate::manifest::Queue,
    usual: Option<wire::QueueConfig>,
) -> wire::QueueConfig {
    let crate::manifest::Queue {
        capacity,
        max_shards,
        min_shards,
        max_samples_per_send,
        batch_send_deadline,
        min_backoff,
        max_backoff,
        retry_on_http_429,
        sample_age_limit,
    } = queue;
    let usual = usual.unwrap_or_default();
    let number = |said: &Option<Spanned<u64>>| said.as_ref().map(|number| number.value);
    // A queue that is said to send less need not be deeper than Prometheus has it.
    let batch = number(max_samples_per_send);
    wire::QueueConfig {
        capacity: number(capacity).or(usual.capacity.filter(|usual| batch <= Some(*usual))),
        max_shards: number(max_shards),
        min_shards: number(min_shards),
        max_samples_per_send: batch.or_else(|| {
            let room = number(capacity);
            usual.max_samples_per_send.filter(|usual| room.is_none_or(|room| room >= *usual))
        }),
        batch_send_deadline: batch_send_deadline.as_ref().map(duration),
        min_backoff: min_backoff.as_ref().map(duration),
        max_backoff: max_backoff.as_ref().map(duration),
        retry_on_http_429: retry_on_http_429.as_ref().map(|flag| flag.value),
        sample_age_limit: sample_age_limit
            .as_ref()
            .filter(|_| SAMPLE_AGE_LIMIT.known_to(stack))
            .map(duration),
    }
}

/// A duration in Prometheus' form.
pub(super) fn duration(text: &Spanned<DurationText>) -> PromDuration {
    PromDuration(std::time::Duration::from_millis(text.ms.unsigned_abs()))
}

/// Labels sorted by name.
pub(super) fn label_map(map: &Map<String>) -> wire::LabelMap {
    map.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
}

/// User name and password; the password from a file wherever it is not written out.
pub(super) fn basic_auth(
    stack: &Stack,
    user: Option<&Spanned<String>>,
    password: Option<&Spanned<Value>>,
) -> Option<wire::BasicAuth> {
    if user.is_none() && password.is_none() {
        return None;
    }
    let secret = password.and_then(|password| SecretRef::of(stack, &password.value));
    let literal = password.and_then(|password| password.value.literal());
    Some(wire::BasicAuth {
        username: user.map(|user| user.value.clone()),
        password: literal.map(|text| wire::Secret(text.to_owned())),
        password_file: secret.map(|secret| secret.path()),
        ..wire::BasicAuth::default()
    })
}

/// A bearer token; from a file wherever it is not written out.
pub(super) fn bearer(stack: &Stack, token: Option<&Spanned<Value>>) -> Option<wire::Authorization> {
    let token = token?;
    Some(wire::Authorization {
        kind: None,
        credentials: token.value.literal().map(|text| wire::Secret(text.to_owned())),
        credentials_file: SecretRef::of(stack, &token.value).map(|secret| secret.path()),
    })
}

/// How a client trusts a server.
pub(super) fn client_tls(tls: &ClientTls) -> wire::TlsConfig {
    let ClientTls { ca, cert, key, server_name, insecure_skip_verify } = tls;
    let path = |path: &Option<Spanned<String>>| path.as_ref().map(|path| tls_path(path.as_str()));
    wire::TlsConfig {
        ca_file: path(ca),
        cert_file: path(cert),
        key_file: path(key),
        server_name: server_name.as_ref().map(|name| name.value.clone()),
        insecure_skip_verify: insecure_skip_verify.as_ref().is_some_and(|flag| flag.value),
        ..wire::TlsConfig::default()
    }
}

/// How a server is trusted: as it is said, and where no authority is said, by that which is known.
pub(super) fn trust_as_said(
    known: Option<wire::TlsConfig>,
    said: Option<&ClientTls>,
) -> Option<wire::TlsConfig> {
    let Some(said) = said.map(client_tls) else { return known };
    let authority = known.and_then(|known| known.ca_file);
    Some(wire::TlsConfig { ca_file: said.ca_file.clone().or(authority), ..said })
}

/// Trust in a part of the same stack: its own certificate is the authority.
pub(super) fn trust_own(cert: &str) -> wire::TlsConfig {
    wire::TlsConfig { ca_file: Some(tls_path(cert)), ..wire::TlsConfig::default() }
}

/// A relabelling step.
pub(super) fn relabel(step: &Block<Relabel>) -> wire::RelabelConfig {
    let Relabel { source_labels, separator, regex, target_label, replacement, modulus, action } =
        &step.value;
    let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
    wire::RelabelConfig {
        source_labels: source_labels.iter().map(|label| label.value.clone()).collect(),
        separator: text(separator),
        regex: text(regex),
        modulus: modulus.as_ref().map(|modulus| modulus.value),
        target_label: text(target_label),
        replacement: text(replacement),
        action: action
            .as_ref()
            .filter(|action| action.value != RelabelAction::Replace)
            .map(|action| action.name().to_owned()),
    }
}

/// Folder and file name of a discovery pattern.
pub(super) fn split_pattern(pattern: &str) -> (&str, &str) {
    pattern.rsplit_once('/').unwrap_or((".", pattern))
}

/// Where a folder of discovery files lies inside of the container.
pub(super) fn file_sd_folder(folder: &str) -> String {
    format!("/run/file_sd/{}", slug(folder))
}
