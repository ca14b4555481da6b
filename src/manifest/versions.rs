//! Which version of a product knows what: the default versions, and the fields that are younger than
//! the oracles (promtool 2.42, amtool 0.25, docker-compose 1.29).

use std::fmt;

use crate::diag::{Span, Spanned};
use crate::manifest::Stack;

/// A version of a product; what was not said is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads `3.5`, `v3.5.0` or the tag of an image; `None` for `latest` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.trim_start_matches('v');
        let mut parts = number.split(['.', '-', '+']).map_while(|part| part.parse().ok());
        let major = parts.next()?;
        Some(Self(major, parts.next().unwrap_or(0), parts.next().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        match patch {
            0 => write!(f, "{major}.{minor}"),
            patch => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// A product that files are rendered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// Prometheus.
    Prometheus,
    /// Alertmanager.
    Alertmanager,
    /// Grafana.
    Grafana,
    /// Pushgateway.
    Pushgateway,
    /// node_exporter.
    NodeExporter,
    /// mysqld_exporter.
    MysqldExporter,
    /// docker compose.
    Compose,
}

impl Product {
    /// Every product.
    pub const ALL: [Self; 7] = [
        Self::Prometheus,
        Self::Alertmanager,
        Self::Grafana,
        Self::Pushgateway,
        Self::NodeExporter,
        Self::MysqldExporter,
        Self::Compose,
    ];

    /// Repository of the reference image, and the version that is rendered for where none is named.
    pub fn reference(self) -> (&'static str, &'static str) {
        match self {
            Self::Prometheus => ("prom/prometheus", "3.5.0"),
            Self::Alertmanager => ("prom/alertmanager", "0.28.1"),
            Self::Grafana => ("grafana/grafana", "12.1.1"),
            Self::Pushgateway => ("prom/pushgateway", "1.11.1"),
            Self::NodeExporter => ("prom/node-exporter", "1.9.1"),
            Self::MysqldExporter => ("prom/mysqld-exporter", "0.17.2"),
            Self::Compose => ("docker/compose", "2.30.0"),
        }
    }

    /// The reference image of a version. Grafana's tags have no `v`.
    pub fn image(self, version: Option<&str>) -> String {
        let (repository, default) = self.reference();
        let version = version.map_or(default, |version| version.trim_start_matches('v'));
        // Tags have three numbers: `3.5` means `3.5.0`.
        let missing = 2_usize.saturating_sub(version.matches('.').count());
        let v = if self == Self::Grafana { "" } else { "v" };
        format!("{repository}:{v}{version}{}", ".0".repeat(missing))
    }

    /// The version of the stack's Prometheus.
    pub fn prometheus_of(stack: &Stack) -> Version {
        let prometheus = stack.prometheus.as_ref();
        let said = prometheus.and_then(|part| part.version.as_ref()).map(|said| said.as_str());
        let image = prometheus.and_then(|part| part.image.as_ref()).map(|image| image.as_str());
        Self::Prometheus.version(said, image)
    }

    /// The version that a stack asks for: said, or in the tag of the image, or the default.
    pub fn version(self, said: Option<&str>, image: Option<&str>) -> Version {
        said.and_then(Version::parse)
            .or_else(|| {
                let (_, tag) = image?.rsplit_once(':')?;
                Version::parse(tag)
            })
            .or_else(|| Version::parse(self.reference().1))
            .unwrap_or(Version(0, 0, 0))
    }
}

/// A field that older versions of a product refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Whose file it is.
    pub product: Product,
    /// Where it stands: keys by `.`, `[]` for each of a list, `*` for each of a map.
    pub path: &'static str,
    /// The first version that knows it.
    pub since: Version,
}

/// Names that `--enable-feature` of Prometheus has or had.
pub const PROMETHEUS_FLAGS: [&str; 36] = [
    "agent",
    "auto-gomaxprocs",
    "auto-gomemlimit",
    "auto-reload-config",
    "concurrent-rule-eval",
    "created-timestamp-zero-ingestion",
    "delayed-compaction",
    "exemplar-storage",
    "expand-external-labels",
    "extra-scrape-metrics",
    "fast-startup",
    "memory-snapshot-on-shutdown",
    "metadata-wal-records",
    "native-histograms",
    "new-service-discovery-manager",
    "no-default-scrape-port",
    "old-ui",
    "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    "otlp-write-receiver",
    "promql-at-modifier",
    "promql-binop-fill-modifiers",
    "promql-delayed-name-removal",
    "promql-duration-expr",
    "promql-experimental-functions",
    "promql-extended-range-selectors",
    "promql-negative-offset",
    "promql-per-step-stats",
    "remote-write-receiver",
    "st-storage",
    "start-timestamp-zero-ingestion",
    "type-and-unit-labels",
    "use-start-timestamps",
    "use-uncached-io",
    "utf8-names",
    "xor2-encoding",
];

/// Groups evaluated in the past.
pub const QUERY_OFFSET: Feature = Feature {
    product: Product::Prometheus,
    path: "groups.[].query_offset",
    since: Version(2, 53, 0),
};

/// Alerts that go on firing.
pub const KEEP_FIRING_FOR: Feature = Feature {
    product: Product::Prometheus,
    path: "groups.[].rules.[].keep_firing_for",
    since: Version(2, 42, 0),
};

/// Webhook addresses in files.
pub const WEBHOOK_URL_FILE: Feature = Feature {
    product: Product::Alertmanager,
    path: "receivers.[].webhook_configs.[].url_file",
    since: Version(0, 26, 0),
};

/// Telegram tokens in files.
pub const TELEGRAM_TOKEN_FILE: Feature = Feature {
    product: Product::Alertmanager,
    path: "receivers.[].telegram_configs.[].bot_token_file",
    since: Version(0, 26, 0),
};

/// Discord addresses in files.
pub const DISCORD_URL_FILE: Feature = Feature {
    product: Product::Alertmanager,
    path: "receivers.[].discord_configs.[].webhook_url_file",
    since: Version(0, 28, 0),
};

/// The name of a compose project.
pub const COMPOSE_NAME: Feature =
    Feature { product: Product::Compose, path: "name", since: Version(2, 3, 0) };

/// Compose secrets out of environment variables.
pub const COMPOSE_SECRET_ENVIRONMENT: Feature =
    Feature { product: Product::Compose, path: "secrets.*.environment", since: Version(2, 6, 0) };

/// Limits on processes.
pub const COMPOSE_PIDS: Feature = Feature {
    product: Product::Compose,
    path: "services.*.deploy.resources.limits.pids",
    since: Version(2, 0, 0),
};

/// The second version of the remote write format.
pub const PROTOBUF_MESSAGE: Feature = Feature {
    product: Product::Prometheus,
    path: "remote_write.[].protobuf_message",
    since: Version(2, 54, 0),
};

/// Old samples that are not sent.
pub const SAMPLE_AGE_LIMIT: Feature = Feature {
    product: Product::Prometheus,
    path: "remote_write.[].queue_config.sample_age_limit",
    since: Version(2, 50, 0),
};

/// Connections to every address of a receiver's name.
pub const ROUND_ROBIN_DNS: Feature = Feature {
    product: Product::Prometheus,
    path: "remote_write.[].round_robin_dns",
    since: Version(3, 1, 0),
};

/// Every field that some version still in use refuses: the one list that the tests with the oracles
/// exclude by name.
pub const FEATURES: &[Feature] = &[
    QUERY_OFFSET,
    KEEP_FIRING_FOR,
    WEBHOOK_URL_FILE,
    TELEGRAM_TOKEN_FILE,
    DISCORD_URL_FILE,
    COMPOSE_NAME,
    COMPOSE_SECRET_ENVIRONMENT,
    COMPOSE_PIDS,
    PROTOBUF_MESSAGE,
    SAMPLE_AGE_LIMIT,
    ROUND_ROBIN_DNS,
];

impl Feature {
    /// Whether the version that the stack asks for knows the field.
    pub fn known_to(&self, stack: &Stack) -> bool {
        pinned(stack, self.product).is_none_or(|(version, _)| version >= self.since)
    }
}

/// The version of a part that the manifest names, by `version` or in the tag of its image, and where.
/// Files are rendered for [`Product::reference`] where none is named, which knows everything.
pub fn pinned(stack: &Stack, product: Product) -> Option<(Version, Span)> {
    let (said, image) = match product {
        Product::Prometheus => {
            stack.prometheus.as_ref().map(|part| (part.version.as_ref(), part.image.as_ref()))
        }
        Product::Alertmanager => {
            stack.alertmanager.as_ref().map(|part| (part.version.as_ref(), part.image.as_ref()))
        }
        _ => None,
    }?;
    let in_tag = |image: &Spanned<String>| {
        let (_, tag) = image.rsplit_once(':')?;
        Some((Version::parse(tag)?, image.span))
    };
    said.and_then(|said| Some((Version::parse(said)?, said.span)))
        .or_else(|| image.and_then(in_tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_words_tags_and_defaults() {
        let version = |said, image| Product::Prometheus.version(said, image);
        assert_eq!(version(Some("2.45"), Some("x:v3.0.0")), Version(2, 45, 0));
        assert_eq!(version(None, Some("prom/prometheus:v2.53.1")), Version(2, 53, 1));
        assert_eq!(version(None, Some("prom/prometheus:latest")), Version(3, 5, 0));
        assert_eq!(version(None, None), Version(3, 5, 0));
        assert_eq!(Version::parse("v3.6.0-rc.0"), Some(Version(3, 6, 0)));
    }

    #[test]
    fn images_have_full_tags() {
        assert_eq!(Product::Prometheus.image(Some("3.5")), "prom/prometheus:v3.5.0");
        assert_eq!(Product::Grafana.image(Some("v12.0.2")), "grafana/grafana:12.0.2");
        assert_eq!(Product::NodeExporter.image(None), "prom/node-exporter:v1.9.1");
    }
}
