//! From the labels of a line to those of its series: those of the target, conflicts, relabelling,
//! limits.

use super::config::{Job, Limits};
use super::relabel::relabel;
use super::text::{LabelPairs, normalise_float};
use crate::model::{Labels, LabelsBuilder, MetricType};

/// Labels of the series that a line stands for; `None` where relabelling drops it. An error spoils the
/// whole page.
pub(super) fn series_labels(
    pairs: LabelPairs<'_>,
    kind: MetricType,
    target: &Labels,
    job: &Job,
) -> Result<Option<Labels>, String> {
    let mut labels = LabelsBuilder::default();
    // An empty value is no label, but with honor_labels it keeps the target's away.
    let mut empty = Vec::new();
    for (name, value) in pairs {
        if labels.get(&name).is_some() || empty.contains(&name) {
            return Err(format!("label name {name:?} is not unique: invalid sample"));
        }
        if value.is_empty() {
            empty.push(name);
            continue;
        }
        let bound = matches!(
            (kind, &*name),
            (MetricType::Histogram | MetricType::GaugeHistogram, "le")
                | (MetricType::Summary, "quantile")
        );
        match normalise_float(&value).filter(|_| bound) {
            Some(normal) => labels.set(&*name, normal),
            None => labels.set(&*name, &*value),
        };
    }
    if job.honor_labels {
        for (name, value) in target.iter() {
            if labels.get(name).is_none() && !empty.iter().any(|empty| empty == name) {
                labels.set(name, value);
            }
        }
    } else {
        add_target_labels(&mut labels, target);
    }
    let Some(labels) = relabel(labels, &job.metric_relabel) else { return Ok(None) };
    let labels = labels.build();
    let name = labels.metric_name();
    if name.is_empty() {
        return Err("missing metric name (__name__ label)".to_owned());
    }
    if job.legacy_names {
        check_legacy(&labels)?;
    }
    check_limits(&labels, name, &job.limits)?;
    Ok(Some(labels))
}

/// The target's labels win; what the page said goes to `exported_…`.
fn add_target_labels(labels: &mut LabelsBuilder, target: &Labels) {
    let mut conflicts: Vec<(&str, String)> = Vec::new();
    for (name, value) in target.iter() {
        if let Some(exposed) = labels.get(name) {
            conflicts.push((name, exposed.to_owned()));
        }
        labels.set(name, value);
    }
    // Short names first, so that `exported_x` of the page does not take the place of `x`.
    conflicts.sort_by_key(|(name, _)| name.len());
    for (name, value) in conflicts {
        let mut name = format!("exported_{name}");
        while labels.get(&name).is_some() {
            name.insert_str(0, "exported_");
        }
        labels.set(name, value);
    }
}

fn check_legacy(labels: &Labels) -> Result<(), String> {
    let valid = |name: &str, colon: bool| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || colon && b == b':')
    };
    let name = labels.metric_name();
    if !valid(name, true) || labels.iter().any(|(label, _)| !valid(label, false)) {
        return Err(format!("invalid metric name or label names: {labels}"));
    }
    Ok(())
}

fn check_limits(labels: &Labels, metric: &str, limits: &Limits) -> Result<(), String> {
    let short = |text: &str| text.chars().take(50).collect::<String>();
    let over = |length: usize, limit: u64| limit > 0 && length as u64 > limit;
    if over(labels.len(), limits.labels) {
        return Err(format!(
            "label_limit exceeded (metric: {}, number of labels: {}, limit: {})",
            short(metric),
            labels.len(),
            limits.labels
        ));
    }
    if limits.label_name_length == 0 && limits.label_value_length == 0 {
        return Ok(());
    }
    for (name, value) in labels.iter() {
        if over(name.len(), limits.label_name_length) {
            return Err(format!(
                "label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: {})",
                short(metric),
                short(name),
                name.len(),
                limits.label_name_length
            ));
        }
        if over(value.len(), limits.label_value_length) {
            return Err(format!(
                "label_value_length_limit exceeded (metric: {}, label name: {}, value: {:?}, length: {}, limit: {})",
                short(metric),
                short(name),
                short(value),
                value.len(),
                limits.label_value_length
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::text::{Point, Sample};

    fn make(series: &str, kind: MetricType, job: &Job) -> String {
        let target = Labels::from_pairs([("instance", "i"), ("job", "j")]);
        let point = Point { value: 0.0, time: None, exemplar: None };
        match series_labels(Sample { series, point }.pairs(), kind, &target, job) {
            Ok(Some(labels)) => labels.to_string(),
            Ok(None) => "dropped".to_owned(),
            Err(err) => err,
        }
    }

    #[test]
    fn the_target_wins_unless_labels_are_honoured() {
        let mut job = Job::named("j");
        let check = |job: &Job, series, expected| {
            assert_eq!(make(series, MetricType::Gauge, job), expected);
        };
        check(&job, r#"a{job="x"}"#, r#"a{exported_job="x", instance="i", job="j"}"#);
        check(
            &job,
            r#"a{job="x",exported_job="y"}"#,
            r#"a{exported_exported_job="x", exported_job="y", instance="i", job="j"}"#,
        );
        check(&job, r#"a{instance=""}"#, r#"a{instance="i", job="j"}"#);
        job.honor_labels = true;
        check(&job, r#"a{job="x"}"#, r#"a{instance="i", job="x"}"#);
        check(&job, r#"a{instance=""}"#, r#"a{job="j"}"#);
    }

    #[test]
    fn bounds_are_written_as_floats_where_the_type_says_so() {
        let job = Job::named("j");
        let check = |kind, series, expected| assert_eq!(make(series, kind, &job), expected);
        check(MetricType::Histogram, r#"a{le="1"}"#, r#"a{instance="i", job="j", le="1.0"}"#);
        check(MetricType::Gauge, r#"a{le="1"}"#, r#"a{instance="i", job="j", le="1"}"#);
        check(
            MetricType::Summary,
            r#"a{quantile="1"}"#,
            r#"a{instance="i", job="j", quantile="1.0"}"#,
        );
    }

    #[test]
    fn limits_and_nonsense_are_told() {
        let mut job = Job::named("j");
        let check = |job: &Job, series, expected| {
            assert_eq!(make(series, MetricType::Gauge, job), expected);
        };
        check(&job, r#"a{b="1",b="2"}"#, "label name \"b\" is not unique: invalid sample");
        check(&job, r#"{b="1"}"#, "missing metric name (__name__ label)");
        job.limits.labels = 3;
        check(&job, "a", r#"a{instance="i", job="j"}"#);
        check(
            &job,
            r#"a{b="1"}"#,
            "label_limit exceeded (metric: a, number of labels: 4, limit: 3)",
        );
        job.limits = Limits { label_value_length: 3, ..Limits::default() };
        check(
            &job,
            r#"a{b="1234"}"#,
            "label_value_length_limit exceeded (metric: a, label name: b, value: \"1234\", length: 4, limit: 3)",
        );
        job.limits = Limits::default();
        job.legacy_names = true;
        check(
            &job,
            r#"{"a.b"}"#,
            "invalid metric name or label names: a.b{instance=\"i\", job=\"j\"}",
        );
    }
}
