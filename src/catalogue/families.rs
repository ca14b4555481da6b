//! Samples gathered under their metric families, and the text format 0.0.4.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Metric, write_go_float};
use crate::model::MetricType;

/// One sample of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilySample {
    /// Appended to the family's name: `_bucket`, `_sum`, `_count`, or empty.
    pub suffix: &'static str,
    /// Labels sorted by name; empty values are written.
    pub labels: Vec<(Cow<'static, str>, String)>,
    /// The value.
    pub value: f64,
}

/// A metric family with its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// What kind it is.
    pub kind: MetricType,
    /// Help text, unescaped.
    pub help: String,
    /// Samples in the order they were put; written sorted by labels.
    pub samples: Vec<FamilySample>,
}

/// What one scrape of an exporter exposes, by family name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Families {
    families: BTreeMap<String, Family>,
}

impl Families {
    /// Adds a sample of a declared metric; `values` are parallel to the declared label names.
    pub fn put(&mut self, metric: &Metric, values: &[&str], value: f64) {
        debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
        let mut labels: Vec<(Cow<'static, str>, String)> = metric
            .labels
            .iter()
            .zip(values)
            .map(|(name, value)| (Cow::Borrowed(*name), (*value).to_owned()))
            .collect();
        labels.sort();
        let sample = FamilySample { suffix: "", labels, value };
        self.push(metric.name, metric.kind, metric.help, sample);
    }

    /// Adds a sample of a metric whose name or labels are only known at run time (vmstat fields,
    /// status variables, text files …). The first help text and type of a family stay.
    pub fn put_dynamic<'a>(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        self.put_part(name, kind, help, "", labels, value);
    }

    /// Adds a part of a histogram or summary, such as its `_bucket`.
    pub fn put_part<'a>(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        suffix: &'static str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        let mut labels: Vec<(Cow<'static, str>, String)> = labels
            .into_iter()
            .map(|(name, value)| (Cow::Owned(name.to_owned()), value.to_owned()))
            .collect();
        labels.sort();
        self.push(name, kind, help, FamilySample { suffix, labels, value });
    }

    fn push(&mut self, name: &str, kind: MetricType, help: &str, sample: FamilySample) {
        match self.families.get_mut(name) {
            Some(family) => family.samples.push(sample),
            None => {
                let family = Family { kind, help: help.to_owned(), samples: vec![sample] };
                self.families.insert(name.to_owned(), family);
            }
        }
    }

    /// Families by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Family)> {
        self.families.iter().map(|(name, family)| (name.as_str(), family))
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// Takes over all samples of the other.
    pub fn merge(&mut self, other: Self) {
        for (name, family) in other.families {
            match self.families.get_mut(&name) {
                Some(known) => known.samples.extend(family.samples),
                None => drop(self.families.insert(name, family)),
            }
        }
    }
}

/// Writes the text format 0.0.4: families sorted by name, samples by labels, a repeated series once
/// (the first wins; duplicates never cost the scrape). Returns how many duplicates were left out.
pub fn write_text(families: &Families, out: &mut String) -> usize {
    let mut duplicates = 0;
    for (name, family) in &families.families {
        let kind = match family.kind {
            MetricType::Unknown => "untyped",
            kind => kind.as_str(),
        };
        out.push_str("# HELP ");
        out.push_str(name);
        out.push(' ');
        escape(out, &family.help, false);
        out.push_str("\n# TYPE ");
        out.push_str(name);
        out.push(' ');
        out.push_str(kind);
        out.push('\n');
        let mut order: Vec<&FamilySample> = family.samples.iter().collect();
        let composed = matches!(family.kind, MetricType::Histogram | MetricType::Summary);
        let before = order.len();
        if composed {
            // Buckets stay in their order.
            let mut seen = BTreeSet::new();
            order.retain(|sample| seen.insert((sample.suffix, &sample.labels)));
        } else {
            order.sort_by(|a, b| a.labels.cmp(&b.labels));
            order.dedup_by(|b, a| a.labels == b.labels);
        }
        duplicates += before - order.len();
        for sample in order {
            out.push_str(name);
            out.push_str(sample.suffix);
            let mut separator = '{';
            for (label, value) in &sample.labels {
                out.push(separator);
                out.push_str(label);
                out.push_str("=\"");
                escape(out, value, true);
                out.push('"');
                separator = ',';
            }
            if separator == ',' {
                out.push('}');
            }
            out.push(' ');
            write_go_float(out, sample.value);
            out.push('\n');
        }
    }
    duplicates
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    if !text.contains(['\\', '\n', '"']) {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD1: Metric = Metric::gauge("node_load1", "Load average over 1 minute.");
    const CPU: Metric = Metric::counter("a_cpu_total", "Seconds.").with(&["mode", "cpu"]);

    #[test]
    fn buckets_keep_their_order_and_are_written_once() {
        let mut families = Families::default();
        for _ in 0..2 {
            for (bound, count) in [("2", 1.0), ("10", 4.0), ("+Inf", 5.0)] {
                let labels = [("le", bound)];
                families.put_part("h", MetricType::Histogram, "H.", "_bucket", labels, count);
            }
            families.put_part("h", MetricType::Histogram, "H.", "_count", [], 5.0);
        }
        let mut text = String::new();
        assert_eq!(write_text(&families, &mut text), 4);
        let expected = "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"2\"} 1\n\
                        h_bucket{le=\"10\"} 4\nh_bucket{le=\"+Inf\"} 5\nh_count 5\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn values_of_labels_may_be_empty_or_need_escapes() {
        const INFO: Metric = Metric::gauge("a_info", "Back\\slash and\nline.").with(&["b", "a"]);
        let mut families = Families::default();
        families.put(&INFO, &["", "\"\\\n\u{fffd}"], f64::NAN);
        let mut text = String::new();
        write_text(&families, &mut text);
        assert_eq!(
            text,
            "# HELP a_info Back\\\\slash and\\nline.\n# TYPE a_info gauge\n\
             a_info{a=\"\\\"\\\\\\n\u{fffd}\",b=\"\"} NaN\n"
        );
    }

    #[test]
    fn families_and_labels_are_sorted_and_duplicates_left_out() {
        let mut families = Families::default();
        families.put(&LOAD1, &[], 0.5);
        families.put(&CPU, &["user", "1"], 2.0);
        families.put(&CPU, &["idle", "0"], 1e6);
        families.put(&CPU, &["idle", "0"], 7.0);
        let mut text = String::new();
        assert_eq!(write_text(&families, &mut text), 1);
        assert_eq!(
            text,
            "# HELP a_cpu_total Seconds.\n# TYPE a_cpu_total counter\n\
             a_cpu_total{cpu=\"0\",mode=\"idle\"} 1e+06\na_cpu_total{cpu=\"1\",mode=\"user\"} 2\n\
             # HELP node_load1 Load average over 1 minute.\n# TYPE node_load1 gauge\nnode_load1 0.5\n"
        );
    }
}
