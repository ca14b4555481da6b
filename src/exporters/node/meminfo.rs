//! Memory, from `/proc/meminfo` (proc(5)): one gauge for each line, in bytes where the line is in kB.

use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const MEMORY: Metric =
    Metric::gauge("node_memory_", "A line of /proc/meminfo, in bytes where it is a size.").open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "meminfo", start: On, metrics: &[MEMORY], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/meminfo")?;
    let mut name = String::new();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let Some(field) = fields.next() else { continue };
        let value: Option<f64> = super::host::next(&mut fields);
        let value = value.ok_or(CollectError::Malformed("proc/meminfo"))?;
        name.clear();
        name.push_str(MEMORY.name);
        // `Active(anon):` is exposed as `Active_anon`.
        for c in field.trim_end_matches(':').chars() {
            match c {
                '(' => name.push('_'),
                ')' => {}
                c => name.push(c),
            }
        }
        let kilobytes = fields.next().is_some();
        if kilobytes {
            name.push_str("_bytes");
        }
        let value = if kilobytes { value * 1024.0 } else { value };
        out.put_dynamic(&name, MetricType::Gauge, MEMORY.help, [], value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn sizes_are_in_bytes_and_brackets_become_underscores() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_memory_Active_anon_bytes 2.068484096e+09\nnode_memory_HugePages_Total 3\n\
             node_memory_MemTotal_bytes 3.831959552e+09\n"
        );
    }
}
