//! Tasks the kernel found hanging, from `/proc/sys/kernel/hung_task_detect_count`.

use super::{CollectError, Collector, Families, Host, Metric, On};

const COUNT: Metric = Metric::counter(
    "node_kernel_hung_tasks_total",
    "Tasks found hanging since the system started.",
);

pub(super) const COLLECTOR: Collector =
    Collector { name: "kernel_hung", start: On, metrics: &[COUNT], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/sys/kernel/hung_task_detect_count")?;
    let count = text.trim().parse();
    out.put(&COUNT, &[], count.map_err(|_| CollectError::Malformed("hung_task_detect_count"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_count_is_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(samples, "node_kernel_hung_tasks_total 2\n");
    }
}
