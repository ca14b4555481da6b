//! Several Prometheus servers that share the scrape jobs, and the central one that sees what all of
//! them have.
//!
//! Each target goes to the shard that the MD5 of its discovered address says, before any step of the
//! user's own, so those see what they would see without shards. The central server scrapes what is
//! exempt, reads the shards over remote read, and evaluates all rules but those that were sent to the
//! shards: an aggregation over targets would be wrong on a part of them.

use crate::diag::Spanned;
use crate::manifest::{Evaluate, Prometheus, RuleGroup, Shards, Stack, Value};
use crate::wire::prometheus as wire;
use crate::wire::rules::RuleFile;

use super::parts::{Part, PartKind};
use super::prometheus::{NAME, trust_own};
use super::{Output, Plan, RenderError, Renderer, alerts, header, prometheus, to_yaml};
use crate::manifest::address::PROMETHEUS_PORT;

pub(super) const RENDERER: Renderer = Renderer { name: "shards", render };

/// Label for the number of a target's shard; labels that begin so are gone after relabelling.
const NUMBER: &str = "__tmp_shard";

/// The shards of a stack; `None` where one server does it all.
pub fn of(stack: &Stack) -> Option<&Shards> {
    let shards = stack.prometheus.as_ref()?.shards.as_deref()?;
    (shards.number.value > 1).then_some(shards)
}

/// Names of the servers that share the jobs.
pub(super) fn names(shards: &Shards) -> impl Iterator<Item = String> {
    (0..shards.number.value).map(|number| format!("{NAME}-{number}"))
}

/// Folder of a shard's configuration below the output folder.
pub(super) fn folder(number: u64) -> String {
    format!("monitoring/shards/{number}")
}

/// The servers that share the jobs.
pub(super) fn parts(stack: &Stack) -> Vec<Part> {
    let Some(shards) = of(stack) else { return Vec::new() };
    let server = |(number, name): (usize, String)| {
        let number = number as u64;
        let mut part = prometheus::server(stack, &name, &folder(number), &format!("_{number}"))?;
        // One that is too high is a finding.
        let port = shards.port.as_ref().map(|port| u64::from(port.value) + number);
        let port = port.and_then(|port| u16::try_from(port).ok());
        part.publish = port.is_some();
        part.host_port = port.unwrap_or(part.port);
        // Only the central one is written to by others.
        part.argv.retain(|flag| flag != "--web.enable-remote-write-receiver");
        Some(part)
    };
    names(shards).enumerate().filter_map(server).collect()
}

/// Whether the central server scrapes a job by itself: what is exempt, the servers' own pages, so that
/// a dead shard is seen, and federation.
pub fn is_central(prometheus: &Prometheus, job: &str) -> bool {
    let exempt = prometheus.scrapes.iter().any(|scrape| {
        scrape.job.value == job && scrape.sharded.as_ref().is_some_and(|sharded| !sharded.value)
    });
    exempt || job == NAME || prometheus.federate.iter().any(|federate| federate.job.value == job)
}

/// Whether a rule group is evaluated on each shard.
pub(super) fn on_shards(stack: &Stack, group: &RuleGroup) -> bool {
    let said = group.evaluate.as_ref().map(|said| said.value);
    of(stack).is_some() && said == Some(Evaluate::Shards)
}

/// User name and password.
type Login<'a> = (Option<&'a Spanned<String>>, Option<&'a Spanned<Value>>);

/// Who the central server is for its shards: said there, or as it logs in to scrape them.
pub fn login(prometheus: &Prometheus) -> Option<Login<'_>> {
    let said = prometheus.shards.iter().map(|shards| (&shards.user, &shards.password));
    let scrapes = prometheus.scrapes.iter().filter(|scrape| scrape.job.value == NAME);
    said.chain(scrapes.map(|scrape| (&scrape.user, &scrape.password)))
        .map(|(user, password)| (user.as_ref(), password.as_ref()))
        .find(|(user, _)| user.is_some())
}

/// The steps that leave a shard its targets.
fn steps(shards: &Shards, number: u64) -> [wire::RelabelConfig; 2] {
    [
        wire::RelabelConfig {
            source_labels: vec!["__address__".to_owned()],
            modulus: Some(shards.number.value),
            target_label: Some(NUMBER.to_owned()),
            action: Some("hashmod".to_owned()),
            ..wire::RelabelConfig::default()
        },
        wire::RelabelConfig {
            source_labels: vec![NUMBER.to_owned()],
            regex: Some(number.to_string()),
            action: Some("keep".to_owned()),
            ..wire::RelabelConfig::default()
        },
    ]
}

/// The configuration of one shard.
pub fn config(stack: &Stack, number: u64) -> Option<wire::Config> {
    let (shards, server) = (of(stack)?, stack.prometheus.as_ref()?);
    let mut config = prometheus::whole(stack)?;
    if let Some(label) = &shards.label {
        config.global.external_labels.insert(label.value.clone(), number.to_string());
    }
    config.scrape_configs.retain(|job| !is_central(server, &job.job_name));
    for job in &mut config.scrape_configs {
        job.relabel_configs.splice(0..0, steps(shards, number));
    }
    if rule_file(stack).groups.is_empty() {
        config.rule_files.clear();
        config.alerting = None;
    } else {
        config.rule_files = vec![alerts::FILE.to_owned()];
    }
    Some(config)
}

/// What is left for the central server, and how it reads the others.
pub(super) fn centralize(stack: &Stack, config: &mut wire::Config) {
    let (Some(shards), Some(server)) = (of(stack), stack.prometheus.as_ref()) else { return };
    config.scrape_configs.retain(|job| is_central(server, &job.job_name));
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let login =
        login(server).and_then(|(user, password)| prometheus::basic_auth(stack, user, password));
    config.remote_read = names(shards)
        .map(|name| wire::RemoteRead {
            url: format!("{scheme}://{name}:{PROMETHEUS_PORT}/api/v1/read"),
            // The newest samples are there and not here.
            read_recent: Some(true),
            tls_config: server.tls.as_ref().map(|tls| trust_own(tls.cert.as_str())),
            basic_auth: login.clone(),
            name: Some(name),
            ..wire::RemoteRead::default()
        })
        .collect();
}

/// The rules that every shard evaluates.
fn rule_file(stack: &Stack) -> RuleFile {
    let groups = stack.rules.iter().filter(|group| on_shards(stack, group));
    RuleFile { groups: groups.map(|rules| alerts::group(stack, rules)).collect() }
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let Some(shards) = of(stack) else { return Ok(()) };
    let rules = rule_file(stack);
    for number in 0..shards.number.value {
        let Some(mut config) = config(stack, number) else { continue };
        super::target::adapt(plan, &mut config);
        let folder = folder(number);
        let text = |body: String| format!("{}{body}", header(stack));
        out.push(Output::text(format!("{folder}/prometheus.yml"), text(to_yaml(&config))));
        if !rules.groups.is_empty() {
            let path = format!("{folder}/{}", alerts::FILE);
            out.push(Output::text(path, text(to_yaml(&rules))));
        }
        if let Some(web) = prometheus::web(stack) {
            out.push(Output::text(format!("{folder}/web.yml"), web));
        }
    }
    Ok(())
}

/// Adds the targets of further servers to the job of the first.
pub(super) fn add_target(jobs: &mut [wire::ScrapeConfig], part: &Part) -> bool {
    let same =
        jobs.iter_mut().find(|job| part.kind == PartKind::Prometheus && job.job_name == NAME);
    let Some(job) = same else { return false };
    let target = format!("{}:{}", part.name, part.port);
    job.static_configs.iter_mut().take(1).for_each(|group| group.targets.push(target.clone()));
    true
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::manifest::{Format, parse};
    use crate::model::Labels;
    use crate::scrape::relabel::{Rule, relabel_labels};

    fn stack(text: &str) -> Stack {
        let loaded =
            parse("stack.kdl", &format!("stack \"s\"\n{text}"), Format::Kdl, None).unwrap();
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        loaded.stack
    }

    /// The rules of a job as the scraper reads them.
    fn rules(job: &wire::ScrapeConfig) -> Vec<Rule> {
        job.relabel_configs.iter().map(|step| Rule::new(step).unwrap()).collect()
    }

    /// What the rules of a job leave of a target.
    fn kept(job: &str, rules: &[Rule], address: &str) -> Option<Labels> {
        relabel_labels(&Labels::from_pairs([("__address__", address), ("job", job)]), rules)
    }

    #[test]
    fn every_target_is_kept_by_exactly_one_shard() {
        for number in [2, 3, 4, 7, 16] {
            let stack = stack(&format!(
                r#"prometheus {{
                    shards {number}
                    scrape "a" {{ target "x:1" }}
                    scrape "b" {{
                        target "x:1"
                        relabel target_label="instance" replacement="$1" regex="(.*):.*" {{ source_labels "__address__" }}
                        relabel target_label="__address__" replacement="proxy:9115"
                    }}
                }}"#
            ));
            let shards = (0..number).map(|shard| config(&stack, shard).unwrap());
            // Compiled once: the expressions are what takes time.
            let shards: Vec<HashMap<String, Vec<Rule>>> = shards
                .map(|config| {
                    let jobs = config.scrape_configs.iter();
                    jobs.map(|job| (job.job_name.clone(), rules(job))).collect()
                })
                .collect();
            let mut load = vec![0_u64; number as usize];
            for target in 0..2000 {
                let address = format!("10.{}.{}.7:9100", target / 250, target % 250);
                let keepers = |name: &str| -> Vec<usize> {
                    let keeps =
                        |shard: &usize| kept(name, &shards[*shard][name], &address).is_some();
                    (0..shards.len()).filter(keeps).collect()
                };
                let own = keepers("a");
                assert_eq!(own.len(), 1, "{address}: {own:?}");
                // The same address goes to the same shard in every job, also through a proxy.
                assert_eq!(keepers("b"), own, "{address}");
                load[own[0]] += 1;
            }
            let fair = 2000 / number;
            assert!(load.iter().all(|load| (fair / 2..fair * 2).contains(load)), "{load:?}");
        }
    }

    #[test]
    fn steps_of_the_users_own_see_what_they_would_see_without_shards() {
        let text = r#"scrape "b" {
            target "x:1"
            relabel target_label="host" regex="(.*):.*" { source_labels "__address__" }
            relabel action="labeldrop" regex="job"
        }"#;
        let plain = stack(&format!("prometheus {{ {text} }}"));
        let whole =
            crate::render::jobs(&plain).into_iter().find(|job| job.job_name == "b").unwrap();
        let sharded = stack(&format!("prometheus {{ shards 3; {text} }}"));
        let visible = |labels: Labels| -> Vec<(String, String)> {
            let own = |(name, _): &(&str, &str)| !name.starts_with("__tmp");
            labels.iter().filter(own).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
        };
        for shard in 0..3 {
            let config = config(&sharded, shard).unwrap();
            let job = config.scrape_configs.iter().find(|job| job.job_name == "b").unwrap();
            if let Some(labels) = kept("b", &rules(job), "h:9") {
                assert_eq!(visible(labels), visible(kept("b", &rules(&whole), "h:9").unwrap()));
                return;
            }
        }
        panic!("nobody keeps the target");
    }

    #[test]
    fn the_central_server_logs_in_at_its_shards() {
        let user = |shards: &str| {
            let stack = stack(&format!(
                r#"secret "h" file="./h"; secret "p" file="./p"; exporter "node"
                prometheus {{
                    {shards}; web user="ops" password=(secret)"h"
                    scrape "prometheus" user="ops" password=(secret)"p"
                }}"#
            ));
            let central = prometheus::config(&stack).unwrap();
            assert_eq!(central.remote_read.len(), 2);
            let login = central.remote_read[1].basic_auth.clone().unwrap();
            assert_eq!(login.password_file.as_deref(), Some("/run/secrets/p"));
            login.username
        };
        assert_eq!(user("shards 2").as_deref(), Some("ops"));
        let own = r#"shards 2 user="central" password=(secret)"p""#;
        assert_eq!(user(own).as_deref(), Some("central"));
    }

    #[test]
    fn the_central_server_has_what_is_exempt_and_reads_the_rest() {
        let stack = stack(
            r#"
            exporter "node"; exporter "mysql" { target "db:3306" }
            prometheus { shards 2; scrape "mysql" sharded=#false }
            rules "a" evaluate="shards" { record "instance:x" { expr "x * 2" } }
            rules "b" { record "all:x" { expr "sum(x)" } }
            "#,
        );
        let names = |config: &wire::Config| -> Vec<String> {
            config.scrape_configs.iter().map(|job| job.job_name.clone()).collect()
        };
        let central = prometheus::config(&stack).unwrap();
        assert_eq!(names(&central), ["prometheus", "mysql"]);
        assert_eq!(central.scrape_configs[0].static_configs[0].targets.len(), 3);
        assert_eq!(central.remote_read.len(), 2);
        assert!(central.remote_read.iter().all(|read| read.read_recent == Some(true)));
        assert_eq!(names(&config(&stack, 1).unwrap()), ["node"]);
        assert_eq!(rule_file(&stack).groups[0].name, "a");
        let of_central = alerts::central(&stack).groups;
        assert_eq!((of_central.len(), of_central[0].name.as_str()), (1, "b"));
        let names: Vec<String> = parts(&stack).into_iter().map(|part| part.name).collect();
        assert_eq!(names, ["prometheus-0", "prometheus-1"]);
    }
}
