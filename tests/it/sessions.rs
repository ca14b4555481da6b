//! Console sessions, run for real: `tests/cmd/*.trycmd`.

use crate::support::{Needs, Test};

pub const TESTS: &[Test] = &[("the_documented_sessions_are_real", Needs::Nothing, sessions)];

fn sessions() {
    let cases = trycmd::TestCases::new();
    cases
        .register_bin("stackctl", std::path::Path::new(env!("CARGO_BIN_EXE_stackctl")))
        .env("NO_COLOR", "1")
        .case("tests/cmd/*.trycmd");
    cases.run();
}
