//! Names that `--enable-feature` may have, and what each of them means here.

use tracing::warn;

/// Works here whether it is asked for or not.
const ALWAYS_ON: &[&str] = &[
    "concurrent-rule-eval",
    "exemplar-storage",
    "expand-external-labels",
    "native-histograms",
    "new-service-discovery-manager",
    "promql-at-modifier",
    "promql-experimental-functions",
    "promql-negative-offset",
    "utf8-names",
];

/// Name, and why nothing happens.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("agent", "there is no agent mode: samples are stored, and queries answered"),
    ("auto-gomaxprocs", NOT_GO),
    ("auto-gomemlimit", NOT_GO),
    ("auto-reload-config", "SIGHUP and `/-/reload` have the configuration read again"),
    ("created-timestamp-zero-ingestion", NOT_YET),
    ("delayed-compaction", OWN_STORE),
    ("extra-scrape-metrics", "`extra_scrape_metrics: true` in the configuration file does it"),
    ("fast-startup", OWN_STORE),
    ("memory-snapshot-on-shutdown", OWN_STORE),
    ("metadata-wal-records", OWN_STORE),
    ("no-default-scrape-port", "no port is added to targets anyway"),
    ("old-ui", "the pages are inside of the program"),
    ("otlp-deltatocumulative", NOT_YET),
    ("otlp-native-delta-ingestion", NOT_YET),
    ("otlp-write-receiver", NOT_YET),
    ("promql-delayed-name-removal", NOT_YET),
    ("promql-duration-expr", NOT_YET),
    ("promql-extended-range-selectors", NOT_YET),
    ("promql-per-step-stats", NOT_YET),
    ("remote-write-receiver", NOT_YET),
    ("st-storage", NOT_YET),
    ("start-timestamp-zero-ingestion", NOT_YET),
    ("type-and-unit-labels", NOT_YET),
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
    Some(known.map_or("no feature has this name", |(_, reason)| reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_works_is_silent() {
        assert_eq!(why_without_effect("native-histograms"), None);
        assert_eq!(why_without_effect("old-ui"), Some("the pages are inside of the program"));
        assert_eq!(why_without_effect("no-such"), Some("no feature has this name"));
    }
}
