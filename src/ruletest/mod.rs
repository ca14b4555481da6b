//! Unit tests of rules: made-up series go through recording and alerting rules, routes, inhibitions and
//! mutes, and what comes out is compared with what was expected.
//!
//! [`simulate`] plays the series to the rules and remembers what it is asked for. [`unit_file`] compares
//! that with the files of `promtool test rules`, to the letter; [`expect`] with expectations that name only
//! what matters. Nothing here has heard of a manifest.

mod demand;
pub mod expect;
mod hints;
pub mod routing;
mod simulate;
pub mod unit_file;

pub use simulate::{Pace, Point, Questions, RuleFailure, Run, Seen, Setting, Timeline, simulate};

use std::time::Duration;

/// Milliseconds of a duration.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 8)
}

/// A duration in milliseconds as people write it: `1m30s`.
pub fn show_millis(millis: i64) -> String {
    let text = crate::model::format_duration(Duration::from_millis(millis.unsigned_abs()));
    if millis < 0 { format!("-{text}") } else { text }
}
