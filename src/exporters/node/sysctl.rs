//! Chosen kernel settings, from `/proc/sys` (proc_sys(5)): numbers as metrics of their own, texts as
//! labels.

use super::{CollectError, Collector, Families, Host, Metric, Off};
use crate::model::MetricType;

const NUMBERS: Metric =
    Metric::untyped("node_sysctl_", "A kernel setting that is a number.").open();
const INFO: Metric =
    Metric::gauge("node_sysctl_info", "A kernel setting that is a text; always 1.")
        .with(&["name", "value", "index"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "sysctl", start: Off, metrics: &[INFO, NUMBERS], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let settings = &host.settings.opt_in.plain;
    for wish in &settings.sysctl {
        numbers(host, wish, out)?;
    }
    for name in &settings.sysctl_info {
        let text = read(host, name)?;
        for (index, value) in text.split_ascii_whitespace().enumerate() {
            out.put(&INFO, &[name, value, &index.to_string()], 1.0);
        }
    }
    Ok(())
}

/// `fs.file-nr` shows several numbers by index, `fs.file-nr:total,current,max` each under its name.
fn numbers(host: &Host, wish: &str, out: &mut Families) -> Result<(), CollectError> {
    let (name, keys) = match wish.split_once(':') {
        Some((name, keys)) => (name, keys.split(',').collect()),
        None => (wish, Vec::new()),
    };
    let text = read(host, name)?;
    let values = super::host::numbers(&text).filter(|values| !values.is_empty());
    let Some(values) = values else {
        return Err(CollectError::Other(format!("sysctl {name} does not consist of numbers")));
    };
    let metric = format!("{}{}", NUMBERS.name, sanitize(name));
    if !keys.is_empty() && keys.len() != values.len() {
        let (named, found) = (keys.len(), values.len());
        let message = format!("sysctl {name} has {found} values, and {named} names were given");
        return Err(CollectError::Other(message));
    }
    let several = values.len() > 1;
    for (at, value) in values.into_iter().enumerate() {
        let index = at.to_string();
        let (metric, labels) = match keys.get(at) {
            Some(key) if several => (format!("{metric}_{key}"), None),
            Some(_) => {
                let message = format!("sysctl {name} has one value only, which needs no name");
                return Err(CollectError::Other(message));
            }
            None => (metric.clone(), several.then_some(("index", index.as_str()))),
        };
        out.put_dynamic(&metric, MetricType::Unknown, NUMBERS.help, labels, value);
    }
    Ok(())
}

fn read<'a>(host: &'a Host, name: &str) -> Result<super::host::Text<'a>, CollectError> {
    host.read(&format!("proc/sys/{}", name.replace('.', "/")))
}

/// A name in which anything but letters, digits and underscores became one underscore, together with
/// the underscores around it.
pub(super) fn sanitize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let word = |c: char| c.is_ascii_alphanumeric();
    let mut rest = name;
    while let Some(start) = rest.find(|c| !word(c)) {
        let (plain, tail) = rest.split_at(start);
        let end = tail.find(word).unwrap_or(tail.len());
        let (gap, tail) = tail.split_at(end);
        out.push_str(plain);
        out.push_str(if gap.bytes().all(|byte| byte == b'_') { gap } else { "_" });
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    fn samples(numbers: &[&str], infos: &[&str]) -> String {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let host = fixture::host_with(|config| {
            config.opt_in.sysctl = list(numbers);
            config.opt_in.sysctl_info = list(infos);
        });
        fixture::samples(&COLLECTOR, &host)
    }

    #[test]
    fn numbers_are_indexed_named_or_alone() {
        assert_eq!(
            samples(&["fs.file-nr", "fs.file-nr:total,current,max", "kernel.threads-max"], &[]),
            "node_sysctl_fs_file_nr{index=\"0\"} 1024\nnode_sysctl_fs_file_nr{index=\"1\"} 0\n\
             node_sysctl_fs_file_nr{index=\"2\"} 1.631329e+06\nnode_sysctl_fs_file_nr_current 0\n\
             node_sysctl_fs_file_nr_max 1.631329e+06\nnode_sysctl_fs_file_nr_total 1024\n\
             node_sysctl_kernel_threads_max 7801\n"
        );
    }

    #[test]
    fn texts_are_labels() {
        assert_eq!(
            samples(&[], &["kernel.seccomp.actions_avail"]),
            "node_sysctl_info{index=\"0\",name=\"kernel.seccomp.actions_avail\",value=\"kill\"} 1\n\
             node_sysctl_info{index=\"1\",name=\"kernel.seccomp.actions_avail\",value=\"log\"} 1\n"
        );
    }

    #[test]
    fn names_that_do_not_fit_are_errors() {
        for wish in ["fs.file-nr:a", "kernel.threads-max:a", "kernel.seccomp.actions_avail", "no"] {
            let host = fixture::host_with(|config| config.opt_in.sysctl = vec![wish.to_owned()]);
            assert!(collect(&host, &mut Families::default()).is_err(), "{wish}");
        }
    }

    #[test]
    fn gaps_become_one_underscore() {
        assert_eq!(sanitize("net.ipv4.tcp_rmem"), "net_ipv4_tcp_rmem");
        assert_eq!(sanitize("a_-_b__c "), "a_b__c_");
    }
}
