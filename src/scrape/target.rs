//! From discovered labels to a target: defaults, relabelling, URL, interval.

use std::time::Duration;

use url::Url;

use super::config::Job;
use super::discover::Group;
use super::relabel::relabel;
use crate::model::{Labels, LabelsBuilder, format_duration, parse_duration};

/// Something to scrape. Two targets with the same labels and URL are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Labels before relabelling.
    pub discovered: Labels,
    /// Labels that its series get.
    pub labels: Labels,
    /// What is fetched.
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
}

impl Target {
    /// Spreads the scrapes of many targets over the interval, the same way after each start.
    pub fn spread(&self) -> u64 {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        for (name, value) in self.labels.iter() {
            hasher.update(name.as_bytes());
            hasher.update(&[0]);
            hasher.update(value.as_bytes());
            hasher.update(&[0]);
        }
        hasher.update(self.url.as_bytes());
        hasher.digest()
    }
}

/// What became of a discovered label set.
pub(super) enum Verdict {
    Active(Target),
    Dropped(Labels),
    /// Not scrapable, and why.
    Invalid(String),
}

/// Makes a job's targets of what was found, each once.
pub(super) fn targets(job: &Job, groups: &[Group]) -> impl Iterator<Item = Verdict> {
    groups.iter().flat_map(move |group| {
        group.targets.iter().map(move |own| {
            let mut labels = group.labels.to_builder();
            for (name, value) in own.iter() {
                labels.set(name, value);
            }
            target(job, labels)
        })
    })
}

fn target(job: &Job, mut labels: LabelsBuilder) -> Verdict {
    let defaults = [
        ("job", job.name.clone()),
        ("__scrape_interval__", format_duration(job.interval)),
        ("__scrape_timeout__", format_duration(job.timeout)),
        ("__metrics_path__", job.metrics_path.clone()),
        ("__scheme__", job.scheme.as_str().to_owned()),
    ];
    for (name, value) in defaults {
        if labels.get(name).is_none() {
            labels.set(name, value);
        }
    }
    for (name, values) in &job.params {
        let name = format!("__param_{name}");
        if let Some(value) = values.first().filter(|_| labels.get(&name).is_none()) {
            labels.set(name, value.as_str());
        }
    }
    let discovered = labels.clone().build();
    let Some(labels) = relabel(labels, &job.relabel) else { return Verdict::Dropped(discovered) };
    finish(job, discovered, labels).map_or_else(Verdict::Invalid, Verdict::Active)
}

fn finish(job: &Job, discovered: Labels, mut labels: LabelsBuilder) -> Result<Target, String> {
    let address = labels.get("__address__").ok_or("no address")?.to_owned();
    if address.contains('/') {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let duration = |name: &str, what: &str| {
        let text = labels.get(name).unwrap_or_default();
        let duration =
            parse_duration(text).map_err(|err| format!("error parsing scrape {what}: {err}"))?;
        if duration.is_zero() {
            return Err(format!("scrape {what} cannot be 0"));
        }
        Ok(duration)
    };
    let interval = duration("__scrape_interval__", "interval")?;
    let timeout = duration("__scrape_timeout__", "timeout")?;
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({:?} > {:?})",
            format_duration(timeout),
            format_duration(interval)
        ));
    }
    let url = url(job, &labels, &address)?;
    if labels.get("instance").is_none() {
        labels.set("instance", address);
    }
    labels.retain(|name, _| !name.starts_with("__"));
    Ok(Target { discovered, labels: labels.build(), url, interval, timeout })
}

fn url(job: &Job, labels: &LabelsBuilder, address: &str) -> Result<String, String> {
    let scheme = labels.get("__scheme__").unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Err(format!("unsupported scheme {scheme:?}"));
    }
    let mut url = Url::parse(&format!("{scheme}://{address}"))
        .map_err(|err| format!("{address:?} is not a valid hostname: {err}"))?;
    url.set_path(labels.get("__metrics_path__").unwrap_or_default());
    let mut params = job.params.clone();
    for (name, value) in labels.iter() {
        if let Some(name) = name.strip_prefix("__param_") {
            let values = params.entry(name.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    if !params.is_empty() {
        let pairs = params.iter().flat_map(|(name, values)| values.iter().map(move |v| (name, v)));
        url.query_pairs_mut().extend_pairs(pairs);
    }
    // The library drops a port that is the scheme's own; people look for what they wrote.
    Ok(format!("{scheme}://{address}{}", &url[url::Position::BeforePath..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::relabel::Rule;

    fn job() -> Job {
        let mut job = Job::named("blackbox");
        job.params.insert("module".to_owned(), vec!["http_2xx".to_owned(), "x".to_owned()]);
        job
    }

    fn make(job: &Job, labels: &[(&str, &str)]) -> Result<Target, String> {
        let labels = Labels::from_pairs(labels.iter().copied());
        let group = Group { targets: vec![labels], labels: Labels::from_pairs([("env", "test")]) };
        match targets(job, &[group]).next().unwrap() {
            Verdict::Active(target) => Ok(target),
            Verdict::Dropped(labels) => Err(format!("dropped {labels}")),
            Verdict::Invalid(reason) => Err(reason),
        }
    }

    #[test]
    fn defaults_are_filled_in() {
        let target =
            make(&job(), &[("__address__", "web:80"), ("env", "prod"), ("__meta_x", "1")]).unwrap();
        assert_eq!(target.labels.to_string(), r#"{env="prod", instance="web:80", job="blackbox"}"#);
        assert_eq!(target.url, "http://web:80/metrics?module=http_2xx&module=x");
        assert_eq!(target.discovered.get("__scrape_interval__"), Some("1m"));
        assert_eq!(target.discovered.get("__meta_x"), Some("1"));
    }

    #[test]
    fn relabelling_can_point_elsewhere() {
        let mut job = job();
        job.relabel = [
            "{source_labels: [__address__], target_label: __param_target}",
            "{source_labels: [__param_target], target_label: instance}",
            "{target_label: __address__, replacement: 'blackbox:9115'}",
            "{target_label: __metrics_path__, replacement: /probe}",
            "{target_label: __scrape_interval__, replacement: 7s}",
            "{target_label: __scrape_timeout__, replacement: 3s}",
        ]
        .iter()
        .map(|yaml| Rule::new(&serde_yaml::from_str(yaml).unwrap()).unwrap())
        .collect();
        let target = make(&job, &[("__address__", "example.org")]).unwrap();
        assert_eq!(
            target.url,
            "http://blackbox:9115/probe?module=http_2xx&module=x&target=example.org"
        );
        assert_eq!(target.labels.get("instance"), Some("example.org"));
        assert_eq!(target.interval, Duration::from_secs(7));
    }

    #[test]
    fn what_cannot_be_scraped_is_told() {
        let check = |labels: &[(&str, &str)], message: &str| {
            assert_eq!(make(&job(), labels).unwrap_err(), message);
        };
        check(&[("a", "b")], "no address");
        check(&[("__address__", "http://x")], "\"http://x\" is not a valid hostname");
        check(
            &[("__address__", "x"), ("__scrape_timeout__", "2m")],
            "scrape timeout cannot be greater than scrape interval (\"2m\" > \"1m\")",
        );
        check(
            &[("__address__", "x"), ("__scrape_interval__", "0s")],
            "scrape interval cannot be 0",
        );
        check(&[("__address__", "x"), ("__scheme__", "ftp")], "unsupported scheme \"ftp\"");
        check(
            &[("__address__", "x"), ("__scrape_interval__", "soon")],
            "error parsing scrape interval: not a valid duration string: \"soon\"",
        );
    }
}
