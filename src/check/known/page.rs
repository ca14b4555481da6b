//! What a metrics page exposes, as far as that is known without reading it.

use std::borrow::Cow;

use crate::catalogue::parts::{LIBRARIES, PROCESS, PartMetrics};
use crate::catalogue::{self, figures, query_metric};
use crate::diag::{Span, Spanned};
use crate::exporters::{Start, mysql, node};
use crate::manifest::versions::{Product, Version};
use crate::manifest::{Block, Declared, Exporter, Metrics};
use crate::model::MetricType;

/// Everything that one kind of page shows. Several jobs may show the same page.
#[derive(Debug, Default)]
pub struct Page<'a> {
    /// Whose page it is, for messages: ``exporter `node` ``.
    pub what: String,
    /// Where its owner is declared.
    pub place: Option<Span>,
    /// The metrics, histograms and summaries as the series they consist of.
    pub metrics: Vec<Exposed<'a>>,
    /// Whether it may show anything else besides.
    pub open: bool,
    /// How many series the manifest says it has.
    pub said: Option<u64>,
    /// Series of a usual page by collector, or of the whole program.
    pub usual: Vec<(&'static str, u64)>,
}

/// A series name on a page, or the beginning of several.
#[derive(Debug, Clone)]
pub struct Exposed<'a> {
    /// The name as queries use it.
    pub name: Cow<'a, str>,
    /// Kind of the metric it belongs to.
    pub kind: MetricType,
    /// What it is of that metric.
    pub role: Role,
    /// Labels of the page; those of the target come besides.
    pub labels: Vec<Cow<'a, str>>,
    /// The name is a beginning only, and there may be labels that are not named.
    pub family: bool,
    /// Where the manifest declares it.
    pub place: Option<Span>,
    /// The exporter's collector that it comes from.
    pub collector: Option<Collected>,
    /// How many series of this name one page has, as far as that was counted or said.
    pub series: Option<Count>,
}

/// A number of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// On a saved page, or by what the metric is.
    Counted(u64),
    /// The manifest says so.
    Said(u64),
}

/// What a series is of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The metric itself; for a summary its quantiles.
    Value,
    /// Buckets of a histogram.
    Bucket,
    /// Sum of what was observed.
    Sum,
    /// Count of what was observed.
    Count,
    /// Made by Prometheus for each scrape; not on the page.
    Synthetic,
}

/// A collector of an exporter.
#[derive(Debug, Clone, Copy)]
pub struct Collected {
    /// Its name.
    pub name: &'static str,
    /// Whether the stack runs it.
    pub runs: bool,
    /// Where the stack says so, if it does.
    pub place: Option<Span>,
}

impl Collected {
    /// Of a program elsewhere: whoever uses its metrics will have turned it on.
    fn unasked(name: &'static str) -> Self {
        Self { name, runs: true, place: None }
    }
}

/// How the values of a series move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nature {
    /// Only up, and back to zero at a restart.
    Counter,
    /// Up and down.
    Gauge,
    /// Buckets of a histogram, each a counter.
    Bucket,
    /// Nothing is known.
    #[default]
    Unknown,
}

impl Exposed<'_> {
    /// How its values move.
    pub fn nature(&self) -> Nature {
        match (self.kind, self.role) {
            (_, Role::Bucket) => Nature::Bucket,
            (_, Role::Sum | Role::Count) | (MetricType::Counter, _) => Nature::Counter,
            (MetricType::Gauge | MetricType::Summary, _) => Nature::Gauge,
            _ => Nature::Unknown,
        }
    }
}

/// The part of a page that is about the exporter itself.
const OWN: &str = "the exporter itself";

impl<'a> Page<'a> {
    fn new(what: String, place: Option<Span>) -> Self {
        Self { what, place, ..Self::default() }
    }

    /// A page of which nothing is known.
    pub fn unknown(what: String, place: Option<Span>) -> Self {
        Self { open: true, ..Self::new(what, place) }
    }

    /// The page that is told by the port of a target which the stack does not run itself, for parts by
    /// the job's name as well: most likely that of the program which has the port by default. It may
    /// have more than is known.
    pub fn usual(port: u16, job: &str) -> Option<Self> {
        let part = |name: &str, metrics| {
            let what = format!("a usual {name}");
            job.contains(name).then(|| Self::of_part(&what, None, metrics))
        };
        let mut page = match port {
            9100 => {
                let mut page = Self::new("a usual node exporter".to_owned(), None);
                for collector in node::COLLECTORS {
                    page.collected(collector.metrics, Collected::unasked(collector.name));
                }
                let collected = node::COLLECTORS.iter().map(|it| it.metrics.len()).sum();
                page.own(node::declared_metrics().skip(collected));
                page.add_open(&["node_"]);
                page
            }
            9104 => {
                let mut page = Self::new("a usual MySQL exporter".to_owned(), None);
                for collector in mysql::COLLECTORS {
                    page.collected(collector.metrics, Collected::unasked(collector.name));
                }
                let collected = mysql::COLLECTORS.iter().map(|it| it.metrics.len()).sum();
                page.own(mysql::declared_metrics().skip(collected));
                page.add_open(&["mysql_"]);
                page
            }
            9090 => part("prometheus", catalogue::parts::PROMETHEUS)?,
            9093 => part("alertmanager", catalogue::parts::ALERTMANAGER)?,
            _ => return None,
        };
        page.open = true;
        Some(page)
    }

    /// The page of an exporter.
    pub fn of_exporter(exporter: &'a Exporter, saved: &mut Saved<'_>) -> Self {
        let what = format!("exporter `{}`", exporter.name);
        let place = Some(exporter.name.span);
        let mut page = match exporter.kind() {
            "node" => Self::node(what, place, exporter),
            "mysql" | "mysqld" => Self::mysql(what, place, exporter),
            _ => match &exporter.metrics {
                Some(metrics) => Self::declared(what, place, metrics, saved),
                None => Self::unknown(what, place),
            },
        };
        if matches!(exporter.kind(), "node" | "mysql" | "mysqld")
            && let Some(metrics) = &exporter.metrics
        {
            let further = Self::declared(String::new(), None, metrics, saved);
            page.open |= metrics.open.as_ref().is_some_and(|open| open.value);
            page.metrics.extend(further.metrics.into_iter().filter(|metric| !metric.family));
            page.said = further.said;
        }
        page.said = exporter.series.as_ref().map(|series| series.value).or(page.said);
        page
    }

    fn node(what: String, place: Option<Span>, exporter: &'a Exporter) -> Self {
        let mut page = Self::new(what, place);
        let collectors = Chosen::of(exporter, "--collector.", "--no-collector.");
        let mut running = 0;
        for collector in node::COLLECTORS {
            let collected = collectors.choose(collector.name, collector.start);
            if collected.runs {
                running += 1;
                page.usual.push((collector.name, figures::node_collector(collector.name)));
            }
            page.collected(collector.metrics, collected);
        }
        // Each collector tells whether it succeeded, and how long it took.
        page.usual.push((OWN, figures::EXPORTER + 2 * running));
        let collected = node::COLLECTORS.iter().map(|collector| collector.metrics.len()).sum();
        page.own(node::declared_metrics().skip(collected));
        let said = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
        let version = Product::NodeExporter
            .version(said(&exporter.version).as_deref(), said(&exporter.image).as_deref());
        // A text file may hold anything, and old versions had other names.
        let files = exporter.args.iter().any(|arg| arg.contains("collector.textfile.director"));
        page.open = files || version < Version(1, 0, 0);
        page
    }

    fn mysql(what: String, place: Option<Span>, exporter: &'a Exporter) -> Self {
        let mut page = Self::new(what, place);
        let collectors = Chosen::of(exporter, "--collect.", "--no-collect.");
        let mut running = 0;
        for collector in mysql::COLLECTORS {
            let collected = collectors.choose(collector.name, collector.start);
            if collected.runs {
                running += 1;
                page.usual.push((collector.name, figures::mysql_collector(collector.name)));
            }
            page.collected(collector.metrics, collected);
        }
        // Each collector tells how long it took.
        page.usual.push((OWN, figures::EXPORTER + running));
        let collected = mysql::COLLECTORS.iter().map(|collector| collector.metrics.len()).sum();
        page.own(mysql::declared_metrics().skip(collected));
        for query in &exporter.queries {
            for (column, kind) in query.values() {
                let labels = query.labels.iter().map(|label| label.to_ascii_lowercase().into());
                page.metrics.push(Exposed {
                    name: query_metric(&query.name, &column.name).into(),
                    kind,
                    role: Role::Value,
                    labels: labels.collect(),
                    family: false,
                    place: Some(column.name.span),
                    collector: None,
                    series: None,
                });
            }
        }
        let said = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
        let version = Product::MysqldExporter
            .version(said(&exporter.version).as_deref(), said(&exporter.image).as_deref());
        page.open = version < Version(0, 12, 0);
        page
    }

    /// The page of a part of the stack.
    pub fn of_part(what: &str, place: Option<Span>, part: PartMetrics) -> Self {
        let mut page = Self::new(what.to_owned(), place);
        page.add(PROCESS);
        page.add(part.metrics);
        page.add_open(part.open);
        page
    }

    /// What a `metrics` block says; without a single metric nothing is known.
    pub fn declared(
        what: String,
        place: Option<Span>,
        metrics: &'a Metrics,
        saved: &mut Saved<'_>,
    ) -> Self {
        let mut page = Self::new(what, place);
        let Metrics { from, open, counters, gauges, histograms, summaries, .. } = metrics;
        page.said = metrics.series.as_ref().map(|series| series.value);
        for (list, kind) in [
            (counters, MetricType::Counter),
            (gauges, MetricType::Gauge),
            (histograms, MetricType::Histogram),
            (summaries, MetricType::Summary),
        ] {
            for metric in list {
                page.declare(metric, kind);
            }
        }
        let mut readable = true;
        if let Some(from) = from {
            readable = saved.read(from, &mut page.metrics);
        }
        let said_open = open.as_ref().map(|open| open.value);
        page.open = said_open.unwrap_or(page.metrics.is_empty()) || !readable;
        page.add(PROCESS);
        page.add_open(LIBRARIES);
        page
    }

    fn declare(&mut self, metric: &'a Block<Declared>, kind: MetricType) {
        let labels: Vec<Cow<'a, str>> =
            metric.labels.iter().map(|label| label.value.as_str().into()).collect();
        let name = metric.name.value.as_str();
        let first = self.metrics.len();
        composed(&mut self.metrics, name.into(), kind, &labels, Some(metric.name.span), None);
        if let Some(series) = &metric.series {
            // They are said of the metric as a whole; its first part stands for all of them.
            for (number, part) in self.metrics[first..].iter_mut().enumerate() {
                part.series = Some(Count::Said(if number == 0 { series.value } else { 0 }));
            }
        }
    }

    fn collected(&mut self, metrics: &'static [catalogue::Metric], collected: Collected) {
        for metric in metrics {
            self.push(metric, Some(collected));
        }
    }

    /// Metrics of the exporter itself and of its process.
    fn own(&mut self, own: impl Iterator<Item = &'static catalogue::Metric>) {
        let own: Vec<&'static catalogue::Metric> = own.collect();
        for metric in &own {
            self.push(metric, None);
        }
        for metric in PROCESS {
            if own.iter().all(|known| known.name != metric.name) {
                self.push(metric, None);
            }
        }
        self.add_open(&["go_"]);
    }

    fn add(&mut self, metrics: &'static [catalogue::Metric]) {
        for metric in metrics {
            self.push(metric, None);
        }
    }

    fn add_open(&mut self, beginnings: &'static [&'static str]) {
        self.metrics.extend(beginnings.iter().map(|beginning| Exposed {
            name: (*beginning).into(),
            kind: MetricType::Unknown,
            role: Role::Value,
            labels: Vec::new(),
            family: true,
            place: None,
            collector: None,
            series: None,
        }));
    }

    fn push(&mut self, metric: &'static catalogue::Metric, collector: Option<Collected>) {
        let labels: Vec<Cow<'a, str>> = metric.labels.iter().map(|label| (*label).into()).collect();
        if metric.open {
            self.metrics.push(Exposed {
                name: metric.name.into(),
                kind: metric.kind,
                role: Role::Value,
                labels,
                family: true,
                place: None,
                collector,
                series: None,
            });
        } else {
            composed(&mut self.metrics, metric.name.into(), metric.kind, &labels, None, collector);
        }
    }
}

/// Adds a metric as the series that it consists of.
pub(super) fn composed<'a>(
    into: &mut Vec<Exposed<'a>>,
    name: Cow<'a, str>,
    kind: MetricType,
    labels: &[Cow<'a, str>],
    place: Option<Span>,
    collector: Option<Collected>,
) {
    let mut push = |name: Cow<'a, str>, role, more: Option<&'static str>| {
        let labels = labels.iter().cloned().chain(more.map(Cow::Borrowed)).collect();
        into.push(Exposed {
            name,
            kind,
            role,
            labels,
            family: false,
            place,
            collector,
            series: None,
        });
    };
    let suffixed = |suffix: &str| Cow::Owned(format!("{name}{suffix}"));
    match kind {
        MetricType::Histogram | MetricType::GaugeHistogram => {
            push(suffixed("_bucket"), Role::Bucket, Some("le"));
        }
        MetricType::Summary => push(name.clone(), Role::Value, Some("quantile")),
        _ => {
            push(name, Role::Value, None);
            return;
        }
    }
    push(suffixed("_sum"), Role::Sum, None);
    push(suffixed("_count"), Role::Count, None);
}

/// Which collectors an exporter runs.
struct Chosen<'a> {
    exporter: &'a Exporter,
    on: &'static str,
    off: &'static str,
}

impl<'a> Chosen<'a> {
    fn of(exporter: &'a Exporter, on: &'static str, off: &'static str) -> Self {
        Self { exporter, on, off }
    }

    fn choose(&self, name: &'static str, start: Start) -> Collected {
        let mut runs = start == Start::On;
        let mut place = None;
        if let Some(collectors) = &self.exporter.collectors {
            let named = |list: &[Spanned<String>]| {
                list.iter().find(|said| said.value == name).map(|said| said.span)
            };
            if !collectors.only.is_empty() {
                let said = named(&collectors.only);
                runs = said.is_some();
                place = said.or(collectors.only.first().map(|first| first.span));
            }
            if let Some(said) = named(&collectors.enable) {
                (runs, place) = (true, Some(said));
            }
            if let Some(said) = named(&collectors.disable) {
                (runs, place) = (false, Some(said));
            }
        }
        for arg in &self.exporter.args {
            let word = |prefix: &str| {
                let rest = arg.value.strip_prefix(prefix)?;
                let (flag, value) = rest.split_once('=').unwrap_or((rest, "true"));
                (flag == name).then_some(value != "false")
            };
            if arg.value.contains("disable-defaults") {
                (runs, place) = (false, Some(arg.span));
            }
            if let Some(on) = word(self.on) {
                (runs, place) = (on, Some(arg.span));
            }
            if word(self.off).is_some() {
                (runs, place) = (false, Some(arg.span));
            }
        }
        Collected { name, runs, place }
    }
}

/// Saved pages that the manifest names.
pub struct Saved<'s> {
    /// Reads a file by its path relative to the manifest.
    pub read: &'s dyn Fn(&str) -> std::io::Result<String>,
    /// Those that could not be read, with the reason.
    pub broken: Vec<(Span, String)>,
}

impl Saved<'_> {
    /// Adds the metrics of a page; false when that cannot be done.
    fn read<'a>(&mut self, from: &'a Spanned<String>, into: &mut Vec<Exposed<'a>>) -> bool {
        let learnt = (self.read)(&from.value)
            .map_err(|err| err.to_string())
            .and_then(|text| super::saved::learn(&text, from.span));
        match learnt {
            Ok(metrics) => {
                into.extend(metrics);
                true
            }
            Err(reason) => {
                self.broken.push((from.span, reason));
                false
            }
        }
    }
}
