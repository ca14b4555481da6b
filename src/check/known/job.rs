//! A scrape job: what its targets' labels are, how often it is scraped, whose pages it reads.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use crate::diag::Span;
use crate::manifest::Stack;
use crate::manifest::address::{host_of, split_address};
use crate::model::{METRIC_NAME, Matcher};
use crate::promql::parse_selector;
use crate::render;
use crate::wire::prometheus::{RelabelConfig, ScrapeConfig};

/// A scrape job.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Milliseconds between two scrapes.
    pub interval_ms: i64,
    /// Where the manifest declares it: the name of the exporter, service or job.
    pub place: Option<Span>,
    /// Whether labels of the page win over those of the target.
    pub honor_labels: bool,
    /// Targets that have the same labels besides `instance`.
    pub targets: Vec<Targets>,
    /// Labels that relabelling may set on targets, to any value.
    pub set_labels: Vec<String>,
    /// Whether targets may have labels that are not known: by discovery or relabelling.
    pub any_target_labels: bool,
    /// Whether `metric_relabel` may give series any label.
    pub any_labels: bool,
    /// Labels that `metric_relabel` may set on series, to any value.
    pub series_labels: Vec<String>,
    /// Whether `metric_relabel` may rename series.
    pub renames: bool,
    /// Numbers of the pages that it reads.
    pub pages: Vec<usize>,
    /// See [`Self::carriers`].
    carriers: OnceLock<BTreeMap<String, usize>>,
    /// What a federation job asks for; each element is one selector.
    pub federated: Option<Vec<Vec<Matcher>>>,
}

/// Targets with the same labels.
#[derive(Debug)]
pub struct Targets {
    /// Labels with their values, `job` among them and `instance` not.
    pub labels: Vec<(String, String)>,
    /// Values of `instance`.
    pub instances: Vec<String>,
}

/// What is known of a label's value.
#[derive(Debug, PartialEq, Eq)]
pub enum Values<'k> {
    /// The label is not there.
    Absent,
    /// It may have any value, or not be there.
    Any,
    /// It has one of these; the empty text where it may be missing.
    OneOf(Vec<&'k str>),
}

impl Values<'_> {
    /// Whether some series passes the matcher.
    pub fn pass(&self, matcher: &Matcher) -> bool {
        match self {
            Self::Absent => matcher.matches_empty(),
            Self::Any => true,
            Self::OneOf(values) => values.iter().any(|value| matcher.matches(value)),
        }
    }
}

impl Job {
    /// Reads a rendered job; its pages are filled in by the caller.
    pub fn of(stack: &Stack, config: &ScrapeConfig) -> Self {
        let name = config.job_name.clone();
        let prometheus = stack.prometheus.as_ref();
        let interval = prometheus.map(|prometheus| render::interval_of(config, prometheus));
        let mut job = Self {
            interval_ms: interval
                .and_then(|interval| i64::try_from(interval.0.as_millis()).ok())
                .unwrap_or(60_000),
            place: place(stack, &name),
            honor_labels: config.honor_labels,
            targets: Vec::new(),
            set_labels: Vec::new(),
            any_target_labels: !config.file_sd_configs.is_empty()
                || !config.http_sd_configs.is_empty(),
            any_labels: false,
            series_labels: Vec::new(),
            renames: false,
            pages: Vec::new(),
            carriers: OnceLock::new(),
            federated: federated(stack, config),
            name,
        };
        for group in &config.static_configs {
            let mut labels: Vec<(String, String)> =
                group.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            if !group.labels.contains_key("job") {
                labels.push(("job".to_owned(), job.name.clone()));
            }
            let mut instances = group.targets.clone();
            if let Some(at) = labels.iter().position(|(name, _)| name == "instance") {
                instances = vec![labels.remove(at).1];
            }
            job.targets.push(Targets { labels, instances });
        }
        let plain = instances_are_plain(config);
        if !config.dns_sd_configs.is_empty() || job.any_target_labels || !plain {
            job.set_labels.push("instance".to_owned());
        }
        if job.targets.is_empty() {
            let labels = vec![("job".to_owned(), job.name.clone())];
            job.targets.push(Targets { labels, instances: Vec::new() });
        }
        for step in &config.relabel_configs {
            match written(step) {
                Written::Nothing => {}
                Written::Label(label) if label.starts_with("__") => {
                    // `instance` follows from the address, unless it is written itself.
                    if label == "__address__" {
                        job.set_labels.push("instance".to_owned());
                    }
                }
                Written::Label(label) => job.set_labels.push(label.to_owned()),
                Written::Any => job.any_target_labels = true,
            }
        }
        for step in &config.metric_relabel_configs {
            match written(step) {
                Written::Nothing => {}
                Written::Label(METRIC_NAME) => job.renames = true,
                Written::Label(label) => job.series_labels.push(label.to_owned()),
                Written::Any => (job.any_labels, job.renames) = (true, true),
            }
        }
        job
    }

    /// Values of a target label: `job`, `instance`, and those of the job and its targets.
    pub fn target_values(&self, label: &str) -> Values<'_> {
        if self.set_labels.iter().any(|set| set == label) {
            return Values::Any;
        }
        let mut values: Vec<&str> = Vec::new();
        if label == "instance" {
            values.extend(self.targets.iter().flat_map(|group| &group.instances).map(|it| &**it));
        } else {
            // Each target may have a value of its own: what was seen is not looked up in the list.
            let mut seen: HashSet<&str> = HashSet::new();
            for group in &self.targets {
                let found = group.labels.iter().find(|(name, _)| name == label);
                let value = found.map_or("", |(_, value)| value);
                if seen.insert(value) {
                    values.push(value);
                }
            }
        }
        if values.iter().any(|value| !value.is_empty()) {
            return Values::OneOf(values);
        }
        if self.any_target_labels { Values::Any } else { Values::Absent }
    }

    /// Names of the target labels, each once; those that only some targets have included.
    pub fn target_labels(&self) -> impl Iterator<Item = &str> {
        self.carriers().keys().map(String::as_str)
    }

    /// The target labels, and how many of [`Self::targets`] have each with a value. A job may have ten
    /// thousand targets with labels of their own, and is asked at every selector.
    fn carriers(&self) -> &BTreeMap<String, usize> {
        self.carriers.get_or_init(|| {
            let mut all = BTreeMap::from([("instance".to_owned(), 0)]);
            all.extend(self.set_labels.iter().map(|name| (name.clone(), 0)));
            for (name, value) in self.targets.iter().flat_map(|group| &group.labels) {
                if !all.contains_key(name) {
                    all.insert(name.clone(), 0);
                }
                if !value.is_empty() {
                    *all.get_mut(name).expect("it was put there") += 1;
                }
            }
            all
        })
    }

    /// Whether every target has the label, with a value.
    pub fn always_has(&self, label: &str) -> bool {
        label == "instance"
            || !self.set_labels.iter().any(|set| set == label)
                && self.carriers().get(label).copied().unwrap_or(0) == self.targets.len()
    }

    /// Whether a federation job may bring series of this name; a name of `None` is not known.
    pub fn federates(&self, name: Option<&str>) -> bool {
        let Some(selectors) = &self.federated else { return false };
        let fits = |selector: &Vec<Matcher>| {
            selector
                .iter()
                .filter(|m| m.name == METRIC_NAME)
                .all(|m| name.is_none_or(|n| m.matches(n)))
        };
        selectors.iter().any(fits)
    }
}

/// An address without a port becomes `instance` with or without one, as the version likes.
fn instances_are_plain(config: &ScrapeConfig) -> bool {
    config.static_configs.iter().flat_map(|group| &group.targets).all(|target| target.contains(':'))
}

fn federated(stack: &Stack, config: &ScrapeConfig) -> Option<Vec<Vec<Matcher>>> {
    let mut jobs = stack.prometheus.iter().flat_map(|prometheus| &prometheus.federate);
    let federate = jobs.find(|federate| federate.job.value == config.job_name)?;
    // A selector that cannot be read may mean anything.
    let matchers = |text: &str| match parse_selector(text) {
        Ok(selector) => selector.plain_matchers().cloned().collect(),
        Err(_) => Vec::new(),
    };
    Some(federate.matches.iter().map(|selector| matchers(selector)).collect())
}

/// What a relabelling step may write.
enum Written<'a> {
    Nothing,
    Label(&'a str),
    Any,
}

fn written(step: &RelabelConfig) -> Written<'_> {
    let action = step.action.as_deref().unwrap_or("replace").to_ascii_lowercase();
    match action.as_str() {
        "keep" | "drop" | "keepequal" | "dropequal" | "labeldrop" | "labelkeep" => Written::Nothing,
        "labelmap" => Written::Any,
        _ => match step.target_label.as_deref() {
            Some(label) if !label.contains('$') => Written::Label(label),
            _ => Written::Any,
        },
    }
}

/// Where the manifest declares the job of this name.
fn place(stack: &Stack, name: &str) -> Option<Span> {
    let exporter = stack.exporters.iter().find(|exporter| exporter.name.value == name);
    let service = stack.service(name).filter(|service| service.metrics.is_some());
    let prometheus = stack.prometheus.as_ref();
    let mut scrapes = prometheus.iter().flat_map(|prometheus| &prometheus.scrapes);
    let mut federation = prometheus.iter().flat_map(|prometheus| &prometheus.federate);
    exporter
        .map(|exporter| exporter.name.span)
        .or_else(|| service.map(|service| service.name.span))
        .or_else(|| scrapes.find(|scrape| scrape.job.value == name).map(|scrape| scrape.job.span))
        .or_else(|| federation.find(|job| job.job.value == name).map(|job| job.job.span))
        .or_else(|| {
            let part = match name {
                "prometheus" => prometheus.map(|part| part.keyword),
                "alertmanager" => stack.alertmanager.as_ref().map(|part| part.keyword),
                "grafana" => stack.grafana.as_ref().map(|part| part.keyword),
                "pushgateway" => stack.pushgateway.as_ref().map(|part| part.keyword),
                _ => None,
            };
            part.filter(|place| place.len > 0)
        })
}

/// The port of all of a job's targets, if there is but one.
pub(super) fn port(config: &ScrapeConfig) -> Option<u16> {
    let targets = config.static_configs.iter().flat_map(|group| &group.targets);
    let mut ports = targets.map(|target| split_address(target).and_then(|(_, port)| port));
    let first = ports.next()??;
    ports.all(|port| port == Some(first)).then_some(first)
}

/// Hosts that a job's targets name; none where another is asked about them.
pub(super) fn hosts(config: &ScrapeConfig) -> impl Iterator<Item = &str> {
    let elsewhere = config.relabel_configs.iter().any(|step| {
        let fixed = step.replacement.as_ref().is_some_and(|text| !text.contains('$'));
        step.target_label.as_deref() == Some("__address__") && fixed && step.regex.is_none()
    });
    let groups = config.static_configs.iter().filter(move |_| !elsewhere);
    groups.flat_map(|group| &group.targets).map(|target| host_of(target))
}
