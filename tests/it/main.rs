//! All integration tests, one binary: the built program driven as users do.

// Not every helper is used by every part.
#![allow(dead_code)]

mod bad_input;
mod config_check;
mod diff;
mod exporters;
mod exposition;
mod fuzz;
mod guard;
mod import;
mod init;
mod known;
mod kubernetes;
mod lsp;
mod mariadb;
mod mend;
mod mysql;
mod mysql_wire;
mod node_exporter;
mod parsers;
mod promql;
mod promql_differential;
mod promql_parse;
mod remote;
mod remote_send;
mod render;
mod reports;
mod routes;
mod rules;
mod ruletest;
mod run;
mod scale;
mod scrape;
mod scrape_oracle;
mod sessions;
mod support;
mod systemd;
mod targets;
mod template;
mod tsdb;
mod ttar;
mod up;
mod web;
mod why;
mod why_messages;

use std::process::ExitCode;

const PARTS: &[(&str, &[support::Test])] = &[
    ("bad_input", bad_input::TESTS),
    ("config_check", config_check::TESTS),
    ("diff", diff::TESTS),
    ("fuzz", fuzz::TESTS),
    ("guard", guard::TESTS),
    ("kubernetes", kubernetes::TESTS),
    ("import", import::TESTS),
    ("init", init::TESTS),
    ("lsp", lsp::TESTS),
    ("mend", mend::TESTS),
    ("mysql", mysql::TESTS),
    ("mysql_wire", mysql_wire::TESTS),
    ("parsers", parsers::TESTS),
    ("promql", promql::TESTS),
    ("promql_differential", promql_differential::TESTS),
    ("promql_parse", promql_parse::TESTS),
    ("remote", remote::TESTS),
    ("remote_send", remote_send::TESTS),
    ("render", render::TESTS),
    ("ruletest", ruletest::TESTS),
    ("reports", reports::TESTS),
    ("routes", routes::TESTS),
    ("run", run::TESTS),
    ("scale", scale::TESTS),
    ("scrape", scrape::TESTS),
    ("scrape_oracle", scrape_oracle::TESTS),
    ("sessions", sessions::TESTS),
    ("systemd", systemd::TESTS),
    ("targets", targets::TESTS),
    ("template", template::TESTS),
    ("tsdb", tsdb::TESTS),
    ("up", up::TESTS),
    ("web", web::TESTS),
    ("why", why::TESTS),
    ("why_messages", why_messages::TESTS),
];

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let mut trials: Vec<libtest_mimic::Trial> = PARTS
        .iter()
        .flat_map(|(part, tests)| tests.iter().map(|test| support::trial(part, *test)))
        .collect();
    trials.extend(known::trials());
    trials.extend(node_exporter::trials());
    trials.extend(rules::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
