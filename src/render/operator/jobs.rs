//! Scrape jobs as ScrapeConfigs. They carry a job as it is, so labels, `instance` among them, are the
//! same as everywhere; a ServiceMonitor would give each pod's address instead.

use crate::wire::operator as wire;
use crate::wire::prometheus as file;

use super::keys::Keys;

/// A job of prometheus.yml as an object.
pub(super) fn job(keys: &mut Keys, job: &file::ScrapeConfig) -> wire::ScrapeConfig {
    let text = |duration: &Option<crate::model::PromDuration>| duration.map(|d| d.to_string());
    let auth = job;
    wire::ScrapeConfig {
        job_name: Some(job.job_name.clone()),
        static_configs: job
            .static_configs
            .iter()
            .map(|group| wire::Static {
                targets: group.targets.clone(),
                labels: group.labels.clone(),
            })
            .collect(),
        file_sd_configs: job
            .file_sd_configs
            .iter()
            .map(|files| wire::FileSd {
                files: files.files.clone(),
                refresh_interval: text(&files.refresh_interval),
            })
            .collect(),
        http_sd_configs: job
            .http_sd_configs
            .iter()
            .map(|http| wire::HttpSd {
                url: http.url.clone(),
                refresh_interval: text(&http.refresh_interval),
            })
            .collect(),
        dns_sd_configs: job
            .dns_sd_configs
            .iter()
            .map(|dns| wire::DnsSd {
                names: dns.names.clone(),
                kind: dns.kind.map(|kind| {
                    match kind {
                        file::DnsRecord::A => "A",
                        file::DnsRecord::Aaaa => "AAAA",
                        file::DnsRecord::Mx => "MX",
                        file::DnsRecord::Ns => "NS",
                        file::DnsRecord::Srv => "SRV",
                    }
                    .to_owned()
                }),
                port: dns.port,
                refresh_interval: text(&dns.refresh_interval),
            })
            .collect(),
        relabelings: steps(&job.relabel_configs),
        metric_relabelings: steps(&job.metric_relabel_configs),
        metrics_path: job.metrics_path.clone(),
        scrape_interval: text(&job.scrape_interval),
        scrape_timeout: text(&job.scrape_timeout),
        honor_labels: job.honor_labels,
        honor_timestamps: job.honor_timestamps,
        params: job.params.clone(),
        scheme: job.scheme.map(|scheme| {
            match scheme {
                file::Scheme::Http => "HTTP",
                file::Scheme::Https => "HTTPS",
            }
            .to_owned()
        }),
        basic_auth: keys.basic(auth.basic_auth.as_ref()),
        authorization: keys.authorization(auth.authorization.as_ref()),
        tls_config: keys.tls(auth.tls_config.as_ref()),
        sample_limit: job.sample_limit,
        target_limit: job.target_limit,
        label_limit: job.label_limit,
    }
}

/// Steps of relabelling; the names of their settings are other ones.
pub(super) fn steps(steps: &[file::RelabelConfig]) -> Vec<wire::Relabel> {
    steps
        .iter()
        .map(|step| wire::Relabel {
            source_labels: step.source_labels.clone(),
            separator: step.separator.clone(),
            regex: step.regex.clone(),
            modulus: step.modulus,
            target_label: step.target_label.clone(),
            replacement: step.replacement.clone(),
            action: step.action.clone(),
        })
        .collect()
}
