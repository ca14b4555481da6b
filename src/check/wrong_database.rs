//! The MySQL exporter is pointed at a service that is something else.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::address::split_address;

pub(super) const RULE: Rule = Rule {
    code: "S213",
    name: "wrong-database",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Names of images that are well known, and do not speak MySQL's protocol.
const OTHERS: [&str; 22] = [
    "postgres",
    "postgresql",
    "postgis",
    "timescaledb",
    "pgbouncer",
    "redis",
    "valkey",
    "memcached",
    "mongo",
    "mongodb",
    "cassandra",
    "elasticsearch",
    "opensearch",
    "rabbitmq",
    "kafka",
    "nginx",
    "httpd",
    "caddy",
    "traefik",
    "haproxy",
    "influxdb",
    "cockroach",
];

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for exporter in &stack.exporters {
        if !matches!(exporter.kind(), "mysql" | "mysqld") {
            continue;
        }
        let Some(target) = &exporter.target else { continue };
        let Some((host, _)) = split_address(target) else { continue };
        let Some(image) = stack.service(host).and_then(|service| service.image.as_ref()) else {
            continue;
        };
        let name = image_name(image);
        if OTHERS.contains(&name) {
            findings.push(
                RULE.says(format!(
                    "exporter `{}` speaks MySQL, and its target `{host}` is a {name}",
                    exporter.name
                ))
                .at(target.span, "not a MySQL or MariaDB")
                .also(image.span, "what it is")
                .help(
                    "point it at the MySQL, or use an exporter for this program: `kind=\"custom\"`",
                ),
            );
        }
    }
}

/// `postgres` of `docker.io/library/postgres:16@sha256:…`.
fn image_name(image: &str) -> &str {
    let path = image.split('@').next().unwrap_or(image);
    let last = path.rsplit('/').next().unwrap_or(path);
    last.split(':').next().unwrap_or(last)
}

const EXPLAIN: &str = r##"The MySQL exporter logs in with MySQL's protocol; at another program it finds nobody to talk to, and `mysql_up`
stays 0.

    service "db" { image "postgres:17" }
    exporter "mysql" { target "db" }

Point it at a MySQL or MariaDB, or use the exporter made for the other program."##;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_the_last_part_of_their_path() {
        assert_eq!(image_name("docker.io/library/postgres:16@sha256:ab"), "postgres");
        assert_eq!(image_name("localhost:5000/redis"), "redis");
        assert_eq!(image_name("mysql:8.4.6"), "mysql");
    }
}
