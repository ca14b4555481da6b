//! Whether the labels that a sender wrote can be those of a series.

use crate::model::{Labels, METRIC_NAME};

/// Why they cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No metric name.
    #[error("missing metric name")]
    NoName,
    /// A label whose name is empty.
    #[error("empty label name")]
    EmptyName,
    /// A name that is there twice.
    #[error("duplicate label name")]
    Twice,
}

/// The labels, in any order; those with an empty value are as if they were not there.
pub fn checked(pairs: &[(&str, &str)]) -> Result<Labels, Invalid> {
    let mut names: Vec<&str> = pairs.iter().map(|pair| pair.0).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return Err(Invalid::Twice);
    }
    if names.first() == Some(&"") {
        return Err(Invalid::EmptyName);
    }
    if !pairs.iter().any(|(name, value)| *name == METRIC_NAME && !value.is_empty()) {
        return Err(Invalid::NoName);
    }
    Ok(Labels::from_pairs(pairs.iter().copied().filter(|(_, value)| !value.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_checked_and_sorted() {
        let labels = checked(&[("job", "a"), ("__name__", "up"), ("zone", "")]).unwrap();
        assert_eq!(labels, Labels::from_pairs([("__name__", "up"), ("job", "a")]));
        assert_eq!(checked(&[("job", "a")]), Err(Invalid::NoName));
        assert_eq!(checked(&[("__name__", "")]), Err(Invalid::NoName));
        assert_eq!(checked(&[("__name__", "up"), ("", "x")]), Err(Invalid::EmptyName));
        let twice = [("__name__", "up"), ("job", "a"), ("job", "b")];
        assert_eq!(checked(&twice), Err(Invalid::Twice));
    }
}
