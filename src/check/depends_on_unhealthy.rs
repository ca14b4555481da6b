//! A service waits until another one is well, and nothing tells whether that is so.

use super::{Input, Rule, mending};
use crate::diag::{Findings, Severity};
use crate::manifest::{Condition, Service};

pub(super) const RULE: Rule = Rule {
    code: "S802",
    name: "depends-on-unhealthy",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// Images that bring no healthcheck, and a command that tells whether they are well.
const CHECKS: [(&str, &str); 10] = [
    ("mysql", "mysqladmin ping -h 127.0.0.1"),
    ("mariadb", "healthcheck.sh --connect --innodb_initialized"),
    ("percona", "mysqladmin ping -h 127.0.0.1"),
    ("postgres", "pg_isready -U postgres"),
    ("redis", "redis-cli ping"),
    ("valkey", "valkey-cli ping"),
    ("mongo", "mongosh --quiet --eval 'db.runCommand({ping: 1})'"),
    ("rabbitmq", "rabbitmq-diagnostics -q ping"),
    ("caddy", "wget -q --spider http://127.0.0.1:2019/config/"),
    ("nginx", "curl -fs http://127.0.0.1/"),
];

/// Commands of them that ask a web server, whose settings decide about the answer.
const ASKS_THE_SITE: [&str; 2] = ["curl", "wget"];

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for service in &stack.services {
        for other in &service.depends_on {
            let wanted = other.condition.as_ref().filter(|said| said.value == Condition::Healthy);
            let (Some(wanted), Some(needed)) = (wanted, stack.service(&other.name)) else {
                continue;
            };
            // An image that is built here may have its healthcheck in its Dockerfile.
            if needed.healthcheck.is_some() || needed.build.is_some() || needed.image.is_none() {
                continue;
            }
            let known = known_check(needed);
            let help = match known {
                Some(command) => format!("tell how: `healthcheck {command:?} interval=\"10s\"`"),
                None => "give it a `healthcheck`, unless its image brings one; then say `lint allow=\"S802\"`"
                    .to_owned(),
            };
            let mut finding = RULE
                .says(format!(
                    "service `{}` waits for `{}` to be healthy, which has no healthcheck",
                    service.name, needed.name
                ))
                .at(wanted.span, "would wait for ever")
                .also(needed.name.span, "no `healthcheck`")
                .help(help);
            if let Some(command) = known {
                let kdl = format!("healthcheck {command:?} interval=\"10s\"");
                let yaml = format!("{{\"command\": {command:?}, \"interval\": \"10s\"}}");
                let edit = mending::child(files, needed.name.span, "healthcheck", &kdl, &yaml);
                if let Some((place, text)) = edit {
                    finding = finding.replace("add a healthcheck", place, text);
                }
                // A web server answers what its own settings say.
                if ASKS_THE_SITE.iter().any(|part| command.starts_with(part)) {
                    finding = finding.as_a_choice();
                }
            } else {
                // The image may bring a healthcheck.
                finding.severity = Severity::Warning;
            }
            findings.push(finding);
        }
    }
}

fn known_check(service: &Service) -> Option<&'static str> {
    let image = service.image.as_ref()?;
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split([':', '@']).next().unwrap_or(name);
    CHECKS.iter().find(|(known, _)| *known == name).map(|(_, command)| *command)
}

const EXPLAIN: &str = r##"`condition="healthy"` waits until the healthcheck of the other service succeeds. Without one compose refuses to start
the stack.

    service "db" { image "mysql:8.4.6" }
    service "app" { build "./app"; depends_on "db" condition="healthy" }

Give the other service a healthcheck:

    service "db" { image "mysql:8.4.6"; healthcheck "mysqladmin ping -h 127.0.0.1" interval="10s" }

For images that are not known here this is a warning, since an image can bring a healthcheck of its own."##;
