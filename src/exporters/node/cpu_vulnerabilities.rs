//! Known weaknesses of the CPU and what the kernel does about them, from
//! `/sys/devices/system/cpu/vulnerabilities`.

use super::{CollectError, Collector, Families, Host, Metric, Off};

const INFO: Metric = Metric::gauge(
    "node_cpu_vulnerabilities_info",
    "A known weakness of CPUs and how this host stands to it; always 1.",
)
.with(&["codename", "state", "mitigation"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "cpu_vulnerabilities", start: Off, metrics: &[INFO], collect };

const FOLDER: &str = "sys/devices/system/cpu/vulnerabilities";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for name in host.list(FOLDER)? {
        let text = host.read(&format!("{FOLDER}/{name}"))?;
        let (state, mitigation) = parse(text.trim());
        out.put(&INFO, &[&name, state, mitigation], 1.0);
    }
    Ok(())
}

/// The state and what the kernel says about it. `KVM: ` goes before states that only concern hosts of
/// virtual machines.
fn parse(text: &str) -> (&'static str, &str) {
    let states = [
        ("Not affected", "not affected"),
        ("Vulnerable", "vulnerable"),
        ("Mitigation", "mitigation"),
    ];
    let stated = text.strip_prefix("KVM: ").unwrap_or(text);
    for (prefix, state) in states {
        if let Some(rest) = stated.strip_prefix(prefix) {
            return (state, rest.strip_prefix(": ").unwrap_or(rest));
        }
    }
    ("unknown", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn states_are_told_from_mitigations() {
        let mitigation = "Retpolines, IBPB: conditional";
        assert_eq!(parse("Mitigation: Retpolines, IBPB: conditional"), ("mitigation", mitigation));
        assert_eq!(parse("Not affected"), ("not affected", ""));
        assert_eq!(parse("Vulnerable: no microcode"), ("vulnerable", "no microcode"));
        assert_eq!(parse("KVM: Mitigation: Split huge pages"), ("mitigation", "Split huge pages"));
        assert_eq!(parse("Unclear"), ("unknown", "Unclear"));
    }

    #[test]
    fn each_weakness_is_a_series() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let mds = "{codename=\"mds\",mitigation=\"\",state=\"not affected\"} 1\n";
        assert_eq!(samples, format!("node_cpu_vulnerabilities_info{mds}"));
    }
}
