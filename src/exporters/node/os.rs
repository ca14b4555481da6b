//! The operating system's release, from `/etc/os-release` (os-release(5)).

use std::collections::BTreeMap;

use super::{CollectError, Collector, Families, Host, Metric, On};

const INFO: Metric =
    Metric::gauge("node_os_info", "Name and release of the operating system; always 1.").with(&[
        "build_id",
        "id",
        "id_like",
        "image_id",
        "image_version",
        "name",
        "pretty_name",
        "variant",
        "variant_id",
        "version",
        "version_codename",
        "version_id",
    ]);
const VERSION: Metric =
    Metric::gauge("node_os_version", "Major and minor version of the operating system.")
        .with(&["id", "id_like", "name"]);
const SUPPORT_END: Metric = Metric::gauge(
    "node_os_support_end_timestamp_seconds",
    "When support of this release ends, in Unix time.",
);

pub(super) const COLLECTOR: Collector =
    Collector { name: "os", start: On, metrics: &[INFO, VERSION, SUPPORT_END], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = match host.read_if_any("root/etc/os-release")? {
        Some(text) => text,
        None => host.read("root/usr/lib/os-release")?,
    };
    let fields: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim(), unquote(value.trim())))
        .collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let labels: Vec<String> = INFO.labels.iter().map(|label| label.to_uppercase()).collect();
    let values: Vec<&str> = labels.iter().map(|label| field(label)).collect();
    out.put(&INFO, &values, 1.0);
    if let Some(version) = major_minor(field("VERSION_ID")) {
        out.put(&VERSION, &[field("ID"), field("ID_LIKE"), field("NAME")], version);
    }
    let date = field("SUPPORT_END").parse::<jiff::civil::Date>();
    if let Ok(end) = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC)) {
        out.put(&SUPPORT_END, &[], end.timestamp().as_second() as f64);
    }
    Ok(())
}

fn unquote(value: &str) -> &str {
    let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

/// `20.04.2` is 20.04.
fn major_minor(version: &str) -> Option<f64> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let major = digits(version);
    let end = match version[major..].strip_prefix('.') {
        Some(minor) => major + 1 + digits(minor),
        None => major,
    };
    version[..end].trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_release_is_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains(
            "node_os_version{id=\"example\",id_like=\"debian\",name=\"Example\"} 20.04\n"
        ));
        assert!(samples.contains("node_os_support_end_timestamp_seconds 1.7145216e+09\n"));
        assert!(samples.contains("version_id=\"20.04.2\""));
    }

    #[test]
    fn versions_are_cut_behind_the_minor_one() {
        assert_eq!(major_minor("20.04.2"), Some(20.04));
        assert_eq!(major_minor("12"), Some(12.0));
        assert_eq!(major_minor("9-stream"), Some(9.0));
        assert_eq!(major_minor(""), None);
    }
}
