//! The push gateway.

use crate::manifest::Stack;
use crate::manifest::address::PUSHGATEWAY_PORT;

use super::parts::{Access, Common, HostPath, MountPoint, Part, PartKind, part as new};
use super::versions::Product;
use super::web::add_mounted;

pub(super) const NAME: &str = "pushgateway";
/// The one folder of the image that its user may write to.
const DATA: &str = "/pushgateway";

pub(super) fn part(stack: &Stack) -> Option<Part> {
    let gateway = stack.pushgateway.as_ref()?;
    let common = Common {
        product: Product::Pushgateway,
        version: &gateway.version,
        image: &gateway.image,
        port: &gateway.port,
        bind: &gateway.bind,
        networks: &gateway.networks,
    };
    let mut part = new(stack, PartKind::Pushgateway, NAME, PUSHGATEWAY_PORT, &common);
    if let Some(volume) = &gateway.data {
        part.argv.push(format!("--persistence.file={DATA}/metrics"));
        part.mounts.push(MountPoint {
            inside: DATA.to_owned(),
            outside: HostPath::Volume(volume.value.clone()),
            access: Access::ReadWrite,
        });
    }
    add_mounted(&mut part, stack, &gateway.web, gateway.tls.as_deref());
    part.ready_path = Some("/-/ready");
    Some(part)
}
