//! What is known of a stack's metrics, labels and jobs, for those who ask by name: the editor's server.

use std::collections::{BTreeMap, BTreeSet};

use super::boards::Boards;
use super::known::{Known, Role, Series, Values};
use super::{expressions, read};
use crate::catalogue::{Metric, parts};
use crate::diag::{Files, Span, Spanned};
use crate::exporters::{mysql, node};
use crate::manifest::{Exporter, Stack};
use crate::promql::Expr;

/// Hands on the queries in the dashboards that the manifest names as files, with what could be read of
/// each; where a variable stands the tree has something made up.
pub fn board_queries(stack: &Stack, files: &Files, each: &mut dyn FnMut(&Spanned<String>, &Expr)) {
    let boards = Boards::of(stack, files);
    for expression in expressions::all(stack, &boards) {
        let taken = files.naming(expression.text.span.file).next().is_some();
        if let (true, Some(tree)) = (taken, &expression.tree) {
            each(expression.text, tree);
        }
    }
}

/// Labels that the result of an alert's expression can have; of any series where they are not known for
/// certain. The expression is named by its place.
pub fn labels_of_alert(stack: &Stack, files: &Files, expr: Span) -> BTreeSet<String> {
    let known = Knowledge::of(stack, files);
    let nothing = Stack::default();
    let boards = Boards::of(&nothing, files);
    let all = expressions::all(stack, &boards);
    let one =
        all.iter().find(|expression| expression.text.span == expr && expression.sound().is_some());
    let mut labels = BTreeSet::new();
    let flow = one.map(|one| one.flows(&known.known).result());
    if flow.is_none_or(|flow| flow.open) {
        labels = known.labels(None);
    }
    labels.extend(flow.into_iter().flat_map(|flow| flow.may.iter().cloned()));
    labels
}

/// All that a stack tells about its metrics.
pub struct Knowledge<'a> {
    stack: &'a Stack,
    known: Known<'a>,
}

/// One series name and what is known of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// `counter`, `gauge`, `histogram`; `recording rule` where a rule makes it.
    pub kind: &'static str,
    /// What it tells, if anybody said.
    pub help: Option<String>,
    /// Labels that it can have.
    pub labels: BTreeSet<String>,
    /// The jobs that bring it, each with whose page it is on.
    pub jobs: BTreeMap<String, String>,
    /// The group of the rule that records it.
    pub group: Option<String>,
    /// The collector that must run for it.
    pub collector: Option<&'static str>,
    /// Where the manifest declares it.
    pub place: Option<Span>,
}

impl<'a> Knowledge<'a> {
    /// Gathers it; dashboards do not matter for it.
    pub fn of(stack: &'a Stack, files: &Files) -> Self {
        let nothing = Stack::default();
        let boards = Boards::of(&nothing, files);
        let expressions = expressions::all(stack, &boards);
        let known = Known::of(stack, &expressions, &|path| read(files, path));
        Self { stack, known }
    }

    /// Names of all series, open families aside.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.known.all_names()
    }

    /// Whether a series belongs to the stack itself rather than to an exporter or a part: somebody wrote
    /// it down here, or every job has it.
    pub fn is_own(&self, name: &str) -> bool {
        self.known.named(name).named.iter().any(|series| match series {
            Series::Scraped(_, metric) => metric.place.is_some() || metric.role == Role::Synthetic,
            Series::Recorded(_) => true,
            Series::Alerts(..) => false,
        })
    }

    /// Names of all scrape jobs, in their order.
    pub fn jobs(&self) -> impl Iterator<Item = &str> {
        self.known.jobs.iter().map(|job| job.name.as_str())
    }

    /// What is known of a series name; `None` for one that nobody brings for certain.
    pub fn describe(&self, name: &str) -> Option<Described> {
        let reads = self.known.named(name);
        let mut found = Described::default();
        for series in &reads.named {
            found.labels.extend(series.labels().may);
            found.place = found.place.or(series.place());
            match series {
                Series::Scraped(job, metric) => {
                    found.kind = metric.kind.as_str();
                    found.collector = metric.collector.map(|collector| collector.name);
                    let pages = job.pages.iter().map(|page| &self.known.pages[*page]);
                    let mut own =
                        pages.filter(|page| page.metrics.iter().any(|m| m.name == metric.name));
                    let page = own.next().map_or(String::new(), |page| page.what.clone());
                    found.jobs.insert(job.name.clone(), page);
                }
                Series::Recorded(record) => {
                    found.kind = "recording rule";
                    found.group = Some(record.group.clone());
                }
                Series::Alerts(..) => found.kind = "gauge",
            }
        }
        found.help = self.help(name, found.place);
        (!reads.named.is_empty()).then_some(found)
    }

    /// Labels that a series of this name can have; of any series without a name.
    pub fn labels(&self, name: Option<&str>) -> BTreeSet<String> {
        match name {
            Some(name) => {
                let named = self.known.named(name).named;
                named.iter().flat_map(|series| series.labels().may).collect()
            }
            None => {
                let jobs = self.known.jobs.iter();
                let mut labels: BTreeSet<String> =
                    jobs.flat_map(|job| job.target_labels().map(str::to_owned)).collect();
                let metrics = self.known.pages.iter().flat_map(|page| &page.metrics);
                labels.extend(metrics.flat_map(|m| &m.labels).map(ToString::to_string));
                labels
            }
        }
    }

    /// Values that a label of a series of this name has, as far as they are known; of the targets of all
    /// jobs without a name.
    pub fn values(&self, name: Option<&str>, label: &str) -> BTreeSet<String> {
        let mut values = BTreeSet::new();
        let mut add = |known: Values<'_>| {
            if let Values::OneOf(all) = known {
                values.extend(all.into_iter().filter(|v| !v.is_empty()).map(str::to_owned));
            }
        };
        match name {
            Some(name) => {
                self.known.named(name).named.iter().for_each(|series| add(series.values(label)));
            }
            None => self.known.jobs.iter().for_each(|job| add(job.target_values(label))),
        }
        values
    }

    /// What a metric tells: said in the manifest where it is declared there, else in the catalogue.
    fn help(&self, name: &str, place: Option<Span>) -> Option<String> {
        let metrics = self.stack.services.iter().filter_map(|service| service.metrics.as_ref());
        let own = self.stack.exporters.iter().filter_map(|exporter| exporter.metrics.as_ref());
        let mut declared = metrics.chain(own).flat_map(|metrics| {
            let lists = [&metrics.counters, &metrics.gauges, &metrics.histograms];
            lists.into_iter().flatten().chain(&metrics.summaries)
        });
        let columns = |exporter: &'a Exporter| {
            exporter.queries.iter().flat_map(|query| query.values()).map(|(column, _)| column)
        };
        if let Some(place) = place {
            let metric = declared.find(|metric| metric.name.span == place);
            let mut columns = self.stack.exporters.iter().flat_map(|e| columns(e));
            let mut column = || columns.find(|column| column.name.span == place);
            let said = metric.map(|m| &m.help).or_else(|| column().map(|c| &c.help));
            return said?.as_ref().map(|help| help.value.clone());
        }
        catalogued(name).map(|metric| metric.help.to_owned())
    }
}

/// The catalogue's metric of this name: exactly, as a series of a histogram, or as one of a family.
fn catalogued(name: &str) -> Option<&'static Metric> {
    let parts =
        [parts::PROMETHEUS, parts::ALERTMANAGER, parts::PUSHGATEWAY, parts::GRAFANA, parts::CADDY];
    let all = || {
        let parts = parts.iter().flat_map(|part| part.metrics);
        let exporters = node::declared_metrics().chain(mysql::declared_metrics());
        exporters.chain(parts).chain(parts::PROCESS).chain(parts::SYNTHETIC)
    };
    let named = |name: &str| all().find(|metric| !metric.open && metric.name == name);
    let composed = || {
        ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).and_then(named))
    };
    named(name).or_else(composed).or_else(|| all().find(|m| m.open && m.covers(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    fn ask(text: &str, question: impl FnOnce(&Knowledge<'_>)) {
        let loaded = parse("stack.kdl", text, Format::Kdl, None).expect("no profile is asked for");
        question(&Knowledge::of(&loaded.stack, &loaded.files));
    }

    #[test]
    fn a_metric_is_described_by_who_brings_it() {
        let text = r#"
            exporter "node"
            service "shop" {
                image "shop:1"; port 80
                metrics { histogram "shop_seconds" "route" help="How long it took." }
            }
            prometheus
            rules "g" { record "a:b" { expr "sum by (mode) (node_cpu_seconds_total)" } }
        "#;
        ask(text, |known| {
            let cpu = known.describe("node_cpu_seconds_total").expect("known");
            assert_eq!((cpu.kind, cpu.collector), ("counter", Some("cpu")));
            assert_eq!(cpu.jobs.get("node").map(String::as_str), Some("exporter `node`"));
            assert!(cpu.help.is_some_and(|help| !help.is_empty()));
            assert!(cpu.labels.contains("mode") && cpu.labels.contains("instance"));
            let bucket = known.describe("shop_seconds_bucket").expect("known");
            assert_eq!(bucket.help.as_deref(), Some("How long it took."));
            assert!(bucket.labels.contains("le") && bucket.place.is_some());
            let recorded = known.describe("a:b").expect("known");
            assert_eq!((recorded.kind, recorded.group.as_deref()), ("recording rule", Some("g")));
            assert_eq!(known.describe("node_cpu"), None);
            let idle = known.values(Some("node_cpu_seconds_total"), "mode");
            assert!(idle.contains("idle"));
            let own: Vec<bool> =
                ["a:b", "shop_seconds_sum", "up", "node_load1"].map(|m| known.is_own(m)).into();
            assert_eq!(own, [true, true, true, false]);
            assert!(known.values(None, "job").contains("shop"));
        });
    }

    #[test]
    fn an_alert_has_the_labels_that_its_expression_gives() {
        let text = r#"
            exporter "node"
            prometheus
            rules "g" {
                alert "A" { expr "sum by (mode) (node_cpu_seconds_total) > 1" }
                alert "B" { expr "sum by (" }
            }
        "#;
        let loaded = parse("stack.kdl", text, Format::Kdl, None).expect("no profile is asked for");
        let labels: Vec<BTreeSet<String>> = loaded
            .stack
            .alerts()
            .map(|alert| labels_of_alert(&loaded.stack, &loaded.files, alert.expr.span))
            .collect();
        assert_eq!(labels[0], BTreeSet::from(["mode".to_owned()]));
        assert!(labels[1].contains("instance") && labels[1].contains("mode"));
    }
}
