//! `status/…`: configuration, flags, the process, the build, the store. What is not known here (Go's
//! runtime, for one) is left out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::reply::Reply;
use super::targets::{host_name, rfc3339};
use super::{ApiError, Params};
use crate::model::now;
use crate::web::Prometheus;

/// The configuration in force.
pub(super) async fn config(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    Reply::data(&json!({ "yaml": web.loaded().config_yaml })).finish(params.accepts)
}

/// Flags in force.
pub(super) async fn flags(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    Reply::data(&web.options.flags).finish(params.accepts)
}

/// The process.
pub(super) async fn runtime_info(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    let loaded = web.loaded();
    let mut data = json!({
        "startTime": rfc3339(Some(web.started_at)),
        "CWD": web.working_dir.to_string_lossy(),
        "hostname": host_name(),
        "serverTime": rfc3339(Some(now())),
        "reloadConfigSuccess": loaded.reload_successful,
        "lastConfigTime": rfc3339(Some(loaded.loaded_at)),
    });
    if !loaded.retention.is_empty() {
        data["storageRetention"] = Value::String(loaded.retention.clone());
    }
    Reply::data(&data).finish(params.accepts)
}

/// The build.
pub(super) async fn build_info(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    Reply::data(&json!({ "version": web.options.version })).finish(params.accepts)
}

/// The store.
pub(super) async fn tsdb(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = match params.get("limit") {
        "" => 10,
        text => match text.parse::<usize>() {
            Ok(limit) if limit > 0 => limit,
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    };
    let (pool, timeout) = (Arc::clone(&web.pool), web.options.query_timeout);
    pool.run(timeout, move |_| {
        let stats = web.store.stats(limit);
        let list = |entries: &[(String, u64)]| -> Value {
            let entries = entries.iter().take(limit);
            entries.map(|(name, value)| json!({ "name": name, "value": value })).collect()
        };
        let data = json!({
            "headStats": {
                "numSeries": stats.head_series,
                "numLabelPairs": stats.head_label_pairs,
                "chunkCount": stats.head_chunks,
                // An empty head ends before it begins.
                "minTime": stats.head_min_time.unwrap_or(i64::MAX),
                "maxTime": stats.head_max_time.unwrap_or(i64::MIN),
            },
            "seriesCountByMetricName": list(&stats.series_by_metric),
            "labelValueCountByLabelName": list(&stats.values_by_label),
            "memoryInBytesByLabelName": list(&stats.bytes_by_label),
            "seriesCountByLabelValuePair": list(&stats.series_by_pair),
        });
        Ok(Reply::data(&data).finish(params.accepts))
    })
    .await
}

/// Progress of reading the log. It has been read when this is answered, and what it had of segments is
/// not kept.
pub(super) async fn wal_replay(params: Params) -> Response {
    Reply::data(&json!({ "min": 0, "max": 0, "current": 0 })).finish(params.accepts)
}
