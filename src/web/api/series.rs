//! `series`, `labels`, `label/…/values` and `metadata`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::reply::Reply;
use super::{ApiError, Params};
use crate::model::Metadata;
use crate::storage::{LabelSet, QuerySymbols};
use crate::web::Prometheus;
use crate::web::json::LabelWriter;

/// Label sets of the series that match.
pub(super) async fn series(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let (range, selectors) = (params.range()?, params.selectors()?);
    let (pool, timeout) = (Arc::clone(&web.pool), web.options.query_timeout);
    pool.run(timeout, move |_| {
        let symbols = QuerySymbols::new(Arc::clone(web.store.symbols()));
        let mut found: Vec<LabelSet> = Vec::new();
        for matchers in &selectors {
            let series = web.store.select(matchers, range, &symbols)?;
            found.extend((0..series.len()).map(|index| series.labels(index).clone()));
        }
        found.sort_unstable_by(|a, b| compare(a, b, &symbols));
        found.dedup();
        let is_cut = found.len() > limit;
        found.truncate(limit);
        let mut labels = LabelWriter::new(&symbols);
        let reply = Reply::written(|out| {
            out.push(b'[');
            for (index, set) in found.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                labels.write(out, set);
            }
            out.push(b']');
        });
        Ok(reply.truncated(is_cut).finish(params.accepts))
    })
    .await
}

/// Order of label sets: name by name, then value by value, as strings.
pub(in crate::web) fn compare(a: &LabelSet, b: &LabelSet, symbols: &QuerySymbols) -> Ordering {
    let text = |symbol| symbols.resolve(symbol);
    for (left, right) in a.pairs().iter().zip(b.pairs()) {
        for (left, right) in [(left.0, right.0), (left.1, right.1)] {
            if left != right {
                match text(left).cmp(text(right)) {
                    Ordering::Equal => {}
                    different => return different,
                }
            }
        }
    }
    a.pairs().len().cmp(&b.pairs().len())
}

/// Names of labels.
pub(super) async fn labels(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let (range, selectors) = (params.range()?, params.selectors()?);
    let (pool, timeout) = (Arc::clone(&web.pool), web.options.query_timeout);
    pool.run(timeout, move |_| {
        let names = web.store.label_names(&selectors, range)?;
        Ok(list(names, limit).finish(params.accepts))
    })
    .await
}

/// Values of one label.
pub(super) async fn label_values(
    State(web): State<Arc<Prometheus>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let name = unescape(&name);
    if name.is_empty() {
        return Err(ApiError::bad_data(format!("invalid label name: {name:?}")));
    }
    let (range, selectors) = (params.range()?, params.selectors()?);
    let (pool, timeout) = (Arc::clone(&web.pool), web.options.query_timeout);
    pool.run(timeout, move |_| {
        let values = web.store.label_values(&name, &selectors, range)?;
        Ok(list(values, limit).finish(params.accepts))
    })
    .await
}

fn list(mut texts: Vec<String>, limit: usize) -> Reply {
    let is_cut = texts.len() > limit;
    texts.truncate(limit);
    Reply::data(&texts).truncated(is_cut)
}

/// Names with other characters than letters, digits and `_` come as `U__` with the code points of
/// those in hexadecimal between underscores, and `_` doubled.
fn unescape(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else { return name.to_owned() };
    let mut text = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            text.push('_');
            rest = after;
            continue;
        }
        let code = rest.split_once('_').and_then(|(digits, after)| {
            let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
            Some((code, after))
        });
        // What is not well-formed was no escape in the first place.
        let Some((character, after)) = code else { return name.to_owned() };
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    text
}

#[derive(Serialize)]
struct Declaration {
    #[serde(rename = "type")]
    kind: &'static str,
    help: String,
    unit: String,
}

impl From<Metadata> for Declaration {
    fn from(Metadata { kind, help, unit }: Metadata) -> Self {
        Self { kind: kind.as_str(), help, unit }
    }
}

/// Type, help and unit by metric family.
pub(super) async fn metadata(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = number(&params, "limit")?;
    let limit_per_metric = number(&params, "limit_per_metric")?;
    let family = Some(params.get("metric")).filter(|family| !family.is_empty());
    let families = web.store.metadata(family);
    let found: BTreeMap<String, Vec<Declaration>> = families
        .into_iter()
        .take(limit)
        .map(|family| {
            let declared = family.metadata.into_iter().take(limit_per_metric);
            (family.family, declared.map(Declaration::from).collect())
        })
        .collect();
    Ok(Reply::data(&found).finish(params.accepts))
}

fn number(params: &Params, name: &str) -> Result<usize, ApiError> {
    match params.get(name) {
        "" => Ok(usize::MAX),
        text => match text.parse::<i64>() {
            // Less than 0 means no limit.
            Ok(number) => Ok(usize::try_from(number).unwrap_or(usize::MAX)),
            Err(_) => Err(ApiError::bad_data(format!("{name} must be a number"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_label_names_are_read() {
        assert_eq!(unescape("job"), "job");
        assert_eq!(unescape("U__http_2e_status"), "http.status");
        assert_eq!(unescape("U__a__b"), "a_b");
        assert_eq!(unescape("U___zz_"), "U___zz_");
    }
}
