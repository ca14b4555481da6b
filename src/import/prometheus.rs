//! `prometheus.yml` -> `prometheus` with its scrape jobs.

use super::context::{Context, fixed_address};
use super::kdl::{Node, Value};
use super::source::{Fields, entries, get, items, scalar};
use crate::manifest::address::host_of;
use crate::manifest::yaml::Yaml;

/// Settings of a job that stand in the manifest under the same or another name.
const TEXTS: [(&str, &str); 4] = [
    ("interval", "scrape_interval"),
    ("timeout", "scrape_timeout"),
    ("path", "metrics_path"),
    ("scheme", "scheme"),
];
const NUMBERS: [&str; 3] = ["sample_limit", "label_limit", "target_limit"];
const FLAGS: [&str; 3] = ["honor_labels", "honor_timestamps", "follow_redirects"];
const PART: &str = "prometheus";

/// What prometheus.yml says besides its own settings.
#[derive(Debug, Default)]
pub struct Said {
    /// Patterns of rule files with their places.
    pub rule_files: Vec<(String, crate::diag::Span)>,
    /// Scrape jobs, to be added once it is known which of them follow from the stack.
    pub jobs: Vec<Job>,
}

/// A scrape job.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The `scrape` or `federate` node.
    pub node: Node,
    /// The same without its targets, for a job that follows from the stack.
    pub settings: Node,
    /// Its only target, without labels.
    pub target: Option<String>,
}

/// Adds what the file says to a node that has what compose says of the part.
pub fn read(file: &Yaml, node: &mut Node, context: &mut Context) -> Said {
    let mut said = Said::default();
    let mut fields = Fields::of("prometheus.yml", file, &mut context.notes);
    if let Some(global) = fields.take("global") {
        let mut global = Fields::of("`global`", global, &mut context.notes);
        for name in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
            node.set(name, global.text(name));
        }
        node.map("external_labels", global.pairs("external_labels"));
        global.finish(&mut context.notes);
    }
    if let Some(files) = fields.take("rule_files") {
        said.rule_files = items(files)
            .iter()
            .filter_map(|file| Some((scalar(file)?.to_owned(), file.span)))
            .collect();
    }
    if let Some(alerting) = fields.take("alerting") {
        self::alerting(alerting, context);
    }
    if let Some(storage) = fields.take("storage") {
        let mut storage = Fields::of("`storage`", storage, &mut context.notes);
        if let Some(tsdb) = storage.take("tsdb") {
            let mut tsdb = Fields::of("`tsdb`", tsdb, &mut context.notes);
            node.set("out_of_order_time_window", tsdb.text("out_of_order_time_window"));
            tsdb.finish(&mut context.notes);
        }
        storage.finish(&mut context.notes);
    }
    for job in fields.items("scrape_configs") {
        said.jobs.extend(self::job(job, context));
    }
    for write in fields.items("remote_write") {
        let write = remote_write(write, context);
        node.push(write);
    }
    fields.finish(&mut context.notes);
    said
}

/// Alerts go to the stack's own Alertmanager; others cannot be said.
fn alerting(alerting: &Yaml, context: &mut Context) {
    let mut fields = Fields::of("`alerting`", alerting, &mut context.notes);
    for manager in fields.items("alertmanagers") {
        let mut fields = Fields::of("the Alertmanager", manager, &mut context.notes);
        for group in fields.items("static_configs") {
            let mut group = Fields::of("targets of the Alertmanager", group, &mut context.notes);
            for target in group.items("targets") {
                let address = scalar(target).unwrap_or_default();
                let host = host_of(address);
                let host = context.hosts.get(host).map_or(host, String::as_str);
                let own = host == "alertmanager" || !context.in_containers && host == "localhost";
                if !(own && context.alertmanager) {
                    context.notes.lost(target.span, &format!("the Alertmanager at `{address}`"));
                }
            }
            group.finish(&mut context.notes);
        }
        // Both are what they are when nothing is said.
        let plain = |text: &Option<String>, usual: &str| text.as_deref().is_none_or(|t| t == usual);
        let (scheme, api) = (fields.text("scheme"), fields.text("api_version"));
        if !(plain(&scheme, "http") && plain(&api, "v2")) {
            context.notes.lost(manager.span, "how this Alertmanager is asked");
        }
        fields.finish(&mut context.notes);
    }
    fields.finish(&mut context.notes);
}

/// A job; `None` if no way to find its targets can be carried over.
fn job(job: &Yaml, context: &mut Context) -> Option<Job> {
    let name = get(job, "job_name").and_then(scalar).unwrap_or_default().to_owned();
    let what = format!("job `{name}`");
    let mut fields = Fields::of(what.as_str(), job, &mut context.notes);
    fields.take("job_name");
    let mut settings = Node::new("scrape").arg(name.as_str());
    for (name, key) in TEXTS {
        let usual = match key {
            "metrics_path" => "/metrics",
            "scheme" => "http",
            _ => "",
        };
        settings = settings.prop(name, fields.text(key).filter(|text| text != usual));
    }
    for key in FLAGS {
        let usual = key != "honor_labels";
        settings.set(key, fields.flag(key).filter(|flag| *flag != usual));
    }
    for key in NUMBERS {
        settings.set(key, fields.number(key).filter(|limit| *limit > 0));
    }
    settings.set("body_size_limit", fields.text("body_size_limit").filter(|size| size != "0"));
    if let Some(params) = fields.take("params") {
        let mut fields = Fields::of(format!("`params` of {what}"), params, &mut context.notes);
        for (name, _) in entries(params) {
            let values = fields.texts(name);
            settings.push(Node::new("param").arg(name.as_str()).args(values));
        }
        fields.finish(&mut context.notes);
    }
    context.client(PART, &what, &mut fields, &mut settings);
    for (key, name) in
        [("relabel_configs", "relabel"), ("metric_relabel_configs", "metric_relabel")]
    {
        for step in fields.items(key) {
            let step = context.relabel(name, step);
            settings.push(step);
        }
    }
    let mut node = settings.clone();
    // What another is asked about is nothing that Prometheus connects to.
    let steps = get(job, "relabel_configs").map_or(&[][..], items);
    let asks_another =
        steps.iter().any(|step| fixed_address(step).is_some() && get(step, "regex").is_none());
    let mut targets = Vec::new();
    for group in fields.items("static_configs") {
        let mut group = Fields::of(what.as_str(), group, &mut context.notes);
        let addresses: Vec<String> =
            group.texts("targets").iter().map(|at| address(at, asks_another, context)).collect();
        targets.push((addresses, group.pairs("labels")));
        group.finish(&mut context.notes);
    }
    for (addresses, labels) in &targets {
        let mut target = Node::new("target").args(addresses.iter().cloned());
        target.map("labels", labels.iter().cloned());
        node.push(target);
    }
    discovery(&what, &mut fields, &mut node, context);
    fields.finish(&mut context.notes);
    let found = ["target", "file_sd", "dns_sd", "http_sd"];
    if !found.iter().any(|name| node.has(name)) {
        context.notes.lost(job.span, &format!("{what}, for which nothing here finds targets,"));
        return None;
    }
    let target = match &targets[..] {
        [(addresses, labels)] if labels.is_empty() && addresses.len() == 1 => {
            addresses.first().cloned()
        }
        _ => None,
    };
    Some(Job { name, node, settings, target })
}

fn address(target: &str, asks_another: bool, context: &mut Context) -> String {
    if asks_another { context.called(target) } else { context.renamed(target) }
}

fn discovery(what: &str, fields: &mut Fields<'_>, node: &mut Node, context: &mut Context) {
    let files = fields.items("file_sd_configs");
    for (at, discovery) in files.iter().enumerate() {
        if at > 0 {
            context.notes.lost(discovery.span, &format!("a second `file_sd_configs` of {what}"));
            continue;
        }
        let mut fields = Fields::of(what, discovery, &mut context.notes);
        let paths = fields.texts("files");
        let paths = paths.iter().map(|path| context.host_path(PART, path));
        let found = Node::new("file_sd").args(paths.collect::<Vec<_>>());
        node.push(found.prop("refresh_interval", fields.text("refresh_interval")));
        fields.finish(&mut context.notes);
    }
    for discovery in fields.items("dns_sd_configs") {
        let mut fields = Fields::of(what, discovery, &mut context.notes);
        let found = Node::new("dns_sd")
            .args(fields.texts("names"))
            .prop("type", fields.text("type"))
            .prop("port", fields.text("port").map(Value::Number))
            .prop("refresh_interval", fields.text("refresh_interval"));
        fields.finish(&mut context.notes);
        node.push(found);
    }
    for discovery in fields.items("http_sd_configs") {
        let mut fields = Fields::of(what, discovery, &mut context.notes);
        let found = Node::new("http_sd")
            .arg(fields.text("url").unwrap_or_default())
            .prop("refresh_interval", fields.text("refresh_interval"));
        fields.finish(&mut context.notes);
        node.push(found);
    }
}

fn remote_write(write: &Yaml, context: &mut Context) -> Node {
    let url = get(write, "url").and_then(scalar).unwrap_or_default().to_owned();
    let what = format!("remote write to `{url}`");
    let mut fields = Fields::of(what.as_str(), write, &mut context.notes);
    fields.take("url");
    let mut node = Node::new("remote_write").arg(context.renamed(&url));
    for key in ["name", "remote_timeout"] {
        node.set(key, fields.text(key));
    }
    for key in ["send_exemplars", "send_native_histograms"] {
        node.set(key, fields.flag(key));
    }
    node.map("headers", fields.pairs("headers"));
    context.client(PART, &what, &mut fields, &mut node);
    for step in fields.items("write_relabel_configs") {
        let step = context.relabel("write_relabel", step);
        node.push(step);
    }
    if let Some(queue) = fields.take("queue_config") {
        let mut fields = Fields::of(format!("the queue of {what}"), queue, &mut context.notes);
        let mut queue = Node::new("queue");
        for key in ["capacity", "max_shards", "min_shards", "max_samples_per_send"] {
            queue = queue.prop(key, fields.number(key));
        }
        for key in ["batch_send_deadline", "min_backoff", "max_backoff"] {
            queue = queue.prop(key, fields.text(key));
        }
        queue = queue.prop("retry_on_http_429", fields.flag("retry_on_http_429"));
        fields.finish(&mut context.notes);
        node.push(queue);
    }
    fields.finish(&mut context.notes);
    node
}
