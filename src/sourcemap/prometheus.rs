//! Where `prometheus.yml` and the web configurations come from.

use super::compose::container;
use super::item::Item;
use super::marks::{From, Marks, Origin};
use super::place::Place;

/// Marks prometheus.yml.
pub fn config(marks: &mut Marks, file: &Item, root: Place) {
    let Some(prometheus) = root.one("prometheus") else { return };
    marks.object(file, prometheus, "prometheus.yml");
    let from = [prometheus];
    marks.entries(file, &from, |marks, item| {
        match item.key() {
            "global" => {
                marks.put(item, Origin::derived(prometheus));
                marks.entries(item, &from, |_, _| false);
            }
            "alerting" => alerting(marks, item, root, prometheus),
            "rule_files" => {
                let rules = root.one("rules").or(root.one("slo")).unwrap_or(prometheus);
                marks.put(item, Origin::derived(rules));
            }
            "scrape_configs" => {
                marks.put(item, Origin::derived(prometheus));
                Jobs::new(root, prometheus).mark(marks, item);
            }
            "storage" => {
                marks.setting(item, &from, &["out_of_order_time_window"]);
            }
            "remote_write" => {
                marks.each(item, &from, "remote_write", |marks, item, node| {
                    marks.entries(item, &[node], |marks, item| client(marks, item, &[node]));
                });
            }
            _ => return false,
        }
        true
    });
}

/// Who the alerts are sent to: the stack's Alertmanager, with what `alerting` says of the way there.
fn alerting(marks: &mut Marks, item: &Item, root: Place, prometheus: Place) {
    let Some(manager) = root.one("alertmanager") else { return };
    marks.object(item, manager, "where alerts are sent");
    let login = prometheus.one("alerting");
    let from: Vec<Place> = login.into_iter().chain([manager]).collect();
    let managers = item.get("alertmanagers").map_or(&[][..], Item::items);
    for item in managers.iter().flat_map(Item::items) {
        match item.key() {
            "scheme" => marks.setting(item, &[manager], &["tls"]),
            "tls_config" => tls(marks, item, &from, &[manager]),
            "basic_auth" => {
                client(marks, item, &from);
            }
            _ => marks.put(item, Origin::derived(manager)),
        }
    }
}

/// Marks what a client says of itself and of its trust; whether the entry was one of those.
pub fn client(marks: &mut Marks, item: &Item, from: &From) -> bool {
    match item.key() {
        "basic_auth" => {
            marks.setting(item, from, &["user"]);
            for item in item.items() {
                let key = if item.key() == "username" { "user" } else { "password" };
                marks.setting(item, from, &[key]);
            }
        }
        "authorization" => {
            marks.setting(item, from, &["bearer_token"]);
            for item in item.items() {
                marks.setting(item, from, &["bearer_token"]);
            }
        }
        "tls_config" => tls(marks, item, from, &[]),
        "http_config" => {
            marks.setting(item, from, &["bearer_token", "user", "tls"]);
            for item in item.items() {
                client(marks, item, from);
            }
        }
        "write_relabel_configs" => relabel(marks, item, from, "write_relabel"),
        "metric_relabel_configs" => relabel(marks, item, from, "metric_relabel"),
        "queue_config" => {
            marks.setting(item, from, &["queue"]);
            for place in from.iter().filter_map(|place| place.one("queue")) {
                marks.entries(item, &[place], |_, _| false);
            }
        }
        _ => return false,
    }
    true
}

/// Marks the steps that change labels.
pub fn relabel(marks: &mut Marks, list: &Item, from: &From, key: &str) {
    marks.setting(list, from, &[key]);
    marks.each(list, from, key, |marks, item, node| {
        marks.entries(item, &[node], |_, _| false);
    });
}

/// Marks how a server is trusted: as it was said, else by the certificate of the one who is asked.
fn tls(marks: &mut Marks, item: &Item, from: &From, asked: &From) {
    let blocks = from.iter().chain(asked).filter_map(|place| place.one("tls"));
    let blocks: Vec<Place> = blocks.collect();
    let Some(first) = blocks.first() else {
        return marks.setting(item, from, &["tls"]);
    };
    marks.put(item, Origin::derived(*first));
    for item in item.items() {
        let keys: &[&str] = match item.key() {
            "ca_file" => &["ca", "cert"],
            "cert_file" => &["cert"],
            "key_file" => &["key"],
            other => &[other],
        };
        // A part's own certificate is its authority.
        let said = blocks.iter().find(|block| keys.iter().any(|key| block.said(key).is_some()));
        marks.setting(item, &[*said.unwrap_or(first)], keys);
    }
}

/// The nodes that jobs come from, by name: there may be thousands of jobs.
pub struct Jobs<'a> {
    root: Place<'a>,
    prometheus: Place<'a>,
    by_name: std::collections::HashMap<&'a str, Vec<Place<'a>>>,
}

impl<'a> Jobs<'a> {
    /// All nodes of a manifest that are scraped.
    pub fn new(root: Place<'a>, prometheus: Place<'a>) -> Self {
        let mut by_name = std::collections::HashMap::<&str, Vec<Place>>::new();
        let kinds = [
            (prometheus, "scrape"),
            (prometheus, "federate"),
            (root, "exporter"),
            (root, "service"),
        ];
        for (parent, kind) in kinds {
            for node in parent.all(kind) {
                let metrics = node.one("metrics");
                if kind == "service" && metrics.is_none() {
                    continue;
                }
                let places = by_name.entry(node.name().unwrap_or_default()).or_default();
                places.extend((kind != "exporter").then_some(metrics).flatten());
                places.push(node);
                places.extend((kind == "exporter").then_some(metrics).flatten());
            }
        }
        Self { root, prometheus, by_name }
    }

    /// The nodes of a job: what was said of it first, then what it follows from.
    fn of(&self, job: &Item, name: &str) -> Vec<Place<'a>> {
        let mut places = self.by_name.get(name).cloned().unwrap_or_default();
        let part = match name {
            "prometheus" => Some(self.prometheus),
            "pushgateway" | "alertmanager" | "grafana" => self.root.one(name),
            _ => None,
        };
        let derived = places.iter().any(|place| is(*place, "service") || is(*place, "exporter"));
        places.extend(part.filter(|_| !derived));
        if places.is_empty() {
            // A name that was changed by hand: what is scraped tells as well.
            let groups = job.get("static_configs").map_or(&[][..], Item::items);
            let targets = groups.first().and_then(|group| group.get("targets"));
            let target = targets.and_then(|targets| targets.items().first()?.text());
            let host = target.map(|target| target.split(':').next().unwrap_or(target));
            places.extend(host.and_then(|host| container(self.root, host)));
        }
        if places.is_empty() {
            places.push(self.prometheus);
        }
        places
    }

    fn mark(&self, marks: &mut Marks, list: &Item) {
        list.items().iter().for_each(|job| self.one(marks, job));
    }

    /// Marks one job.
    pub fn one(&self, marks: &mut Marks, job: &Item) {
        let name = job.str("job_name").unwrap_or_default();
        self.job(marks, job, name, &self.of(job, name));
    }

    fn job(&self, marks: &mut Marks, job: &Item, name: &str, from: &[Place<'a>]) {
        let has_name = |place: &&Place| place.name() == Some(name);
        // Where it comes from in the first place; a `scrape` may only change it.
        let source = *from.iter().rev().find(has_name).unwrap_or(&from[from.len() - 1]);
        let what = match name {
            "" => "a scrape job without a name".to_owned(),
            name => format!("scrape job `{name}`"),
        };
        marks.object(job, source, what);
        marks.entries(job, from, |marks, item| {
            match item.key() {
                "job_name" => marks.name(item, source),
                "scrape_interval" => {
                    marks.setting(item, from, &["interval", "scrape_interval"]);
                }
                "scrape_timeout" => marks.setting(item, from, &["timeout", "scrape_timeout"]),
                "metrics_path" => marks.setting(item, from, &["path"]),
                "scheme" => marks.setting(item, from, &["scheme", "tls"]),
                "honor_labels" => {
                    let said = from.iter().any(|place| place.said("honor_labels").is_some());
                    if said || source.takes("honor_labels") {
                        marks.setting(item, from, &["honor_labels"]);
                    } else {
                        marks.put(item, Origin::derived(source));
                    }
                }
                "params" => params(marks, item, from),
                "static_configs" => self.targets(marks, item, from, source),
                "dns_sd_configs" => self.dns(marks, item, from, source),
                "file_sd_configs" => discovery(marks, item, from, "file_sd"),
                "http_sd_configs" => discovery(marks, item, from, "http_sd"),
                "relabel_configs" => {
                    labels(marks, item, from, source);
                    relabel_steps(marks, item, from);
                }
                "tls_config" => tls(marks, item, from, &[]),
                _ => return client(marks, item, from),
            }
            true
        });
    }

    /// Targets: those that `target` nodes name, or the one that follows from a part.
    fn targets(&self, marks: &mut Marks, list: &Item, from: &[Place<'a>], source: Place<'a>) {
        let said: Vec<Place> = from.iter().flat_map(|place| place.all("target")).collect();
        let is_federate = is(source, "federate");
        if said.is_empty() || is_federate {
            marks.put(list, Origin::derived(source));
            for group in list.items() {
                for item in group.items() {
                    match item.key() {
                        "labels" => marks.setting(item, from, &["labels"]),
                        "targets" if is_federate => marks.setting(item, from, &["target"]),
                        _ => marks.put(item, self.address(from, source)),
                    }
                }
            }
            return;
        }
        marks.each(list, from, "target", |marks, item, node| {
            let from: Vec<Place> = std::iter::once(node).chain(from.iter().copied()).collect();
            marks.entries(item, &from, |marks, item| match item.key() {
                "targets" => {
                    marks.setting(item, &[node], &["addresses"]);
                    true
                }
                "labels" => {
                    both_labels(marks, item, &from);
                    true
                }
                _ => false,
            });
        });
    }

    /// What decides on the address that a part or service is scraped at: a port, a proxy, or its name.
    fn address(&self, from: &[Place<'a>], source: Place<'a>) -> Origin {
        let said = from.iter().find_map(|place| {
            ["via", "port"].iter().find_map(|key| Some((*place, place.said(key)?)))
        });
        let mut origin = Origin::derived(source);
        // The port of a part is the one on the host.
        let counts =
            |place: Place| ["scrape", "exporter", "metrics"].iter().any(|it| is(place, it));
        match said {
            Some((place, said)) if counts(place) => origin.also.push(said.span),
            _ => origin.also.extend(source.one("port").map(Place::span)),
        }
        // Through a proxy: what that is called, and where it listens.
        for via in from.iter().filter_map(|place| place.said("via")) {
            let proxy = via.values.first().and_then(|(name, _)| self.root.named("service", name));
            origin.also.extend(proxy.map(Place::span));
        }
        origin
    }

    fn dns(&self, marks: &mut Marks, list: &Item, from: &[Place<'a>], source: Place<'a>) {
        if from.iter().any(|place| place.one("dns_sd").is_some()) {
            return discovery(marks, list, from, "dns_sd");
        }
        // Replicas are found by the name of their service.
        marks.setting(list, from, &["replicas"]);
        for item in list.items().iter().flat_map(Item::items) {
            match item.key() {
                "names" => marks.put(item, Origin::named(source)),
                "port" => marks.put(item, self.address(from, source)),
                _ => marks.setting(item, from, &["replicas"]),
            }
        }
    }
}

/// Whether a node is of this kind.
pub fn is(place: Place, kind: &str) -> bool {
    place.node.name.value == kind
}

/// Labels of a target: its own, then those of its job.
fn both_labels(marks: &mut Marks, item: &Item, from: &[Place]) {
    marks.setting(item, from, &["labels"]);
    for item in item.items() {
        let pair = from.iter().find_map(|place| {
            let said = place.said("labels")?;
            said.pairs.into_iter().find(|pair| pair.name == item.key()).map(|pair| (*place, pair))
        });
        if let Some((place, pair)) = pair {
            let origin = Origin { span: pair.span, whole: pair.whole, ..Origin::named(place) };
            marks.put(item, origin);
        }
    }
}

fn params(marks: &mut Marks, map: &Item, from: &[Place]) {
    marks.setting(map, from, &["param", "match"]);
    for item in map.items() {
        if item.key() == "match[]" {
            marks.setting(item, from, &["match"]);
            continue;
        }
        for node in from.iter().filter_map(|place| place.named("param", item.key())) {
            marks.name(item, node);
            for value in item.items() {
                marks.put(value, Origin::named(node));
            }
            let values = node.said("values").map(|said| said.values).unwrap_or_default();
            for (value, (_, span)) in item.items().iter().zip(values) {
                marks.put(value, Origin { span, whole: span, ..Origin::named(node) });
            }
        }
    }
}

fn discovery(marks: &mut Marks, list: &Item, from: &[Place], key: &str) {
    marks.setting(list, from, &[key]);
    marks.each(list, from, key, |marks, item, node| {
        marks.entries(item, &[node], |_, _| false);
    });
}

/// Steps that only put a label on what was discovered.
fn labels(marks: &mut Marks, list: &Item, from: &[Place], source: Place) {
    marks.put(list, Origin::derived(source));
    for step in list.items() {
        let target = step.str("target_label").unwrap_or_default();
        let pair = from.iter().find_map(|place| {
            let said = place.said("labels")?;
            said.pairs.into_iter().find(|pair| pair.name == target).map(|pair| (*place, pair))
        });
        match pair {
            Some((place, pair)) => {
                let (span, whole) = (pair.span, pair.whole);
                marks.put(step, Origin { span, whole, ..Origin::named(place) });
                for item in step.items().iter().filter(|item| item.key() == "target_label") {
                    marks.put(item, Origin { span: whole, whole, ..Origin::named(place) });
                }
            }
            None => marks.put(step, Origin::derived(source)),
        }
    }
}

fn relabel_steps(marks: &mut Marks, list: &Item, from: &[Place]) {
    marks.each(list, from, "relabel", |marks, item, node| {
        marks.entries(item, &[node], |_, _| false);
    });
}

/// Marks a web configuration: certificate and users of a part.
pub fn web(marks: &mut Marks, file: &Item, part: Place) {
    marks.object(file, part, format!("web configuration of {}", part.title()));
    for item in file.items() {
        match item.key() {
            "tls_server_config" => {
                marks.setting(item, &[part], &["tls"]);
                if let Some(block) = part.one("tls") {
                    for item in item.items() {
                        let key = match item.key() {
                            "cert_file" => "cert",
                            "key_file" => "key",
                            "client_ca_file" | "client_auth_type" => "client_ca",
                            other => other,
                        };
                        marks.setting(item, &[block], &[key]);
                    }
                }
            }
            "basic_auth_users" => {
                marks.setting(item, &[part], &["web"]);
                for user in item.items() {
                    let said = |web: &Place| {
                        let said = web.said("user");
                        said.is_some_and(|said| said.values.iter().any(|v| v.0 == user.key()))
                    };
                    if let Some(web) = part.all("web").find(said) {
                        marks.setting(user, &[web], &["user"]);
                    }
                }
            }
            _ => marks.put(item, Origin::derived(part)),
        }
    }
}
