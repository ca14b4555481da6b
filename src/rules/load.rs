//! From rule files to rules that can run: every mistake of every file is gathered.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use super::{Alert, Group, Query, Record, Rule};
use crate::model::{METRIC_NAME, glob, parse_duration};
use crate::promql;
use crate::template;
use crate::wire::rules as wire;

/// A rule file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its path, as it is shown.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Settings that a group may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// The global `evaluation_interval`.
    pub interval: Duration,
    /// The global `rule_query_offset`.
    pub query_offset: Duration,
}

/// A mistake in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is no YAML, or its fields are not those of a rule file.
    #[error("{file}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// What the reader says, with line and column.
        message: String,
    },
    /// A group as a whole is wrong.
    #[error("{file}: group {group:?}: {message}")]
    Group {
        /// The file.
        file: String,
        /// Name of the group.
        group: String,
        /// What is wrong.
        message: String,
    },
    /// A rule is wrong.
    #[error("{file}: group {group:?}, rule {number} {name:?}: {message}")]
    Rule {
        /// The file.
        file: String,
        /// Name of the group.
        group: String,
        /// Place of the rule in its group, from 1.
        number: usize,
        /// What it records or alerts.
        name: String,
        /// What is wrong.
        message: String,
    },
}

/// Settles the groups of all files, in their order.
pub fn load(files: &[RuleText], defaults: Defaults) -> Result<Vec<Group>, Vec<LoadError>> {
    let mut groups = Vec::new();
    let mut errors = Vec::new();
    for RuleText { name: file, text } in files {
        let malformed = |message: String| LoadError::Malformed { file: file.clone(), message };
        // An empty file is a file without groups.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            continue;
        }
        match serde_yaml::from_str::<wire::RuleFile>(text) {
            Err(error) => errors.push(malformed(error.to_string())),
            Ok(wire::RuleFile { groups: written }) => {
                let mut names = HashSet::new();
                for group in written {
                    if !names.insert(group.name.clone()) {
                        errors.push(LoadError::Group {
                            file: file.clone(),
                            group: group.name.clone(),
                            message: "the name is used twice in this file".to_owned(),
                        });
                    }
                    groups.extend(settle_group(file, group, defaults, &mut errors));
                }
            }
        }
    }
    if errors.is_empty() { Ok(groups) } else { Err(errors) }
}

fn settle_group(
    file: &str,
    group: wire::RuleGroup,
    defaults: Defaults,
    errors: &mut Vec<LoadError>,
) -> Option<Group> {
    let wire::RuleGroup { name, interval, query_offset, limit, labels, rules } = group;
    let before = errors.len();
    let mut wrong = |message: String| {
        errors.push(LoadError::Group { file: file.to_owned(), group: name.clone(), message });
    };
    if name.is_empty() {
        wrong("the name is empty".to_owned());
    }
    let mut duration = |what, text: Option<String>, default| match text.as_deref() {
        None | Some("") => default,
        Some(text) => parse_duration(text).unwrap_or_else(|error| {
            wrong(format!("{what}: {error}"));
            default
        }),
    };
    let mut interval = duration("interval", interval, defaults.interval);
    // As in Prometheus 0 means the default.
    if interval.is_zero() {
        interval = defaults.interval;
    }
    let query_offset = duration("query_offset", query_offset, defaults.query_offset);
    if let Err(message) = check_labels(&labels) {
        wrong(message);
    }
    let mut settled = Vec::with_capacity(rules.len());
    for (index, rule) in rules.into_iter().enumerate() {
        let rule_name = rule.record.clone().or_else(|| rule.alert.clone()).unwrap_or_default();
        match settle_rule(rule, &labels) {
            Ok(rule) => settled.push(rule),
            Err(messages) => errors.extend(messages.into_iter().map(|message| LoadError::Rule {
                file: file.to_owned(),
                group: name.clone(),
                number: index + 1,
                name: rule_name.clone(),
                message,
            })),
        }
    }
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let group =
        Group { name, file: file.to_owned(), interval, query_offset, limit, rules: settled };
    (errors.len() == before).then_some(group)
}

fn settle_rule(
    rule: wire::Rule,
    group_labels: &IndexMap<String, String>,
) -> Result<Rule, Vec<String>> {
    let wire::Rule { record, alert, expr, hold, keep_firing_for, labels, annotations } = rule;
    let record = record.filter(|name| !name.is_empty());
    let alert = alert.filter(|name| !name.is_empty());
    let mut wrong = Vec::new();
    let duration = |what: &str, text: Option<&str>, wrong: &mut Vec<String>| match text {
        None | Some("") => Duration::ZERO,
        Some(text) => parse_duration(text).unwrap_or_else(|error| {
            wrong.push(format!("{what}: {error}"));
            Duration::ZERO
        }),
    };
    let hold_time = duration("for", hold.as_deref(), &mut wrong);
    let keep_time = duration("keep_firing_for", keep_firing_for.as_deref(), &mut wrong);
    if let Err(message) = check_labels(&labels) {
        wrong.push(message);
    }
    let query = if expr.trim().is_empty() {
        wrong.push("the expression is empty".to_owned());
        None
    } else {
        match promql::parse(&expr) {
            Ok(tree) => Some(Query { text: expr, shown: tree.to_string(), expr: tree }),
            Err(error) => {
                wrong.push(format!("cannot parse the expression: {error}"));
                None
            }
        }
    };
    let mut all_labels: BTreeMap<String, String> =
        group_labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    all_labels.extend(labels);
    let all_labels: Vec<(String, String)> = all_labels.into_iter().collect();
    match (record, alert) {
        (Some(_), Some(_)) => wrong.push("only one of `record` and `alert` may be set".to_owned()),
        (None, None) => wrong.push("one of `record` and `alert` must be set".to_owned()),
        (Some(name), None) => {
            for (what, is_set) in [
                ("for", hold.is_some()),
                ("keep_firing_for", keep_firing_for.is_some()),
                ("annotations", !annotations.is_empty()),
            ] {
                if is_set {
                    wrong.push(format!("`{what}` has no meaning in a recording rule"));
                }
            }
            if name.contains(['{', '}']) {
                wrong.push(format!("{name:?} is no metric name"));
            }
            if let (Some(query), true) = (query, wrong.is_empty()) {
                return Ok(Rule::Record(Record { name, query, labels: all_labels }));
            }
        }
        (None, Some(name)) => {
            if let Some((label, _)) = annotations.iter().find(|(name, _)| !is_label_name(name)) {
                wrong.push(format!("{label:?} is no annotation name"));
            }
            let labels = all_labels.iter().map(|(name, text)| (name, text));
            for (what, text) in labels.chain(&annotations) {
                if let Err(error) = template::check_syntax(text) {
                    wrong.push(format!("template of {what:?}: {error}"));
                }
            }
            if let (Some(query), true) = (query, wrong.is_empty()) {
                let mut annotations: Vec<_> = annotations.into_iter().collect();
                annotations.sort();
                return Ok(Rule::Alert(Alert {
                    name,
                    query,
                    hold: hold_time,
                    keep_firing_for: keep_time,
                    labels: all_labels,
                    annotations,
                }));
            }
        }
    }
    Err(wrong)
}

/// What is right to load and will go wrong all the same, each as a sentence: Prometheus takes a template
/// that names what an alert does not have, and puts an error into the text of each alert.
pub fn doubts(groups: &[Group]) -> Vec<String> {
    let mut doubts = Vec::new();
    for Group { name: group, file, rules, .. } in groups {
        for rule in rules {
            let Rule::Alert(Alert { name, labels, annotations, .. }) = rule else { continue };
            for (what, text) in labels.iter().chain(annotations) {
                if let Ok(Some(error)) = template::check_syntax(text) {
                    doubts.push(format!(
                        "{file}: group {group:?}, alert {name:?}: template of {what:?} will fail: {error}"
                    ));
                }
            }
        }
    }
    doubts
}

fn check_labels(labels: &IndexMap<String, String>) -> Result<(), String> {
    match labels.keys().find(|name| !is_label_name(name) || *name == METRIC_NAME) {
        Some(name) => Err(format!("{name:?} is no label name")),
        None => Ok(()),
    }
}

/// Since Prometheus 3 any text that is not empty.
fn is_label_name(name: &str) -> bool {
    !name.is_empty()
}

/// Files that match the patterns of `rule_files` (`*`, `?`, `[…]`), each pattern's sorted by name.
/// A relative pattern is looked up in `base`; a pattern without wildcards names its file even if there
/// is none, so that reading it gives the reason.
pub fn find_files(base: &Path, patterns: &[String]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for pattern in patterns {
        let path = base.join(pattern);
        if !pattern.contains(['*', '?', '[']) {
            files.push(path);
            continue;
        }
        // A pattern that is none matches nothing.
        files.extend(glob(&path).unwrap_or_default());
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults =
        Defaults { interval: Duration::from_secs(60), query_offset: Duration::ZERO };

    fn check(text: &str) -> Result<Vec<Group>, Vec<String>> {
        let file = RuleText { name: "r.yml".to_owned(), text: text.to_owned() };
        load(&[file], DEFAULTS).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn settings_of_the_group_reach_its_rules() {
        let groups = check(
            "groups:
- name: a
  limit: 3
  labels: {team: web, tier: '1'}
  rules:
  - {alert: Down, expr: up == 0, for: 2m, labels: {tier: '2'}}
- name: b
  interval: 15s
",
        )
        .unwrap();
        assert_eq!(groups[0].interval, Duration::from_secs(60));
        assert_eq!(groups[0].limit, Some(3));
        let Rule::Alert(alert) = &groups[0].rules[0] else { panic!("an alert") };
        assert_eq!(alert.hold, Duration::from_secs(120));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(alert.labels, [pair("team", "web"), pair("tier", "2")]);
        assert_eq!(groups[1].interval, Duration::from_secs(15));
    }

    #[test]
    fn every_mistake_is_told() {
        let errors = check(
            "groups:
- name: a
  interval: 1x
  rules:
  - {record: r, expr: 'up', for: 1m}
  - {alert: b, expr: 'sum('}
  - {expr: up}
- name: a
",
        )
        .unwrap_err();
        assert_eq!(errors.len(), 5, "{errors:#?}");
        assert!(errors[0].contains(r#"group "a": interval"#), "{}", errors[0]);
        assert!(errors[1].contains(r#"rule 1 "r": `for`"#), "{}", errors[1]);
        assert!(errors[2].contains("1:5: parse error"), "{}", errors[2]);
        assert!(errors[3].contains("one of `record` and `alert`"), "{}", errors[3]);
        assert!(errors[4].contains("used twice"), "{}", errors[4]);
    }

    #[test]
    fn templates_that_only_their_expansion_finds_wrong_are_taken_as_prometheus_takes_them() {
        let rule = |template: &str| {
            let text = format!("{{alert: a, expr: up, annotations: {{s: '{template}'}}}}");
            check(&format!("groups: [{{name: g, rules: [{text}]}}]"))
        };
        for template in ["{{ .Nope }}", r#"{{ template "x" }}"#] {
            let doubts = doubts(&rule(template).unwrap());
            assert!(doubts[0].contains(r#"alert "a": template of "s" will fail"#), "{doubts:?}");
        }
        for template in ["{{ $labels.job }}", "{{ humanize 1 2 3 }}", "{{ $labels.a.b }}"] {
            assert_eq!(doubts(&rule(template).unwrap()), [""; 0], "{template}");
        }
        for template in ["{{ nofunc }}", "{{ $nope }}", "{{ end }}", "{{ .Labels.a", "{{ break }}"]
        {
            assert!(rule(template).unwrap_err()[0].contains("template of"), "{template}");
        }
    }

    #[test]
    fn an_empty_file_has_no_groups() {
        assert_eq!(check("# nothing yet\n\n").unwrap(), []);
        assert!(check("groups: 1").unwrap_err()[0].starts_with("r.yml: "));
    }

    #[test]
    fn patterns_find_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.txt", "x1.rules"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            find_files(dir.path(), &[pattern.to_owned()])
                .iter()
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(found("*.yml"), ["a.yml", "b.yml"]);
        assert_eq!(found("x[0-9].rules"), ["x1.rules"]);
        assert_eq!(found("missing.yml"), ["missing.yml"]);
        assert!(found("n*.yml").is_empty());
    }
}
