//! Relabelling: rules that rewrite, keep or drop a label set, as Prometheus documents them.

use std::borrow::Cow;

use md5::{Digest, Md5};
use regex::Regex;

use crate::model::{Labels, LabelsBuilder};
use crate::wire::prometheus::RelabelConfig;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sets the target label to the expanded replacement if the regex matches.
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops what does not equal the target label.
    KeepEqual,
    /// Drops what equals the target label.
    DropEqual,
    /// Sets the target label to the hash of the source modulo a number.
    HashMod,
    /// Copies labels whose name matches to the expanded name.
    LabelMap,
    /// Removes labels whose name matches.
    LabelDrop,
    /// Removes labels whose name does not match.
    LabelKeep,
    /// Sets the target label to the source in lower case.
    Lowercase,
    /// Sets the target label to the source in upper case.
    Uppercase,
}

const ACTIONS: [(&str, Action); 11] = [
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

/// A rule that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelabelError {
    /// The action writes a value of its own.
    #[error("'replacement' can not be set for {0} action")]
    NoReplacement(String),
    /// No such action.
    #[error("unknown relabel action {0:?}")]
    UnknownAction(String),
    /// The action sets a label and none is named.
    #[error("relabel configuration for {0} action requires 'target_label' value")]
    NoTarget(String),
    /// The action divides and has no divisor.
    #[error("relabel configuration for hashmod requires non-zero modulus")]
    NoModulus,
    /// Not a label name.
    #[error("{value:?} is invalid 'target_label' for {action} action")]
    InvalidTarget {
        /// What was written.
        value: String,
        /// The action.
        action: String,
    },
    /// Not a label name.
    #[error("{0:?} is invalid 'replacement' for labelmap action")]
    InvalidReplacement(String),
    /// The action reads the regex alone.
    #[error("{0} action requires only 'regex', and no other fields")]
    OnlyRegex(String),
    /// The action reads source and target alone.
    #[error("{0} action requires only 'source_labels' and 'target_label', and no other fields")]
    OnlyLabels(String),
    /// The regular expression does not compile.
    #[error("error parsing regexp {pattern:?}: {reason}")]
    Regex {
        /// What was written.
        pattern: String,
        /// What the regex engine says.
        reason: String,
    },
}

/// One settled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Labels whose values are joined.
    pub source_labels: Vec<String>,
    /// Between the values.
    pub separator: String,
    /// The regular expression as written, without its anchors.
    pub pattern: String,
    regex: Regex,
    /// Divisor of [`Action::HashMod`].
    pub modulus: u64,
    /// Label that is set, or a template of it.
    pub target_label: String,
    /// Template of the value, or for [`Action::LabelMap`] of the name.
    pub replacement: String,
    /// What is done.
    pub action: Action,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            source_labels,
            separator,
            pattern,
            regex: _,
            modulus,
            target_label,
            replacement,
            action,
        } = self;
        *source_labels == other.source_labels
            && *separator == other.separator
            && *pattern == other.pattern
            && *modulus == other.modulus
            && *target_label == other.target_label
            && *replacement == other.replacement
            && *action == other.action
    }
}

impl Rule {
    /// Applies the defaults and checks what the action needs.
    pub fn new(config: &RelabelConfig) -> Result<Self, RelabelError> {
        let RelabelConfig {
            source_labels,
            separator,
            regex,
            modulus,
            target_label,
            replacement,
            action,
        } = config;
        let word = action.as_deref().unwrap_or("replace").to_lowercase();
        let found = ACTIONS.iter().find(|(name, _)| *name == word);
        let (_, action) = found.ok_or_else(|| RelabelError::UnknownAction(word.clone()))?;
        let target = target_label.clone().unwrap_or_default();
        let sets_target = matches!(
            action,
            Action::Replace
                | Action::HashMod
                | Action::Lowercase
                | Action::Uppercase
                | Action::KeepEqual
                | Action::DropEqual
        );
        if *action == Action::HashMod && modulus.unwrap_or(0) == 0 {
            return Err(RelabelError::NoModulus);
        }
        if sets_target && target.is_empty() {
            return Err(RelabelError::NoTarget(word));
        }
        let template = matches!(action, Action::Replace) && target.contains('$');
        if sets_target && !template && !is_label_name(&target) {
            return Err(RelabelError::InvalidTarget { value: target, action: word });
        }
        let replacement_text = replacement.as_deref().unwrap_or("$1");
        if *action == Action::LabelMap
            && !replacement_text.contains('$')
            && !is_label_name(replacement_text)
        {
            return Err(RelabelError::InvalidReplacement(replacement_text.to_owned()));
        }
        if matches!(action, Action::LabelDrop | Action::LabelKeep)
            && (!source_labels.is_empty()
                || !target.is_empty()
                || modulus.unwrap_or(0) != 0
                || separator.as_ref().is_some_and(|separator| separator != ";")
                || replacement_text != "$1")
        {
            return Err(RelabelError::OnlyRegex(word));
        }
        if matches!(action, Action::KeepEqual | Action::DropEqual)
            && (regex.as_ref().is_some_and(|regex| regex != "(.*)")
                || modulus.unwrap_or(0) != 0
                || separator.as_ref().is_some_and(|separator| separator != ";")
                || replacement_text != "$1")
        {
            return Err(RelabelError::OnlyLabels(word));
        }
        if matches!(action, Action::Lowercase | Action::Uppercase) && replacement_text != "$1" {
            return Err(RelabelError::NoReplacement(word));
        }
        let pattern = regex.clone().unwrap_or_else(|| "(.*)".to_owned());
        Ok(Self {
            source_labels: source_labels.clone(),
            separator: separator.clone().unwrap_or_else(|| ";".to_owned()),
            regex: compile(&pattern)?,
            pattern,
            modulus: modulus.unwrap_or(0),
            target_label: target,
            replacement: replacement_text.to_owned(),
            action: *action,
        })
    }

    fn source(&self, labels: &LabelsBuilder) -> String {
        let mut source = String::new();
        for (index, name) in self.source_labels.iter().enumerate() {
            if index > 0 {
                source.push_str(&self.separator);
            }
            source.push_str(labels.get(name).unwrap_or_default());
        }
        source
    }

    /// Returns whether the label set is kept.
    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        let set = |labels: &mut LabelsBuilder, value: String| {
            labels.set(self.target_label.as_str(), value);
            true
        };
        let target =
            |labels: &LabelsBuilder| labels.get(&self.target_label).unwrap_or_default().to_owned();
        match self.action {
            Action::Replace => self.replace(labels),
            Action::Keep => self.regex.is_match(&self.source(labels)),
            Action::Drop => !self.regex.is_match(&self.source(labels)),
            Action::KeepEqual => self.source(labels) == target(labels),
            Action::DropEqual => self.source(labels) != target(labels),
            Action::HashMod => {
                let digest = Md5::digest(self.source(labels));
                // The last eight bytes, big endian.
                let hash =
                    digest[8..].iter().fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
                set(labels, (hash % self.modulus).to_string())
            }
            Action::Lowercase => set(labels, self.source(labels).to_lowercase()),
            Action::Uppercase => set(labels, self.source(labels).to_uppercase()),
            Action::LabelMap => {
                let mapped: Vec<(String, String)> = labels
                    .iter()
                    .filter_map(|(name, value)| {
                        let found = self.regex.captures(name)?;
                        Some((expand(&self.replacement, &found), value.to_owned()))
                    })
                    .collect();
                for (name, value) in mapped {
                    labels.set(name, value);
                }
                true
            }
            Action::LabelDrop => {
                labels.retain(|name, _| !self.regex.is_match(name));
                true
            }
            Action::LabelKeep => {
                labels.retain(|name, _| self.regex.is_match(name));
                true
            }
        }
    }

    fn replace(&self, labels: &mut LabelsBuilder) -> bool {
        let source = self.source(labels);
        if let Some(found) = self.regex.captures(&source) {
            let target = if self.target_label.contains('$') {
                Cow::Owned(expand(&self.target_label, &found))
            } else {
                Cow::Borrowed(self.target_label.as_str())
            };
            if is_label_name(&target) {
                labels.set(target.as_ref(), expand(&self.replacement, &found));
            }
        }
        true
    }
}

/// Anchored, and a dot matches a newline, as since Prometheus 3.
fn compile(pattern: &str) -> Result<Regex, RelabelError> {
    Regex::new(&format!("^(?s:{pattern})$")).map_err(|err| {
        let reason = err.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        RelabelError::Regex { pattern: pattern.to_owned(), reason: reason.to_owned() }
    })
}

/// `$1`, `${1}`, `$name`, `${name}` and `$$`, with Go's rule that a name without braces is as long as
/// possible: `$1_x` is the group called `1_x`. An unknown group is empty.
fn expand(template: &str, found: &regex::Captures<'_>) -> String {
    let mut out = String::new();
    found.expand(template, &mut out);
    out
}

/// Any UTF-8 text is a label name, except the empty one.
fn is_label_name(name: &str) -> bool {
    !name.is_empty()
}

/// Applies the rules in order; `None` where one of them drops the label set.
pub fn relabel(mut labels: LabelsBuilder, rules: &[Rule]) -> Option<LabelsBuilder> {
    rules.iter().all(|rule| rule.apply(&mut labels)).then_some(labels)
}

/// Applies the rules to a finished label set.
pub fn relabel_labels(labels: &Labels, rules: &[Rule]) -> Option<Labels> {
    relabel(labels.to_builder(), rules).map(LabelsBuilder::build)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(yaml: &str) -> Result<Rule, RelabelError> {
        Rule::new(&serde_yaml::from_str::<RelabelConfig>(yaml).unwrap())
    }

    /// Applies one rule to `{a="foo", b="bar", c="baz"}`.
    fn check(yaml: &str, expected: &str) {
        let labels = Labels::from_pairs([("a", "foo"), ("b", "bar"), ("c", "baz")]);
        let result = relabel_labels(&labels, &[rule(yaml).unwrap()]);
        assert_eq!(result.map_or("dropped".to_owned(), |l| l.to_string()), expected, "{yaml}");
    }

    fn md5_hex(text: &str) -> String {
        use std::fmt::Write;
        Md5::digest(text).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    }

    const UNCHANGED: &str = r#"{a="foo", b="bar", c="baz"}"#;

    #[test]
    fn replace_expands_groups() {
        check(
            "{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: d, replacement: '${2}_$1'}",
            r#"{a="foo", b="bar", c="baz", d="ba_oo"}"#,
        );
        check("{source_labels: [a], target_label: d}", r#"{a="foo", b="bar", c="baz", d="foo"}"#);
        check("{source_labels: [a], regex: x, target_label: d}", UNCHANGED);
        check("{source_labels: [a], regex: f(o), target_label: d}", UNCHANGED);
        check("{source_labels: [a], target_label: b, replacement: ''}", r#"{a="foo", c="baz"}"#);
        check(
            "{source_labels: [a], regex: (f)(?P<rest>.*), target_label: '${1}_$rest', replacement: x}",
            r#"{a="foo", b="bar", c="baz", f_oo="x"}"#,
        );
    }

    #[test]
    fn a_name_without_braces_is_as_long_as_possible() {
        check(
            "{source_labels: [a], regex: f(.*), target_label: d, replacement: '$1_x$$'}",
            r#"{a="foo", b="bar", c="baz", d="$"}"#,
        );
        check(
            "{source_labels: [a], regex: f(.*), target_label: a, replacement: '$2_$1'}",
            r#"{a="oo", b="bar", c="baz"}"#,
        );
    }

    #[test]
    fn keep_and_drop_look_at_the_whole_value() {
        check("{source_labels: [a], regex: fo, action: keep}", "dropped");
        check("{source_labels: [a], regex: fo+, action: keep}", UNCHANGED);
        check("{source_labels: [a], regex: fo+, action: Drop}", "dropped");
        check("{source_labels: [missing], regex: '', action: drop}", "dropped");
        check("{source_labels: [a], target_label: b, action: keepequal}", "dropped");
        check("{source_labels: [a], target_label: b, action: dropequal}", UNCHANGED);
    }

    #[test]
    fn names_are_mapped_dropped_and_kept() {
        check(
            "{regex: '(a|b)', replacement: 'x_$1', action: labelmap}",
            r#"{a="foo", b="bar", c="baz", x_a="foo", x_b="bar"}"#,
        );
        check("{regex: '[ab]', action: labeldrop}", r#"{c="baz"}"#);
        check("{regex: '[ab]', action: labelkeep}", r#"{a="foo", b="bar"}"#);
    }

    #[test]
    fn hashmod_and_case() {
        let expected = u64::from_str_radix(&md5_hex("foo")[16..], 16).unwrap();
        assert_eq!(md5_hex("foo"), "acbd18db4cc2f85cedef654fccc4a4d8");
        check(
            "{source_labels: [a], modulus: 1000, target_label: d, action: hashmod}",
            &format!(r#"{{a="foo", b="bar", c="baz", d="{}"}}"#, expected % 1000),
        );
        check(
            "{source_labels: [c], modulus: 1000, target_label: d, action: hashmod}",
            r#"{a="foo", b="bar", c="baz", d="976"}"#,
        );
        check(
            "{source_labels: [a, b], target_label: d, action: uppercase}",
            r#"{a="foo", b="bar", c="baz", d="FOO;BAR"}"#,
        );
    }

    #[test]
    fn nonsense_is_refused_in_prometheus_words() {
        let refused = |yaml: &str, message: &str| {
            assert_eq!(rule(yaml).unwrap_err().to_string(), message);
        };
        refused("{action: rename}", r#"unknown relabel action "rename""#);
        refused(
            "{source_labels: [a]}",
            "relabel configuration for replace action requires 'target_label' value",
        );
        refused(
            "{target_label: a, action: hashmod}",
            "relabel configuration for hashmod requires non-zero modulus",
        );
        refused(
            "{source_labels: [a], action: labeldrop}",
            "labeldrop action requires only 'regex', and no other fields",
        );
        assert!(rule("{regex: '(', target_label: a}").is_err());
        assert!(rule("{regex: 'a)(b', target_label: a}").is_ok(), "Prometheus takes it so");
    }
}
