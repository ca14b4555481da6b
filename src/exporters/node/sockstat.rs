//! Sockets by protocol, from `/proc/net/sockstat` and `sockstat6`.

use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const SOCKETS: Metric =
    Metric::gauge("node_sockstat_", "Sockets of a protocol in a state, or their memory.").open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "sockstat", start: On, metrics: &[SOCKETS], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/net/sockstat")?;
    show(&text, out)?;
    // A kernel without IPv6 has no such file.
    if let Some(text) = host.read_if_any("proc/net/sockstat6")? {
        show(&text, out)?;
    }
    Ok(())
}

/// Lines such as `TCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1`.
fn show(text: &str, out: &mut Families) -> Result<(), CollectError> {
    let malformed = || CollectError::Malformed("proc/net/sockstat");
    let page = rustix::param::page_size() as f64;
    for line in text.lines() {
        let (protocol, fields) = line.split_once(": ").ok_or_else(malformed)?;
        let mut fields = fields.split_ascii_whitespace();
        while let Some(field) = fields.next() {
            let value: f64 = super::host::next(&mut fields).ok_or_else(malformed)?;
            let mut put = |suffix: &str, value| {
                let name = format!("{}{protocol}_{field}{suffix}", SOCKETS.name);
                out.put_dynamic(&name, MetricType::Gauge, SOCKETS.help, [], value);
            };
            put("", value);
            if field == "mem" {
                put("_bytes", value * page);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn memory_is_shown_in_pages_and_bytes() {
        let page = rustix::param::page_size();
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_sockstat_TCP_mem 1\n"));
        assert!(samples.contains(&format!("node_sockstat_TCP_mem_bytes {page}\n")));
        assert!(samples.contains("node_sockstat_sockets_used 229\n"));
        assert!(samples.contains("node_sockstat_TCP6_inuse 17\n"));
    }
}
