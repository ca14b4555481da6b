//! `query`, `query_range` and `query_exemplars`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;

use super::reply::{Number, Reply};
use super::{ApiError, Params, parse_duration_param};
use crate::model::{Exemplar, Matcher, TimeRange, now};
use crate::promql::{self, Answer, Expr, QueryError, QueryOptions, Value, ValueType};
use crate::web::Prometheus;
use crate::web::json::{write_float, write_string, write_time, write_value};
use crate::web::pool::Turn;

/// Most steps of a range query: a minute's resolution for a week, an hour's for a year.
const MOST_STEPS: i64 = 11_000;

/// Evaluates at one time.
pub(super) async fn instant(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let at = params.time("time", now())?;
    let timeout = timeout(&web, &params)?;
    let (expr, options) = prepare(&web, &params)?;
    let store = Arc::clone(&web.store);
    answer(web, params, timeout, options, limit, move |options| {
        promql::instant(&*store, &expr, at, options)
    })
    .await
}

/// Evaluates at many times.
pub(super) async fn range(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let (start, end) = (params.required_time("start")?, params.required_time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = parse_duration_param(params.get("step"))
        .map_err(|error| ApiError::parameter("step", error))?;
    if step <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. \
                   Try a positive integer";
        return Err(ApiError::parameter("step", why));
    }
    if end.saturating_sub(start) / step > MOST_STEPS {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. \
             Try decreasing the query resolution (?step=XX)",
        ));
    }
    let timeout = timeout(&web, &params)?;
    let (expr, options) = prepare(&web, &params)?;
    let kind = expr.value_type();
    if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
        let why = format!(
            "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
            kind.documented()
        );
        return Err(ApiError::parameter("query", why));
    }
    let store = Arc::clone(&web.store);
    let step = Duration::from_millis(step.unsigned_abs());
    answer(web, params, timeout, options, limit, move |options| {
        promql::range(&*store, &expr, start, end, step, options)
    })
    .await
}

fn timeout(web: &Prometheus, params: &Params) -> Result<Duration, ApiError> {
    let asked = params.duration("timeout")?;
    let asked = asked.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
    Ok(asked.map_or(web.options.query_timeout, |asked| asked.min(web.options.query_timeout)))
}

fn prepare(web: &Prometheus, params: &Params) -> Result<(Expr, QueryOptions), ApiError> {
    let text = params.get("query");
    let mut options = web.query_options(text);
    match params.get("lookback_delta") {
        "" => {}
        text => {
            let millis = parse_duration_param(text).map_err(|error| {
                ApiError::bad_data(format!("error parsing lookback delta duration: {error}"))
            })?;
            // 0 and less mean the default.
            if millis > 0 {
                options.lookback = Duration::from_millis(millis.unsigned_abs());
            }
        }
    }
    let expr = promql::parse(text).map_err(|error| ApiError::parameter("query", error))?;
    Ok((expr, options))
}

async fn answer(
    web: Arc<Prometheus>,
    params: Params,
    timeout: Duration,
    options: QueryOptions,
    limit: usize,
    evaluate: impl FnOnce(&QueryOptions) -> Result<Answer, QueryError> + Send + 'static,
) -> Result<Response, ApiError> {
    let pool = Arc::clone(&web.pool);
    pool.run(timeout, move |turn| {
        let Turn { cancel, deadline, queued } = turn;
        let options = QueryOptions { cancel: Some(cancel), deadline: Some(deadline), ..options };
        let begun = Instant::now();
        let mut answer = evaluate(&options)?;
        let took = begun.elapsed();
        web.pool.samples.fetch_add(answer.stats.total_samples, Ordering::Relaxed);
        let is_cut = match &mut answer.value {
            Value::Vector(samples) => cut(samples, limit),
            Value::Matrix(series) => cut(series, limit),
            Value::Scalar(..) | Value::String(..) => false,
        };
        let Answer { symbols, value, mut warnings, infos, stats } = answer;
        let reply = Reply::written(|out| {
            out.push(b'{');
            write_value(out, &value, &symbols);
            if !params.get("stats").is_empty() {
                let timings = serde_json::json!({
                    "evalTotalTime": Number(took.as_secs_f64()),
                    "execQueueTime": Number(queued.as_secs_f64()),
                    "execTotalTime": Number((took + queued).as_secs_f64()),
                });
                let samples = serde_json::json!({
                    "totalQueryableSamples": stats.total_samples,
                    "peakSamples": stats.peak_samples,
                });
                let stats = serde_json::json!({ "timings": timings, "samples": samples });
                out.extend_from_slice(b",\"stats\":");
                out.extend_from_slice(stats.to_string().as_bytes());
            }
            out.push(b'}');
        });
        if is_cut {
            warnings.insert(0, "results truncated due to limit".to_owned());
        }
        Ok(reply.notes("warnings", &warnings).notes("infos", &infos).finish(params.accepts))
    })
    .await
}

fn cut<T>(items: &mut Vec<T>, limit: usize) -> bool {
    let is_cut = items.len() > limit;
    items.truncate(limit);
    is_cut
}

/// Exemplars of all series that an expression reads.
pub(super) async fn exemplars(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let range = params.range()?;
    if range.end < range.start {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let text = params.get("query");
    let expr = promql::parse(text).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut selectors = Vec::new();
    gather_selectors(&expr, &mut selectors);
    let (store, timeout) = (Arc::clone(&web.store), web.options.query_timeout);
    let pool = Arc::clone(&web.pool);
    pool.run(timeout, move |_| {
        let found = match selectors.as_slice() {
            [] => Vec::new(),
            selectors => store.exemplars(selectors, clamp(range))?,
        };
        let reply = Reply::written(|out| {
            let mut separator = b"[{\"seriesLabels\":".as_slice();
            for series in &found {
                out.extend_from_slice(separator);
                separator = b",{\"seriesLabels\":";
                serde_json::to_writer(&mut *out, &series.labels).expect("labels are strings");
                out.extend_from_slice(b",\"exemplars\":[");
                for (index, exemplar) in series.exemplars.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_exemplar(out, exemplar);
                }
                out.extend_from_slice(b"]}");
            }
            out.extend_from_slice(if found.is_empty() { b"[]" } else { b"]" });
        });
        Ok(reply.finish(params.accepts))
    })
    .await
}

/// Leaves room for stores that add a little to both ends.
fn clamp(range: TimeRange) -> TimeRange {
    TimeRange::new(range.start.max(i64::MIN / 2), range.end.min(i64::MAX / 2))
}

fn write_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    let Exemplar { labels, value, time } = exemplar;
    out.extend_from_slice(b"{\"labels\":{");
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, name);
        out.push(b':');
        write_string(out, value);
    }
    out.extend_from_slice(b"},\"value\":\"");
    write_float(out, *value);
    out.extend_from_slice(b"\",\"timestamp\":");
    write_time(out, *time);
    out.push(b'}');
}

fn gather_selectors(expr: &Expr, into: &mut Vec<Vec<Matcher>>) {
    match expr {
        Expr::Vector(node) => into.push(node.plain_matchers().cloned().collect()),
        Expr::Matrix(node) => into.push(node.selector.plain_matchers().cloned().collect()),
        other => other.children().into_iter().for_each(|child| gather_selectors(child, into)),
    }
}
