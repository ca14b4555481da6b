//! Targets over HTTP: a JSON list in the form of target files. A failing answer keeps the old
//! targets.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use tracing::warn;

use super::Group;
use crate::scrape::http::{Client, FetchError, read_body};
use crate::scrape::manager::Options;
use crate::wire::prometheus::{HttpSd, StaticConfig};

const DEFAULT_REFRESH: Duration = Duration::from_secs(60);
const MAX_ANSWER: u64 = 64 << 20;

pub(super) async fn watch(config: HttpSd, options: Options, publish: impl Fn(Vec<Group>)) {
    let refresh = config.refresh_interval.map_or(DEFAULT_REFRESH, Duration::from);
    let refresh = refresh.max(Duration::from_millis(10));
    let client = match Client::new(&config.http_client(), &options.resolver) {
        Ok(client) => client,
        Err(err) => {
            warn!(url = %config.url, "discovery over HTTP cannot start: {err}");
            return;
        }
    };
    loop {
        // A source that hangs is asked again after its interval.
        match tokio::time::timeout(refresh, fetch(&client, &config.url, refresh, &options)).await {
            Ok(Ok(groups)) => publish(groups),
            Ok(Err(err)) => warn!(url = %config.url, "discovery keeps its old targets: {err}"),
            Err(_) => {
                warn!(url = %config.url, "discovery keeps its old targets: no answer in time");
            }
        }
        tokio::time::sleep(refresh).await;
    }
}

async fn fetch(
    client: &Client,
    url: &str,
    refresh: Duration,
    options: &Options,
) -> Result<Vec<Group>, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, options.user_agent.clone());
    headers.insert(
        "x-prometheus-refresh-interval-seconds",
        HeaderValue::try_from(refresh.as_secs_f64().to_string())
            .map_err(|err| FetchError::Setting(err.to_string()))?,
    );
    let response = client.get(url, &headers).await?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(FetchError::Body(format!("unsupported content type {kind:?}")));
    }
    let mut body = Vec::new();
    read_body(response.into_body(), MAX_ANSWER, &mut body).await?;
    let groups: Vec<StaticConfig> =
        serde_json::from_slice(&body).map_err(|err| FetchError::Body(err.to_string()))?;
    Ok(groups.iter().map(|group| Group::from_wire(group, &[("__meta_url", url)])).collect())
}
