//! Which names of labels and metrics a Prometheus takes.

use crate::diag::{Finding, Severity};
use crate::manifest::Stack;
use crate::manifest::versions::Product;

/// Letters, digits and underscores, the first no digit: what every version takes.
pub fn is_plain_label(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

/// The same, with colons.
pub fn is_plain_metric(name: &str) -> bool {
    is_plain_label(&name.replace(':', "_"))
}

/// Since Prometheus 3 any text is a name, in quotes wherever a query uses it: that is worth a warning
/// and no more.
pub fn weigh(stack: &Stack, mut finding: Finding) -> Finding {
    if is_prometheus_3(stack) {
        finding.severity = Severity::Warning;
    }
    finding
}

/// Whether the Prometheus of the stack is 3 or newer, as far as it tells.
pub fn is_prometheus_3(stack: &Stack) -> bool {
    Product::prometheus_of(stack).0 >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_begin_with_a_letter() {
        assert!(is_plain_label("job_name1") && is_plain_metric("job:rate:5m"));
        for name in ["", "1a", "a-b", "a b", "ключ", "a{"] {
            assert!(!is_plain_label(name) && !is_plain_metric(name), "{name}");
        }
        assert!(!is_plain_label("a:b"));
    }
}
