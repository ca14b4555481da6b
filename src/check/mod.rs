//! `Stack` → findings. One file per rule; a new rule is its file and a line in [`RULES`].

mod boards;
mod dead_plugin;
mod default_password;
mod dependency_cycle;
mod duplicate_alert;
mod duplicate_dashboard;
mod duplicate_datasource;
mod duplicate_group;
mod duplicate_host;
mod duplicate_job;
mod duplicate_record;
mod empty_name;
mod exporter_settings_unknown;
mod expressions;
mod fixed_rate_window;
mod host_port_clash;
mod host_port_used_inside;
mod incomplete_receiver;
mod inline_secret;
mod interval_beyond_lookback;
mod invalid_dashboard_uid;
mod invalid_label_name;
mod invalid_metric_name;
mod invalid_objective;
mod invalid_query;
mod invalid_relabel;
mod invalid_route;
mod invalid_scrape;
mod invalid_target;
mod levels;
mod link_target_missing;
mod localhost_in_container;
mod missing_credentials;
mod names;
mod native_port_clash;
mod non_http_scrape_target;
mod not_same_network;
mod notation;
mod panel_type_not_installed;
mod privileged_port_native;
mod promql_syntax;
mod promql_type;
mod published_to_all_interfaces;
mod removed_panel_type;
mod target_port_not_exposed;
mod template_syntax;
mod timeout_exceeds_interval;
mod topology;
mod undefined_receiver;
mod undefined_secret;
mod undefined_service;
mod undefined_variable;
mod undefined_volume;
mod unit_mismatch;
mod unknown_datasource;
mod unnamed_stack;
mod unreadable_dashboard;
mod unresolved_input;
mod unused_declaration;
mod values;
mod wrong_database;

pub use levels::{Levels, UnknownRule};

use crate::diag::{
    Code, Files, Finding, Findings, Label, Severity, Span, most_similar, quoted_list,
};
use crate::manifest::{Stack, codes};
use boards::Boards;
use expressions::Expression;
use topology::Topology;

/// A kind of mistake and how it is found.
pub struct Rule {
    /// Stable code: `S101`.
    pub code: &'static str,
    /// What is wrong, as a word: `host-port-clash`.
    pub name: &'static str,
    /// How bad it is unless the stack says otherwise.
    pub severity: Severity,
    /// What it means, why it matters, and how to mend it, with an example.
    pub explain: &'static str,
    check: fn(&Input<'_>, &mut Findings),
}

impl Rule {
    /// The rule without its check.
    pub const fn kind(&self) -> Code {
        let Self { code, name, severity, explain, check: _ } = *self;
        Code { code, name, severity, explain }
    }

    fn says(&self, message: impl Into<String>) -> Finding {
        self.kind().says(message)
    }
}

/// What a rule may look at.
struct Input<'a> {
    stack: &'a Stack,
    /// Hosts, ports and connections of the stack.
    topology: Topology<'a>,
    /// Every PromQL expression, parsed.
    expressions: Vec<Expression<'a>>,
    /// Every dashboard, in one form.
    boards: &'a Boards<'a>,
    /// The text of all files, to point inside of strings.
    files: &'a Files,
}

/// All rules, by code. Those that reading a manifest finds by itself are in [`codes::ALL`].
const RULES: &[Rule] = &[
    undefined_service::RULE,
    undefined_volume::RULE,
    undefined_secret::RULE,
    dependency_cycle::RULE,
    unused_declaration::RULE,
    empty_name::RULE,
    unnamed_stack::RULE,
    host_port_clash::RULE,
    target_port_not_exposed::RULE,
    not_same_network::RULE,
    host_port_used_inside::RULE,
    localhost_in_container::RULE,
    non_http_scrape_target::RULE,
    published_to_all_interfaces::RULE,
    privileged_port_native::RULE,
    native_port_clash::RULE,
    duplicate_host::RULE,
    timeout_exceeds_interval::RULE,
    interval_beyond_lookback::RULE,
    exporter_settings_unknown::RULE,
    invalid_target::RULE,
    invalid_label_name::RULE,
    duplicate_job::RULE,
    invalid_relabel::RULE,
    wrong_database::RULE,
    invalid_scrape::RULE,
    invalid_query::RULE,
    promql_syntax::RULE,
    promql_type::RULE,
    invalid_metric_name::RULE,
    duplicate_record::RULE,
    duplicate_group::RULE,
    invalid_objective::RULE,
    template_syntax::RULE,
    duplicate_alert::RULE,
    undefined_receiver::RULE,
    invalid_route::RULE,
    incomplete_receiver::RULE,
    unresolved_input::RULE,
    unknown_datasource::RULE,
    removed_panel_type::RULE,
    dead_plugin::RULE,
    panel_type_not_installed::RULE,
    fixed_rate_window::RULE,
    undefined_variable::RULE,
    unit_mismatch::RULE,
    link_target_missing::RULE,
    duplicate_datasource::RULE,
    unreadable_dashboard::RULE,
    duplicate_dashboard::RULE,
    invalid_dashboard_uid::RULE,
    inline_secret::RULE,
    default_password::RULE,
    missing_credentials::RULE,
];

/// Every kind of finding there is, by code.
pub fn rules() -> impl Iterator<Item = Code> {
    let mut all: Vec<Code> =
        codes::ALL.iter().copied().chain(RULES.iter().map(Rule::kind)).collect();
    all.sort_by_key(|code| code.code);
    all.into_iter()
}

/// Adds the findings of all rules to those of reading, applies the levels that the manifest and the
/// command line ask for, and sorts.
pub fn run(stack: &Stack, files: &Files, findings: &mut Findings, levels: &Levels) {
    let boards = Boards::of(stack, files);
    let input = Input {
        stack,
        topology: Topology::of(stack),
        expressions: expressions::all(stack, &boards),
        boards: &boards,
        files,
    };
    for rule in RULES {
        (rule.check)(&input, findings);
    }
    trace_to_manifest(files, findings);
    notation::speak(files, findings);
    levels.with_manifest(stack.lint.as_deref()).apply(findings);
    findings.settle();
}

/// Findings in a file that the manifest names say where it does.
fn trace_to_manifest(files: &Files, findings: &mut Findings) {
    for finding in findings.iter_mut() {
        let mut naming: Vec<Span> = files.naming(finding.span().file).collect();
        naming.sort_unstable();
        for place in naming {
            let text = "read from here".to_owned();
            finding.labels.push(Label { span: place, text });
        }
    }
}

/// What could have been written instead: `hosts here: `a`, `b`; did you mean `a`?`
pub fn did_you_mean<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
    what: &str,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return format!("there are no {what}");
    }
    let list = quoted_list(known.iter().copied());
    match most_similar(written, known) {
        Some(similar) => format!("did you mean `{similar}`? {what}: {list}"),
        None => format!("{what}: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_rules_stand_in_order() {
        let all: Vec<Code> = rules().collect();
        let codes: HashSet<&str> = all.iter().map(|rule| rule.code).collect();
        let names: HashSet<&str> = all.iter().map(|rule| rule.name).collect();
        assert_eq!((codes.len(), names.len()), (all.len(), all.len()));
        assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn every_rule_explains_itself_with_an_example() {
        for rule in RULES {
            assert!(rule.explain.contains("\n    "), "{} has no example", rule.code);
        }
    }
}
