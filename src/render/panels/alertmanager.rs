//! `alertmanager/overview`: the alert router.

use super::{Library, Stat, Timeseries, entry};

pub(super) const OVERVIEW: Library = Library {
    path: "alertmanager/overview",
    subject: "alertmanager",
    panels: &[
        entry(
            Stat,
            "Alerts",
            "short",
            &[("sum by (state) (alertmanager_alerts{<sel>})", "{{state}}")],
        ),
        entry(Stat, "Silences", "short", &[("alertmanager_silences{<sel>,state=\"active\"}", "")]),
        entry(
            Timeseries,
            "Notifications",
            "cpm",
            &[(
                "sum by (integration) (rate(alertmanager_notifications_total{<sel>}[$__rate_interval])) * 60",
                "{{integration}}",
            )],
        ),
        entry(
            Timeseries,
            "Failed notifications",
            "cpm",
            &[(
                "sum by (integration) (rate(alertmanager_notifications_failed_total{<sel>}[$__rate_interval])) * 60",
                "{{integration}}",
            )],
        ),
    ],
};
