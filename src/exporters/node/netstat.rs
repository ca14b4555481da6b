//! Counters of the network protocols, from `/proc/net/netstat`, `snmp` and `snmp6`.

use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const NETSTAT: Metric = Metric::untyped(
    "node_netstat_",
    "A counter or a state of a network protocol, as the kernel names it.",
)
.open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "netstat", start: On, metrics: &[NETSTAT], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut full = String::new();
    for file in ["proc/net/netstat", "proc/net/snmp"] {
        let text = host.read(file)?;
        let mut lines = text.lines();
        // A line of names and one of values, both led by the protocol.
        while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
            let mut names = names.split_ascii_whitespace();
            let mut values = values.split_ascii_whitespace();
            let protocol = names.next().unwrap_or_default();
            if values.next() != Some(protocol) || names.clone().count() != values.clone().count() {
                return Err(CollectError::Malformed("proc/net/netstat or snmp"));
            }
            let protocol = protocol.trim_end_matches(':');
            for (name, value) in names.zip(values) {
                put(host, &mut full, protocol, name, value, out)?;
            }
        }
    }
    let Some(text) = host.read_if_any("proc/net/snmp6")? else { return Ok(()) };
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(name), Some(value)) = (fields.next(), fields.next()) else { continue };
        // `Ip6InOctets`: the protocol ends with its 6.
        if let Some(at) = name.find('6') {
            let (protocol, name) = name.split_at(at + 1);
            put(host, &mut full, protocol, name, value, out)?;
        }
    }
    Ok(())
}

/// `full` is room for the metric's name, used again for each of some hundred counters.
fn put(
    host: &Host,
    full: &mut String,
    protocol: &str,
    name: &str,
    value: &str,
    out: &mut Families,
) -> Result<(), CollectError> {
    full.clear();
    full.extend([NETSTAT.name, protocol, "_", name]);
    if host.settings.netstat_fields.takes(&full[NETSTAT.name.len()..]) {
        let value = value.parse().map_err(|_| CollectError::Malformed("proc/net/netstat"))?;
        out.put_dynamic(full, MetricType::Unknown, NETSTAT.help, [], value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn only_the_wanted_counters_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_netstat_Ip6_InOctets 460\nnode_netstat_IpExt_InOctets 6.28639697e+09\n\
             node_netstat_TcpExt_SyncookiesSent 1\nnode_netstat_Tcp_ActiveOpens 3556\n"
        );
    }
}
