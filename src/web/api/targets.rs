//! `targets`, `targets/metadata`, `scrape_pools` and `alertmanagers`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::reply::{Number, Reply};
use super::{ApiError, Params, parse_selector};
use crate::model::{Labels, METRIC_NAME, Matcher, TimeRange, Timestamp, format_duration, now};
use crate::notify::Addresses;
use crate::scrape::{Health, PoolStatus, TargetStatus};
use crate::web::Prometheus;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Active<'a> {
    discovered_labels: &'a Labels,
    labels: &'a Labels,
    scrape_pool: &'a str,
    scrape_url: &'a str,
    global_url: String,
    last_error: &'a str,
    last_scrape: String,
    last_scrape_duration: Number,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dropped<'a> {
    discovered_labels: &'a Labels,
    scrape_pool: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview<'a> {
    active_targets: Vec<Active<'a>>,
    dropped_targets: Vec<Dropped<'a>>,
    dropped_target_counts: Option<BTreeMap<&'a str, usize>>,
}

/// Targets by state.
pub(super) async fn targets(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let state = params.get("state").to_lowercase();
    let (show_active, show_dropped) = match state.as_str() {
        "active" => (true, false),
        "dropped" => (false, true),
        _ => (true, true),
    };
    let pool = params.get("scrapePool");
    let mut pools = (web.targets)();
    pools.retain(|candidate| pool.is_empty() || candidate.job == pool);
    pools.sort_by(|a, b| a.job.cmp(&b.job));
    let host = host_name();
    let active = pools
        .iter()
        .filter(|_| show_active)
        .flat_map(|pool| pool.active.iter().map(|target| active_target(pool, target, &host)));
    let dropped = pools.iter().filter(|_| show_dropped).flat_map(|pool| {
        pool.dropped.iter().map(|target| Dropped {
            discovered_labels: &target.discovered_labels,
            scrape_pool: &pool.job,
        })
    });
    let counts = pools.iter().map(|pool| (pool.job.as_str(), pool.dropped_count));
    let targets = Overview {
        active_targets: active.collect(),
        dropped_targets: dropped.collect(),
        dropped_target_counts: show_dropped.then(|| counts.collect()),
    };
    Ok(Reply::data(&targets).finish(params.accepts))
}

fn active_target<'a>(pool: &'a PoolStatus, target: &'a TargetStatus, host: &str) -> Active<'a> {
    Active {
        discovered_labels: &target.discovered_labels,
        labels: &target.labels,
        scrape_pool: &pool.job,
        scrape_url: &target.scrape_url,
        global_url: global_url(&target.scrape_url, host),
        last_error: &target.last_error,
        last_scrape: rfc3339(target.last_scrape),
        last_scrape_duration: Number(target.last_duration.unwrap_or_default().as_secs_f64()),
        health: health(target.health),
        scrape_interval: format_duration(target.interval),
        scrape_timeout: format_duration(target.timeout),
    }
}

/// The API's word for a target's health.
pub(in crate::web) fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "unknown",
        Health::Up => "up",
        Health::Down => "down",
    }
}

/// The time in Go's notation; the beginning of its calendar where there was none.
pub(in crate::web) fn rfc3339(time: Option<Timestamp>) -> String {
    time.and_then(|time| jiff::Timestamp::from_millisecond(time).ok())
        .map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |time| time.to_string())
}

/// The URL as other machines reach it: a loopback host becomes this machine's name.
fn global_url(url: &str, host: &str) -> String {
    let Ok(mut parsed) = url::Url::parse(url) else { return url.to_owned() };
    let is_loopback = match parsed.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if is_loopback && !host.is_empty() && parsed.set_host(Some(host)).is_ok() {
        parsed.to_string()
    } else {
        url.to_owned()
    }
}

pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Names of the scrape configurations.
pub(super) async fn scrape_pools(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    let mut pools: Vec<String> = (web.targets)().into_iter().map(|pool| pool.job).collect();
    pools.sort();
    Reply::data(&serde_json::json!({ "scrapePools": pools })).finish(params.accepts)
}

/// Where alerts are sent.
pub(super) async fn alertmanagers(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    let Addresses { active, dropped } = web.alertmanagers();
    let list = |urls: Vec<String>| -> Vec<_> {
        urls.into_iter().map(|url| serde_json::json!({ "url": url })).collect()
    };
    let data = serde_json::json!({
        "activeAlertmanagers": list(active),
        "droppedAlertmanagers": list(dropped),
    });
    Reply::data(&data).finish(params.accepts)
}

#[derive(Serialize)]
struct TargetMetadata<'a> {
    target: &'a Labels,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    help: &'a str,
    unit: &'a str,
}

/// Metadata of the families that a target's series belong to. The store knows it by family; a
/// target has a family if one of its recent series has the family's name.
pub(super) async fn metadata(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = match params.get("limit") {
        "" => usize::MAX,
        text => match text.parse::<i64>() {
            Ok(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            Err(_) => return Err(ApiError::bad_data("limit must be a number")),
        },
    };
    let matchers = match params.get("match_target") {
        "" => Vec::new(),
        text => parse_selector(text).map_err(|error| ApiError::parameter("match_target", error))?,
    };
    let (pool, timeout) = (Arc::clone(&web.pool), web.options.query_timeout);
    pool.run(timeout, move |_| {
        let metric = params.get("metric");
        let families = web.store.metadata(Some(metric).filter(|metric| !metric.is_empty()));
        let pools = (web.targets)();
        let targets = pools.iter().flat_map(|pool| &pool.active).filter(|target| {
            matchers.iter().all(|matcher| {
                matcher.matches(target.labels.get(&matcher.name).unwrap_or_default())
            })
        });
        let recent = TimeRange::new(now() - 3_600_000, i64::MAX);
        let mut found = Vec::new();
        for target in targets {
            let selector: Vec<Matcher> =
                target.labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect();
            let names = web.store.label_values(METRIC_NAME, &[selector], recent)?;
            for family in families.iter().filter(|family| has_family(&names, &family.family)) {
                found.extend(family.metadata.iter().map(|metadata| TargetMetadata {
                    target: &target.labels,
                    metric: metric.is_empty().then_some(family.family.as_str()),
                    kind: metadata.kind.as_str(),
                    help: &metadata.help,
                    unit: &metadata.unit,
                }));
            }
        }
        found.truncate(limit);
        Ok(Reply::data(&found).finish(params.accepts))
    })
    .await
}

/// Whether one of the sorted names is the family's, or that of one of its parts.
fn has_family(names: &[String], family: &str) -> bool {
    ["", "_bucket", "_count", "_sum", "_total", "_info", "_created"].iter().any(|suffix| {
        let name = format!("{family}{suffix}");
        names.binary_search(&name).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_replaced() {
        assert_eq!(global_url("http://127.0.0.1:9100/metrics", "vm"), "http://vm:9100/metrics");
        assert_eq!(global_url("http://localhost/metrics", "vm"), "http://vm/metrics");
        assert_eq!(global_url("http://db:9104/metrics", "vm"), "http://db:9104/metrics");
    }

    #[test]
    fn a_time_that_never_was_is_the_beginning_of_gos_calendar() {
        assert_eq!(rfc3339(None), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(Some(1_435_781_451_781)), "2015-07-01T20:10:51.781Z");
    }
}
