//! Label matchers, as in `{job="node", mode!~"idle|iowait"}`.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use parking_lot::Mutex;
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
    pattern: Pattern,
}

/// A compiled [`Matcher::value`].
#[derive(Clone)]
enum Pattern {
    /// The operator is none of regular expressions.
    None,
    /// Texts and `|`, as in `idle|iowait`: most patterns are such, and comparing them takes no engine,
    /// whose building costs more than a whole expression does.
    Words,
    /// Anything else.
    Regex(Regex),
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
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => Pattern::None,
            _ if !value.contains(SPECIAL) => Pattern::Words,
            MatchOp::Regex | MatchOp::NotRegex => Pattern::Regex(
                compiled(format!("^(?{flags}:{value})$"))
                    .map_err(|err| MatcherError { message: last_line(&err.to_string()) })?,
            ),
        };
        Ok(Self { name, op, value, pattern })
    }

    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), pattern: Pattern::None }
    }

    /// Whether a value passes; pass `""` for a missing label.
    pub fn matches(&self, value: &str) -> bool {
        let fits = match &self.pattern {
            Pattern::None => value == self.value,
            Pattern::Words => self.value.split('|').any(|word| word == value),
            Pattern::Regex(regex) => regex.is_match(value),
        };
        fits == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }

    /// Whether a series without this label passes.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

/// The engine for a pattern. The rules of one objective, the panels of one dashboard and the evaluations
/// of one rule have the same few patterns over and over, and an engine takes longer to build than the
/// expression around it to read.
fn compiled(pattern: String) -> Result<Regex, regex::Error> {
    static RECENT: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    if let Some(regex) = RECENT.lock().get(&pattern) {
        return Ok(regex.clone());
    }
    let regex = Regex::new(&pattern)?;
    let mut recent = RECENT.lock();
    if recent.len() >= MOST_RECENT {
        recent.clear();
    }
    recent.insert(pattern, regex.clone());
    Ok(regex)
}

/// An engine has some kilobytes.
const MOST_RECENT: usize = 128;

/// What means something in a regular expression, `|` between texts aside.
const SPECIAL: &[char] = &['.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '^', '$', '\\'];

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
    fn texts_without_special_characters_mean_what_they_mean_as_a_regex() {
        let patterns = ["", "a", "a|b", "a|", "|a", "a||b", "|", "a b-c&d~e#f", "ä|ö", "b."];
        let values = ["", "a", "b", "ab", "|", "a|b", "a b-c&d~e#f", "ö", "A", "a\n", "b|"];
        for pattern in patterns {
            let regex = Regex::new(&format!("^(?s:{pattern})$")).unwrap();
            let fits = Matcher::new("l", MatchOp::Regex, pattern).unwrap();
            let fits_not = Matcher::new("l", MatchOp::NotRegex, pattern).unwrap();
            for value in values {
                assert_eq!(fits.matches(value), regex.is_match(value), "{pattern:?} {value:?}");
                assert_eq!(fits_not.matches(value), !regex.is_match(value));
            }
        }
    }

    #[test]
    fn many_patterns_are_each_themselves() {
        for round in 0..2 {
            for number in 0..2 * MOST_RECENT {
                let matcher = Matcher::new("l", MatchOp::Regex, format!("{number}.")).unwrap();
                assert!(matcher.matches(&format!("{number}x")), "{round} {number}");
                assert!(!matcher.matches("x"), "{round} {number}");
            }
        }
    }

    #[test]
    fn a_broken_regex_is_an_error() {
        assert!(Matcher::new("a", MatchOp::NotRegex, "(").is_err());
    }
}
