//! Label matchers, as in `{job="node", mode!~"idle|iowait"}`.

use std::fmt;

use regex::Regex;

/// How a label's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

impl MatchOp {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A regular expression in a matcher does not compile.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct MatcherError {
    /// What the regex engine says, on one line.
    pub message: String,
}

/// One condition on a label; a missing label has the empty value.
#[derive(Clone)]
pub struct Matcher {
    /// Label name.
    pub name: String,
    /// The comparison.
    pub op: MatchOp,
    /// Value, or regular expression without its anchors.
    pub value: String,
    regex: Option<Regex>,
}

impl Matcher {
    /// Compiles the matcher; fails only for an invalid regular expression.
    pub fn new(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        // Since Prometheus 3 a dot matches a newline as well.
        Self::with_flags(name.into(), op, value.into(), "s")
    }

    /// The same for alerts: to Alertmanager a dot matches no newline.
    pub fn of_alerts(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        Self::with_flags(name.into(), op, value.into(), "")
    }

    fn with_flags(
        name: String,
        op: MatchOp,
        value: String,
        flags: &str,
    ) -> Result<Self, MatcherError> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(
                Regex::new(&format!("^(?{flags}:{value})$"))
                    .map_err(|err| MatcherError { message: last_line(&err.to_string()) })?,
            ),
        };
        Ok(Self { name, op, value, regex })
    }

    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// Whether a value passes; pass `""` for a missing label.
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => value == self.value,
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Regex, regex) => regex.as_ref().is_some_and(|regex| regex.is_match(value)),
            (MatchOp::NotRegex, regex) => regex.as_ref().is_none_or(|regex| !regex.is_match(value)),
        }
    }

    /// Whether a series without this label passes.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As PromQL writes it, the value quoted.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regex_is_anchored_and_dot_matches_newline() {
        let matcher = Matcher::new("a", MatchOp::Regex, "b.|c").unwrap();
        assert!(matcher.matches("b\n"));
        assert!(matcher.matches("c"));
        assert!(!matcher.matches("xc"));
        assert!(!matcher.matches_empty());
        assert!(!Matcher::of_alerts("a", MatchOp::Regex, "b.|c").unwrap().matches("b\n"));
    }

    #[test]
    fn a_broken_regex_is_an_error() {
        assert!(Matcher::new("a", MatchOp::NotRegex, "(").is_err());
    }
}
