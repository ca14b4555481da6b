//! Whether SELinux is on and enforcing, from selinuxfs.

use super::{CollectError, Collector, Families, Host, Metric, On};

const ENABLED: Metric = Metric::gauge("node_selinux_enabled", "Whether SELinux is switched on.");
const CONFIGURED: Metric = Metric::gauge(
    "node_selinux_config_mode",
    "Mode SELinux is configured for: 1 enforcing, 0 permissive, -1 disabled.",
);
const CURRENT: Metric = Metric::gauge(
    "node_selinux_current_mode",
    "Mode SELinux is in: 1 enforcing, 0 permissive, -1 disabled.",
);

pub(super) const COLLECTOR: Collector =
    Collector { name: "selinux", start: On, metrics: &[ENABLED, CONFIGURED, CURRENT], collect };

#[allow(clippy::unnecessary_wraps)] // every collector has this shape
fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let Some(current) = host.number("sys/fs/selinux/enforce") else {
        out.put(&ENABLED, &[], 0.0);
        return Ok(());
    };
    out.put(&ENABLED, &[], 1.0);
    let config = host.read("root/etc/selinux/config").ok();
    let mode = config.as_deref().unwrap_or_default().lines().find_map(|line| {
        line.trim().strip_prefix("SELINUX=").map(|mode| mode.trim().to_ascii_lowercase())
    });
    let configured = match mode.as_deref() {
        Some("enforcing") => 1.0,
        Some("permissive") => 0.0,
        _ => -1.0,
    };
    out.put(&CONFIGURED, &[], configured);
    out.put(&CURRENT, &[], current);
    Ok(())
}
