//! `/`: a query box, and whether all is well.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::graph::Form;
use super::{render, show_bytes, show_count, show_time};
use crate::rules::{AlertState, RuleHealth, RuleKind};
use crate::scrape::Health;
use crate::web::Prometheus;

pub(in crate::web) async fn page(State(web): State<Arc<Prometheus>>) -> Response {
    let pools = (web.targets)();
    let active: Vec<_> = pools
        .iter()
        .flat_map(|pool| pool.active.iter().map(move |target| (&pool.job, target)))
        .collect();
    let down: Vec<Value> = active
        .iter()
        .filter(|(_, target)| target.health == Health::Down)
        .map(|(job, target)| {
            context! { job => *job, url => &target.scrape_url, error => &target.last_error }
        })
        .collect();
    let targets = context! {
        all => active.len(),
        up => active.iter().filter(|(_, target)| target.health == Health::Up).count(),
        down => down,
    };

    let groups = web.rules.status();
    let rules: Vec<_> = groups.iter().flat_map(|group| &group.rules).collect();
    let alerts: Vec<_> = rules
        .iter()
        .filter_map(|rule| match &rule.kind {
            RuleKind::Alert { alerts, .. } => Some(alerts.iter().map(|alert| (&rule.name, alert))),
            RuleKind::Record => None,
        })
        .flatten()
        .collect();
    let firing: Vec<Value> = alerts
        .iter()
        .filter(|(_, alert)| alert.state == AlertState::Firing)
        .map(|(name, alert)| {
            let summary = ["summary", "description"]
                .iter()
                .find_map(|text| alert.annotations.get(text))
                .map_or_else(|| alert.labels.to_string(), str::to_owned);
            context! {
                name => *name,
                state => alert.state.as_str(),
                summary => summary,
                since => show_time(Some(alert.active_at)),
            }
        })
        .collect();
    let alerts = context! {
        firing => firing.len(),
        pending => alerts.iter().filter(|(_, a)| a.state == AlertState::Pending).count(),
        list => firing,
    };
    let failing: Vec<Value> = groups
        .iter()
        .flat_map(|group| group.rules.iter().map(move |rule| (&group.name, rule)))
        .filter(|(_, rule)| rule.health == RuleHealth::Err)
        .map(|(group, rule)| {
            context! { group => group, name => &rule.name, error => &rule.last_error }
        })
        .collect();
    let rules = context! { all => rules.len(), failing => failing };

    let store = Arc::clone(&web.store);
    let stats = tokio::task::spawn_blocking(move || store.stats(0)).await.unwrap_or_default();
    let store = context! {
        series => show_count(stats.head_series),
        bytes => show_bytes(stats.disk_bytes),
    };
    let context = context! {
        form => Serde(Form::default()),
        targets => targets,
        alerts => alerts,
        rules => rules,
        store => store,
        reload_successful => web.loaded().reload_successful,
    };
    render(&web, "home.html", "/", context)
}
