//! Graphics cards, from `/sys/class/drm`; only the driver `amdgpu` tells these figures
//! (Documentation/gpu/amdgpu).

use std::path::Path;

use super::{CollectError, Collector, Families, Host, Metric, Off};

const CARD: &[&str] = &["card"];
const INFO: Metric = Metric::gauge("node_drm_card_info", "A graphics card; always 1.").with(&[
    "card",
    "memory_vendor",
    "power_performance_level",
    "unique_id",
    "chip",
    "vendor",
]);
const BUSY: Metric =
    Metric::gauge("node_drm_gpu_busy_percent", "How busy the card is, in percent.").with(CARD);
const GTT_SIZE: Metric =
    Metric::gauge("node_drm_memory_gtt_size_bytes", "Size of the host memory the card may use.")
        .with(CARD);
const GTT_USED: Metric =
    Metric::gauge("node_drm_memory_gtt_used_bytes", "Host memory the card uses.").with(CARD);
const VISIBLE_SIZE: Metric =
    Metric::gauge("node_drm_memory_vis_vram_size_bytes", "Size of the card's memory the CPU sees.")
        .with(CARD);
const VISIBLE_USED: Metric = Metric::gauge(
    "node_drm_memory_vis_vram_used_bytes",
    "Used part of the card's memory that the CPU sees.",
)
.with(CARD);
const VRAM_SIZE: Metric =
    Metric::gauge("node_drm_memory_vram_size_bytes", "Size of the card's memory.").with(CARD);
const VRAM_USED: Metric =
    Metric::gauge("node_drm_memory_vram_used_bytes", "Used part of the card's memory.").with(CARD);

pub(super) const COLLECTOR: Collector = Collector {
    name: "drm",
    start: Off,
    metrics: &[INFO, BUSY, GTT_SIZE, GTT_USED, VISIBLE_SIZE, VISIBLE_USED, VRAM_SIZE, VRAM_USED],
    collect,
};

const NUMBERS: [(&str, Metric); 7] = [
    ("gpu_busy_percent", BUSY),
    ("mem_info_gtt_total", GTT_SIZE),
    ("mem_info_gtt_used", GTT_USED),
    ("mem_info_vis_vram_total", VISIBLE_SIZE),
    ("mem_info_vis_vram_used", VISIBLE_USED),
    ("mem_info_vram_total", VRAM_SIZE),
    ("mem_info_vram_used", VRAM_USED),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let names = match host.list("sys/class/drm") {
        Ok(names) => names,
        // No graphics card at all is nothing wrong.
        Err(err) if err.is_no_data() => return Ok(()),
        Err(err) => return Err(err),
    };
    for card in names {
        // `card0-HDMI-A-1` is one of its connectors.
        let digits = card.strip_prefix("card").filter(|rest| rest.parse::<u32>().is_ok());
        let path = format!("sys/class/drm/{card}/device");
        let Some(device) = digits.and_then(|_| host.folder(&path)) else { continue };
        let events = device.line("uevent").unwrap_or_default();
        if !events.lines().any(|line| line == "DRIVER=amdgpu") {
            continue;
        }
        let line = |name: &str| device.line(name).unwrap_or_default();
        let mut labels = vec![
            ("card", card.clone()),
            ("memory_vendor", line("mem_info_vram_vendor")),
            ("power_performance_level", line("power_dpm_force_performance_level")),
            ("unique_id", line("unique_id")),
            ("vendor", "amd".to_owned()),
        ];
        let chip = std::fs::canonicalize(host.path(&path)).ok().and_then(|path| chip(&path));
        labels.extend(chip.map(|chip| ("chip", chip)));
        let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
        out.put_dynamic(INFO.name, INFO.kind, INFO.help, labels, 1.0);
        for (file, metric) in &NUMBERS {
            out.put(metric, &[&card], device.number(file).unwrap_or(0.0));
        }
    }
    Ok(())
}

/// Where the card is plugged in: `pci0000:00/0000:00:08.0` is called `0000:00:08_0` there by hwmon too.
fn chip(path: &Path) -> Option<String> {
    let name = clean(path.file_name()?.to_str()?);
    let parent = path.parent()?.file_name().and_then(|name| name.to_str()).map(clean);
    match parent.filter(|parent| !parent.is_empty()) {
        _ if name.is_empty() => None,
        Some(parent) => Some(format!("{parent}_{name}")),
        None => Some(name),
    }
}

/// Lower case, with `_` for anything but letters, digits, `:` and `_`, and none of it at the ends.
fn clean(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' };
    name.to_lowercase().chars().map(plain).collect::<String>().trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn cards_of_other_drivers_and_connectors_are_left_out() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_drm_card_info{card=\"card0\",chip=\""), "{samples}");
        assert!(samples.contains("memory_vendor=\"samsung\",power_performance_level=\"manual\""));
        assert!(samples.contains("node_drm_gpu_busy_percent{card=\"card0\"} 4\n"));
        assert!(
            samples.contains("node_drm_memory_vram_used_bytes{card=\"card0\"} 1.490378752e+09\n")
        );
        assert_eq!(samples.lines().count(), 8);
    }

    #[test]
    fn chips_are_called_by_their_place() {
        let path = Path::new("/sys/devices/pci0000:00/0000:00:08.1/0000:0C:00.0");
        assert_eq!(chip(path).as_deref(), Some("0000:00:08_1_0000:0c:00_0"));
    }
}
