//! The machine's own description, from `/sys/class/dmi/id`.

use super::{CollectError, Collector, Families, Host, Metric, On};

/// Label and file of each part; parts the machine does not have, or shows to root only, are left out.
const PARTS: [(&str, &str); 19] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
];

const INFO: Metric =
    Metric::gauge("node_dmi_info", "Make and model of the machine and its parts; always 1.").with(
        &[
            "bios_date",
            "bios_release",
            "bios_vendor",
            "bios_version",
            "board_asset_tag",
            "board_name",
            "board_serial",
            "board_vendor",
            "board_version",
            "chassis_asset_tag",
            "chassis_serial",
            "chassis_vendor",
            "chassis_version",
            "product_family",
            "product_name",
            "product_serial",
            "product_sku",
            "product_uuid",
            "product_version",
            "system_vendor",
        ],
    );

pub(super) const COLLECTOR: Collector =
    Collector { name: "dmi", start: On, metrics: &[INFO], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const FOLDER: &str = "sys/class/dmi/id";
    host.list(FOLDER)?;
    let Some(folder) = host.folder(FOLDER) else {
        return Err(CollectError::Malformed(FOLDER));
    };
    let parts: Vec<(&str, String)> = PARTS
        .into_iter()
        .chain([("system_vendor", "sys_vendor")])
        .filter_map(|(label, file)| Some((label, folder.line(file)?)))
        .collect();
    let labels = parts.iter().map(|(label, value)| (*label, value.as_str()));
    out.put_dynamic(INFO.name, INFO.kind, INFO.help, labels, 1.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn parts_that_cannot_be_read_have_no_label() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_dmi_info{bios_vendor=\"Example\",product_name=\"Box \u{fffd}1\",\
             system_vendor=\"Example Inc.\"} 1\n"
        );
    }
}
