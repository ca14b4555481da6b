//! Performance counters of the CPUs, the kernel and the caches (perf_event_open(2)). They are opened at
//! the first scrape and count from then on.

use std::io;

use parking_lot::Mutex;
use perf_event::events::{Cache, CacheId, CacheOp, CacheResult, Hardware, Software, Tracepoint};
use perf_event::{Builder, Counter};

use super::{CollectError, Collector, Families, Host, Metric, Off};
use crate::model::MetricType;

const CPU: &[&str] = &["cpu"];

const TRACEPOINTS: Metric =
    Metric::counter("node_perf_", "How often a tracepoint was passed.").with(CPU).open();

/// Word after `--collector.perf.hardware-profilers`, metric, event.
const HARDWARE: [(&str, Metric, Hardware); 9] = [
    (
        "CpuCycles",
        counter("node_perf_cpucycles_total", "Cycles of the CPU at its real frequency."),
        Hardware::CPU_CYCLES,
    ),
    (
        "CpuInstr",
        counter("node_perf_instructions_total", "Instructions of the CPU."),
        Hardware::INSTRUCTIONS,
    ),
    (
        "BranchInstr",
        counter("node_perf_branch_instructions_total", "Branches of the CPU."),
        Hardware::BRANCH_INSTRUCTIONS,
    ),
    (
        "BranchMisses",
        counter("node_perf_branch_misses_total", "Branches that were foretold wrongly."),
        Hardware::BRANCH_MISSES,
    ),
    (
        "CacheRef",
        counter("node_perf_cache_refs_total", "Uses of the caches."),
        Hardware::CACHE_REFERENCES,
    ),
    (
        "CacheMisses",
        counter("node_perf_cache_misses_total", "Uses of the caches in vain."),
        Hardware::CACHE_MISSES,
    ),
    (
        "RefCpuCycles",
        counter("node_perf_ref_cpucycles_total", "Cycles of the CPU at its nominal frequency."),
        Hardware::REF_CPU_CYCLES,
    ),
    (
        "StalledCyclesBackend",
        counter("node_perf_stalled_cycles_backend_total", "Cycles in which execution stood still."),
        Hardware::STALLED_CYCLES_BACKEND,
    ),
    (
        "StalledCyclesFrontend",
        counter("node_perf_stalled_cycles_frontend_total", "Cycles in which decoding stood still."),
        Hardware::STALLED_CYCLES_FRONTEND,
    ),
];
/// Word after `--collector.perf.software-profilers`, metric, event.
const SOFTWARE: [(&str, Metric, Software); 5] = [
    (
        "PageFault",
        counter("node_perf_page_faults_total", "Page faults of any kind."),
        Software::PAGE_FAULTS,
    ),
    (
        "ContextSwitch",
        counter("node_perf_context_switches_total", "Switches between tasks."),
        Software::CONTEXT_SWITCHES,
    ),
    (
        "CpuMigration",
        counter("node_perf_cpu_migrations_total", "Tasks that moved to another CPU."),
        Software::CPU_MIGRATIONS,
    ),
    (
        "MinorFault",
        counter("node_perf_minor_faults_total", "Page faults without input."),
        Software::PAGE_FAULTS_MIN,
    ),
    (
        "MajorFault",
        counter("node_perf_major_faults_total", "Page faults with input."),
        Software::PAGE_FAULTS_MAJ,
    ),
];
/// Word after `--collector.perf.cache-profilers`, metric, cache, operation, whether only misses count.
const CACHES: [(&str, Metric, CacheId, CacheOp, bool); 16] = [
    (
        "L1DataReadHit",
        counter("node_perf_cache_l1d_read_hits_total", "Reads of the first data cache."),
        CacheId::L1D,
        CacheOp::READ,
        false,
    ),
    (
        "L1DataReadMiss",
        counter("node_perf_cache_l1d_read_misses_total", "Reads of the first data cache in vain."),
        CacheId::L1D,
        CacheOp::READ,
        true,
    ),
    (
        "L1DataWriteHit",
        counter("node_perf_cache_l1d_write_hits_total", "Writes to the first data cache."),
        CacheId::L1D,
        CacheOp::WRITE,
        false,
    ),
    (
        "L1InstrReadMiss",
        counter(
            "node_perf_cache_l1_instr_read_misses_total",
            "Reads of the first instruction cache in vain.",
        ),
        CacheId::L1I,
        CacheOp::READ,
        true,
    ),
    (
        "InstrTLBReadHit",
        counter("node_perf_cache_tlb_instr_read_hits_total", "Look-ups of instruction addresses."),
        CacheId::ITLB,
        CacheOp::READ,
        false,
    ),
    (
        "InstrTLBReadMiss",
        counter(
            "node_perf_cache_tlb_instr_read_misses_total",
            "Look-ups of instruction addresses in vain.",
        ),
        CacheId::ITLB,
        CacheOp::READ,
        true,
    ),
    (
        "DataTLBReadHit",
        counter("node_perf_cache_tlb_data_read_hits_total", "Look-ups of data addresses to read."),
        CacheId::DTLB,
        CacheOp::READ,
        false,
    ),
    (
        "DataTLBReadMiss",
        counter(
            "node_perf_cache_tlb_data_read_misses_total",
            "Look-ups of data addresses to read in vain.",
        ),
        CacheId::DTLB,
        CacheOp::READ,
        true,
    ),
    (
        "DataTLBWriteHit",
        counter(
            "node_perf_cache_tlb_data_write_hits_total",
            "Look-ups of data addresses to write.",
        ),
        CacheId::DTLB,
        CacheOp::WRITE,
        false,
    ),
    (
        "DataTLBWriteMiss",
        counter(
            "node_perf_cache_tlb_data_write_misses_total",
            "Look-ups of data addresses to write in vain.",
        ),
        CacheId::DTLB,
        CacheOp::WRITE,
        true,
    ),
    (
        "LLReadHit",
        counter("node_perf_cache_ll_read_hits_total", "Reads of the last cache."),
        CacheId::LL,
        CacheOp::READ,
        false,
    ),
    (
        "LLReadMiss",
        counter("node_perf_cache_ll_read_misses_total", "Reads of the last cache in vain."),
        CacheId::LL,
        CacheOp::READ,
        true,
    ),
    (
        "LLWriteHit",
        counter("node_perf_cache_ll_write_hits_total", "Writes to the last cache."),
        CacheId::LL,
        CacheOp::WRITE,
        false,
    ),
    (
        "LLWriteMiss",
        counter("node_perf_cache_ll_write_misses_total", "Writes to the last cache in vain."),
        CacheId::LL,
        CacheOp::WRITE,
        true,
    ),
    (
        "BPUReadHit",
        counter("node_perf_cache_bpu_read_hits_total", "Look-ups of the branch predictor."),
        CacheId::BPU,
        CacheOp::READ,
        false,
    ),
    (
        "BPUReadMiss",
        counter(
            "node_perf_cache_bpu_read_misses_total",
            "Look-ups of the branch predictor in vain.",
        ),
        CacheId::BPU,
        CacheOp::READ,
        true,
    ),
];

pub(super) const COLLECTOR: Collector =
    Collector { name: "perf", start: Off, metrics: &METRICS, collect };

const METRICS: [Metric; COUNT] = {
    let mut all = [TRACEPOINTS; COUNT];
    let mut at = 0;
    while at < HARDWARE.len() {
        all[at] = HARDWARE[at].1;
        at += 1;
    }
    at = 0;
    while at < SOFTWARE.len() {
        all[HARDWARE.len() + at] = SOFTWARE[at].1;
        at += 1;
    }
    at = 0;
    while at < CACHES.len() {
        all[HARDWARE.len() + SOFTWARE.len() + at] = CACHES[at].1;
        at += 1;
    }
    all
};
const COUNT: usize = HARDWARE.len() + SOFTWARE.len() + CACHES.len() + 1;

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::counter(name, help).with(CPU)
}

/// The counters of this host; none until the first scrape.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Option<Vec<Open>>>);

#[derive(Debug)]
struct Open {
    name: String,
    help: &'static str,
    cpu: String,
    counter: Counter,
}

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut counters = host.perf.0.lock();
    if counters.is_none() {
        *counters = Some(open_all(host)?);
    }
    for open in counters.iter_mut().flatten() {
        let value = open.counter.read();
        let value = value.map_err(|source| CollectError::Call { call: "perf", source })?;
        let labels = [("cpu", open.cpu.as_str())];
        out.put_dynamic(&open.name, MetricType::Counter, open.help, labels, value as f64);
    }
    Ok(())
}

/// Opens what the machine has: virtual ones often lack the counters of the CPU. It is an error when
/// nothing can be opened.
fn open_all(host: &Host) -> Result<Vec<Open>, CollectError> {
    let settings = &host.settings.opt_in;
    let wanted = &settings.plain.perf;
    let cpus = match &settings.perf_cpus[..] {
        [] => all_cpus(host)?,
        cpus => cpus.to_vec(),
    };
    let mut events: Vec<(Metric, Event)> = Vec::new();
    if wanted.hardware {
        let named = chosen(&HARDWARE.map(|(word, ..)| word), &wanted.hardware_profilers);
        let rows = HARDWARE.into_iter().filter(|(word, ..)| named(word));
        events.extend(rows.map(|(_, metric, event)| (metric, Event::Hardware(event))));
    }
    if wanted.software {
        let named = chosen(&SOFTWARE.map(|(word, ..)| word), &wanted.software_profilers);
        let rows = SOFTWARE.into_iter().filter(|(word, ..)| named(word));
        events.extend(rows.map(|(_, metric, event)| (metric, Event::Software(event))));
    }
    if wanted.cache {
        let named = chosen(&CACHES.map(|(word, ..)| word), &wanted.cache_profilers);
        let rows = CACHES.into_iter().filter(|(word, ..)| named(word));
        events.extend(rows.map(|(_, metric, which, operation, misses)| {
            let result = if misses { CacheResult::MISS } else { CacheResult::ACCESS };
            (metric, Event::Cache(Cache { which, operation, result }))
        }));
    }
    let mut all = Vec::new();
    let mut refusal = None;
    for (metric, event) in events {
        for cpu in &cpus {
            match open(&event, *cpu) {
                Ok(counter) => all.push(Open {
                    name: metric.name.to_owned(),
                    help: metric.help,
                    cpu: cpu.to_string(),
                    counter,
                }),
                Err(err) => {
                    tracing::debug!(metric = metric.name, cpu, "not counted: {err}");
                    refusal.get_or_insert(err);
                }
            }
        }
    }
    for tracepoint in &wanted.tracepoints {
        let (system, name) = tracepoint.split_once(':').unwrap_or((tracepoint, ""));
        let event = Event::Tracepoint(tracepoint_id(host, system, name)?);
        for cpu in &cpus {
            let failed = |source| CollectError::Call { call: "perf_event_open", source };
            all.push(Open {
                name: format!("{}{system}_{name}", TRACEPOINTS.name),
                help: TRACEPOINTS.help,
                cpu: cpu.to_string(),
                counter: open(&event, *cpu).map_err(failed)?,
            });
        }
    }
    match refusal {
        Some(source) if all.is_empty() => {
            Err(CollectError::Call { call: "perf_event_open", source })
        }
        _ => Ok(all),
    }
}

/// Which of the known counters are wanted: those that are named, or all if none of them is.
fn chosen<'a>(known: &[&str], named: &'a [String]) -> impl Fn(&str) -> bool + 'a {
    let any = named.iter().any(|name| known.contains(&name.as_str()));
    move |word| !any || named.iter().any(|name| name == word)
}

fn all_cpus(host: &Host) -> Result<Vec<u32>, CollectError> {
    const FILE: &str = "sys/devices/system/cpu/online";
    super::host::cpu_list(&host.read(FILE)?).ok_or(CollectError::Malformed(FILE))
}

/// The number of a tracepoint, from tracefs, which older systems have inside of debugfs.
fn tracepoint_id(host: &Host, system: &str, name: &str) -> Result<u64, CollectError> {
    let id = ["sys/kernel/tracing", "sys/kernel/debug/tracing"]
        .into_iter()
        .find_map(|folder| host.line(&format!("{folder}/events/{system}/{name}/id"))?.parse().ok());
    id.ok_or_else(|| {
        let hint = "is tracefs mounted at /sys/kernel/tracing?";
        CollectError::Other(format!("there is no tracepoint {system}:{name}; {hint}"))
    })
}

#[derive(Debug)]
enum Event {
    Hardware(Hardware),
    Software(Software),
    Cache(Cache),
    Tracepoint(u64),
}

/// Counts all processes and the kernel on one CPU.
fn open(event: &Event, cpu: u32) -> io::Result<Counter> {
    let mut builder = match event {
        Event::Hardware(event) => Builder::new(*event),
        Event::Software(event) => Builder::new(*event),
        Event::Cache(event) => Builder::new(event.clone()),
        Event::Tracepoint(id) => Builder::new(Tracepoint::with_id(*id)),
    };
    builder.any_pid().one_cpu(cpu as usize).include_kernel().exclude_hv(true);
    let mut counter = builder.build()?;
    counter.enable()?;
    Ok(counter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    fn host(arguments: &[&str]) -> Host {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let config = crate::exporters::node::Config::from_args(&arguments);
        Host::new(&config.expect("well-formed")).expect("well-formed")
    }

    #[test]
    fn the_kernel_counts_its_own_events_where_it_lets_us() {
        let flags = ["disable-hardware-profilers", "disable-cache-profilers", "cpus=0"];
        let flags = flags.map(|flag| format!("--collector.perf.{flag}"));
        let host = host(&flags.each_ref().map(String::as_str));
        let mut out = Families::default();
        match collect(&host, &mut out) {
            Ok(()) => {
                let samples = fixture::samples(&COLLECTOR, &host);
                assert_eq!(samples.lines().count(), SOFTWARE.len(), "{samples}");
                let faults = "node_perf_page_faults_total{cpu=\"0\"} ";
                assert!(samples.contains(faults), "{samples}");
                assert!(host.perf.0.lock().as_ref().is_some_and(|open| open.len() == 5));
            }
            // Who may count is the administrator's choice (kernel.perf_event_paranoid).
            Err(err) => assert!(err.to_string().contains("perf_event_open"), "{err}"),
        }
    }

    #[test]
    fn counters_are_chosen_by_name() {
        let named = ["PageFault".to_owned(), "Nonsense".to_owned()];
        let known = ["PageFault", "ContextSwitch"];
        assert_eq!(known.map(chosen(&known, &named)), [true, false]);
        assert_eq!(known.map(chosen(&known, &named[1..])), [true, true]);
    }

    #[test]
    fn an_unknown_tracepoint_is_named() {
        let host = host(&["--collector.perf.tracepoint=stackctl:none"]);
        let err = collect(&host, &mut Families::default()).expect_err("there is none").to_string();
        let named = err.contains("stackctl:none") || err.contains("perf_event_open");
        assert!(named, "{err}");
    }

    #[test]
    fn every_counter_is_declared_once() {
        assert_eq!(METRICS.len(), 31);
        assert_eq!(METRICS[COUNT - 1].name, TRACEPOINTS.name);
        assert_eq!(METRICS[COUNT - 2].name, CACHES[15].1.name);
    }
}
