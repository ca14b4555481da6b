//! The node exporter: the machine's file systems under `/host`, and its process numbers.

use crate::manifest::address::NODE_EXPORTER_PORT;
use crate::manifest::{Exporter, Stack};

use super::parts::{Access, Common, HostPath, MountPoint, Part, PartKind, own_images, part as new};
use super::versions::Product;
use super::web::add_mounted;

pub(super) fn part(stack: &Stack, exporter: &Exporter) -> Part {
    let common = Common {
        product: Product::NodeExporter,
        version: &exporter.version,
        image: &exporter.image,
        port: &exporter.port,
        bind: &exporter.bind,
        networks: &exporter.networks,
    };
    let inside = exporter.port.as_ref().map_or(NODE_EXPORTER_PORT, |port| port.value);
    let mut part = new(stack, PartKind::NodeExporter, &exporter.host(), inside, &common);
    part.argv = ["--path.procfs=/host/proc", "--path.sysfs=/host/sys", "--path.rootfs=/host"]
        .map(str::to_owned)
        .to_vec();
    // Ours listens on the loopback unless it is told otherwise.
    if inside != NODE_EXPORTER_PORT || part.own {
        part.argv.push(format!("--web.listen-address=:{inside}"));
    }
    if let Some(path) = &exporter.path {
        part.argv.push(format!("--web.telemetry-path={}", path.value));
    }
    if let Some(collectors) = &exporter.collectors {
        if !collectors.only.is_empty() {
            part.argv.push("--collector.disable-defaults".to_owned());
        }
        for name in collectors.only.iter().chain(&collectors.enable) {
            part.argv.push(format!("--collector.{}", name.value));
        }
        for name in &collectors.disable {
            part.argv.push(format!("--no-collector.{}", name.value));
        }
    }
    part.mounts.push(MountPoint {
        inside: "/host".to_owned(),
        outside: HostPath::Machine("/".to_owned()),
        // File systems that are mounted later show up inside as well.
        access: Access::Follow,
    });
    add_mounted(&mut part, stack, &exporter.web, exporter.tls.as_deref());
    part.ready_path = (!own_images(stack)).then_some("/");
    part
}
