//! An expression is PromQL, and its types do not fit.

use super::promql_syntax::report;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::ParseErrorKind;

pub(super) const RULE: Rule =
    Rule { code: "S302", name: "promql-type", severity: Severity::Error, explain: EXPLAIN, check };

fn check(input: &Input<'_>, findings: &mut Findings) {
    report(&RULE, ParseErrorKind::Type, input, findings);
}

const EXPLAIN: &str = r##"A function or operator was given something of another type: `rate` works on a range of samples and not
on an instant, `and` joins vectors and not numbers. Prometheus would refuse the whole rule file.

    expr "rate(up)"                            // wants a range: rate(up[5m])

Functions that do not exist, and wrong numbers of arguments, are reported here too."##;
