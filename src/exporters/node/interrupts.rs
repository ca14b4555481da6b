//! Interrupts by CPU, kind and device, from `/proc/interrupts` (proc(5)).

use super::{CollectError, Collector, Families, Host, Metric, Off};

const INTERRUPTS: Metric =
    Metric::counter("node_interrupts_total", "Interrupts a CPU has handled.")
        .with(&["cpu", "type", "info", "devices"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "interrupts", start: Off, metrics: &[INTERRUPTS], collect };

const FILE: &str = "proc/interrupts";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let settings = &host.settings.opt_in;
    let text = host.read(FILE)?;
    let mut lines = text.lines();
    // The header names the CPUs, so that one that is offline does not shift the others.
    let cpus: Vec<&str> = lines
        .next()
        .ok_or(CollectError::Malformed(FILE))?
        .split_ascii_whitespace()
        .map(|cpu| cpu.trim_start_matches("CPU"))
        .collect();
    for line in lines {
        let Some(interrupt) = parse(line, cpus.len()) else { continue };
        let Interrupt { kind, counts, info, devices } = interrupt;
        if !settings.interrupts.takes(&format!("{kind};{info};{devices}")) {
            continue;
        }
        for (cpu, count) in cpus.iter().zip(counts) {
            let count: f64 = count.parse().map_err(|_| CollectError::Malformed(FILE))?;
            if count != 0.0 || settings.plain.interrupts_zeros {
                out.put(&INTERRUPTS, &[cpu, kind, &info, &devices], count);
            }
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Interrupt<'a> {
    kind: &'a str,
    counts: Vec<&'a str>,
    info: String,
    devices: String,
}

/// `9: 398553 2320 IR-IO-APIC-fasteoi acpi` or `NMI: 47 5031 Non-maskable interrupts`. Lines with
/// fewer columns (`ERR`, `MIS`) are not by CPU.
fn parse(line: &str, cpus: usize) -> Option<Interrupt<'_>> {
    let (kind, rest) = line.split_once(':')?;
    let kind = kind.trim_start();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (counts, words) = fields.split_at_checked(cpus)?;
    let (first, others) = words.split_first()?;
    let (info, devices) = if kind.parse::<u64>().is_ok() {
        ((*first).to_owned(), others.join(" "))
    } else {
        (words.join(" "), String::new())
    };
    Some(Interrupt { kind, counts: counts.to_vec(), info, devices })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn numbered_interrupts_have_devices_and_the_others_a_description() {
        let numbered = parse(" 16: 3 4 IR-IO-APIC-fasteoi ehci_hcd:usb1, mmc0", 2).expect("fine");
        assert_eq!((numbered.kind, &*numbered.devices), ("16", "ehci_hcd:usb1, mmc0"));
        let named = parse("NMI: 47 5031 Non-maskable interrupts", 2).expect("fine");
        assert_eq!((&*named.info, &*named.devices), ("Non-maskable interrupts", ""));
        assert_eq!(parse("ERR: 0", 2), None);
        // On some machines nothing separates the kind from the first count.
        assert_eq!(
            parse("IPI0:42 1 Rescheduling interrupts", 2).expect("fine").counts,
            ["42", "1"]
        );
    }

    #[test]
    fn offline_cpus_leave_a_gap_and_names_are_filtered() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains(
            "node_interrupts_total{cpu=\"2\",devices=\"timer\",info=\"IO-APIC\",type=\"0\"} 0\n"
        ));
        assert_eq!(samples.lines().count(), 4);
        let host = fixture::host_with(|config| {
            config.opt_in.interrupts.include = "^LOC;".to_owned();
        });
        assert_eq!(fixture::samples(&COLLECTOR, &host).lines().count(), 2);
        let host = fixture::host_with(|config| config.opt_in.interrupts_zeros = false);
        assert_eq!(fixture::samples(&COLLECTOR, &host).lines().count(), 3);
    }
}
