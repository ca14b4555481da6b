//! `/federate`: the newest sample of the series that match, for another server to scrape.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Prometheus;
use super::api::{ApiError, Params, compressed};
use crate::catalogue::{TEXT_FORMAT, write_go_float};
use crate::model::{Labels, METRIC_NAME, TimeRange, Timestamp, is_stale, now};
use crate::storage::{Columns, QuerySymbols, Select, SelectError};

struct Newest {
    labels: Labels,
    time: Timestamp,
    value: f64,
}

pub(super) async fn federate(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let selectors = params.selectors()?;
    let (pool, timeout) = (Arc::clone(&web.pool), web.options.query_timeout);
    pool.run(timeout, move |_| {
        let lookback = i64::try_from(web.options.lookback.as_millis()).unwrap_or(i64::MAX / 2);
        let end = now();
        // Left-open, as every window.
        let range = TimeRange::new(end - lookback + 1, end);
        let found = newest(&*web.store, &selectors, range)?;
        let mut text = String::new();
        write(&found, &web.loaded().external_labels, &mut text);
        Ok(compressed(text.into_bytes(), TEXT_FORMAT, params.accepts))
    })
    .await
}

/// Newest float sample of each series that is not stale, ordered by labels.
fn newest(
    store: &dyn Select,
    selectors: &[Vec<crate::model::Matcher>],
    range: TimeRange,
) -> Result<Vec<Newest>, SelectError> {
    let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
    let mut found = Vec::new();
    let mut columns = Columns::default();
    for matchers in selectors {
        let series = store.select(matchers, range, &symbols)?;
        for index in 0..series.len() {
            series.read(index, range, &mut columns)?;
            // The text format has no native histograms: a series that is one now has no newest float.
            if columns.histogram_times.last() > columns.times.last() {
                continue;
            }
            if let (Some(&time), Some(&value)) = (columns.times.last(), columns.values.last())
                && !is_stale(value)
            {
                let labels = series.labels(index).to_labels(&symbols);
                found.push(Newest { labels, time, value });
            }
        }
    }
    found.sort_by(|a, b| {
        (a.labels.metric_name(), &a.labels).cmp(&(b.labels.metric_name(), &b.labels))
    });
    found.dedup_by(|b, a| a.labels == b.labels);
    Ok(found)
}

/// Writes the text format. Each series gets the external labels that it has not itself, and an empty
/// `instance` if it has none, so that the scraping server does not put its own there.
fn write(found: &[Newest], external: &Labels, out: &mut String) {
    let mut family = "";
    for Newest { labels, time, value } in found {
        let name = labels.metric_name();
        if name.is_empty() {
            continue;
        }
        if name != family {
            out.push_str("# TYPE ");
            push_name(out, name);
            out.push_str(" untyped\n");
            family = name;
        }
        let plain = is_plain(name);
        let mut separator = '{';
        if plain {
            out.push_str(name);
        } else {
            out.push('{');
            push_name(out, name);
            separator = ',';
        }
        let instance = (labels.get("instance").is_none() && external.get("instance").is_none())
            .then_some(("instance", ""));
        let own = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        let added = external.iter().filter(|(name, _)| labels.get(name).is_none());
        for (name, value) in own.chain(added).chain(instance) {
            out.push(separator);
            push_name(out, name);
            out.push_str("=\"");
            push_escaped(out, value);
            out.push('"');
            separator = ',';
        }
        if separator == ',' {
            out.push('}');
        }
        out.push(' ');
        write_go_float(out, *value);
        out.push(' ');
        out.push_str(itoa::Buffer::new().format(*time));
        out.push('\n');
    }
}

/// Whether the name can stand without quotes.
fn is_plain(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

fn push_name(out: &mut String, name: &str) {
    if is_plain(name) {
        out.push_str(name);
    } else {
        out.push('"');
        push_escaped(out, name);
        out.push('"');
    }
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_labels_and_an_empty_instance_are_added() {
        let series = |pairs: &[(&str, &str)], value| Newest {
            labels: Labels::from_pairs(pairs.iter().copied()),
            time: 1500,
            value,
        };
        let found = [
            series(&[("__name__", "job:up:sum"), ("job", "a\"b")], 2e6),
            series(&[("__name__", "up"), ("dc", "own"), ("instance", "x:1")], 1.0),
            series(&[("__name__", "with.dot")], 0.5),
        ];
        let mut text = String::new();
        write(&found, &Labels::from_pairs([("dc", "eu1")]), &mut text);
        assert_eq!(
            text,
            "# TYPE job:up:sum untyped\n\
             job:up:sum{job=\"a\\\"b\",dc=\"eu1\",instance=\"\"} 2e+06 1500\n\
             # TYPE up untyped\n\
             up{dc=\"own\",instance=\"x:1\"} 1 1500\n\
             # TYPE \"with.dot\" untyped\n\
             {\"with.dot\",dc=\"eu1\",instance=\"\"} 0.5 1500\n"
        );
    }
}
