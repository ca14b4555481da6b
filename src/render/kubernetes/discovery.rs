//! prometheus.yml in a cluster: what has an instance on each node, or several replicas, is found by
//! the DNS of a headless Service. That needs no rights at the API server.

use crate::manifest::Stack;
use crate::manifest::address::host_of;
use crate::render::parts::{PartKind, parts};
use crate::wire::prometheus::{
    Config, DnsRecord, DnsSd, RelabelConfig, ScrapeConfig, StaticConfig,
};

/// The headless Service of a service with replicas.
pub(in crate::render) fn replicas(name: &str) -> String {
    format!("{name}-replicas")
}

/// Changes the jobs for a cluster.
pub(in crate::render) fn adapt(stack: &Stack, config: &mut Config) {
    adapt_jobs(stack, &mut config.scrape_configs);
}

/// The same, for jobs alone.
pub(in crate::render) fn adapt_jobs(stack: &Stack, jobs: &mut [ScrapeConfig]) {
    let on_nodes: Vec<String> = parts(stack)
        .into_iter()
        .filter(|part| part.kind == PartKind::NodeExporter)
        .map(|part| part.name)
        .collect();
    for job in jobs {
        for discovery in &mut job.dns_sd_configs {
            for name in &mut discovery.names {
                let service = stack.service(name);
                let many = service.and_then(|service| service.replicas.as_ref());
                if many.is_some_and(|replicas| replicas.value > 1) {
                    *name = replicas(name);
                }
            }
        }
        every_node(job, &on_nodes);
    }
}

/// A target that runs on each node is looked up. Labels of its group become steps of relabelling, and
/// a certificate is still that of the name.
fn every_node(job: &mut ScrapeConfig, on_nodes: &[String]) {
    let mut groups = Vec::new();
    for group in std::mem::take(&mut job.static_configs) {
        let (nodes, others): (Vec<String>, Vec<String>) = group
            .targets
            .into_iter()
            .partition(|target| on_nodes.iter().any(|name| name == host_of(target)));
        for target in &nodes {
            let host = host_of(target).to_owned();
            job.dns_sd_configs.push(DnsSd {
                port: target[host.len()..].trim_start_matches(':').parse().ok(),
                names: vec![host.clone()],
                kind: Some(DnsRecord::A),
                refresh_interval: None,
            });
            if let Some(tls) = &mut job.tls_config {
                tls.server_name.get_or_insert(host);
            }
        }
        if !nodes.is_empty() {
            let steps = group.labels.iter().map(|(name, value)| RelabelConfig {
                // Only targets that were looked up: others of the job have their own labels.
                source_labels: vec!["__meta_dns_name".to_owned()],
                regex: Some(".+".to_owned()),
                target_label: Some(name.clone()),
                replacement: Some(value.replace('$', "$$")),
                ..RelabelConfig::default()
            });
            let steps: Vec<RelabelConfig> = steps.collect();
            job.relabel_configs.splice(0..0, steps);
        }
        if !others.is_empty() {
            groups.push(StaticConfig { targets: others, labels: group.labels });
        }
    }
    job.static_configs = groups;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Format};

    fn jobs(manifest: &str) -> Vec<ScrapeConfig> {
        let loaded = manifest::parse("stack.kdl", manifest, Format::Kdl, None).unwrap();
        let mut jobs = crate::render::jobs(&loaded.stack);
        adapt_jobs(&loaded.stack, &mut jobs);
        jobs
    }

    #[test]
    fn every_node_is_a_target_with_the_labels_of_the_group() {
        let jobs = jobs(
            r#"exporter "node" { labels tier="me$al" }
            prometheus { scrape "both" { target "node" "db:1" } }"#,
        );
        let node = jobs.iter().find(|job| job.job_name == "node").unwrap();
        assert!(node.static_configs.is_empty());
        assert_eq!(node.dns_sd_configs[0].names, ["node-exporter"]);
        assert_eq!(node.dns_sd_configs[0].port, Some(9100));
        assert_eq!(node.relabel_configs[0].replacement.as_deref(), Some("me$$al"));
        let both = jobs.iter().find(|job| job.job_name == "both").unwrap();
        assert_eq!(both.static_configs[0].targets, ["db:1"]);
        assert_eq!(both.dns_sd_configs.len(), 1);
    }

    #[test]
    fn replicas_are_found_by_the_name_that_leads_to_each() {
        let jobs = jobs(
            r#"service "web" { image "x:1"; port 80; replicas 2; metrics { counter "a_total" } }
            prometheus"#,
        );
        let web = jobs.iter().find(|job| job.job_name == "web").unwrap();
        assert_eq!(web.dns_sd_configs[0].names, ["web-replicas"]);
    }
}
