//! All integration tests, one binary: the built program driven as users do.

// Not every helper is used by every part.
#![allow(dead_code)]

mod render;
mod scrape;
mod scrape_oracle;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let parts: [(&str, &[support::Test]); 3] = [
        ("render", render::TESTS),
        ("scrape", scrape::TESTS),
        ("scrape_oracle", scrape_oracle::TESTS),
    ];
    let trials = parts
        .iter()
        .flat_map(|(part, tests)| tests.iter().map(|test| support::trial(part, *test)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
