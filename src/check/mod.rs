//! `Stack` → findings. One file per rule; a new rule is its file and a line in [`RULES`].

mod absent_without_for;
mod always_true;
mod bounds;
mod default_password;
mod dependency_cycle;
mod division_unit_mismatch;
mod duplicate_alert;
mod duplicate_datasource;
mod duplicate_group;
mod duplicate_host;
mod duplicate_job;
mod duplicate_record;
mod empty_name;
mod exporter_settings_unknown;
mod expressions;
mod feature_flag_needed;
mod hold_below_interval;
mod host_port_clash;
mod host_port_used_inside;
mod incomplete_receiver;
mod inline_secret;
mod interval_beyond_lookback;
mod invalid_external_url;
mod invalid_label_name;
mod invalid_metric_name;
mod invalid_objective;
mod invalid_query;
mod invalid_relabel;
mod invalid_route;
mod invalid_scrape;
mod invalid_target;
mod known;
mod left_open_range;
mod levels;
mod localhost_in_container;
mod missing_credentials;
mod names;
mod nan_in_aggregation;
mod native_port_clash;
mod never_true;
mod no_comparison;
mod no_vector;
mod non_http_scrape_target;
mod not_same_network;
mod notation;
mod precomputed_available;
mod privileged_port_native;
mod promql_syntax;
mod promql_type;
mod published_to_all_interfaces;
mod range_beyond_retention;
mod rate_window_too_short;
mod recording_lag;
mod severity_twice;
mod target_port_not_exposed;
mod template_syntax;
mod timeout_exceeds_interval;
mod timestamp_without_time;
mod topology;
mod undefined_receiver;
mod undefined_secret;
mod undefined_service;
mod undefined_volume;
mod unknown_feature;
mod unknown_metric;
mod unnamed_stack;
mod unreadable_page;
mod unused_declaration;
mod useless_regexp;
mod value_in_label;
mod values;
mod version_removed_function;
mod wrong_database;
mod wrong_moment;

pub use levels::{Levels, UnknownRule};

use std::path::Path;

use crate::diag::{Code, FileId, Files, Finding, Findings, Severity, most_similar, quoted_list};
use crate::manifest::{Stack, codes};
use expressions::Expression;
use known::Known;
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
    /// Which metrics exist, with their labels.
    known: Known<'a>,
    /// The text of all files, to point inside of strings.
    files: &'a Files,
}

impl<'a> Input<'a> {
    /// The expressions of rules and objectives that are without mistakes: what they read comes from
    /// this stack. Tests bring their own series, federation reads others', panels have rules of their
    /// own.
    fn judged(&self) -> impl Iterator<Item = &Expression<'a>> {
        use expressions::Site;
        self.expressions.iter().filter(|expression| {
            let own = matches!(
                expression.site,
                Site::Record(..) | Site::Alert(..) | Site::SloTotal(_) | Site::SloErrors(_)
            );
            own && expression.sound().is_some()
        })
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
    unreadable_page::RULE,
    invalid_external_url::RULE,
    unknown_feature::RULE,
    promql_syntax::RULE,
    promql_type::RULE,
    unknown_metric::RULE,
    rate_window_too_short::RULE,
    never_true::RULE,
    always_true::RULE,
    useless_regexp::RULE,
    range_beyond_retention::RULE,
    feature_flag_needed::RULE,
    version_removed_function::RULE,
    left_open_range::RULE,
    nan_in_aggregation::RULE,
    recording_lag::RULE,
    division_unit_mismatch::RULE,
    precomputed_available::RULE,
    invalid_metric_name::RULE,
    duplicate_record::RULE,
    duplicate_group::RULE,
    invalid_objective::RULE,
    no_vector::RULE,
    wrong_moment::RULE,
    timestamp_without_time::RULE,
    no_comparison::RULE,
    value_in_label::RULE,
    template_syntax::RULE,
    absent_without_for::RULE,
    duplicate_alert::RULE,
    undefined_receiver::RULE,
    invalid_route::RULE,
    incomplete_receiver::RULE,
    severity_twice::RULE,
    hold_below_interval::RULE,
    duplicate_datasource::RULE,
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
    let expressions = expressions::all(stack);
    let known = Known::of(stack, &expressions, &|path| read(files, path));
    let input = Input { stack, topology: Topology::of(stack), expressions, known, files };
    for rule in RULES {
        (rule.check)(&input, findings);
    }
    notation::speak(files, findings);
    levels.with_manifest(stack.lint.as_deref()).apply(findings);
    findings.settle();
}

/// Reads a file that the manifest names: paths are relative to the folder of its first file.
fn read(files: &Files, path: &str) -> std::io::Result<String> {
    let folder = Path::new(files.name(FileId(0))).parent().unwrap_or(Path::new(""));
    std::fs::read_to_string(folder.join(path))
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
