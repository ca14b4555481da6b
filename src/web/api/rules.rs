//! `rules` and `alerts`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::reply::{Number, Reply};
use super::targets::rfc3339;
use super::{ApiError, Params};
use crate::model::{Labels, Matcher};
use crate::rules::{AlertStatus, GroupStatus, RuleKind, RuleStatus};
use crate::web::Prometheus;
use crate::web::json::write_scientific;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
    state: &'static str,
    active_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    value: String,
}

impl<'a> From<&'a AlertStatus> for Alert<'a> {
    fn from(alert: &'a AlertStatus) -> Self {
        let AlertStatus { labels, annotations, state, active_at, keep_firing_since, value } = alert;
        Self {
            labels,
            annotations,
            state: state.as_str(),
            active_at: rfc3339(Some(*active_at)),
            keep_firing_since: keep_firing_since.map(|time| rfc3339(Some(time))),
            value: scientific(*value),
        }
    }
}

/// `1e+00`: how the API writes the value of an alert.
pub(in crate::web) fn scientific(value: f64) -> String {
    let mut text = Vec::new();
    write_scientific(&mut text, value);
    String::from_utf8(text).expect("digits are ASCII")
}

type Texts<'a> = BTreeMap<&'a str, &'a str>;

#[derive(Serialize)]
#[serde(untagged)]
enum Rule<'a> {
    #[serde(rename_all = "camelCase")]
    Alerting {
        state: &'static str,
        name: &'a str,
        query: &'a str,
        duration: Number,
        keep_firing_for: Number,
        labels: Texts<'a>,
        annotations: Texts<'a>,
        alerts: Vec<Alert<'a>>,
        health: &'static str,
        #[serde(skip_serializing_if = "str::is_empty")]
        last_error: &'a str,
        evaluation_time: Number,
        last_evaluation: String,
        r#type: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    Recording {
        name: &'a str,
        query: &'a str,
        #[serde(skip_serializing_if = "Texts::is_empty")]
        labels: Texts<'a>,
        health: &'static str,
        #[serde(skip_serializing_if = "str::is_empty")]
        last_error: &'a str,
        evaluation_time: Number,
        last_evaluation: String,
        r#type: &'static str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    name: &'a str,
    file: &'a str,
    rules: Vec<Rule<'a>>,
    interval: Number,
    limit: usize,
    evaluation_time: Number,
    last_evaluation: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groups<'a> {
    groups: Vec<Group<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_next_token: Option<String>,
}

struct Filter<'a> {
    alerting: bool,
    recording: bool,
    names: Vec<&'a str>,
    files: Vec<&'a str>,
    groups: Vec<&'a str>,
    /// A rule passes if its labels pass any of these.
    selectors: Vec<Vec<Matcher>>,
    with_alerts: bool,
}

impl<'a> Filter<'a> {
    fn new(params: &'a Params) -> Result<Self, ApiError> {
        let kind = params.get("type").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            let why = format!("not supported value {:?}", params.get("type"));
            return Err(ApiError::parameter("type", why));
        }
        let without_alerts = match params.get("exclude_alerts") {
            "" | "false" | "0" => false,
            "true" | "1" => true,
            text => {
                let why = format!("{text:?} is neither true nor false");
                return Err(ApiError::parameter("exclude_alerts", why));
            }
        };
        Ok(Self {
            alerting: kind != "record",
            recording: kind != "alert",
            names: params.all("rule_name[]").collect(),
            files: params.all("file[]").collect(),
            groups: params.all("rule_group[]").collect(),
            selectors: params.selectors()?,
            with_alerts: !without_alerts,
        })
    }

    fn wants_group(&self, group: &GroupStatus) -> bool {
        is_wanted(&self.groups, &group.name) && is_wanted(&self.files, &group.file)
    }

    fn wants(&self, rule: &RuleStatus) -> bool {
        let is_kind = match rule.kind {
            RuleKind::Alert { .. } => self.alerting,
            RuleKind::Record => self.recording,
        };
        let label = |name: &str| {
            let found = rule.labels.iter().find(|(label, _)| label == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        is_kind
            && is_wanted(&self.names, &rule.name)
            && (self.selectors.is_empty()
                || self.selectors.iter().any(|matchers| {
                    matchers.iter().all(|matcher| matcher.matches(label(&matcher.name)))
                }))
    }
}

fn is_wanted(wanted: &[&str], name: &str) -> bool {
    wanted.is_empty() || wanted.contains(&name)
}

fn texts(pairs: &[(String, String)]) -> Texts<'_> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn rule<'a>(rule: &'a RuleStatus, filter: &Filter<'_>) -> Rule<'a> {
    let RuleStatus { name, query, labels, health, last_error, .. } = rule;
    let labels = texts(labels);
    let health = health.as_str();
    let evaluation_time = Number(rule.evaluation_time.as_secs_f64());
    let last_evaluation = rfc3339(rule.last_evaluation);
    match &rule.kind {
        RuleKind::Record => Rule::Recording {
            name,
            query,
            labels,
            health,
            last_error,
            evaluation_time,
            last_evaluation,
            r#type: "recording",
        },
        RuleKind::Alert { state, hold, keep_firing_for, annotations, alerts } => Rule::Alerting {
            state: state.as_str(),
            name,
            query,
            duration: Number(hold.as_secs_f64()),
            keep_firing_for: Number(keep_firing_for.as_secs_f64()),
            labels,
            annotations: texts(annotations),
            alerts: alerts.iter().filter(|_| filter.with_alerts).map(Alert::from).collect(),
            health,
            last_error,
            evaluation_time,
            last_evaluation,
            r#type: "alerting",
        },
    }
}

/// Groups with their rules.
pub(super) async fn rules(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    let filter = Filter::new(&params)?;
    let page = Page::new(&params)?;
    let mut status = web.rules.status();
    status.retain(|group| filter.wants_group(group));
    // Pages are cut from a stable order.
    if page.size.is_some() {
        status.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    }
    let start = match &page.token {
        None => 0,
        Some(token) => status
            .iter()
            .position(|group| group_token(group) == *token)
            .ok_or_else(|| ApiError::parameter("group_next_token", "no group has this token"))?,
    };
    let end = page.size.map_or(status.len(), |size| (start + size).min(status.len()));
    let filters_rules = params.all("rule_name[]").next().is_some()
        || params.all("match[]").next().is_some()
        || !params.get("type").is_empty();
    let groups = status[start..end].iter().map(|group| Group {
        name: &group.name,
        file: &group.file,
        rules: group.rules.iter().filter(|r| filter.wants(r)).map(|r| rule(r, &filter)).collect(),
        interval: Number(group.interval.as_secs_f64()),
        limit: group.limit,
        evaluation_time: Number(group.evaluation_time.as_secs_f64()),
        last_evaluation: rfc3339(group.last_evaluation),
    });
    let groups = Groups {
        // A group of which the filter leaves nothing is not shown.
        groups: groups.filter(|group| !filters_rules || !group.rules.is_empty()).collect(),
        group_next_token: status.get(end).map(group_token),
    };
    Ok(Reply::data(&groups).finish(params.accepts))
}

/// Which groups are asked for: `group_limit`, and from where `group_next_token`.
struct Page {
    size: Option<usize>,
    token: Option<String>,
}

impl Page {
    fn new(params: &Params) -> Result<Self, ApiError> {
        let size = match params.get("group_limit") {
            "" => None,
            text => match text.parse::<usize>() {
                Ok(size) if size > 0 => Some(size),
                _ => {
                    let why = "group_limit must be a number greater than 0";
                    return Err(ApiError::parameter("group_limit", why));
                }
            },
        };
        let token = Some(params.get("group_next_token")).filter(|token| !token.is_empty());
        if token.is_some() && size.is_none() {
            let why = "group_limit must be given along with group_next_token";
            return Err(ApiError::parameter("group_limit", why));
        }
        Ok(Self { size, token: token.map(str::to_owned) })
    }
}

fn group_token(group: &GroupStatus) -> String {
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{}\0{}", group.file, group.name).as_bytes());
    format!("{hash:016x}")
}

/// Pending and firing alerts of all rules.
pub(super) async fn alerts(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    let status = web.rules.status();
    let alerts: Vec<Alert<'_>> = status
        .iter()
        .flat_map(|group| &group.rules)
        .filter_map(|rule| match &rule.kind {
            RuleKind::Alert { alerts, .. } => Some(alerts),
            RuleKind::Record => None,
        })
        .flatten()
        .map(Alert::from)
        .collect();
    Reply::data(&serde_json::json!({ "alerts": alerts })).finish(params.accepts)
}
