//! What exists: every metric that the stack's jobs scrape and its rules record, with labels, kind and
//! where it is declared. Rules that ask for names, labels and values look here.
//!
//! - [`Known::reads`] tells what a selector of PromQL can read: [`Reads`]. It knows the series by name
//!   and matchers, the jobs of which nothing is known that may have it ([`Reads::maybe`]), and how often
//!   its samples come ([`Reads::intervals`]).
//! - [`super::expressions::Expression::flows`] follows the labels through an expression: [`Flows`].
//!
//! Everything errs on the side of "may exist": a page that nobody described, discovery, relabelling,
//! federation and pushed metrics are open, and what is open is never called wrong for certain.

mod flow;
mod job;
mod page;
mod saved;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

pub use flow::{Flow, Flows, Loss, Lost, grouping_span};
pub use job::{Job, Values};
pub use page::{Count, Exposed, Nature, Page, Role};

use super::expressions::{Expression, Site};
use crate::catalogue::parts;
use crate::catalogue::{figures, known_values};
use crate::diag::Span;
use crate::manifest::Stack;
use crate::model::{METRIC_NAME, MatchOp, Matcher, MetricType, parse_duration};
use crate::promql::ast::VectorSelector;
use crate::promql::{self, Expr};
use crate::render;
use page::Saved;

/// See the module.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// Every scrape job, federation included, in the order of prometheus.yml.
    pub jobs: Vec<Job>,
    /// Every metrics page; jobs name theirs by number.
    pub pages: Vec<Page<'a>>,
    /// Recording rules, those of objectives included.
    pub records: Vec<Recorded>,
    /// Saved pages that could not be read, and why.
    pub unreadable: Vec<(Span, String)>,
    /// Names of all alerts.
    pub alerts: Vec<String>,
    /// Milliseconds between two evaluations of the groups that have alerts: the shortest, the longest.
    alert_intervals: Option<(i64, i64)>,
    /// Whether samples come in ways that nothing is known of, or nothing is known at all.
    anywhere: bool,
    /// Series names of pages, each with page and index there.
    names: HashMap<Cow<'a, str>, Vec<(usize, usize)>>,
    /// Beginnings of names of pages, in the same way.
    families: Vec<(usize, usize)>,
    /// Pages by the first word of their metrics' names, those of every program aside.
    beginnings: HashMap<String, Vec<usize>>,
    /// Jobs that read a page, by its number.
    readers: Vec<Vec<usize>>,
    /// Recording rules by name.
    recorded: HashMap<String, Vec<usize>>,
}

/// A series that a recording rule makes.
#[derive(Debug)]
pub struct Recorded {
    /// Its name.
    pub name: String,
    /// The group that it stands in.
    pub group: String,
    /// Milliseconds between two evaluations.
    pub interval_ms: i64,
    /// Where the manifest has it: the name of the rule, or of the objective.
    pub place: Option<Span>,
    /// Labels that the rule itself sets.
    pub labels: BTreeMap<String, String>,
    /// Labels of the result, those of the rule included.
    pub flow: Flow,
}

/// Something that a selector reads.
#[derive(Debug, Clone, Copy)]
pub enum Series<'k> {
    /// From a job's page, or made for each of its scrapes.
    Scraped(&'k Job, &'k Exposed<'k>),
    /// From a recording rule.
    Recorded(&'k Recorded),
    /// `ALERTS` or `ALERTS_FOR_STATE`.
    Alerts(&'k Known<'k>, &'static str),
}

/// What a selector can read.
#[derive(Debug, Default)]
pub struct Reads<'k> {
    /// The series that pass all of its matchers.
    pub series: Vec<Series<'k>>,
    /// The series whose names pass; which labels they have does not matter.
    pub named: Vec<Series<'k>>,
    /// Jobs that may expose something of that name and of which nothing is known: their page is not
    /// described, they rename series, or they are federation jobs.
    pub maybe: Vec<&'k Job>,
    /// Whether such samples may come from nowhere that the stack tells of (remote write, the push
    /// gateway); then nothing can be said for certain.
    pub anywhere: bool,
}

impl Reads<'_> {
    /// Whether there may be something besides [`Self::series`].
    pub fn open(&self) -> bool {
        self.anywhere || !self.maybe.is_empty()
    }

    /// Milliseconds between two samples: the shortest and the longest of what is read. For a recorded
    /// series that is its group's interval. Without a known series it is that of the jobs that may have
    /// it; `None` where nothing is known.
    pub fn intervals(&self) -> Option<(i64, i64)> {
        let known = self.series.iter().filter_map(|series| match series {
            Series::Scraped(job, _) => Some((job.interval_ms, job.interval_ms)),
            Series::Recorded(recorded) => Some((recorded.interval_ms, recorded.interval_ms)),
            Series::Alerts(known, _) => known.alert_intervals,
        });
        let widest = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        let maybe = self.maybe.iter().map(|job| (job.interval_ms, job.interval_ms));
        known.reduce(widest).or_else(|| if self.anywhere { None } else { maybe.reduce(widest) })
    }

    /// How the values move, if all of the series agree.
    pub fn nature(&self) -> Nature {
        let mut natures = self.series.iter().map(Series::nature);
        match natures.next() {
            Some(first) if natures.all(|nature| nature == first) => first,
            _ => Nature::Unknown,
        }
    }
}

impl<'k> Series<'k> {
    /// The name; a beginning for an open family.
    pub fn name(&self) -> &'k str {
        match self {
            Self::Scraped(_, metric) => &metric.name,
            Self::Recorded(recorded) => &recorded.name,
            Self::Alerts(_, name) => name,
        }
    }

    /// Where the manifest declares the metric or the rule, if it does.
    pub fn place(&self) -> Option<Span> {
        match self {
            Self::Scraped(_, metric) => metric.place,
            Self::Recorded(recorded) => recorded.place,
            Self::Alerts(..) => None,
        }
    }

    /// How the values move.
    pub fn nature(&self) -> Nature {
        match self {
            Self::Scraped(_, metric) => metric.nature(),
            Self::Recorded(recorded) => recorded.flow.nature,
            Self::Alerts(..) => Nature::Gauge,
        }
    }

    /// The labels that it has.
    pub fn labels(&self) -> Flow {
        match self {
            Self::Scraped(job, metric) => scraped_labels(job, metric),
            Self::Recorded(recorded) => {
                let mut flow = recorded.flow.clone();
                for loss in &mut flow.losses {
                    loss.record = loss.record.or(recorded.place);
                }
                flow
            }

            Self::Alerts(..) => {
                Flow { open: true, nature: Nature::Gauge, ..Flow::exactly(["alertname"]) }
            }
        }
    }

    /// What is known of a label's value.
    pub fn values(&self, label: &str) -> Values<'k> {
        match *self {
            Self::Scraped(job, metric) => scraped_values(job, metric, label),
            Self::Recorded(recorded) => match recorded.labels.get(label) {
                Some(value) => Values::OneOf(vec![value]),
                None if recorded.flow.can_have(label) => Values::Any,
                None => Values::Absent,
            },
            Self::Alerts(known, name) => match label {
                "alertname" => Values::OneOf(known.alerts.iter().map(String::as_str).collect()),
                _ => match known_values(name, label) {
                    Some(values) => Values::OneOf(values.to_vec()),
                    None => Values::Any,
                },
            },
        }
    }
}

fn scraped_labels(job: &Job, metric: &Exposed<'_>) -> Flow {
    let mut flow = Flow { nature: metric.nature(), ..Flow::default() };
    let synthetic = metric.role == Role::Synthetic;
    flow.open = job.any_target_labels || !synthetic && (job.any_labels || metric.family);
    for label in job.target_labels() {
        flow.may.insert(label.to_owned());
        if job.always_has(label) {
            flow.must.insert(label.to_owned());
        }
    }
    if synthetic {
        return flow;
    }
    flow.may.extend(job.series_labels.iter().cloned());
    for label in &metric.labels {
        if flow.may.contains(&**label)
            && !job.honor_labels
            && !job.series_labels.iter().any(|l| l == label)
        {
            // The target's label wins, and that of the page gets another name.
            flow.may.insert(format!("exported_{label}"));
            continue;
        }
        flow.may.insert(label.to_string());
        flow.must.insert(label.to_string());
    }
    flow
}

fn scraped_values<'k>(job: &'k Job, metric: &'k Exposed<'_>, label: &str) -> Values<'k> {
    let target = job.target_values(label);
    let synthetic = metric.role == Role::Synthetic;
    if synthetic {
        return target;
    }
    let own = metric.labels.iter().any(|own| own == label);
    if job.any_labels || job.series_labels.iter().any(|set| set == label) {
        return Values::Any;
    }
    match target {
        Values::Absent | Values::Any => {}
        Values::OneOf(_) if own && job.honor_labels => return Values::Any,
        known @ Values::OneOf(_) => return known,
    }
    if own {
        return match known_values(&metric.name, label) {
            Some(values) => Values::OneOf(values.to_vec()),
            None => Values::Any,
        };
    }
    let exported = label.strip_prefix("exported_").is_some_and(|label| {
        metric.labels.iter().any(|own| own == label) && job.target_labels().any(|own| own == label)
    });
    if exported || metric.family { Values::Any } else { target }
}

impl<'a> Known<'a> {
    /// Gathers all that the stack tells. `read` gives a file by its path relative to the manifest.
    pub fn of(
        stack: &'a Stack,
        expressions: &[Expression<'_>],
        read: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Self {
        let Some(prometheus) = &stack.prometheus else {
            return Self { anywhere: true, ..Self::default() };
        };
        let mut known = Self {
            anywhere: prometheus.enable_remote_write_receiver.as_ref().is_some_and(|on| on.value),
            alerts: stack.alerts().map(|alert| alert.name.value.clone()).collect(),
            ..Self::default()
        };
        known.jobs_and_pages(stack, read);
        known.index();
        known.rules(stack, expressions);
        known
    }

    fn jobs_and_pages(&mut self, stack: &'a Stack, read: &dyn Fn(&str) -> std::io::Result<String>) {
        let mut saved = Saved { read, broken: Vec::new() };
        // Host names that targets may name, with the page behind.
        let mut hosts: HashMap<String, usize> = HashMap::new();
        let mut pages: Vec<Page<'a>> = Vec::new();
        let synthetic = Page {
            what: "Prometheus".to_owned(),
            metrics: parts::SYNTHETIC.iter().map(synthetic).collect(),
            ..Page::default()
        };
        pages.push(synthetic);
        for exporter in &stack.exporters {
            hosts.insert(exporter.host(), pages.len());
            pages.push(Page::of_exporter(exporter, &mut saved));
        }
        for service in &stack.services {
            let (name, place) = (&service.name, Some(service.name.span));
            let what = format!("service `{name}`");
            let page = match &service.metrics {
                Some(metrics) => Page::declared(what, place, metrics, &mut saved),
                None => Page::unknown(what, place),
            };
            let caddy = service
                .image
                .as_ref()
                .is_some_and(|image| image.split([':', '/']).any(|part| part == "caddy"));
            let page = if caddy && page.open && page.metrics.iter().all(|m| m.place.is_none()) {
                let mut own = Page::of_part(&page.what, place, parts::CADDY);
                own.usual.extend(figures::part_series("caddy").map(|series| ("caddy", series)));
                own
            } else {
                page
            };
            hosts.insert(name.value.clone(), pages.len());
            pages.push(page);
        }
        for (name, there, part) in [
            ("prometheus", stack.prometheus.is_some(), parts::PROMETHEUS),
            ("alertmanager", stack.alertmanager.is_some(), parts::ALERTMANAGER),
            ("pushgateway", stack.pushgateway.is_some(), parts::PUSHGATEWAY),
            ("grafana", stack.grafana.is_some(), parts::GRAFANA),
        ] {
            if there && !hosts.contains_key(name) {
                hosts.insert(name.to_owned(), pages.len());
                let mut page = Page::of_part(&format!("`{name}`"), None, part);
                page.open = name == "pushgateway";
                page.usual.extend(figures::part_series(name).map(|series| (name, series)));
                pages.push(page);
            }
        }
        for store in &stack.stores {
            let Some(kind) = store.what() else { continue };
            let parts = render::parts(stack);
            let own = parts.iter().filter(|part| {
                part.store.is_some_and(|index| stack.stores[index].name.span == store.name.span)
            });
            let series: Vec<u64> = own
                .filter_map(|part| {
                    let task = part.name.rsplit('-').find(|word| word.parse::<u8>().is_err());
                    task.and_then(figures::part_series).or(figures::part_series(kind.name()))
                })
                .collect();
            let what = format!("store `{}`", store.name);
            let mut page = Page::of_part(&what, Some(store.name.span), parts::STORES);
            let each = series.iter().sum::<u64>() / (series.len() as u64).max(1);
            page.usual.push((kind.name(), each));
            hosts.insert(store.name.value.clone(), pages.len());
            pages.push(page);
        }
        let configs = render::jobs(stack);
        for config in &configs {
            let mut job = Job::of(stack, config);
            if let (Some(shards), Some(server)) = (render::shards(stack), &stack.prometheus)
                && let Some(label) = &shards.label
                && !render::is_central(server, &job.name)
            {
                // The central server sees it on what it reads from the shards.
                job.set_labels.push(label.value.clone());
            }
            let exporter = stack.exporters.iter().find(|exporter| exporter.name.value == job.name);
            let own = exporter.map_or_else(|| job.name.clone(), |exporter| exporter.host());
            let derived = stack.service(&own).is_none_or(|service| service.metrics.is_some());
            job.pages.push(0);
            if job.federated.is_some() {
                self.jobs.push(job);
                continue;
            }
            // A job of this name scrapes pages of this kind, also where its targets are changed.
            match hosts.get(&own).filter(|_| derived) {
                Some(page) => job.pages.push(*page),
                None => {
                    let mut targets = 0;
                    for host in job::hosts(config) {
                        targets += 1;
                        match hosts.get(host) {
                            Some(page) if !job.pages.contains(page) => job.pages.push(*page),
                            Some(_) => {}
                            None => {
                                targets = 0;
                                break;
                            }
                        }
                    }
                    if targets == 0 {
                        job.pages.push(pages.len());
                        let usual = job::port(config).filter(|_| config.relabel_configs.is_empty());
                        let page = usual.and_then(|port| Page::usual(port, &job.name));
                        pages.push(page.unwrap_or_else(|| {
                            Page::unknown(format!("job `{}`", job.name), job.place)
                        }));
                    }
                }
            }
            self.jobs.push(job);
        }
        self.pages = pages;
        self.unreadable = saved.broken;
    }

    fn index(&mut self) {
        self.readers = vec![Vec::new(); self.pages.len()];
        for (number, job) in self.jobs.iter().enumerate() {
            for page in &job.pages {
                self.readers[*page].push(number);
            }
        }
        for (page, metrics) in self.pages.iter().enumerate() {
            if self.readers[page].is_empty() {
                continue;
            }
            for (index, metric) in metrics.metrics.iter().enumerate() {
                let library = parts::LIBRARIES.iter().any(|all| metric.name.starts_with(all));
                if let Some(word) = beginning(&metric.name).filter(|_| !library) {
                    match self.beginnings.get_mut(word) {
                        Some(pages) if pages.last() == Some(&page) => {}
                        Some(pages) => pages.push(page),
                        None => drop(self.beginnings.insert(word.to_owned(), vec![page])),
                    }
                }
                if metric.family {
                    self.families.push((page, index));
                } else {
                    self.names.entry(metric.name.clone()).or_default().push((page, index));
                }
            }
        }
    }

    fn rules(&mut self, stack: &'a Stack, expressions: &[Expression<'_>]) {
        let common = stack.prometheus.as_ref().and_then(|part| part.evaluation_interval.as_ref());
        let common = common.map_or(60_000, |interval| interval.ms);
        let mut trees: Vec<Option<Cow<'_, Expr>>> = Vec::new();
        for expression in expressions {
            let (Site::Record(group, _) | Site::Alert(group, _)) = expression.site else {
                continue;
            };
            let interval_ms = group.interval.as_ref().map_or(common, |interval| interval.ms);
            let Site::Record(_, record) = expression.site else {
                self.alerts_every(interval_ms);
                continue;
            };
            let labels = group.labels.iter().chain(&record.labels);
            self.records.push(Recorded {
                name: record.name.value.clone(),
                group: group.name.value.clone(),
                interval_ms,
                place: Some(record.name.span),
                labels: labels
                    .map(|(name, value)| (name.value.clone(), value.value.clone()))
                    .collect(),
                flow: Flow::anything(),
            });
            trees.push(expression.sound().map(Cow::Borrowed));
        }
        // The groups of objectives stand behind those that were written.
        let groups = render::rule_file(stack).groups;
        let derived = groups.into_iter().skip(stack.rules.len());
        for (number, group) in derived.enumerate() {
            let slo = stack.slos.get(number / 2);
            let interval = group.interval.as_deref().and_then(|text| parse_duration(text).ok());
            let interval_ms = interval
                .and_then(|interval| i64::try_from(interval.as_millis()).ok())
                .unwrap_or(common);
            for rule in group.rules {
                let Some(name) = rule.record else {
                    self.alerts.extend(rule.alert);
                    self.alerts_every(interval_ms);
                    continue;
                };
                self.records.push(Recorded {
                    name,
                    group: group.name.clone(),
                    interval_ms,
                    place: slo.map(|slo| slo.name.span),
                    labels: rule.labels.into_iter().collect(),
                    flow: Flow::anything(),
                });
                trees.push(promql::parse(&rule.expr).ok().map(Cow::Owned));
            }
        }
        for (number, record) in self.records.iter().enumerate() {
            self.recorded.entry(record.name.clone()).or_default().push(number);
        }
        // Until it is known, a rule's result may be anything: what reads a later rule learns more in the
        // second round, and a rule that reads itself stays open.
        for _ in 0..2 {
            for (number, tree) in trees.iter().enumerate() {
                let Some(tree) = tree else { continue };
                let mut flow = Flows::of(self, tree).result().clone();
                let record = &mut self.records[number];
                for (label, value) in &record.labels {
                    if value.is_empty() {
                        flow.may.remove(label);
                        flow.must.remove(label);
                    } else {
                        flow.may.insert(label.clone());
                        flow.must.insert(label.clone());
                    }
                }
                record.flow = flow;
            }
        }
    }

    fn alerts_every(&mut self, interval_ms: i64) {
        let (shortest, longest) = self.alert_intervals.unwrap_or((interval_ms, interval_ms));
        self.alert_intervals = Some((shortest.min(interval_ms), longest.max(interval_ms)));
    }

    /// Whether nothing can be said about what exists: there is no Prometheus in the stack, or others
    /// may write to it.
    pub fn is_blind(&self) -> bool {
        self.anywhere
    }

    /// What a selector can read.
    pub fn reads(&self, selector: &VectorSelector) -> Reads<'_> {
        let (names, labels): (Vec<&Matcher>, Vec<&Matcher>) =
            selector.plain_matchers().partition(|matcher| matcher.name == METRIC_NAME);
        let exact = names.iter().find(|matcher| matcher.op == MatchOp::Equal);
        let mut reads = match exact {
            Some(exact) => self.named(&exact.value),
            None => self.matching(&names),
        };
        if exact.is_some() && names.len() > 1 {
            let all =
                |series: &Series<'_>| names.iter().all(|matcher| matcher.matches(series.name()));
            reads.named.retain(all);
        }
        let passes = |series: &Series<'_>| {
            labels.iter().all(|matcher| series.values(&matcher.name).pass(matcher))
        };
        reads.series = reads.named.iter().copied().filter(passes).collect();
        // A page of which nothing is known still has its target's labels, and if it has a metric that
        // others have, that has the same labels as there.
        let named = std::mem::take(&mut reads.named);
        let metrics = || {
            named.iter().filter_map(|series| match series {
                Series::Scraped(_, metric) => Some(*metric),
                Series::Recorded(_) | Series::Alerts(..) => None,
            })
        };
        reads.maybe.retain(|job| {
            if job.federated.is_some() || job.honor_labels || labels.is_empty() {
                return true;
            }
            let of_target = |matcher: &&Matcher| match job.target_values(&matcher.name) {
                Values::Absent => true,
                known => known.pass(matcher),
            };
            let mut same = metrics().peekable();
            if same.peek().is_none() {
                return labels.iter().all(of_target);
            }
            same.any(|metric| {
                labels
                    .iter()
                    .all(|matcher| scraped_values(job, metric, &matcher.name).pass(matcher))
            })
        });
        reads.named = named;
        reads
    }

    /// What there is of this name, whatever its labels; [`Reads::series`] is empty.
    pub fn named(&self, name: &str) -> Reads<'_> {
        let mut named = Vec::new();
        let exact = self.names.get(name).into_iter().flatten();
        let families = self
            .families
            .iter()
            .filter(|(page, index)| name.starts_with(&*self.pages[*page].metrics[*index].name));
        let mut add = |&(page, index): &(usize, usize)| {
            let metric = &self.pages[page].metrics[index];
            let jobs = self.readers[page].iter().map(|job| &self.jobs[*job]);
            named.extend(jobs.map(|job| Series::Scraped(job, metric)));
        };
        for place in exact {
            add(place);
        }
        for place in families {
            // What a page names itself is not one of its open family.
            let own = self
                .names
                .get(name)
                .is_some_and(|all| all.iter().any(|(page, _)| *page == place.0));
            if !own {
                add(place);
            }
        }
        for number in self.recorded.get(name).into_iter().flatten() {
            named.push(Series::Recorded(&self.records[*number]));
        }
        if !self.alerts.is_empty()
            && let Some(alerts) = ALERT_SERIES.iter().find(|series| **series == name)
        {
            named.push(Series::Alerts(self, alerts));
        }
        Reads {
            series: Vec::new(),
            named,
            maybe: self.may_have(Some(name)),
            anywhere: self.anywhere,
        }
    }

    /// What there is of names that pass all of the matchers.
    fn matching(&self, names: &[&Matcher]) -> Reads<'_> {
        let fits = |name: &str| names.iter().all(|matcher| matcher.matches(name));
        let mut named = Vec::new();
        for (page, metrics) in self.pages.iter().enumerate() {
            for metric in metrics.metrics.iter().filter(|m| m.family || fits(&m.name)) {
                let jobs = self.readers[page].iter().map(|job| &self.jobs[*job]);
                named.extend(jobs.map(|job| Series::Scraped(job, metric)));
            }
        }
        let recorded = self.records.iter().filter(|record| fits(&record.name));
        named.extend(recorded.map(Series::Recorded));
        if !self.alerts.is_empty() {
            let alerts = ALERT_SERIES.iter().filter(|name| fits(name));
            named.extend(alerts.map(|name| Series::Alerts(self, name)));
        }
        Reads { series: Vec::new(), named, maybe: self.may_have(None), anywhere: self.anywhere }
    }

    /// Jobs that may have a series of this name without anybody having said so.
    fn may_have(&self, name: Option<&str>) -> Vec<&Job> {
        let synthetic = name.is_some_and(|name| {
            self.names.get(name).is_some_and(|all| all.iter().any(|(page, _)| *page == 0))
        });
        // No page has names with a colon: those are for recording rules, and come by federation.
        let recorded = name.is_some_and(|name| name.contains(':'));
        let open = |job: &&Job| {
            job.federates(name)
                || !synthetic
                    && !recorded
                    && (job.renames || job.pages.iter().any(|page| self.pages[*page].open))
        };
        self.jobs.iter().filter(open).collect()
    }

    /// The page whose metrics begin as this name does: `node_` of an exporter, `shop_` of a service; the
    /// first of several. `None` where it is nobody's beginning, or one of them is not known in full.
    pub fn owner_of(&self, name: &str) -> Option<&Page<'a>> {
        let mut owners = self.beginnings.get(beginning(name)?)?.iter();
        let page = &self.pages[*owners.clone().next()?];
        owners.all(|owner| !self.pages[*owner].open).then_some(page)
    }

    /// The page that has a series of exactly this name; the first of several.
    pub fn page_of(&self, name: &str) -> Option<&Page<'a>> {
        self.names.get(name)?.first().map(|(page, _)| &self.pages[*page])
    }

    /// The known name that is meant by an unknown one; `None` if none is near.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let allowed = (name.len() / 6).clamp(1, 3);
        let near = |other: &&str| differ(name, other) <= allowed;
        let slip = self.all_names().filter(near).min_by_key(|other| (differ(name, other), *other));
        let units = ["_total", "_bytes", "_seconds", "_seconds_total", "_bytes_total"];
        let with_unit = || {
            units.iter().find_map(|unit| {
                self.names
                    .get_key_value(format!("{name}{unit}").as_str())
                    .map(|(known, _)| &**known)
            })
        };
        let beginning = beginning(name);
        let slips = || {
            let same = |other: &&str| {
                self::beginning(other) == beginning && other.len().abs_diff(name.len()) <= allowed
            };
            let distance = |other: &str| strsim::osa_distance(name, other);
            let all = self.all_names().filter(same).map(|other| (distance(other), other));
            all.filter(|(distance, _)| *distance <= allowed).min().map(|(_, other)| other)
        };
        slip.or_else(with_unit).or_else(slips)
    }

    /// Names of all series that are known, open families aside; for suggestions.
    pub fn all_names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.keys().map(|name| &**name);
        let alerts = ALERT_SERIES.iter().copied().filter(|_| !self.alerts.is_empty());
        names.chain(self.recorded.keys().map(String::as_str)).chain(alerts)
    }
}

/// The first word of a name with its `_`; `None` for a name of one word.
fn beginning(name: &str) -> Option<&str> {
    name.find('_').map(|end| &name[..=end])
}

/// At most so many letters have to be changed in one place to make one name of the other.
fn differ(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let front = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let back = one[front..].iter().rev().zip(other[front..].iter().rev());
    let back = back.take_while(|(a, b)| a == b).count();
    one.len().max(other.len()) - front - back
}

/// What Prometheus writes about alerts.
const ALERT_SERIES: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

fn synthetic<'a>(metric: &'static crate::catalogue::Metric) -> Exposed<'a> {
    Exposed {
        name: metric.name.into(),
        kind: MetricType::Gauge,
        role: Role::Synthetic,
        labels: Vec::new(),
        family: false,
        place: None,
        collector: None,
        series: Some(Count::Counted(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::boards::Boards;
    use crate::check::expressions;
    use crate::exporters::{mysql, node};
    use crate::manifest::{Format, parse};

    /// Asks about a stack given in KDL.
    fn ask(text: &str, question: impl FnOnce(&Known<'_>)) {
        let stack = parse("stack.kdl", &format!("stack \"s\"\n{text}"), Format::Kdl, None).unwrap();
        assert!(stack.findings.is_empty(), "{:?}", stack.findings);
        let boards = Boards::of(&stack.stack, &stack.files);
        let expressions = expressions::all(&stack.stack, &boards);
        let none = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        question(&Known::of(&stack.stack, &expressions, &none));
    }

    fn selector(text: &str) -> VectorSelector {
        promql::parse_selector(text).unwrap()
    }

    #[test]
    fn all_that_an_exporter_declares_is_known_with_its_kind_and_labels() {
        let text = "prometheus\nexporter \"node\"\nexporter \"mysql\" { target \"db\" }";
        ask(text, |known| {
            let declared = node::declared_metrics().map(|metric| ("node", metric));
            let declared =
                declared.chain(mysql::declared_metrics().map(|metric| ("mysql", metric)));
            for (job, metric) in declared {
                // A member of an open family is as good as the family.
                let suffix = match metric.kind {
                    _ if metric.open => "x",
                    MetricType::Histogram => "_bucket",
                    _ => "",
                };
                let name = format!("{}{suffix}", metric.name);
                let reads = known.reads(&selector(&format!("{name}{{job=\"{job}\"}}")));
                let found = reads.series.iter().any(|series| {
                    let labels = series.labels();
                    name.starts_with(series.name())
                        && series.name().starts_with(metric.name)
                        && (metric.kind != MetricType::Counter
                            || series.nature() == Nature::Counter)
                        && metric.labels.iter().all(|label| labels.surely_has(label))
                        && labels.open == metric.open
                });
                assert!(found, "{name} of {job}");
            }
        });
    }

    #[test]
    fn a_selector_reads_what_its_jobs_expose_as_often_as_they_are_scraped() {
        let text = r#"
            exporter "node" { interval "30s" }
            exporter "edge" { kind "node"; interval "10s" }
            prometheus { scrape_interval "15s"; evaluation_interval "20s" }
            rules "a" interval="2m" { record "a:b" { expr "up" } }
            rules "b" { record "c:d" { expr "a:b" } }
        "#;
        ask(text, |known| {
            let check = |text: &str, series: usize, intervals: Option<(i64, i64)>| {
                let reads = known.reads(&selector(text));
                assert_eq!((reads.series.len(), reads.intervals()), (series, intervals), "{text}");
            };
            check("node_load1", 2, Some((10_000, 30_000)));
            check("node_load1{job=\"edge\"}", 1, Some((10_000, 10_000)));
            check("node_load1{job=~\"e.*|mysqld\"}", 1, Some((10_000, 10_000)));
            check("node_load1{instance=\"node-exporter:9100\"}", 1, Some((30_000, 30_000)));
            check("up", 3, Some((10_000, 30_000)));
            check("a:b", 1, Some((120_000, 120_000)));
            check("c:d", 1, Some((20_000, 20_000)));
            check("node_load1{job=\"prometheus\"}", 0, None);
            check("nothing", 0, None);
        });
    }

    #[test]
    fn what_nobody_described_is_open() {
        let text = r#"
            external "farm" port=9400
            exporter "node"
            prometheus {
                scrape "farm" { target "farm:9400" interval="40s" }
                scrape "node" { metric_relabel action="replace" target_label="team" replacement="x" }
                federate "site" target="farm:9090" { match "up" }
            }
        "#;
        let text = &text.replace(" interval=\"40s\"", "; interval \"40s\"");
        ask(text, |known| {
            let maybe = |text: &str| -> Vec<String> {
                let reads = known.reads(&selector(text));
                reads.maybe.iter().map(|job| job.name.clone()).collect()
            };
            assert_eq!(maybe("cows"), ["farm"]);
            assert_eq!(maybe("up"), ["site"]);
            assert_eq!(maybe("cows{job=\"node\"}"), [""; 0]);
            let reads = known.reads(&selector("node_load1"));
            assert!(reads.series[0].labels().can_have("team"));
            assert_eq!(reads.series[0].values("team"), Values::Any);
            assert_eq!(reads.series[0].values("taem"), Values::Absent);
        });
    }
}
