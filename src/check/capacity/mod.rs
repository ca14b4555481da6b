//! How much a stack will have to carry: series, samples a second, disk and memory, by job and by rule
//! group, estimated from what the manifest declares. `stackctl capacity` shows it, and rules that ask
//! whether something is large enough read it.
//!
//! What is exact and what is a guess is never mixed silently: each part of a page has its [`Basis`].

mod page;
mod rows;

use std::path::Path;

use serde::Serialize;

use super::known::{Job, Known};
use crate::catalogue::figures;
use crate::check::boards::Boards;
use crate::check::expressions;
use crate::diag::{FileId, Files, Span};
use crate::manifest::{Prometheus, Stack};
use crate::model::parse_duration;
use crate::render;
use crate::wire::prometheus::ScrapeConfig;

/// Series that Prometheus makes for each target: `up` and four about the scrape.
const SYNTHETIC: f64 = 5.0;
/// What a federation job brings where nobody said it: aggregates, some for each job of the other side.
const FEDERATED: f64 = 200.0;
/// What a page has of which nothing is known: a small application with a client library.
const UNKNOWN_PAGE: f64 = 300.0;
/// What a client library adds to the metrics of a service.
const LIBRARY: f64 = 40.0;

/// How well a number of series is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Every label is known with its values, or a saved page was counted.
    Exact,
    /// The manifest says it: `series=`.
    Said,
    /// Counted on other systems, see [`crate::catalogue::figures`].
    Usual,
    /// Some label has as many values as such labels usually have.
    Guess,
}

impl Basis {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Said => "said",
            Self::Usual => "usual",
            Self::Guess => "guess",
        }
    }
}

/// A part of what one target has: a metric, or a collector of an exporter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// Metric or collector.
    pub name: String,
    /// Its series at one target.
    pub series: f64,
    /// How well that is known.
    pub basis: Basis,
}

/// What a scrape job costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobCost {
    /// Name of the job.
    pub job: String,
    /// Where the manifest declares it.
    #[serde(skip)]
    pub place: Option<Span>,
    /// How many targets it has.
    pub targets: u64,
    /// Whether that many are known: they are written out, or the manifest says their number.
    pub targets_known: bool,
    /// Series of one target.
    pub series_per_target: f64,
    /// Series of all targets.
    pub series: f64,
    /// Milliseconds between two scrapes.
    pub interval_ms: i64,
    /// Samples a second.
    pub samples_per_second: f64,
    /// The worst basis of a share that counts: a tenth of the series or more.
    pub basis: Basis,
    /// Series that begin anew whenever the containers behind are replaced, since `instance` is their
    /// address.
    pub anew_on_deploy: f64,
    /// What one target's series are, the most first.
    pub shares: Vec<Share>,
}

/// What a rule group writes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupCost {
    /// Name of the group.
    pub group: String,
    /// How many recording rules it has.
    pub rules: u64,
    /// Series that they record.
    pub series: f64,
    /// Milliseconds between two evaluations.
    pub interval_ms: i64,
    /// Samples a second.
    pub samples_per_second: f64,
}

/// What a whole stack costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capacity {
    /// Scrape jobs, the costliest first.
    pub jobs: Vec<JobCost>,
    /// Rule groups that record something, the costliest first.
    pub groups: Vec<GroupCost>,
    /// Series of all of them.
    pub series: f64,
    /// Samples a second of all of them.
    pub samples_per_second: f64,
    /// How long samples are kept; `None` where only their size is limited.
    pub retention_ms: Option<i64>,
    /// How much room they may take, where that is said.
    pub size_limit: Option<u64>,
    /// How many servers share the scrape jobs.
    pub shards: u64,
}

/// What an engine needs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Engine {
    /// Its name.
    pub name: &'static str,
    /// Bytes of a sample on disk, index included: usual, least and most.
    pub sample_bytes: [f64; 3],
    /// Bytes of memory for a series that has been written to in the last hours.
    pub series_bytes: f64,
}

/// Prometheus: its documentation says 1 to 2 bytes a sample; the memory is what was measured with 100
/// thousand series (5.6 kB) and a million (2.8 kB).
pub const REFERENCE: Engine =
    Engine { name: "prometheus", sample_bytes: [1.5, 1.0, 2.0], series_bytes: 4200.0 };

/// This program's store: 0.45 bytes with counters and gauges that move slowly, 0.78 with hard data.
pub const OWN: Engine =
    Engine { name: "stackctl", sample_bytes: [0.6, 0.45, 0.8], series_bytes: 800.0 };

impl Engine {
    /// Bytes on disk of so many samples a second, kept so long.
    pub fn disk(&self, samples_per_second: f64, kept_ms: i64) -> f64 {
        samples_per_second * (kept_ms as f64 / 1000.0) * self.sample_bytes[0]
    }

    /// Bytes of memory for so many series; the program itself comes besides.
    pub fn memory(&self, series: f64) -> f64 {
        series * self.series_bytes
    }
}

/// Milliseconds that Prometheus keeps samples when nothing is said: 15 days.
const DEFAULT_RETENTION_MS: i64 = 15 * 86_400_000;

impl Capacity {
    /// Estimates a stack. Files that it names are read from the folder of the manifest.
    pub fn of(stack: &Stack, files: &Files) -> Self {
        let boards = Boards::of(stack, files);
        let expressions = expressions::all(stack, &boards);
        let folder = Path::new(files.name(FileId(0))).parent().unwrap_or(Path::new(""));
        let read = |path: &str| std::fs::read_to_string(folder.join(path));
        Self::from(stack, &Known::of(stack, &expressions, &read))
    }

    pub(super) fn from(stack: &Stack, known: &Known<'_>) -> Self {
        let prometheus = stack.prometheus.as_ref().map(|prometheus| &prometheus.value);
        let configs = render::jobs(stack);
        let mut jobs: Vec<JobCost> = known
            .jobs
            .iter()
            .zip(&configs)
            .filter_map(|(job, config)| Some(cost(stack, prometheus?, known, job, config)))
            .collect();
        let mut groups = groups(stack, known, &jobs);
        // Equal ones stay in the order of the manifest.
        jobs.sort_by(|a, b| b.samples_per_second.total_cmp(&a.samples_per_second));
        groups.sort_by(|a, b| b.samples_per_second.total_cmp(&a.samples_per_second));
        let of_jobs = jobs.iter().map(|job| (job.series, job.samples_per_second));
        let of_groups = groups.iter().map(|group| (group.series, group.samples_per_second));
        let (series, samples_per_second) =
            of_jobs.chain(of_groups).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let retention = prometheus.and_then(|prometheus| prometheus.retention.as_ref());
        let time = retention.and_then(|retention| retention.time.as_ref()).map(|time| time.ms);
        let size = retention.and_then(|retention| retention.size.as_ref()).map(|size| size.bytes);
        Self {
            jobs,
            groups,
            series,
            samples_per_second,
            retention_ms: time.or(Some(DEFAULT_RETENTION_MS).filter(|_| size.is_none())),
            size_limit: size,
            shards: render::shards(stack).map_or(1, |shards| shards.number.value),
        }
    }

    /// The engine that the stack's containers run.
    pub fn engine(stack: &Stack) -> Engine {
        let own = render::parts(stack)
            .iter()
            .any(|part| part.kind == render::PartKind::Prometheus && part.own);
        if own { OWN } else { REFERENCE }
    }
}

fn cost(
    stack: &Stack,
    prometheus: &Prometheus,
    known: &Known<'_>,
    job: &Job,
    config: &ScrapeConfig,
) -> JobCost {
    let scrape = prometheus.scrapes.iter().find(|scrape| scrape.job.value == job.name);
    let federate = prometheus.federate.iter().find(|federate| federate.job.value == job.name);
    let targets = Targets::of(stack, job, config, scrape.map(|scrape| &scrape.value));
    let said = scrape
        .and_then(|scrape| scrape.series.as_ref())
        .or_else(|| federate.and_then(|federate| federate.series.as_ref()));
    let mut shares = match (said, federate) {
        (Some(said), _) => vec![share("all of its page", said.value as f64, Basis::Said)],
        (None, Some(_)) => vec![share("what is federated", FEDERATED, Basis::Guess)],
        (None, None) => {
            // Targets of several kinds: each kind has the same share of them.
            let pages: Vec<_> = job.pages.iter().filter(|page| **page != 0).collect();
            let part = 1.0 / pages.len().max(1) as f64;
            let dropped = page::Dropped::of(config);
            let of_page = |page: &&usize| page::shares(&known.pages[**page], &dropped);
            let mut all: Vec<Share> = pages.iter().flat_map(of_page).collect();
            for share in &mut all {
                share.series *= part;
            }
            all
        }
    };
    shares.push(share("made by the scrape", SYNTHETIC, Basis::Exact));
    shares.retain(|share| share.series > 0.0);
    shares.sort_by(|a, b| b.series.total_cmp(&a.series));
    let per_target: f64 = shares.iter().map(|share| share.series).sum();
    let counts = |share: &&Share| share.series >= per_target / 10.0;
    let series = per_target * targets.number as f64;
    JobCost {
        job: job.name.clone(),
        place: job.place,
        targets: targets.number,
        targets_known: targets.known,
        series_per_target: per_target,
        series,
        interval_ms: job.interval_ms,
        samples_per_second: per_second(series, job.interval_ms),
        basis: shares.iter().filter(counts).map(|share| share.basis).max().unwrap_or(Basis::Exact),
        anew_on_deploy: if targets.by_address { series } else { 0.0 },
        shares,
    }
}

fn share(name: &str, series: f64, basis: Basis) -> Share {
    Share { name: name.to_owned(), series, basis }
}

fn per_second(series: f64, interval_ms: i64) -> f64 {
    series * 1000.0 / interval_ms.max(1) as f64
}

/// The targets of a job.
struct Targets {
    number: u64,
    known: bool,
    /// Whether the address of a container is their `instance`.
    by_address: bool,
}

impl Targets {
    fn of(
        stack: &Stack,
        job: &Job,
        config: &ScrapeConfig,
        scrape: Option<&crate::manifest::Scrape>,
    ) -> Self {
        let written: usize = config.static_configs.iter().map(|group| group.targets.len()).sum();
        let written = written as u64;
        let replicas = stack
            .service(&job.name)
            .and_then(|service| service.replicas.as_ref())
            .map(|replicas| replicas.value);
        let discovered = !(config.dns_sd_configs.is_empty()
            && config.file_sd_configs.is_empty()
            && config.http_sd_configs.is_empty());
        let by_address = discovered && !config.dns_sd_configs.is_empty();
        let said = scrape.and_then(|scrape| scrape.expected_targets.as_ref());
        match (said.map(|said| said.value), replicas.filter(|_| by_address), discovered) {
            (Some(said), _, true) => Self { number: written + said, known: true, by_address },
            (None, Some(replicas), true) => {
                Self { number: written + replicas, known: true, by_address }
            }
            // Somebody has to be there, or the job would not have been written.
            (None, None, true) => Self { number: written.max(1), known: false, by_address },
            (_, _, false) => Self { number: written, known: true, by_address },
        }
    }
}

/// What the rule groups record, those of objectives included.
fn groups(stack: &Stack, known: &Known<'_>, jobs: &[JobCost]) -> Vec<GroupCost> {
    let common = stack.prometheus.as_ref().and_then(|part| part.evaluation_interval.as_ref());
    let common = common.map_or(60_000, |interval| interval.ms);
    let mut rows = rows::Rows::new(known, jobs);
    let mut groups = Vec::new();
    for group in render::rule_file(stack).groups {
        let interval = group.interval.as_deref().and_then(|text| parse_duration(text).ok());
        let interval_ms = interval
            .and_then(|interval| i64::try_from(interval.as_millis()).ok())
            .unwrap_or(common);
        let mut cost = GroupCost {
            group: group.name,
            rules: 0,
            series: 0.0,
            interval_ms,
            samples_per_second: 0.0,
        };
        for rule in group.rules {
            let Some(record) = rule.record else { continue };
            let Ok(tree) = crate::promql::parse(&rule.expr) else { continue };
            let series = rows.of(&tree);
            rows.recorded(&record, series);
            cost.rules += 1;
            cost.series += series;
        }
        cost.samples_per_second = per_second(cost.series, interval_ms);
        if cost.rules > 0 {
            groups.push(cost);
        }
    }
    groups
}

/// The machine whose exporter the figures are of.
pub const USUAL_MACHINE: &str = figures::USUAL_MACHINE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    fn capacity(text: &str) -> Capacity {
        let loaded =
            parse("stack.kdl", &format!("stack \"s\"\n{text}"), Format::Kdl, None).unwrap();
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        Capacity::of(&loaded.stack, &loaded.files)
    }

    fn job<'a>(capacity: &'a Capacity, name: &str) -> &'a JobCost {
        capacity.jobs.iter().find(|job| job.job == name).unwrap()
    }

    #[test]
    fn labels_with_known_values_are_counted_and_hints_are_believed() {
        let found = capacity(
            r#"
            service "a" { image "a:1"; port 80; metrics { gauge "a_up"; counter "a_total" "route" series=7 } }
            service "b" { image "b:1"; port 80; metrics series=120 { gauge "b_up" } }
            exporter "node" { series 900 }
            prometheus { scrape_interval "10s"; scrape "x" { target "h1:1" "h2:1"; series 45; interval "5s" } }
            "#,
        );
        // One gauge, seven series as said, the library around them, and five of the scrape.
        let a = job(&found, "a");
        assert_eq!((a.series, a.basis), (1.0 + 7.0 + LIBRARY + 5.0, Basis::Usual));
        assert_eq!((job(&found, "b").series, job(&found, "b").basis), (125.0, Basis::Said));
        assert_eq!(job(&found, "node").series, 905.0);
        let x = job(&found, "x");
        assert_eq!((x.targets, x.series, x.samples_per_second), (2, 100.0, 20.0));
        assert_eq!(found.retention_ms, Some(DEFAULT_RETENTION_MS));
        let sum: f64 = found.jobs.iter().map(|job| job.samples_per_second).sum();
        assert!((found.samples_per_second - sum).abs() < 1e-9);
    }

    #[test]
    fn a_usual_machine_has_the_series_of_its_collectors() {
        let found = capacity("exporter \"node\"\nprometheus");
        let all = job(&found, "node");
        assert!((1500.0..2300.0).contains(&all.series), "{}", all.series);
        let fewer = capacity("exporter \"node\" { collectors { disable \"netdev\" } }\nprometheus");
        let lost = all.series - job(&fewer, "node").series;
        let netdev = all.shares.iter().find(|share| share.name == "netdev").unwrap().series;
        assert_eq!(lost, netdev + 2.0);
    }

    #[test]
    fn dropped_metrics_cost_nothing() {
        let found = capacity(
            r#"
            service "a" { image "a:1"; port 80; metrics { gauge "a_up" series=10; gauge "b_up" series=20 } }
            prometheus { scrape "a" { metric_relabel action="drop" regex="b_.*|go_.*" { source_labels "__name__" } } }
            "#,
        );
        assert_eq!(job(&found, "a").shares.iter().find(|share| share.name == "b_up"), None);
    }

    #[test]
    fn replicas_are_targets_and_begin_anew() {
        let found = capacity(
            "service \"a\" { image \"a:1\"; port 80; replicas 3; metrics series=10 { gauge \"a_up\" } }\nprometheus",
        );
        let a = job(&found, "a");
        assert_eq!((a.targets, a.targets_known, a.anew_on_deploy), (3, true, 45.0));
    }

    #[test]
    fn recording_rules_have_the_rows_of_their_groups() {
        let found = capacity(
            r#"
            exporter "node"
            prometheus { scrape "node" { target "h1:9100" "h2:9100" "h3:9100" } }
            rules "r" interval="30s" {
                record "job:up:avg" { expr "avg by (job) (up)" }
                record "instance:cpu:rate5m" { expr "sum by (instance, mode) (rate(node_cpu_seconds_total[5m]))" }
                record "all:load" { expr "sum(node_load1)" }
                record "instance:load" { expr "node_load1 / 2" }
            }
            "#,
        );
        // Two jobs, three machines with eight modes, one sum, three machines.
        let group = &found.groups[0];
        assert_eq!((group.rules, group.series), (4, 2.0 + 24.0 + 1.0 + 3.0));
        assert_eq!(group.samples_per_second, 1.0);
    }
}
