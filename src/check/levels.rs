//! How findings are weighed: `allow`, `warn` and `deny`, in the manifest's `lint` block and on the
//! command line, by code (`S602`), name (`default-password`) or group (`security`).

use super::rules;
use crate::diag::{Finding, Findings, Severity, most_similar, quoted_list};
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

/// How findings are to be weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// They are left out.
    Allow,
    /// They are warnings.
    Warn,
    /// They are errors.
    Deny,
}

/// What to leave out, and what to weigh differently. The word that says more precisely what it means
/// wins: a code or a name over a group, a group over `warnings`. Of equal ones it is the later: the
/// command line comes after the manifest, and in the manifest `deny` after `warn` after `allow`.
#[derive(Debug, Clone, Default)]
pub struct Levels(Vec<(String, Level)>);

impl Levels {
    /// The levels of a command line.
    pub fn new(allow: &[String], warn: &[String], deny: &[String]) -> Result<Self, UnknownRule> {
        let words = [(allow, Level::Allow), (warn, Level::Warn), (deny, Level::Deny)];
        let words =
            words.into_iter().flat_map(|(names, level)| names.iter().map(move |n| (n, level)));
        Self::in_order(words.map(|(name, level)| (name.clone(), level)))
    }

    /// Levels in the order in which they were asked for.
    pub fn in_order(words: impl IntoIterator<Item = (String, Level)>) -> Result<Self, UnknownRule> {
        let words: Vec<(String, Level)> = words.into_iter().collect();
        match words.iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => Err(UnknownRule { name: name.clone(), help: what_is_meant(name) }),
            None => Ok(Self(words)),
        }
    }

    /// The level of what some of the words mean.
    fn chosen(&self, fits: impl Fn(&str) -> bool) -> Option<Level> {
        let fitting = self.0.iter().filter(|(word, _)| fits(word));
        // The last one of equals.
        fitting.max_by_key(|(word, _)| precision(word)).map(|(_, level)| *level)
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
        let level = self.chosen(|word| means(word, code, name));
        level.is_some_and(|level| level != Level::Allow)
    }

    /// Takes out what is allowed and sets the severities. Errors of reading stay whatever is allowed:
    /// without them the rest means nothing.
    pub fn apply(&self, findings: &mut Findings) {
        let level = |finding: &Finding| self.chosen(|word| matches(word, finding));
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

/// How precisely a word says what it means.
fn precision(word: &str) -> u8 {
    match word {
        WARNINGS => 0,
        _ if GROUPS.iter().any(|(group, _)| *group == word) => 1,
        _ => 2,
    }
}

/// What could have been written instead of a word that nobody knows.
pub(super) fn what_is_meant(word: &str) -> String {
    let groups = GROUPS.iter().map(|(group, _)| *group).chain([WARNINGS]);
    let list = format!("groups: {}; `stackctl explain` lists all rules", quoted_list(groups));
    match most_similar(word, known_words()) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    }
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
        // The code says more than the group, the group more than `warnings`, wherever they stand.
        assert_eq!(severity_of(&levels, "S601", "inline-secret"), Some(Severity::Warning));
        let levels =
            Levels::new(&words(&["S601", "storage"]), &[], &words(&["security", "warnings"]));
        let levels = levels.unwrap();
        assert_eq!(severity_of(&levels, "S601", "inline-secret"), None);
        assert_eq!(severity_of(&levels, "S702", "x"), None);
        assert_eq!(severity_of(&levels, "S801", "x"), Some(Severity::Error));
        // Of equal ones the later one.
        let both = [("S601", Level::Deny), ("inline-secret", Level::Allow)];
        let levels = |both: [(&str, Level); 2]| {
            Levels::in_order(both.map(|(word, level)| (word.to_owned(), level))).unwrap()
        };
        assert_eq!(severity_of(&levels(both), "S601", "inline-secret"), None);
        let [deny, allow] = both;
        let levels = levels([allow, deny]);
        assert_eq!(severity_of(&levels, "S601", "inline-secret"), Some(Severity::Error));
        let unknown = Levels::new(&words(&["securty"]), &[], &[]).unwrap_err().to_string();
        assert!(unknown.contains("did you mean `security`? groups: `structure`, "), "{unknown}");
        let levels = Levels::new(&words(&["default-password"]), &[], &[]).unwrap();
        assert_eq!(severity_of(&levels, "S602", "default-password"), None);
        assert_eq!(severity_of(&levels, "S108", "x"), Some(Severity::Warning));
        assert!(Levels::new(&words(&["defautl-password"]), &[], &[]).is_err());
        let levels = Levels::new(&[], &[], &words(&["warnings"])).unwrap();
        assert_eq!(severity_of(&levels, "S108", "x"), Some(Severity::Error));
    }
}
