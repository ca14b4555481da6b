//! Name and release of the kernel, from uname(2).

use super::{CollectError, Collector, Families, Host, Metric, On};

const INFO: Metric = Metric::gauge("node_uname_info", "Name and release of the kernel; always 1.")
    .with(&["sysname", "release", "version", "machine", "nodename", "domainname"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "uname", start: On, metrics: &[INFO], collect };

#[allow(clippy::unnecessary_wraps)] // every collector has this shape
fn collect(_: &Host, out: &mut Families) -> Result<(), CollectError> {
    let uname = rustix::system::uname();
    let values = [
        uname.sysname(),
        uname.release(),
        uname.version(),
        uname.machine(),
        uname.nodename(),
        uname.domainname(),
    ]
    .map(|value| value.to_string_lossy());
    out.put(&INFO, &values.each_ref().map(AsRef::as_ref), 1.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_running_kernel_is_named() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("sysname=\"Linux\""), "{samples}");
    }
}
