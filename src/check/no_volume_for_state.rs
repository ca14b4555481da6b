//! What a part writes would be gone with its container.

use std::path::Path;

use super::{Input, Rule, mending};
use crate::diag::{Files, Finding, Findings, Severity, Span};
use crate::manifest::{Format, Service, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S702",
    name: "no-volume-for-state",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Databases by their image, and where they write.
const DATABASES: [(&str, &str); 9] = [
    ("mysql", "/var/lib/mysql"),
    ("mariadb", "/var/lib/mysql"),
    ("percona", "/var/lib/mysql"),
    ("postgres", "/var/lib/postgresql"),
    ("mongo", "/data/db"),
    ("influxdb", "/var/lib/influxdb"),
    ("elasticsearch", "/usr/share/elasticsearch/data"),
    ("rabbitmq", "/var/lib/rabbitmq"),
    ("victoria-metrics", "/victoria-metrics-data"),
];

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    if let Some(prometheus) = stack.prometheus.as_ref().filter(|part| part.data.is_none()) {
        let finding = RULE.says("the samples of prometheus are gone whenever its container is made anew")
            .at(prometheus.span(), "no `data`")
            .help("keep them in a volume: `volumes \"prometheus_data\"` and `data \"prometheus_data\"`");
        findings.push(keep(stack, files, prometheus.span(), finding));
    }
    for store in stack.stores.iter().filter(|store| store.data.is_none()) {
        let name = store.name.replace(['-', '.'], "_");
        findings.push(
            RULE.says(format!(
                "the samples of store `{}` are gone whenever its container is made anew",
                store.name
            ))
            .at(store.name.span, "no `data`")
            .help(format!(
                "keep them in a volume: `volumes \"{name}_data\"` and `data \"{name}_data\"`"
            )),
        );
    }
    for service in &stack.services {
        let Some((image, path)) = database(service) else { continue };
        let kept = service.volumes.iter().any(|mount| holds(mount.to.as_str(), path));
        // Memory is a choice, too.
        let memory = service.tmpfs.iter().any(|mount| holds(mount.as_str(), path));
        if !kept && !memory {
            let name = service.name.replace(['-', '.'], "_");
            findings.push(
                RULE.says(format!(
                    "the data of service `{}` are gone whenever its container is made anew",
                    service.name
                ))
                .at(image, format!("nothing is mounted at {path}"))
                .help(format!("keep them in a volume: `volume \"{name}_data\" to=\"{path}\"`")),
            );
        }
    }
}

/// Offers the volume and the setting that names it.
fn keep(stack: &Stack, files: &Files, part: Span, finding: Finding) -> Finding {
    const NAME: &str = "prometheus_data";
    let text = files.text(Span { start: 0, len: part.start, ..part });
    let own_line = part.len > 0 && (text.is_empty() || text.ends_with('\n'));
    let declaration = match Format::of(Path::new(files.name(part.file))) {
        _ if stack.volumes().any(|volume| volume.value == NAME) && part.len > 0 => {
            Some(String::new())
        }
        Some(Format::Kdl) if own_line => Some(format!("volumes \"{NAME}\"\n")),
        Some(Format::Yaml) if own_line && stack.volume_names.is_empty() => {
            Some(format!("volumes: [{NAME}]\n"))
        }
        _ => None,
    };
    let name = format!("\"{NAME}\"");
    let (Some(declaration), Some((at, setting))) =
        (declaration, mending::setting(files, part, "data", &name, NAME))
    else {
        return finding;
    };
    let title = "keep them in a volume";
    let finding = match declaration.as_str() {
        "" => finding,
        _ => finding.replace(title, Span { len: 0, ..part }, declaration),
    };
    // Where they are kept is for the owner to say.
    finding.replace(title, at, setting).as_a_choice()
}

fn database(service: &Service) -> Option<(Span, &'static str)> {
    let image = service.image.as_ref()?;
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split([':', '@']).next().unwrap_or(name);
    let (_, path) = DATABASES.iter().find(|(known, _)| *known == name)?;
    // A command of its own may write elsewhere.
    service.command.is_empty().then_some((image.span, *path))
}

/// Whether a mount at `to` has `path` in it, or the other way round.
fn holds(to: &str, path: &str) -> bool {
    let to = to.split(':').next().unwrap_or(to).trim_end_matches('/');
    let below =
        |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
    below(to, path) || below(path, to)
}

const EXPLAIN: &str = r##"A container that is made anew (after a new image, a changed setting, `docker compose down`) starts with the files of
its image. Whatever it wrote is gone, unless it wrote into a volume.

    prometheus { retention time="30d" }

Keep it:

    volumes "prometheus_data"
    prometheus { data "prometheus_data"; retention time="30d" }

The rule looks at Prometheus and at services with the image of a known database; `tmpfs` at their data folder says that
they are meant to forget."##;

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn mounts_above_and_below_the_data_count() {
        assert!(holds("/var/lib/postgresql/data", "/var/lib/postgresql"));
        assert!(holds("/var/lib/", "/var/lib/mysql"));
        assert!(holds("/var/lib/mysql:size=1g", "/var/lib/mysql"));
        assert!(!holds("/var/lib/mysql-files", "/var/lib/mysql"));
    }
}
