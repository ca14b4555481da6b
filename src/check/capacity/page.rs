//! The series of one metrics page, as shares: what is declared, what collectors usually give, what is
//! left open; without what `metric_relabel` throws away by name.

use regex::Regex;

use super::{Basis, LIBRARY, Share, UNKNOWN_PAGE, share};
use crate::catalogue::figures::{self, MOST_OF_A_GUESS};
use crate::catalogue::known_values;
use crate::check::known::{Count, Exposed, Page};
use crate::model::{METRIC_NAME, MetricType};
use crate::wire::prometheus::ScrapeConfig;

/// Names that a job does not store: its steps that keep or drop by the name alone.
pub(super) struct Dropped {
    /// Pattern, and whether it is what stays.
    steps: Vec<(Regex, bool)>,
}

impl Dropped {
    pub(super) fn of(config: &ScrapeConfig) -> Self {
        let by_name = config.metric_relabel_configs.iter().filter_map(|step| {
            let keep = match step.action.as_deref().map(str::to_ascii_lowercase).as_deref() {
                Some("keep") => true,
                Some("drop") => false,
                _ => return None,
            };
            if step.source_labels != [METRIC_NAME] {
                return None;
            }
            let pattern = step.regex.as_deref().unwrap_or("(.*)");
            Some((Regex::new(&format!("^(?s:{pattern})$")).ok()?, keep))
        });
        Self { steps: by_name.collect() }
    }

    fn stays(&self, name: &str) -> bool {
        self.steps.iter().all(|(pattern, keep)| pattern.is_match(name) == *keep)
    }

    fn anything(&self) -> bool {
        !self.steps.is_empty()
    }
}

/// What the series of a page are.
pub(super) fn shares(page: &Page<'_>, dropped: &Dropped) -> Vec<Share> {
    if let Some(said) = page.said {
        return vec![share("all of its page", said as f64, Basis::Said)];
    }
    let usual = page.usual.iter().map(|(part, series)| {
        let stays = if dropped.anything() { part_that_stays(page, part, dropped) } else { 1.0 };
        share(part, *series as f64 * stays, Basis::Usual)
    });
    let mut shares: Vec<Share> = usual.collect();
    let said: Vec<&Exposed<'_>> =
        page.metrics.iter().filter(|metric| metric.place.is_some() && !metric.family).collect();
    for metric in said.iter().filter(|metric| dropped.stays(&metric.name)) {
        let (series, basis) = series(metric);
        shares.push(share(&metric.name, series as f64, basis));
    }
    if page.usual.is_empty() {
        if page.open && said.is_empty() {
            shares.push(share("a page that is not described", UNKNOWN_PAGE, Basis::Guess));
        } else if said.iter().all(|metric| !metric.name.starts_with("process_")) {
            shares.push(share("its client library", LIBRARY, Basis::Usual));
        }
    }
    shares
}

/// Which part of a collector's metrics is stored, by their names.
fn part_that_stays(page: &Page<'_>, part: &str, dropped: &Dropped) -> f64 {
    let own = |metric: &&Exposed<'_>| match metric.collector {
        Some(collector) => collector.name == part,
        None => page.usual.len() == 1 || page.usual.last().is_some_and(|(last, _)| *last == part),
    };
    let all: Vec<&Exposed<'_>> = page.metrics.iter().filter(own).collect();
    if all.is_empty() {
        return 1.0;
    }
    let kept = all.iter().filter(|metric| dropped.stays(&metric.name)).count();
    kept as f64 / all.len() as f64
}

/// Series of a metric at one target, and how well that is known.
pub(super) fn series(metric: &Exposed<'_>) -> (u64, Basis) {
    match metric.series {
        Some(Count::Counted(series)) => return (series, Basis::Exact),
        Some(Count::Said(series)) => return (series, Basis::Said),
        None => {}
    }
    let mut basis = Basis::Exact;
    let mut product: u64 = 1;
    for label in &metric.labels {
        let values = match known_values(&metric.name, label) {
            Some(values) => values.len() as u64,
            None => {
                basis = Basis::Guess;
                figures::usual_values(label)
            }
        };
        product = product.saturating_mul(values);
    }
    match basis {
        Basis::Guess if metric.kind != MetricType::Histogram => {
            (product.min(MOST_OF_A_GUESS), basis)
        }
        // The buckets of a histogram come for each combination of the other labels.
        Basis::Guess => (product.min(MOST_OF_A_GUESS * 4), basis),
        basis => (product, basis),
    }
}
