//! Names that `--enable-feature` may have, and what each of them means here.

use tracing::warn;

use crate::manifest::versions::PROMETHEUS_FLAGS;

/// Works here whether it is asked for or not.
const ALWAYS_ON: &[&str] = &[
    "concurrent-rule-eval",
    "exemplar-storage",
    "expand-external-labels",
    "native-histograms",
    "new-service-discovery-manager",
    "promql-at-modifier",
    "promql-binop-fill-modifiers",
    "promql-duration-expr",
    "promql-experimental-functions",
    "promql-extended-range-selectors",
    "promql-negative-offset",
    "utf8-names",
];

/// Name, and why nothing happens; of the others that Prometheus has ([`PROMETHEUS_FLAGS`]) we have nothing yet.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("agent", "there is no agent mode: samples are stored, and queries answered"),
    ("auto-gomaxprocs", NOT_GO),
    ("auto-gomemlimit", NOT_GO),
    ("auto-reload-config", "SIGHUP and `/-/reload` have the configuration read again"),
    ("delayed-compaction", OWN_STORE),
    ("extra-scrape-metrics", "`extra_scrape_metrics: true` in the configuration file does it"),
    ("fast-startup", OWN_STORE),
    ("memory-snapshot-on-shutdown", OWN_STORE),
    ("metadata-wal-records", OWN_STORE),
    ("no-default-scrape-port", "no port is added to targets anyway"),
    ("old-ui", "the pages are inside of the program"),
    ("use-uncached-io", OWN_STORE),
    ("xor2-encoding", OWN_STORE),
];

const NOT_GO: &str = "the program is not written in Go";
const NOT_YET: &str = "stackctl does not have it yet";
const OWN_STORE: &str = "the store has a format of its own";

/// Says in the log which features change nothing, and why; unknown ones too, as Prometheus does.
pub fn explain(asked: &[String]) {
    for name in asked.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        if let Some(reason) = why_without_effect(name) {
            warn!("--enable-feature={name} has no effect: {reason}");
        }
    }
}

fn why_without_effect(name: &str) -> Option<&'static str> {
    if ALWAYS_ON.contains(&name) {
        return None;
    }
    let known = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name);
    Some(match known {
        Some((_, reason)) => reason,
        None if PROMETHEUS_FLAGS.contains(&name) => NOT_YET,
        None => "no feature has this name",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_that_prometheus_knows() {
        let special = WITHOUT_EFFECT.iter().map(|(name, _)| name).chain(ALWAYS_ON);
        for name in special {
            assert!(PROMETHEUS_FLAGS.contains(name), "{name}");
        }
    }

    #[test]
    fn only_what_works_is_silent() {
        assert_eq!(why_without_effect("native-histograms"), None);
        assert_eq!(why_without_effect("old-ui"), Some("the pages are inside of the program"));
        assert_eq!(why_without_effect("use-start-timestamps"), Some(NOT_YET));
        assert_eq!(why_without_effect("no-such"), Some("no feature has this name"));
    }
}
