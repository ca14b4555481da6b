//! The kernel's load balancer, from `/proc/net/ip_vs` and `ip_vs_stats` (ipvsadm(8)).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CollectError, Collector, Families, Host, Metric, On};

const CONNECTIONS: Metric =
    Metric::counter("node_ipvs_connections_total", "Connections that were balanced.");
const INCOMING_PACKETS: Metric =
    Metric::counter("node_ipvs_incoming_packets_total", "Packets that came in.");
const OUTGOING_PACKETS: Metric =
    Metric::counter("node_ipvs_outgoing_packets_total", "Packets that went out.");
const INCOMING_BYTES: Metric =
    Metric::counter("node_ipvs_incoming_bytes_total", "Bytes that came in.");
const OUTGOING_BYTES: Metric =
    Metric::counter("node_ipvs_outgoing_bytes_total", "Bytes that went out.");
/// Labels of a backend; `--collector.ipvs.backend-labels` leaves some of them out.
pub(super) const LABELS: &[&str] =
    &["local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark"];
const ACTIVE: Metric =
    Metric::gauge("node_ipvs_backend_connections_active", "Active connections of a backend.")
        .with(LABELS);
const INACTIVE: Metric = Metric::gauge(
    "node_ipvs_backend_connections_inactive",
    "Connections of a backend that are not active.",
)
.with(LABELS);
const WEIGHT: Metric =
    Metric::gauge("node_ipvs_backend_weight", "Weight of a backend.").with(LABELS);

pub(super) const COLLECTOR: Collector = Collector {
    name: "ipvs",
    start: On,
    metrics: &[
        CONNECTIONS,
        INCOMING_PACKETS,
        OUTGOING_PACKETS,
        INCOMING_BYTES,
        OUTGOING_BYTES,
        ACTIVE,
        INACTIVE,
        WEIGHT,
    ],
    collect,
};

const STATS: CollectError = CollectError::Malformed("proc/net/ip_vs_stats");
const BACKENDS: CollectError = CollectError::Malformed("proc/net/ip_vs");

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    // Two lines of names, then the totals in hexadecimal.
    let text = host.read("proc/net/ip_vs_stats")?;
    let mut fields = text.lines().nth(2).ok_or(STATS)?.split_ascii_whitespace();
    for metric in
        [&CONNECTIONS, &INCOMING_PACKETS, &OUTGOING_PACKETS, &INCOMING_BYTES, &OUTGOING_BYTES]
    {
        let value = fields.next().and_then(|field| u64::from_str_radix(field, 16).ok());
        out.put(metric, &[], value.ok_or(STATS)? as f64);
    }
    drop(text);
    let text = host.read("proc/net/ip_vs")?;
    let wanted = &host.settings.ipvs_labels;
    // Backends that differ only in labels that are left out are added up.
    let mut sums: BTreeMap<Vec<String>, [f64; 3]> = BTreeMap::new();
    for (labels, counts) in backends(&text)? {
        let kept = LABELS.iter().zip(labels).filter(|(label, _)| wanted.contains(*label));
        let sum = sums.entry(kept.map(|(_, value)| value).collect()).or_default();
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    for (values, [active, inactive, weight]) in sums {
        let names = LABELS.iter().filter(|label| wanted.contains(**label));
        let labels = || names.clone().copied().zip(values.iter().map(String::as_str));
        for (metric, value) in [(&ACTIVE, active), (&INACTIVE, inactive), (&WEIGHT, weight)] {
            out.put_dynamic(metric.name, metric.kind, metric.help, labels(), value);
        }
    }
    Ok(())
}

type Backend = ([String; 6], [f64; 3]);

/// A line for each service, `TCP C0A80016:0CEA wlc` or `FWM 10001000 wlc`, and below it one for each of
/// its backends, `-> C0A85216:0CEA Tunnel 100 248 2`. Addresses and ports are in hexadecimal.
fn backends(text: &str) -> Result<Vec<Backend>, CollectError> {
    let mut all = Vec::new();
    let (mut proto, mut mark) = ("", "");
    let mut local = (String::new(), 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match fields.as_slice() {
            ["->", remote, _, weight, active, inactive, ..] if *remote != "RemoteAddress:Port" => {
                let (address, port) = endpoint(remote).ok_or(BACKENDS)?;
                let count = |field: &str| field.parse().map_err(|_| BACKENDS);
                let labels = [
                    local.0.clone(),
                    local.1.to_string(),
                    address,
                    port.to_string(),
                    proto.to_owned(),
                    mark.to_owned(),
                ];
                all.push((labels, [count(active)?, count(inactive)?, count(weight)?]));
            }
            ["FWM", number, ..] => {
                (proto, mark) = ("FWM", number);
                local = (String::new(), 0);
            }
            [name @ ("TCP" | "UDP" | "SCTP"), service, ..] => {
                (proto, mark) = (name, "");
                local = endpoint(service).ok_or(BACKENDS)?;
            }
            _ => {}
        }
    }
    Ok(all)
}

/// `C0A80016:0CEA` is 192.168.0.22 and 3306; IPv6 addresses are in brackets.
fn endpoint(text: &str) -> Option<(String, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let address: IpAddr = match address.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into(),
        None => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).into(),
    };
    Some((address.to_string(), u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn endpoints_are_in_hexadecimal() {
        assert_eq!(endpoint("C0A80016:0CEA"), Some(("192.168.0.22".to_owned(), 3306)));
        assert_eq!(
            endpoint("[2620:0000:0000:0000:0000:0000:0000:0001]:0050"),
            Some(("2620::1".to_owned(), 80))
        );
        assert_eq!(endpoint("RemoteAddress:Port"), None);
    }

    #[test]
    fn backends_are_added_up_when_labels_are_left_out() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_ipvs_connections_total 2.3765872e+07\n"), "{samples}");
        assert!(samples.contains(
            "node_ipvs_backend_connections_active{local_address=\"192.168.0.22\",local_mark=\"\",\
             local_port=\"3306\",proto=\"TCP\",remote_address=\"192.168.82.22\",\
             remote_port=\"3306\"} 248\n"
        ));
        assert!(samples.contains("local_address=\"\",local_mark=\"10001000\",local_port=\"0\""));
        let host = fixture::host_with(|config| config.ipvs_labels = "proto".to_owned());
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_ipvs_backend_weight{proto=\"TCP\"} 200\n"), "{samples}");
        let host = fixture::host_with(|config| config.ipvs_labels = String::new());
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_ipvs_backend_weight 220\n"), "{samples}");
    }
}
