//! Inhibitions: alerts that are not sent while others fire.

use super::TreeError;
use super::matchers;
use super::tree::all_match;
use crate::model::{Labels, Matcher};
use crate::wire::alertmanager as wire;

/// A rule: while a source fires, targets with the same values of some labels are kept quiet.
#[derive(Debug, Clone)]
pub struct Inhibition {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
}

impl Inhibition {
    /// Settles a rule as it is written.
    pub fn new(said: &wire::InhibitRule) -> Result<Self, TreeError> {
        let read = |texts: &[String]| {
            let mut all = Vec::new();
            for text in texts {
                let placed = matchers::parse(text)
                    .map_err(|source| TreeError::Matcher { text: text.clone(), source })?;
                all.extend(placed.into_iter().map(|placed| placed.matcher));
            }
            Ok(all)
        };
        let wire::InhibitRule { source_matchers, target_matchers, equal } = said;
        Ok(Self {
            source: read(source_matchers)?,
            target: read(target_matchers)?,
            equal: equal.clone(),
        })
    }

    /// Whether the first alert, while it fires, keeps the second quiet.
    ///
    /// Two alerts that are both source and target do not keep each other quiet, so no alert does that to
    /// itself. A label of `equal` that neither has is equal on both.
    pub fn silences(&self, source: &Labels, target: &Labels) -> bool {
        all_match(&self.source, source)
            && all_match(&self.target, target)
            && self.equal.iter().all(|name| source.get(name) == target.get(name))
            && !(all_match(&self.target, source) && all_match(&self.source, target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, source: &[(&str, &str)], target: &[(&str, &str)], expected: bool) {
        let rule = Inhibition::new(&serde_yaml::from_str(yaml).expect("the test writes YAML"));
        let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let silenced = rule.unwrap().silences(&labels(source), &labels(target));
        assert_eq!(silenced, expected, "{source:?} {target:?}");
    }

    #[test]
    fn a_source_silences_targets_with_equal_labels() {
        let rule = "{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [job]}";
        let (critical, warning) = (("severity", "critical"), ("severity", "warning"));
        check(rule, &[critical, ("job", "a")], &[warning, ("job", "a")], true);
        check(rule, &[critical, ("job", "a")], &[warning, ("job", "b")], false);
        check(rule, &[critical, ("job", "a")], &[warning], false);
        check(rule, &[critical], &[warning], true);
        check(rule, &[warning], &[critical], false);
    }

    #[test]
    fn what_is_on_both_sides_silences_only_what_is_not() {
        let rule = "{source_matchers: ['severity=~\"critical|warning\"'], target_matchers: ['severity!=critical']}";
        let (critical, warning) = ([("severity", "critical")], [("severity", "warning")]);
        check(rule, &critical, &warning, true);
        check(rule, &warning, &warning, false);
        check(rule, &warning, &[("severity", "info")], true);
    }
}
