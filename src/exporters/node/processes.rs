//! Processes and threads of the host by state, from `/proc/[pid]/stat` and `/proc/[pid]/task`
//! (proc_pid_stat(5)).

use std::collections::BTreeMap;

use super::{CollectError, Collector, Families, Host, Metric, Off};

const THREADS: Metric = Metric::gauge("node_processes_threads", "Threads on the host.");
const MAX_THREADS: Metric =
    Metric::gauge("node_processes_max_threads", "Threads the host may have at once.");
const THREADS_STATE: Metric =
    Metric::gauge("node_processes_threads_state", "Threads in each state.").with(&["thread_state"]);
const STATE: Metric =
    Metric::gauge("node_processes_state", "Processes in each state.").with(&["state"]);
const PIDS: Metric = Metric::gauge("node_processes_pids", "Processes on the host.");
const MAX_PROCESSES: Metric =
    Metric::gauge("node_processes_max_processes", "Process numbers the host has.");

pub(super) const COLLECTOR: Collector = Collector {
    name: "processes",
    start: Off,
    metrics: &[THREADS, MAX_THREADS, THREADS_STATE, STATE, PIDS, MAX_PROCESSES],
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut states: BTreeMap<char, u64> = BTreeMap::new();
    let mut thread_states: BTreeMap<char, u64> = BTreeMap::new();
    let (mut processes, mut threads) = (0_u64, 0.0);
    for pid in numbered(host, "proc")? {
        // Processes come and go while they are counted.
        let Some((state, count)) =
            host.line(&format!("proc/{pid}/stat")).as_deref().and_then(parse)
        else {
            continue;
        };
        processes += 1;
        threads += count;
        *states.entry(state).or_default() += 1;
        for thread in numbered(host, &format!("proc/{pid}/task")).unwrap_or_default() {
            let state = if thread == pid {
                Some(state)
            } else {
                let stat = host.line(&format!("proc/{pid}/task/{thread}/stat"));
                stat.as_deref().and_then(parse).map(|(state, _)| state)
            };
            if let Some(state) = state {
                *thread_states.entry(state).or_default() += 1;
            }
        }
    }
    out.put(&THREADS, &[], threads);
    out.put(&PIDS, &[], processes as f64);
    for (metric, counts) in [(&STATE, states), (&THREADS_STATE, thread_states)] {
        for (state, count) in counts {
            out.put(metric, &[state.encode_utf8(&mut [0; 4])], count as f64);
        }
    }
    for (metric, file) in
        [(&MAX_THREADS, "proc/sys/kernel/threads-max"), (&MAX_PROCESSES, "proc/sys/kernel/pid_max")]
    {
        let value = host.read(file)?.trim().parse().map_err(|_| CollectError::Malformed(file))?;
        out.put(metric, &[], value);
    }
    Ok(())
}

/// Names in a folder that are numbers.
fn numbered(host: &Host, folder: &str) -> Result<Vec<String>, CollectError> {
    let mut names = host.list(folder)?;
    names.retain(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    Ok(names)
}

/// State and number of threads. The command may hold blanks and brackets; behind the last bracket come
/// the state (field 3) and the others, of which the threads are field 20.
fn parse(stat: &str) -> Option<(char, f64)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(16)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn states_are_found_behind_any_command() {
        let rest = "0 1 1 0 -1 4194560 9061 9416027 94 2620 36 98 54406 13885 20 0 3 0 29 10";
        assert_eq!(parse(&format!("1 (a) b (c)) S {rest}")), Some(('S', 3.0)));
        assert_eq!(parse("1 (a) S 0"), None);
    }

    #[test]
    fn processes_and_their_threads_are_counted() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_processes_max_processes 123\nnode_processes_max_threads 7801\n\
             node_processes_pids 2\nnode_processes_state{state=\"I\"} 1\n\
             node_processes_state{state=\"S\"} 1\nnode_processes_threads 3\n\
             node_processes_threads_state{thread_state=\"R\"} 1\n\
             node_processes_threads_state{thread_state=\"S\"} 1\n"
        );
    }
}
