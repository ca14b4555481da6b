//! A saved metrics page as a declaration: kinds from its `# TYPE` lines, labels from its samples.

use std::collections::BTreeMap;

use super::page::{Count, Exposed, Role};
use crate::diag::Span;
use crate::model::{METRIC_NAME, MetricType};
use crate::scrape::text::{Event, Format, parse};

/// What a page exposes; each series is said to be declared at `place`. The error is a sentence.
pub fn learn<'a>(text: &str, place: Span) -> Result<Vec<Exposed<'a>>, String> {
    let format =
        if text.trim_end().ends_with("# EOF") { Format::OpenMetrics } else { Format::Prometheus };
    let mut kinds: BTreeMap<String, MetricType> = BTreeMap::new();
    let mut found: BTreeMap<String, (u64, Vec<String>)> = BTreeMap::new();
    parse(text.as_bytes(), format, |event| match event {
        Event::Type { family, kind } => drop(kinds.insert(family.into_owned(), kind)),
        Event::Sample(sample) => {
            let (mut name, mut labels) = (String::new(), Vec::new());
            for (label, value) in sample.pairs() {
                if label == METRIC_NAME {
                    name = value.into_owned();
                } else if !value.is_empty() {
                    labels.push(label.into_owned());
                }
            }
            let (series, known) = found.entry(name).or_default();
            *series += 1;
            for label in labels {
                if !known.contains(&label) {
                    known.push(label);
                }
            }
        }
        Event::Help { .. } | Event::Unit { .. } => {}
    })
    .map_err(|err| err.to_string())?;
    let series = found.into_iter().map(|(name, (series, labels))| {
        let (kind, role) = kind_of(&name, &kinds);
        Exposed {
            name: name.into(),
            kind,
            role,
            labels: labels.into_iter().map(Into::into).collect(),
            family: false,
            place: Some(place),
            collector: None,
            series: Some(Count::Counted(series)),
        }
    });
    Ok(series.collect())
}

/// Kind of the family that a series belongs to, and what it is of it.
fn kind_of(name: &str, kinds: &BTreeMap<String, MetricType>) -> (MetricType, Role) {
    if let Some(kind) = kinds.get(name) {
        return (*kind, Role::Value);
    }
    let parts = [
        ("_bucket", Role::Bucket),
        ("_sum", Role::Sum),
        ("_count", Role::Count),
        ("_total", Role::Value),
    ];
    for (suffix, role) in parts {
        if let Some(kind) = name.strip_suffix(suffix).and_then(|family| kinds.get(family)) {
            return (*kind, role);
        }
    }
    (MetricType::Unknown, Role::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_labels_are_learnt_from_a_page() {
        let page = "# TYPE a_total counter\na_total{code=\"200\"} 1\na_total{code=\"500\",x=\"\"} 2\n\
                    # TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\nloose 7\n";
        let found = learn(page, Span::default()).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|series| (&*series.name, series.kind, series.role, series.labels.join(",")))
            .collect();
        assert_eq!(
            told,
            [
                ("a_total", MetricType::Counter, Role::Value, "code".to_owned()),
                ("h_bucket", MetricType::Histogram, Role::Bucket, "le".to_owned()),
                ("h_count", MetricType::Histogram, Role::Count, String::new()),
                ("h_sum", MetricType::Histogram, Role::Sum, String::new()),
                ("loose", MetricType::Unknown, Role::Value, String::new()),
            ]
        );
        assert!(learn("a{ 1", Span::default()).unwrap_err().contains("line 1"));
    }
}
