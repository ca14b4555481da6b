//! `monitoring/alerts.yml`: the manifest's rule groups, then those of its objectives.

use indexmap::IndexMap;

use crate::diag::Spanned;
use crate::manifest::{Alert, DurationText, Map, Record, Rule, RuleGroup, Stack};
use crate::model::format_duration;
use crate::wire::rules as wire;

use super::versions::{KEEP_FIRING_FOR, QUERY_OFFSET};
use super::{Output, Plan, RenderError, Renderer, header, shards, slo, to_yaml};

pub(super) const RENDERER: Renderer = Renderer { name: "alerts.yml", render };

/// Name of the rule file, beside prometheus.yml.
pub(super) const FILE: &str = "alerts.yml";

/// Whether the stack has rules at all.
pub(super) fn any(stack: &Stack) -> bool {
    !stack.rules.is_empty() || !stack.slos.is_empty()
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    if any(plan.stack) {
        let text = format!("{}{}", header(plan.stack), to_yaml(&central(plan.stack)));
        out.push(Output::text(format!("monitoring/{FILE}"), text));
    }
    Ok(())
}

/// The content of alerts.yml: the groups as written, then two for each objective.
pub fn rule_file(stack: &Stack) -> wire::RuleFile {
    let written = stack.rules.iter().map(|rules| group(stack, rules));
    let objectives = stack.slos.iter().flat_map(|slo| slo::groups(stack, slo));
    wire::RuleFile { groups: written.chain(objectives).collect() }
}

/// What the server evaluates that sees everything: all but the groups that are for shards.
pub(super) fn central(stack: &Stack) -> wire::RuleFile {
    let own = |group: &&crate::manifest::Block<RuleGroup>| !shards::on_shards(stack, group);
    let written = stack.rules.iter().filter(own).map(|rules| group(stack, rules));
    let objectives = stack.slos.iter().flat_map(|slo| slo::groups(stack, slo));
    wire::RuleFile { groups: written.chain(objectives).collect() }
}

pub(super) fn group(stack: &Stack, group: &RuleGroup) -> wire::RuleGroup {
    let RuleGroup { name, interval, query_offset, limit, evaluate: _, labels, rules } = group;
    wire::RuleGroup {
        name: name.value.clone(),
        interval: interval.as_ref().map(text),
        query_offset: query_offset.as_ref().filter(|_| QUERY_OFFSET.known_to(stack)).map(text),
        limit: limit.as_ref().map(|limit| i64::try_from(limit.value).unwrap_or(i64::MAX)),
        // Labels of a group are young in Prometheus; put into each rule every version knows them.
        labels: IndexMap::new(),
        rules: rules
            .iter()
            .map(|rule| match rule {
                Rule::Record(rule) => record(rule, labels),
                Rule::Alert(rule) => alert(stack, rule, labels),
            })
            .collect(),
    }
}

fn record(record: &Record, group: &Map<String>) -> wire::Rule {
    let Record { name, expr, labels } = record;
    wire::Rule {
        record: Some(name.value.clone()),
        expr: expr.value.clone(),
        labels: joined(&[group, labels]),
        ..wire::Rule::default()
    }
}

fn alert(stack: &Stack, alert: &Alert, group: &Map<String>) -> wire::Rule {
    let Alert {
        name,
        severity,
        hold,
        keep_firing_for,
        expr,
        labels,
        summary,
        description,
        runbook_url,
        annotations,
    } = alert;
    let mut all_labels = joined(&[group]);
    if let Some(severity) = severity {
        all_labels.insert("severity".to_owned(), severity.value.clone());
    }
    all_labels.extend(joined(&[labels]));
    let mut texts = IndexMap::new();
    for (key, value) in
        [("summary", summary), ("description", description), ("runbook_url", runbook_url)]
    {
        if let Some(value) = value {
            texts.insert(key.to_owned(), value.value.clone());
        }
    }
    texts.extend(joined(&[annotations]));
    let keep = keep_firing_for.as_ref().filter(|_| KEEP_FIRING_FOR.known_to(stack));
    wire::Rule {
        alert: Some(name.value.clone()),
        expr: expr.value.clone(),
        hold: hold.as_ref().map(text),
        keep_firing_for: keep.map(text),
        labels: all_labels,
        annotations: texts,
        ..wire::Rule::default()
    }
}

/// A duration in Prometheus' form.
pub(super) fn text(duration: &Spanned<DurationText>) -> String {
    format_duration(std::time::Duration::from_millis(duration.ms.unsigned_abs()))
}

fn joined(maps: &[&Map<String>]) -> IndexMap<String, String> {
    maps.iter()
        .flat_map(|map| map.iter())
        .map(|(name, value)| (name.value.clone(), value.value.clone()))
        .collect()
}
