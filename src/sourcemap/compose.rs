//! Where `compose.yaml` comes from: services, exporters, parts, and what they share.

use super::item::Item;
use super::marks::{Marks, Origin};
use super::place::{Place, Said, text};
use super::prometheus::is;
use crate::diag::Span;
use crate::manifest::tree::Node;
use crate::model::slug;

/// Marks compose.yaml.
pub fn config(marks: &mut Marks, file: &Item, root: Place) {
    let stack = root.one("stack").unwrap_or(root);
    marks.object(file, stack, "compose.yaml");
    for item in file.items() {
        match item.key() {
            "name" => marks.name(item, stack),
            "services" => {
                for item in item.items() {
                    if let Some(node) = container(root, item.key()) {
                        service(marks, item, node, root);
                    }
                }
            }
            "networks" => {
                for item in item.items() {
                    if let Some(node) = root.named("network", item.key()) {
                        marks.object(item, node, format!("network `{}`", item.key()));
                        let words = [
                            ("driver", "driver"),
                            ("internal", "internal"),
                            ("external", "external"),
                            ("ipam", "subnet"),
                        ];
                        marks.deep(item, &[node], &words);
                    }
                }
            }
            "volumes" => {
                for item in item.items() {
                    volume(marks, item, root, stack);
                }
            }
            "secrets" => {
                for item in item.items() {
                    secret(marks, item, item.key(), root);
                    let used = |tag: &str, text: &str| tag == "secret" && text == item.key();
                    if let (Some(mark), Some((span, _))) =
                        (marks.0.last_mut(), reference(root.node, &used))
                    {
                        mark.origin.also.push(span);
                    }
                    if let Some(node) = root.named("secret", item.key()) {
                        marks.deep(item, &[node], &[("file", "file"), ("environment", "env")]);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The node that a container comes from, by the container's name.
pub fn container<'a>(root: Place<'a>, name: &str) -> Option<Place<'a>> {
    root.named("service", name)
        .or_else(|| root.named("exporter", name.strip_suffix("-exporter")?))
        .or_else(|| {
            let parts = ["prometheus", "pushgateway", "alertmanager", "grafana"];
            parts.contains(&name).then(|| root.one(name)).flatten()
        })
        .or_else(|| {
            // Shards and the nodes of a store are counted: `prometheus-0`, `ring-receive-1`.
            name.strip_prefix("prometheus-")?.parse::<usize>().ok()?;
            root.one("prometheus")
        })
        .or_else(|| {
            let of = |store: &Place| {
                let rest = store.name().and_then(|store| name.strip_prefix(store));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            root.all("store").filter(of).max_by_key(|store| store.name().map(str::len))
        })
}

fn volume(marks: &mut Marks, item: &Item, root: Place, stack: Place) {
    if let Some(node) = root.named("volume", item.key()) {
        marks.object(item, node, format!("volume `{}`", item.key()));
        return marks.entries(item, &[node], |_, _| false);
    }
    let names = root.said("volumes").map(|said| said.values).unwrap_or_default();
    if let Some((_, span)) = names.into_iter().find(|(name, _)| name == item.key()) {
        let origin =
            Origin { span, whole: span, node: "volumes".to_owned(), ..Origin::named(stack) };
        marks.put(item, origin);
    }
}

/// Marks a secret by its node, or by the value that names a file or variable itself.
fn secret(marks: &mut Marks, item: &Item, name: &str, root: Place) {
    if let Some(node) = root.named("secret", name) {
        return marks.object(item, node, format!("secret `{name}`"));
    }
    if let Some((span, node)) =
        reference(root.node, &|tag, text| tag != "secret" && slug(text) == name)
    {
        let node = Place { node, shape: root.shape };
        marks.put(item, Origin { span, whole: span, ..Origin::named(node) });
    }
}

/// The first value with a tag that is asked for, and the node it stands in.
pub fn reference<'a>(
    node: &'a Node,
    wanted: &dyn Fn(&str, &str) -> bool,
) -> Option<(Span, &'a Node)> {
    let values = node.args.iter().chain(node.props.iter().map(|prop| &prop.value));
    for value in values {
        if let Some(tag) = &value.tag
            && wanted(&tag.value, &text(value))
        {
            return Some((value.span, node));
        }
    }
    node.children.iter().find_map(|child| reference(child, wanted))
}

fn service(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    marks.object(item, node, format!("container `{}`", item.key()));
    let from = [node];
    for item in item.items() {
        match item.key() {
            "image" => marks.setting(item, &from, &["image", "version"]),
            "build" => {
                marks.setting(item, &from, &["build"]);
                if let Some(build) = node.one("build") {
                    marks.entries(item, &[build], |_, _| false);
                }
            }
            "command" if is(node, "service") => marks.setting(item, &from, &["command"]),
            "command" => {
                marks.put(item, Origin::derived(node));
                item.items().iter().for_each(|item| flag(marks, item, node));
            }
            "entrypoint" if !is(node, "service") => {
                marks.setting(item, &from, &["web", "password", "oauth"]);
            }
            "environment" => environment(marks, item, node, root),
            "secrets" => {
                marks.put(item, Origin::derived(node));
                for item in item.items() {
                    granted(marks, item, node, root);
                }
            }
            "ports" | "expose" => {
                let key = if item.key() == "ports" { "port" } else { "expose" };
                marks.setting(item, &from, &[key]);
                item.items().iter().for_each(|item| port(marks, item, node, key));
            }
            "volumes" => {
                marks.put(item, Origin::derived(node));
                item.items().iter().for_each(|item| mount(marks, item, node, root));
            }
            "networks" => networks(marks, item, node, root),
            "depends_on" => {
                marks.put(item, Origin::derived(node));
                for item in item.items() {
                    depends_on(marks, item, node, root);
                }
            }
            "healthcheck" => {
                marks.setting(item, &from, &["healthcheck"]);
                if let Some(check) = node.one("healthcheck") {
                    marks.deep(
                        item,
                        &[check],
                        &[
                            ("test", "command"),
                            ("interval", "interval"),
                            ("timeout", "timeout"),
                            ("retries", "retries"),
                            ("start_period", "start_period"),
                        ],
                    );
                }
            }
            "deploy" => {
                marks.put(item, Origin::derived(node));
                marks.deep(item, &from, &[("replicas", "replicas")]);
                shared(marks, item.get("resources"), node, root, "resources");
            }
            "logging" => shared(marks, Some(item), node, root, "logging"),
            "pid" => marks.put(item, Origin::derived(node)),
            key => marks.setting(item, &from, &[key]),
        }
    }
}

/// What a container says itself, or else the stack says for all of them.
pub fn shared(marks: &mut Marks, item: Option<&Item>, node: Place, root: Place, key: &str) {
    let Some(item) = item else { return };
    let Some(block) = node.one(key).or(root.one(key)) else {
        return marks.setting(item, &[node], &[key]);
    };
    marks.put(item, Origin::derived(block));
    let words = ["cpus", "memory", "pids", "driver", "options"].map(|word| (word, word));
    marks.deep(item, &[block], &words);
}

/// Flags of a part and the settings that they are made of.
const FLAGS: &[(&str, &[&str])] = &[
    ("--storage.tsdb.path", &["data"]),
    ("--storage.tsdb.retention.time", &["retention", "time"]),
    ("--storage.tsdb.retention.size", &["retention", "size"]),
    ("--storage.path", &["data"]),
    ("--persistence.file", &["data"]),
    ("--data.retention", &["retention"]),
    ("--web.external-url", &["external_url"]),
    ("--web.route-prefix", &["external_url"]),
    ("--web.listen-address", &["port"]),
    ("--web.telemetry-path", &["path"]),
    ("--query.timeout", &["query", "timeout"]),
    ("--query.max-concurrency", &["query", "max_concurrency"]),
    ("--query.max-samples", &["query", "max_samples"]),
    ("--query.lookback-delta", &["query", "lookback_delta"]),
    ("--web.enable-lifecycle", &["enable_lifecycle"]),
    ("--web.enable-admin-api", &["enable_admin_api"]),
    ("--web.enable-remote-write-receiver", &["enable_remote_write_receiver"]),
    ("--enable-feature", &["features"]),
    ("--collector.disable-defaults", &["collectors", "only"]),
    ("--mysqld.address", &["target"]),
    ("--mysqld.username", &["user"]),
    ("--config.my-cnf", &["target"]),
];

pub fn flag(marks: &mut Marks, item: &Item, node: Place) {
    let text = item.text().unwrap_or_default();
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    let args = node.said("args").map(|said| said.values).unwrap_or_default();
    if let Some((_, span)) = args.into_iter().find(|(arg, _)| arg == text) {
        return marks.put(item, Origin { span, whole: span, ..Origin::named(node) });
    }
    if name == "--web.config.file" {
        return marks.setting(item, &[node], &["tls", "web"]);
    }
    if let Some((_, path)) = FLAGS.iter().find(|(flag, _)| *flag == name) {
        let (last, blocks) = path.split_last().unwrap_or((&"", &[]));
        let inner = blocks.iter().try_fold(node, |place, key| place.one(key));
        return match inner {
            Some(inner) if inner.takes(last) => marks.setting(item, &[inner], &[last]),
            _ => marks.put(item, Origin::derived(node)),
        };
    }
    let collector = name.strip_prefix("--collector.").or(name.strip_prefix("--no-collector."));
    if let (Some(collector), Some(block)) = (collector, node.one("collectors")) {
        let said = ["only", "enable", "disable"].iter().find_map(|key| {
            let values = block.said(key)?.values;
            values.into_iter().find(|(value, _)| {
                value == collector || collector.starts_with(&format!("{value}."))
            })
        });
        if let Some((_, span)) = said {
            return marks.put(item, Origin { span, whole: span, ..Origin::named(block) });
        }
    }
    marks.put(item, Origin::derived(node));
}

/// Grafana's variables and the settings that they are made of, by their beginnings.
const GRAFANA: &[(&str, &[&str])] = &[
    ("GF_SECURITY_ADMIN_USER", &["admin", "user"]),
    ("GF_SECURITY_ADMIN_PASSWORD", &["admin", "password"]),
    ("GF_AUTH_ANONYMOUS", &["anonymous"]),
    ("GF_SERVER_ROOT_URL", &["root_url"]),
    ("GF_SERVER_CERT_FILE", &["tls", "cert"]),
    ("GF_SERVER_CERT_KEY", &["tls", "key"]),
    ("GF_SERVER_MIN_TLS_VERSION", &["tls", "min_version"]),
    ("GF_SERVER_PROTOCOL", &["tls"]),
    ("GF_SECURITY_COOKIE_SECURE", &["root_url"]),
    ("GF_SECURITY_DISABLE_GRAVATAR", &["gravatar"]),
    ("GF_ANALYTICS", &["analytics"]),
    ("GF_NEWS", &["analytics"]),
    ("GF_INSTALL_PLUGINS", &["plugins"]),
    ("GF_PLUGINS", &["plugins"]),
];

pub fn environment(marks: &mut Marks, map: &Item, node: Place, root: Place) {
    marks.setting(map, &[node], &["env"]);
    let pairs = node.said("env").map(|said| said.pairs).unwrap_or_default();
    for item in map.items() {
        if let Some(pair) = pairs.iter().find(|pair| pair.name == item.key()) {
            let also = root.named("secret", &pair.text).map(Place::span);
            let also = also.filter(|_| item.text() != Some(&pair.text)).into_iter().collect();
            let origin = Origin { span: pair.span, whole: pair.whole, also, ..Origin::named(node) };
            marks.put(item, origin);
            continue;
        }
        if let Some(setting) = item.key().strip_prefix("GF_AUTH_") {
            let setting = setting.to_ascii_lowercase();
            let said = node.all("oauth").find_map(|oauth| {
                let provider = oauth.said("provider")?.values.first()?.0.clone();
                let prefix =
                    format!("{}_", if provider == "generic" { "generic_oauth" } else { &provider });
                Some((oauth, setting.strip_prefix(&prefix)?.to_owned()))
            });
            if let Some((oauth, key)) = said {
                if oauth.takes(&key) {
                    marks.setting(item, &[oauth], &[&key]);
                } else {
                    marks.put(item, Origin::derived(oauth));
                }
                continue;
            }
        }
        match GRAFANA.iter().find(|(name, _)| item.key().starts_with(name)) {
            Some((_, [block, key])) => match node.one(block) {
                Some(block) => marks.setting(item, &[block], &[key]),
                None => marks.setting(item, &[node], &[block]),
            },
            Some((_, path)) => marks.setting(item, &[node], path),
            None => marks.put(item, Origin::derived(node)),
        }
    }
}

/// A secret that a container may read: where its node names it, and what it is.
pub fn granted(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    let name = item.text().unwrap_or_default();
    let wanted = |tag: &str, text: &str| match tag {
        "secret" => text == name,
        _ => slug(text) == name,
    };
    let secret = root.named("secret", name);
    match (reference(node.node, &wanted), secret) {
        (Some((span, _)), secret) => {
            let also = secret.map(Place::span).into_iter().collect();
            marks.put(item, Origin { span, whole: span, also, ..Origin::named(node) });
        }
        (None, Some(secret)) => marks.put(item, Origin::derived(secret)),
        (None, None) => marks.put(item, Origin::derived(node)),
    }
}

/// A published or exposed port: by its number inside of the container.
pub fn port(marks: &mut Marks, item: &Item, node: Place, key: &str) {
    let text = item.text().unwrap_or_default();
    let text = text.split_once('/').map_or(text, |(text, _)| text);
    let inside = text.rsplit(':').next().unwrap_or(text);
    if !is(node, "service") && key == "port" {
        marks.setting(item, &[node], &["port"]);
        if let (Some(mark), Some(bind)) = (marks.0.last_mut(), node.said("bind")) {
            mark.origin.also.push(bind.span);
        }
        return;
    }
    let fits = |place: &Place| {
        let said = place.said("number");
        said.is_some_and(|said| said.values.iter().any(|value| value.0 == inside))
    };
    // A port may be published twice, on two addresses.
    let all: Vec<Place> = node.all(key).filter(fits).collect();
    let host = |place: &&Place| {
        let host = place.said("host").and_then(|said| said.values.first().cloned());
        text.contains(&format!("{}:{inside}", host.map_or(inside.to_owned(), |host| host.0)))
    };
    let Some(port) = all.iter().find(host).or(all.first()) else { return };
    marks.setting(item, &[*port], &["number"]);
    if let Some(mark) = marks.0.last_mut() {
        mark.origin.whole = port.node.span;
        let others = ["host", "bind", "protocol"].iter().filter_map(|key| port.said(key));
        mark.origin.also.extend(others.map(|said| said.span));
    }
}

/// A mount: a `volume` node, or what follows from another setting.
pub fn mount(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    let text = item.text().or(item.str("source")).unwrap_or_default();
    let inside = text.strip_suffix(":ro").unwrap_or(text).rsplit(':').next().unwrap_or_default();
    let to = |place: &Place| {
        let said = place.said("to");
        said.is_some_and(|said| said.values.iter().any(|value| value.0 == inside))
    };
    if let Some(volume) = node.all("volume").find(to) {
        let others = ["to", "read_only"].iter().filter_map(|key| volume.said(key));
        let also = others.map(|said| said.span).collect();
        return marks.put(item, Origin { also, ..Origin::named(volume) });
    }
    if inside.ends_with("/Caddyfile") {
        return marks.setting(item, &[node], &["site"]);
    }
    if inside.starts_with("/run/tls/") {
        let own = certificate(node, text);
        if let Some((tls, said)) = own.or_else(|| certificate(root, text)) {
            let (span, whole) = (said.span, said.whole);
            return marks.put(item, Origin { span, whole, ..Origin::named(tls) });
        }
    }
    for key in ["data", "templates"] {
        let said = node.said(key).map(|said| said.values).unwrap_or_default();
        let used = said.into_iter().find(|(value, _)| {
            text.trim_start_matches("./").contains(value.trim_start_matches("./"))
        });
        if let Some((_, span)) = used {
            return marks.put(item, Origin { span, whole: span, ..Origin::named(node) });
        }
    }
    let files = node.all("scrape").filter_map(|scrape| scrape.one("file_sd"));
    for discovery in files.filter(|_| inside.starts_with("/run/file_sd/")) {
        let said = discovery.said("files").map(|said| said.values).unwrap_or_default();
        let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |it| slug(it.0));
        if said.iter().any(|(path, _)| inside == format!("/run/file_sd/{}", folder(path))) {
            return marks.put(item, Origin::named(discovery));
        }
    }
    if let Some(folder) = text.strip_prefix("./monitoring/")
        && text.contains("/grants.sh")
    {
        let exporter = folder.split('/').next().and_then(|host| container(root, host));
        return marks.put(item, Origin::derived(exporter.unwrap_or(node)));
    }
    if text.contains("dashboard") {
        return marks.setting(item, &[node], &["dashboard"]);
    }
    if text.contains("web.yml") {
        return marks.setting(item, &[node], &["tls", "web"]);
    }
    marks.put(item, Origin::derived(node));
}

/// The setting of a node, or of one inside, that names the certificate or key of a mount.
fn certificate<'a>(place: Place<'a>, mount: &str) -> Option<(Place<'a>, Said<'a>)> {
    let of = |tls: Place<'a>| {
        ["cert", "key", "client_ca", "ca"].into_iter().find_map(|key| {
            let said = tls.said(key)?;
            let path = said.values.first()?.0.trim_start_matches("./").to_owned();
            mount.contains(&path).then_some((tls, said))
        })
    };
    let below = || place.children().find_map(|child| certificate(child, mount));
    place.one("tls").and_then(of).or_else(below)
}

/// The networks that a container says, or all that the stack has.
fn networks(marks: &mut Marks, list: &Item, node: Place, root: Place) {
    marks.setting(list, &[node], &["networks"]);
    let said = node.said("networks").map(|said| said.values).unwrap_or_default();
    for item in list.items() {
        let here = said.iter().find(|(name, _)| item.text() == Some(name));
        let network = root.named("network", item.text().unwrap_or_default());
        match (here, network) {
            (Some((_, span)), network) => {
                let also = network.map(Place::span).into_iter().collect();
                let (span, whole) = (*span, *span);
                marks.put(item, Origin { span, whole, also, ..Origin::named(node) });
            }
            (None, Some(network)) => marks.put(item, Origin::derived(network)),
            (None, None) => {}
        }
    }
}

fn depends_on(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    let name = item.key();
    let other = container(root, name);
    let said = node.all("depends_on").find(|said| {
        said.name() == Some(name) || other.is_some_and(|other| said.name() == other.name())
    });
    match said {
        Some(said) => {
            marks.name(item, said);
            marks.deep(item, &[said], &[("condition", "condition")]);
        }
        None => {
            marks.setting(item, &[node], &["target", "datasource"]);
        }
    }
}
