//! `/targets`, `/alerts` and `/rules`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use minijinja::{Value, context};

use super::{render, show_seconds, show_time};
use crate::model::{Labels, format_duration};
use crate::rules::{AlertState, RuleKind};
use crate::scrape::Health;
use crate::web::Prometheus;
use crate::web::api::health;

pub(super) async fn targets(State(web): State<Arc<Prometheus>>) -> Response {
    let mut pools = (web.targets)();
    pools.sort_by(|a, b| a.job.cmp(&b.job));
    let pools: Vec<Value> = pools
        .iter()
        .map(|pool| {
            let targets: Vec<Value> = pool
                .active
                .iter()
                .map(|target| {
                    context! {
                        health => health(target.health),
                        url => &target.scrape_url,
                        labels => pairs(&target.labels),
                        last_scrape => show_time(target.last_scrape),
                        took => target.last_duration.map(|took| show_seconds(took.as_secs_f64())).unwrap_or_default(),
                        error => &target.last_error,
                    }
                })
                .collect();
            context! {
                job => &pool.job,
                up => pool.active.iter().filter(|target| target.health == Health::Up).count(),
                dropped => pool.dropped.len(),
                active => targets,
            }
        })
        .collect();
    render(&web, "targets.html", "/targets", context! { pools => pools })
}

pub(super) async fn alerts(State(web): State<Arc<Prometheus>>) -> Response {
    let groups = web.rules.status();
    let mut rules: Vec<(AlertState, Value)> = Vec::new();
    for group in &groups {
        for rule in &group.rules {
            let RuleKind::Alert { state, hold, alerts, .. } = &rule.kind else { continue };
            let alerts: Vec<Value> = alerts
                .iter()
                .map(|alert| {
                    context! {
                        state => alert.state.as_str(),
                        labels => pairs(&alert.labels),
                        annotations => pairs(&alert.annotations),
                        since => show_time(Some(alert.active_at)),
                        value => alert.value.to_string(),
                    }
                })
                .collect();
            let value = context! {
                name => &rule.name,
                group => &group.name,
                state => state.as_str(),
                hold => (!hold.is_zero()).then(|| format_duration(*hold)),
                query => &rule.query,
                error => &rule.last_error,
                alerts => alerts,
            };
            rules.push((*state, value));
        }
    }
    // What fires comes first; the sort is stable.
    rules.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
    let rules: Vec<Value> = rules.into_iter().map(|(_, rule)| rule).collect();
    render(&web, "alerts.html", "/alerts", context! { rules => rules })
}

pub(super) async fn rules(State(web): State<Arc<Prometheus>>) -> Response {
    let groups: Vec<Value> = web
        .rules
        .status()
        .into_iter()
        .map(|group| {
            let rules: Vec<Value> = group
                .rules
                .iter()
                .map(|rule| {
                    let kind = match rule.kind {
                        RuleKind::Record => "record",
                        RuleKind::Alert { .. } => "alert",
                    };
                    context! {
                        kind => kind,
                        name => &rule.name,
                        labels => &rule.labels,
                        query => &rule.query,
                        health => rule.health.as_str(),
                        error => &rule.last_error,
                        last_evaluation => show_time(rule.last_evaluation),
                        took => show_seconds(rule.evaluation_time.as_secs_f64()),
                    }
                })
                .collect();
            context! {
                name => &group.name,
                file => &group.file,
                interval => format_duration(group.interval),
                last_evaluation => show_time(group.last_evaluation),
                took => show_seconds(group.evaluation_time.as_secs_f64()),
                rules => rules,
            }
        })
        .collect();
    render(&web, "rules.html", "/rules", context! { groups => groups })
}

fn pairs(labels: &Labels) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
