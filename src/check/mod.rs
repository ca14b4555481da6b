//! `Stack` → findings. One file per rule; a new rule is its file and a line in [`RULES`].

mod absent_of_undeclared;
mod absent_without_for;
mod aggregation_on_shard;
mod alert_reaches_no_one;
mod alertmanager_missing;
mod allowances;
mod always_muted;
mod always_true;
pub mod ask;
mod boards;
mod bounds;
mod broken_template;
pub mod capacity;
mod collector_disabled_but_used;
mod containers;
mod continue_without_sibling;
mod dead_plugin;
mod default_password;
mod dependency_cycle;
mod depends_on_unhealthy;
mod disk_estimate;
mod division_unit_mismatch;
mod doubt;
mod duplicate_alert;
mod duplicate_dashboard;
mod duplicate_datasource;
mod duplicate_group;
mod duplicate_host;
mod duplicate_job;
mod duplicate_record;
mod duplicate_target;
mod empty_name;
mod empty_test;
mod equal_unknown_label;
mod exporter_settings_unknown;
mod expressions;
mod feature_flag_needed;
mod federate_everything;
mod federation_label_clash;
mod file_bind_mount;
mod fix;
mod fixed_rate_window;
mod floating_tag;
mod generated_file_edited;
mod group_by_unknown_label;
mod guarded;
mod histogram_misuse;
mod hold_below_interval;
mod honor_labels_missing;
mod host_port_clash;
mod host_port_used_inside;
mod impossible_expectation;
mod impossible_mute;
mod incomplete_receiver;
mod inhibit_never;
mod inline_secret;
mod input;
mod interval_beyond_lookback;
mod invalid_allowance;
mod invalid_dashboard_uid;
mod invalid_external_url;
mod invalid_label_name;
mod invalid_metric_name;
mod invalid_objective;
mod invalid_query;
mod invalid_queue;
mod invalid_relabel;
mod invalid_route;
mod invalid_scrape;
mod invalid_shards;
mod invalid_store;
mod invalid_target;
mod invalid_test;
mod known;
mod label_lost_by_aggregation;
mod left_open_range;
mod legend_unknown_label;
mod levels;
mod lifecycle_or_admin_api_open;
mod link_target_missing;
mod literal_web_password;
mod localhost_in_container;
mod mending;
mod metric_from_two_jobs;
mod missing_credentials;
mod missing_external_labels;
mod missing_healthcheck;
mod missing_limits;
mod missing_log_rotation;
mod missing_oauth;
mod missing_severity;
mod missing_tls;
mod missing_users;
mod mute_matches_no_alert;
mod names;
mod nan_in_aggregation;
mod native_port_clash;
mod never_true;
mod no_comparison;
mod no_native_command;
mod no_vector;
mod no_volume_for_state;
mod non_http_scrape_target;
mod not_same_network;
mod notation;
mod open_endpoint;
mod open_service_port;
mod panel_type_not_installed;
mod panel_unknown_metric;
mod password_hash_interpolated;
mod pattern_without_tilde;
mod plain_http_remote_write;
mod precomputed_available;
mod privileged_port_native;
mod promql_syntax;
mod promql_type;
mod published_to_all_interfaces;
mod quantile_out_of_range;
mod queue_too_small;
mod range_beyond_retention;
mod rate_after_sum;
mod rate_of_gauge;
mod rate_window_too_short;
mod raw_counter_compare;
mod recording_lag;
mod relative_mount;
mod remote_write_loop;
mod removed_panel_type;
mod repeat_under_group_interval;
mod route_matches_no_alert;
pub mod routing;
mod rule_label_vs_external;
mod secret_env_collision;
mod self_inhibit;
mod severity_twice;
mod shadowed_route;
mod single_shard_queried;
mod sites;
mod slo_window_beyond_retention;
mod store_retention_short;
mod target_lacks;
mod target_port_not_exposed;
mod template_syntax;
mod template_unknown_label;
mod tenant_missing;
mod timeout_exceeds_interval;
mod timestamp_without_time;
mod tls_skip_verify;
mod topology;
mod undefined_env_host;
mod undefined_in_test;
mod undefined_network;
mod undefined_receiver;
mod undefined_secret;
mod undefined_service;
mod undefined_variable;
mod undefined_volume;
mod unit_mismatch;
mod unknown_collector;
mod unknown_datasource;
mod unknown_feature;
mod unknown_label;
mod unknown_label_value;
mod unknown_metric;
mod unknown_rule;
mod unnamed_stack;
mod unreadable_dashboard;
mod unreadable_page;
mod unresolved_input;
mod unscraped_exporter;
mod unstable_selection;
mod untested_alert;
mod unused_allowance;
mod unused_declaration;
mod unused_receiver;
mod useless_regexp;
mod value_in_label;
mod values;
mod vector_matching_mismatch;
mod version_capability;
mod version_removed_function;
mod whole;
mod wrong_database;
mod wrong_moment;

pub use fix::{Fixed, fix};
pub use generated_file_edited::CODE as GENERATED_FILE_EDITED;
pub use levels::{Level, Levels, UnknownRule};
pub use sites::compare;
pub use target_lacks::review_target;
pub use unused_allowance::{UNUSED, idle_places};
pub use whole::{Read, load};

use std::path::Path;

use crate::diag::{
    Code, FileId, Files, Finding, Findings, Label, Severity, Span, most_similar, quoted_list,
};
use crate::manifest::{Stack, codes, tidied};
use crate::parallel;
use boards::Boards;
use expressions::MUCH;
use input::Input;
use known::Known;
use routing::Routing;
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

/// All rules, by code. Those that reading a manifest finds by itself are in [`codes::ALL`].
const RULES: &[Rule] = &[
    undefined_service::RULE,
    undefined_volume::RULE,
    undefined_secret::RULE,
    dependency_cycle::RULE,
    unused_declaration::RULE,
    empty_name::RULE,
    unnamed_stack::RULE,
    unknown_rule::RULE,
    unused_allowance::RULE,
    invalid_allowance::RULE,
    undefined_network::RULE,
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
    undefined_env_host::RULE,
    timeout_exceeds_interval::RULE,
    interval_beyond_lookback::RULE,
    unscraped_exporter::RULE,
    duplicate_target::RULE,
    exporter_settings_unknown::RULE,
    honor_labels_missing::RULE,
    invalid_target::RULE,
    invalid_label_name::RULE,
    collector_disabled_but_used::RULE,
    duplicate_job::RULE,
    invalid_relabel::RULE,
    wrong_database::RULE,
    invalid_scrape::RULE,
    invalid_query::RULE,
    unreadable_page::RULE,
    invalid_external_url::RULE,
    unknown_feature::RULE,
    unknown_collector::RULE,
    promql_syntax::RULE,
    promql_type::RULE,
    unknown_metric::RULE,
    unknown_label::RULE,
    unknown_label_value::RULE,
    rate_window_too_short::RULE,
    rate_of_gauge::RULE,
    raw_counter_compare::RULE,
    rate_after_sum::RULE,
    label_lost_by_aggregation::RULE,
    vector_matching_mismatch::RULE,
    never_true::RULE,
    always_true::RULE,
    useless_regexp::RULE,
    range_beyond_retention::RULE,
    feature_flag_needed::RULE,
    version_removed_function::RULE,
    left_open_range::RULE,
    nan_in_aggregation::RULE,
    histogram_misuse::RULE,
    recording_lag::RULE,
    division_unit_mismatch::RULE,
    precomputed_available::RULE,
    metric_from_two_jobs::RULE,
    invalid_metric_name::RULE,
    duplicate_record::RULE,
    duplicate_group::RULE,
    invalid_objective::RULE,
    no_vector::RULE,
    wrong_moment::RULE,
    timestamp_without_time::RULE,
    quantile_out_of_range::RULE,
    pattern_without_tilde::RULE,
    unstable_selection::RULE,
    no_comparison::RULE,
    missing_severity::RULE,
    template_unknown_label::RULE,
    value_in_label::RULE,
    template_syntax::RULE,
    absent_without_for::RULE,
    absent_of_undeclared::RULE,
    duplicate_alert::RULE,
    undefined_receiver::RULE,
    unused_receiver::RULE,
    shadowed_route::RULE,
    route_matches_no_alert::RULE,
    alert_reaches_no_one::RULE,
    inhibit_never::RULE,
    self_inhibit::RULE,
    repeat_under_group_interval::RULE,
    continue_without_sibling::RULE,
    invalid_route::RULE,
    incomplete_receiver::RULE,
    alertmanager_missing::RULE,
    untested_alert::RULE,
    severity_twice::RULE,
    hold_below_interval::RULE,
    group_by_unknown_label::RULE,
    equal_unknown_label::RULE,
    impossible_mute::RULE,
    always_muted::RULE,
    mute_matches_no_alert::RULE,
    undefined_in_test::RULE,
    invalid_test::RULE,
    impossible_expectation::RULE,
    empty_test::RULE,
    panel_unknown_metric::RULE,
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
    legend_unknown_label::RULE,
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
    disk_estimate::RULE,
    no_volume_for_state::RULE,
    slo_window_beyond_retention::RULE,
    floating_tag::RULE,
    depends_on_unhealthy::RULE,
    file_bind_mount::RULE,
    version_capability::RULE,
    relative_mount::RULE,
    broken_template::RULE,
    federate_everything::RULE,
    federation_label_clash::RULE,
    remote_write_loop::RULE,
    rule_label_vs_external::RULE,
    aggregation_on_shard::RULE,
    single_shard_queried::RULE,
    queue_too_small::RULE,
    invalid_queue::RULE,
    invalid_shards::RULE,
    missing_external_labels::RULE,
    tenant_missing::RULE,
    invalid_store::RULE,
    store_retention_short::RULE,
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
const ELSEWHERE: &[Code] = &[GENERATED_FILE_EDITED, target_lacks::CANNOT, target_lacks::DIFFERS];

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
    let boards = Boards::of(stack, files);
    let expressions = expressions::all(stack, &boards);
    let known = Known::of(stack, &expressions, &|path| read(files, path));
    if expressions.len() > MUCH {
        // What nearly all rules ask of; later none waits for another one's answer.
        parallel::map(&expressions, true, |expression| {
            expression.flows(&known);
        });
    }
    let mut routing = Routing::of(stack);
    routing.learn(&expressions, &known, files);
    // What a mistake in the text took away must not be missed as well.
    doubt::cast(&mut routing, stack, files, findings);
    let topology = Topology::of(stack);
    let input = Input { stack, topology, expressions, known, routing, boards: &boards, files };
    let levels = levels.with_manifest(stack.lint.as_deref());
    let asked_for = |rule: &&Rule| levels.ask_for(rule.code, rule.name);
    let rules: Vec<&Rule> = RULES.iter().chain(ON_REQUEST.iter().filter(asked_for)).collect();
    ask(&rules, &input, findings);
    unused_allowance::find(&input, findings);
    allowances::apply(files, findings);
    trace_to_manifest(files, findings);
    notation::speak(files, findings);
    levels.apply(findings);
    findings.settle();
}

/// Lets every rule look. Those about declarations (S0xx) come first and one by one, since some of them
/// leave out what was found before; the others do not know of each other.
fn ask(rules: &[&Rule], input: &Input<'_>, findings: &mut Findings) {
    let (first, others): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(|rule| rule.code < "S1");
    for rule in first {
        (rule.check)(input, findings);
    }
    let much = input.expressions.len() > MUCH;
    let found = parallel::map(&others, much, |rule| {
        let mut found = Findings::default();
        (rule.check)(input, &mut found);
        found
    });
    for found in found {
        findings.extend(found);
    }
}

/// Reads a file that the manifest names: paths are relative to the folder of its first file.
fn read(files: &Files, path: &str) -> std::io::Result<String> {
    let folder = Path::new(files.name(FileId(0))).parent().unwrap_or(Path::new(""));
    let path = folder.join(path);
    let name = tidied(&path).display().to_string();
    let mut attached = files.iter().filter(|(id, _)| files.naming(*id).next().is_some());
    match attached.find(|(_, file)| file.name == name) {
        // As an editor has it, which may not have saved it yet.
        Some((_, file)) => Ok(file.text.clone()),
        // Why it cannot be read.
        None => std::fs::read_to_string(path),
    }
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
