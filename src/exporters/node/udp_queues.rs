//! Bytes waiting in the queues of UDP sockets, from `/proc/net/udp` and `udp6`.

use super::{CollectError, Collector, Families, Host, Metric, On};

const QUEUES: Metric =
    Metric::gauge("node_udp_queues", "Bytes that wait in the queues of all UDP sockets.")
        .with(&["queue", "ip"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "udp_queues", start: On, metrics: &[QUEUES], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut missing = None;
    let mut found = false;
    for (file, ip) in [("proc/net/udp", "v4"), ("proc/net/udp6", "v6")] {
        // A host may have only one of the two protocols.
        let text = match host.read(file) {
            Ok(text) => text,
            Err(err) => {
                missing = Some(err);
                continue;
            }
        };
        let (mut sent, mut received) = (0_u64, 0_u64);
        for line in text.lines().skip(1) {
            // sl, local address, remote address, state, tx_queue:rx_queue in hexadecimal
            let queues = line.split_ascii_whitespace().nth(4).and_then(|field| {
                let (tx, rx) = field.split_once(':')?;
                Some((u64::from_str_radix(tx, 16).ok()?, u64::from_str_radix(rx, 16).ok()?))
            });
            let (tx, rx) = queues.ok_or(CollectError::Malformed("proc/net/udp"))?;
            sent += tx;
            received += rx;
        }
        out.put(&QUEUES, &["tx", ip], sent as f64);
        out.put(&QUEUES, &["rx", ip], received as f64);
        found = true;
    }
    match missing {
        Some(err) if !found => Err(err),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn queues_of_all_sockets_are_summed() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_udp_queues{ip=\"v4\",queue=\"rx\"} 1\nnode_udp_queues{ip=\"v4\",queue=\"tx\"} 37\n"
        );
    }
}
