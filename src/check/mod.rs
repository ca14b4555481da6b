//! `Stack` → findings. One file per rule; a new rule is its file and a line in [`RULES`].

mod containers;
mod default_password;
mod dependency_cycle;
mod depends_on_unhealthy;
mod duplicate_alert;
mod duplicate_datasource;
mod duplicate_group;
mod duplicate_host;
mod duplicate_job;
mod duplicate_record;
mod duplicate_target;
mod empty_name;
mod exporter_settings_unknown;
mod expressions;
mod federate_everything;
mod federation_label_clash;
mod file_bind_mount;
mod floating_tag;
mod generated_file_edited;
mod guarded;
mod honor_labels_missing;
mod host_port_clash;
mod host_port_used_inside;
mod incomplete_receiver;
mod inline_secret;
mod interval_beyond_lookback;
mod invalid_label_name;
mod invalid_metric_name;
mod invalid_objective;
mod invalid_query;
mod invalid_relabel;
mod invalid_route;
mod invalid_scrape;
mod invalid_target;
mod levels;
mod lifecycle_or_admin_api_open;
mod literal_web_password;
mod localhost_in_container;
mod missing_credentials;
mod missing_healthcheck;
mod missing_limits;
mod missing_log_rotation;
mod missing_oauth;
mod missing_tls;
mod missing_users;
mod names;
mod native_port_clash;
mod no_native_command;
mod no_volume_for_state;
mod non_http_scrape_target;
mod not_same_network;
mod notation;
mod open_endpoint;
mod open_service_port;
mod password_hash_interpolated;
mod plain_http_remote_write;
mod privileged_port_native;
mod promql_syntax;
mod promql_type;
mod published_to_all_interfaces;
mod remote_write_loop;
mod rule_label_vs_external;
mod secret_env_collision;
mod slo_window_beyond_retention;
mod target_port_not_exposed;
mod template_syntax;
mod timeout_exceeds_interval;
mod tls_skip_verify;
mod topology;
mod undefined_receiver;
mod undefined_secret;
mod undefined_service;
mod undefined_volume;
mod unnamed_stack;
mod unscraped_exporter;
mod unused_declaration;
mod values;
mod version_capability;
mod wrong_database;

pub use generated_file_edited::CODE as GENERATED_FILE_EDITED;
pub use levels::{Levels, UnknownRule};

use crate::diag::{Code, Files, Finding, Findings, Severity, most_similar, quoted_list};
use crate::manifest::{Stack, codes};
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
    unscraped_exporter::RULE,
    duplicate_target::RULE,
    exporter_settings_unknown::RULE,
    honor_labels_missing::RULE,
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
    duplicate_datasource::RULE,
    inline_secret::RULE,
    default_password::RULE,
    open_endpoint::RULE,
    lifecycle_or_admin_api_open::RULE,
    tls_skip_verify::RULE,
    plain_http_remote_write::RULE,
    secret_env_collision::RULE,
    password_hash_interpolated::RULE,
    missing_credentials::RULE,
    literal_web_password::RULE,
    no_volume_for_state::RULE,
    slo_window_beyond_retention::RULE,
    floating_tag::RULE,
    depends_on_unhealthy::RULE,
    file_bind_mount::RULE,
    version_capability::RULE,
    federate_everything::RULE,
    federation_label_clash::RULE,
    remote_write_loop::RULE,
    rule_label_vs_external::RULE,
];

/// Rules that speak only when `deny` or `warn` asks for them, by code, name or group: what they ask for
/// is right for a production stack and a nuisance on a laptop.
const ON_REQUEST: &[Rule] = &[
    missing_users::RULE,
    missing_tls::RULE,
    missing_healthcheck::RULE,
    missing_limits::RULE,
    missing_log_rotation::RULE,
    missing_oauth::RULE,
    open_service_port::RULE,
    no_native_command::RULE,
];

/// Kinds of findings that other commands make.
const ELSEWHERE: &[Code] = &[GENERATED_FILE_EDITED];

/// Every kind of finding there is, by code.
pub fn rules() -> impl Iterator<Item = Code> {
    let own = RULES.iter().chain(ON_REQUEST).map(Rule::kind);
    let mut all: Vec<Code> = codes::ALL.iter().chain(ELSEWHERE).copied().chain(own).collect();
    all.sort_by_key(|code| code.code);
    all.into_iter()
}

/// Adds the findings of all rules to those of reading, applies the levels that the manifest and the
/// command line ask for, and sorts.
pub fn run(stack: &Stack, files: &Files, findings: &mut Findings, levels: &Levels) {
    let input =
        Input { stack, topology: Topology::of(stack), expressions: expressions::all(stack), files };
    let levels = levels.with_manifest(stack.lint.as_deref());
    let asked_for = |rule: &&Rule| levels.ask_for(rule.code, rule.name);
    for rule in RULES.iter().chain(ON_REQUEST.iter().filter(asked_for)) {
        (rule.check)(&input, findings);
    }
    notation::speak(files, findings);
    levels.apply(findings);
    findings.settle();
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
        for rules in [RULES, ON_REQUEST] {
            assert!(rules.windows(2).all(|pair| pair[0].code < pair[1].code));
        }
    }

    #[test]
    fn every_rule_explains_itself_with_an_example() {
        for rule in rules().filter(|rule| !codes::ALL.iter().any(|code| code.code == rule.code)) {
            assert!(rule.explain.contains("\n    "), "{} has no example", rule.code);
        }
    }
}
