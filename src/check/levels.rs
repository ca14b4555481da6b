//! How findings are weighed: `allow`, `warn` and `deny`, in the manifest's `lint` block and on the
//! command line, by code (`S602`), name (`default-password`) or group (`security`).

use super::{did_you_mean, rules};
use crate::diag::{Finding, Findings, Severity};
use crate::manifest::Lint;

/// Groups of rules: a word, and the beginnings of their codes.
const GROUPS: [(&str, &[&str]); 10] = [
    ("structure", &["S0"]),
    ("network", &["S1"]),
    ("scrape", &["S2"]),
    ("promql", &["S3"]),
    ("alerts", &["S4"]),
    ("dashboards", &["S5"]),
    // Ports that are open to everybody and images that change by themselves are a matter of it, too.
    ("security", &["S6", "S108", "S801"]),
    ("storage", &["S7"]),
    ("compose", &["S8"]),
    ("scale", &["S9"]),
];

/// Everything that is a warning, of whatever rule.
const WARNINGS: &str = "warnings";

/// No rule has that code, name or group.
#[derive(Debug, thiserror::Error)]
#[error("no rule or group `{name}`; {help}")]
pub struct UnknownRule {
    name: String,
    help: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Allow,
    Warn,
    Deny,
}

/// What to leave out, and what to weigh differently. Later words win: the command line comes after
/// the manifest, and `deny` after `warn` after `allow`.
#[derive(Debug, Clone, Default)]
pub struct Levels(Vec<(String, Level)>);

impl Levels {
    /// The levels of a command line.
    pub fn new(allow: &[String], warn: &[String], deny: &[String]) -> Result<Self, UnknownRule> {
        let mut levels = Self::default();
        for (names, level) in [(allow, Level::Allow), (warn, Level::Warn), (deny, Level::Deny)] {
            for name in names {
                if !is_known(name) {
                    let help = did_you_mean(name, known_words(), "rules");
                    return Err(UnknownRule { name: name.clone(), help });
                }
                levels.0.push((name.clone(), level));
            }
        }
        Ok(levels)
    }

    /// These levels, after those of the manifest.
    pub(super) fn with_manifest(&self, lint: Option<&Lint>) -> Self {
        let Some(Lint { allow, deny, warn }) = lint else { return self.clone() };
        let words = [(allow, Level::Allow), (warn, Level::Warn), (deny, Level::Deny)];
        let own = words
            .into_iter()
            .flat_map(|(names, level)| names.iter().map(move |name| (name.value.clone(), level)));
        Self(own.chain(self.0.iter().cloned()).collect())
    }

    /// Whether a rule is denied or made a warning, by its code, its name or its group.
    pub(super) fn ask_for(&self, code: &str, name: &str) -> bool {
        let fits = |(word, _): &&(String, Level)| means(word, code, name);
        let last = self.0.iter().rev().find(fits);
        last.is_some_and(|(_, level)| *level != Level::Allow)
    }

    /// Takes out what is allowed and sets the severities. Errors of reading stay whatever is allowed:
    /// without them the rest means nothing.
    pub fn apply(&self, findings: &mut Findings) {
        let level = |finding: &Finding| {
            let fits = |(word, _): &&(String, Level)| matches(word, finding);
            self.0.iter().rev().find(fits).map(|(_, level)| *level)
        };
        findings.retain(|finding| is_essential(finding) || level(finding) != Some(Level::Allow));
        for finding in findings.iter_mut() {
            match level(finding) {
                Some(Level::Deny) => finding.severity = Severity::Error,
                Some(Level::Warn) if finding.code >= "S100" => finding.severity = Severity::Warning,
                _ => {}
            }
        }
    }
}

/// Whether a finding cannot be allowed: an error of reading.
pub(super) fn is_essential(finding: &Finding) -> bool {
    finding.severity == Severity::Error && finding.code < "S100"
}

/// Whether a code, name or group means this finding.
pub(super) fn matches(word: &str, finding: &Finding) -> bool {
    means(word, finding.code, finding.name)
        || word == WARNINGS && finding.severity == Severity::Warning
}

fn means(word: &str, code: &str, name: &str) -> bool {
    word == name
        || word.eq_ignore_ascii_case(code)
        || GROUPS.iter().any(|(group, prefixes)| {
            *group == word && prefixes.iter().any(|prefix| code.starts_with(prefix))
        })
}

/// Whether a word is a code, a name or a group.
pub(super) fn is_known(word: &str) -> bool {
    word == WARNINGS
        || GROUPS.iter().any(|(group, _)| *group == word)
        || rules().any(|rule| means(word, rule.code, rule.name))
}

/// All codes and names, and the groups.
pub(super) fn known_words() -> impl Iterator<Item = &'static str> {
    let groups = GROUPS.iter().map(|(group, _)| *group).chain([WARNINGS]);
    rules().flat_map(|rule| [rule.code, rule.name]).chain(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;

    fn severity_of(levels: &Levels, code: &'static str, name: &'static str) -> Option<Severity> {
        let kind = Code { code, name, severity: Severity::Warning, explain: "" };
        let mut findings: Findings = [kind.says("m")].into_iter().collect();
        levels.apply(&mut findings);
        findings.iter().next().map(|finding| finding.severity)
    }

    #[test]
    fn a_group_can_be_denied_and_one_of_it_allowed() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let levels = Levels::new(&[], &words(&["S601"]), &words(&["security"])).unwrap();
        assert_eq!(severity_of(&levels, "S602", "default-password"), Some(Severity::Error));
        let levels = Levels::new(&words(&["default-password"]), &[], &[]).unwrap();
        assert_eq!(severity_of(&levels, "S602", "default-password"), None);
        assert_eq!(severity_of(&levels, "S108", "x"), Some(Severity::Warning));
        assert!(Levels::new(&words(&["defautl-password"]), &[], &[]).is_err());
        let levels = Levels::new(&[], &[], &words(&["warnings"])).unwrap();
        assert_eq!(severity_of(&levels, "S108", "x"), Some(Severity::Error));
    }
}
