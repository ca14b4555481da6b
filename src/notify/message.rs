//! What an Alertmanager is sent: a JSON list of alerts, API v2 (`postableAlerts` of its OpenAPI file).

use bytes::Bytes;
use serde::Serialize;

use crate::model::{Alert, Labels, Timestamp};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Postable<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
}

/// The body of a request.
pub(super) fn body(alerts: &[Alert]) -> Bytes {
    let alerts: Vec<Postable<'_>> = alerts
        .iter()
        .map(|Alert { labels, annotations, starts_at, ends_at, generator_url }| Postable {
            labels,
            annotations,
            starts_at: time(*starts_at),
            ends_at: time(*ends_at),
            generator_url,
        })
        .collect();
    serde_json::to_vec(&alerts).expect("texts are JSON").into()
}

/// RFC 3339, in UTC.
fn time(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time).unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_has_the_fields_of_the_api() {
        let alert = Alert {
            labels: Labels::from_pairs([("alertname", "Down"), ("job", "node")]),
            annotations: Labels::from_pairs([("summary", "gone")]),
            starts_at: 1_435_781_451_781,
            ends_at: 1_435_781_460_000,
            generator_url: "http://p/graph?g0.expr=up&g0.tab=1".to_owned(),
        };
        assert_eq!(
            std::str::from_utf8(&body(&[alert])).unwrap(),
            r#"[{"labels":{"alertname":"Down","job":"node"},"annotations":{"summary":"gone"},"startsAt":"2015-07-01T20:10:51.781Z","endsAt":"2015-07-01T20:11:00Z","generatorURL":"http://p/graph?g0.expr=up&g0.tab=1"}]"#
        );
    }
}
