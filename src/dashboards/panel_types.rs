//! The panel types that Grafana has by itself, since when, and those that it had.

/// Type, and the version (major, minor) that had it first; zero where no version in use lacks it. Where
/// the sources disagree the older version stands, so that nothing is missed that is there.
const CORE: &[(&str, (u32, u32))] = &[
    ("add-library-panel", (0, 0)),
    ("add-panel", (0, 0)),
    ("alertGroups", (8, 0)),
    ("alertlist", (0, 0)),
    ("annolist", (0, 0)),
    ("barchart", (7, 5)),
    ("bargauge", (6, 0)),
    ("candlestick", (8, 3)),
    ("canvas", (8, 3)),
    ("dashlist", (0, 0)),
    ("datagrid", (9, 3)),
    ("debug", (0, 0)),
    ("flamegraph", (9, 3)),
    ("gauge", (6, 0)),
    ("geomap", (8, 0)),
    ("gettingstarted", (0, 0)),
    ("graph", (0, 0)),
    ("heatmap", (0, 0)),
    ("heatmap-new", (0, 0)),
    ("histogram", (7, 4)),
    ("home", (0, 0)),
    ("icon", (0, 0)),
    ("live", (0, 0)),
    ("logs", (6, 4)),
    ("news", (0, 0)),
    ("nodeGraph", (7, 4)),
    ("piechart", (7, 5)),
    ("pluginlist", (0, 0)),
    ("row", (0, 0)),
    ("singlestat", (0, 0)),
    ("stat", (6, 6)),
    ("state-timeline", (7, 5)),
    ("status-history", (7, 5)),
    ("table", (0, 0)),
    ("table-old", (0, 0)),
    ("text", (0, 0)),
    ("timeseries", (7, 4)),
    ("traces", (8, 3)),
    ("trend", (9, 4)),
    ("welcome", (0, 0)),
    ("xychart", (8, 0)),
];

/// Type, the major version that no longer has it, and what Grafana shows in its place.
const REMOVED: &[(&str, u32, &str)] =
    &[("graph", 12, "timeseries"), ("singlestat", 12, "stat"), ("table-old", 12, "table")];

/// The version that had a type of Grafana's own first; `None` for types of plugins.
pub fn since(kind: &str) -> Option<(u32, u32)> {
    CORE.iter().find(|(known, _)| *known == kind).map(|(_, since)| *since)
}

/// The major version that a type of Grafana's own is gone since, and what is shown in its place.
pub fn removed(kind: &str) -> Option<(u32, &'static str)> {
    REMOVED.iter().find(|(known, ..)| *known == kind).map(|(_, since, instead)| (*since, *instead))
}

/// Names of all types that a version of Grafana has by itself.
pub fn core(version: (u32, u32)) -> impl Iterator<Item = &'static str> {
    CORE.iter()
        .filter(move |(kind, since)| {
            *since <= version && removed(kind).is_none_or(|(gone, _)| version.0 < gone)
        })
        .map(|(kind, _)| *kind)
}
