//! The MySQL exporter: its `my.cnf`, the entry point that reads the password, and the script that
//! makes its user in the database.

use minijinja::context;

use crate::manifest::address::{MYSQLD_EXPORTER_PORT, host_of};
use crate::manifest::{Block, CustomQuery, Exporter, QueryColumn, Stack};
use crate::wire::mysql as wire;

use super::endpoints::address;
use super::parts::{
    Common, EnvValue, HostPath, MountPoint, Part, PartKind, exporter_version, in_file, part as new,
};
use super::secrets::SecretRef;
use super::template;
use super::versions::{Product, Version};
use super::web::add_mounted;
use super::{Output, Plan, RenderError, Renderer, header, to_yaml};

pub(super) const RENDERER: Renderer = Renderer { name: "my.cnf", render };

const CNF: &str = include_str!("templates/my.cnf.j2");
const GRANTS: &str = include_str!("templates/grants.sh.j2");
/// Where the exporter's folder lies inside of its container.
const FOLDER: &str = "/etc/mysqld-exporter";

/// The exporter's folder below the output folder.
fn folder(exporter: &Exporter) -> String {
    format!("monitoring/{}", exporter.host())
}

fn user(exporter: &Exporter) -> &str {
    exporter.user.as_ref().map_or("exporter", |user| user.as_str())
}

/// `host:port` of the database.
fn target(stack: &Stack, exporter: &Exporter) -> String {
    let target = exporter.target.as_ref().map_or("localhost", |target| target.as_str());
    let address = address(stack, target, false);
    match address.contains(':') {
        true => address,
        false => format!("{address}:3306"),
    }
}

pub(super) fn part(stack: &Stack, exporter: &Exporter) -> Part {
    let common = Common {
        product: Product::MysqldExporter,
        version: &exporter.version,
        image: &exporter.image,
        port: &exporter.port,
        bind: &exporter.bind,
        networks: &exporter.networks,
    };
    let inside = exporter.port.as_ref().map_or(MYSQLD_EXPORTER_PORT, |port| port.value);
    let mut part = new(stack, PartKind::MysqldExporter, &exporter.host(), inside, &common);
    part.argv.push(format!("--config.my-cnf={FOLDER}/my.cnf"));
    // The reference program knows no queries of one's own, so ours takes its place.
    if !exporter.queries.is_empty() {
        part.argv.push(format!("--exporter.custom-queries={FOLDER}/queries.yml"));
        part.run_ourselves(exporter.image.is_none());
    }
    // Ours listens on the loopback unless it is told otherwise.
    if inside != MYSQLD_EXPORTER_PORT || part.own {
        part.argv.push(format!("--web.listen-address=:{inside}"));
    }
    if let Some(path) = &exporter.path {
        part.argv.push(format!("--web.telemetry-path={}", path.value));
    }
    if let Some(collectors) = &exporter.collectors {
        for name in collectors.only.iter().chain(&collectors.enable) {
            part.argv.push(format!("--collect.{}", name.value));
        }
        // There is no flag for "nothing else": the collectors that run by default are named.
        let default = ["global_status", "global_variables", "slave_status"].into_iter().chain([
            "info_schema.innodb_cmp",
            "info_schema.innodb_cmpmem",
            "info_schema.query_response_time",
        ]);
        let unwanted = default.filter(|name| {
            !collectors.only.is_empty() && collectors.only.iter().all(|only| only.value != *name)
        });
        for name in unwanted.chain(collectors.disable.iter().map(|name| name.as_str())) {
            part.argv.push(format!("--no-collect.{name}"));
        }
    }
    part.mounts.push(MountPoint::read_only(FOLDER, HostPath::Output(folder(exporter))));
    if let Some(password) = &exporter.password {
        // Before 0.15 the whole address came from one variable, and my.cnf had no use for others.
        let old = exporter_version(Product::MysqldExporter, exporter) < Version(0, 15, 0);
        let setting = match SecretRef::of(stack, &password.value) {
            None => EnvValue::Text(password.value.text().to_owned()),
            Some(secret) if in_file(&secret) || old => {
                part.grant(&secret);
                EnvValue::Content(secret)
            }
            Some(secret) => EnvValue::FromCaller(secret.variable()),
        };
        part.env.push(("MYSQLD_EXPORTER_PASSWORD".to_owned(), setting));
    }
    add_mounted(&mut part, stack, &exporter.web, exporter.tls.as_deref());
    part.ready_path = Some("/");
    part
}

/// What an old exporter reads instead of my.cnf, as a shell word; `None` from 0.15 on.
pub(super) fn data_source_name(stack: &Stack, exporter: &Exporter) -> Option<String> {
    (exporter_version(Product::MysqldExporter, exporter) < Version(0, 15, 0)).then(|| {
        format!("{}:$MYSQLD_EXPORTER_PASSWORD@({})/", user(exporter), target(stack, exporter))
    })
}

/// The script that makes the exporter's user, and the secret it reads: for the service that is the
/// exporter's target. Images of MySQL and MariaDB run it when their data folder is still empty.
pub(super) fn init_script(stack: &Stack, exporter: &Exporter) -> Option<(MountPoint, SecretRef)> {
    let service = stack.service(host_of(exporter.target.as_ref()?.as_str()))?;
    let secret = SecretRef::of(stack, &exporter.password.as_ref()?.value)?;
    let image = service.image.as_ref()?.as_str();
    let known = ["mysql", "mariadb", "percona"].iter().any(|name| image.contains(name));
    known.then(|| {
        let inside = format!("/docker-entrypoint-initdb.d/50-{}.sh", exporter.host());
        let script = HostPath::Output(format!("{}/grants.sh", folder(exporter)));
        (MountPoint::read_only(inside, script), secret)
    })
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    for exporter in stack.exporters.iter().filter(|exporter| exporter.is_mysql()) {
        let target = super::target::reached(plan, target(stack, exporter));
        let (host, port) = target.rsplit_once(':').unwrap_or((&target, "3306"));
        let values = context! { stack => stack.name(), host, port, user => user(exporter) };
        out.push(Output::text(
            format!("{}/my.cnf", folder(exporter)),
            template::builtin("my.cnf", CNF, &values),
        ));
        if !exporter.queries.is_empty() {
            let text = format!("{}{}", header(stack), to_yaml(&queries(exporter)));
            out.push(Output::text(format!("{}/queries.yml", folder(exporter)), text));
        }
        if let Some((_, secret)) = init_script(stack, exporter) {
            let values = context! {
                stack => stack.name(),
                user => user(exporter),
                password_file => secret.path(),
            };
            out.push(Output::text(
                format!("{}/grants.sh", folder(exporter)),
                template::builtin("grants.sh", GRANTS, &values),
            ));
        }
    }
    Ok(())
}

/// The user's own queries as the exporter reads them.
fn queries(exporter: &Exporter) -> wire::Queries {
    let value = |column: &Block<QueryColumn>, kind| wire::Value {
        column: column.name.value.clone(),
        kind,
        help: column.help.as_ref().map(|help| help.value.clone()),
    };
    let query = |query: &Block<CustomQuery>| {
        let gauges = query.gauges.iter().map(|column| value(column, wire::Kind::Gauge));
        let counters = query.counters.iter().map(|column| value(column, wire::Kind::Counter));
        wire::Query {
            name: query.name.value.clone(),
            sql: query.sql.value.clone(),
            labels: query.labels.iter().map(|label| label.value.clone()).collect(),
            values: gauges.chain(counters).collect(),
        }
    };
    wire::Queries { queries: exporter.queries.iter().map(query).collect() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Output};

    use super::*;

    /// Reads the script into a bash as the images' entrypoint does, with a client of our own; then says
    /// which options and variables that bash has.
    fn source(client: &str) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        put("mysql", &format!("#!/bin/sh\n{client}\n"));
        let password_file = put("password", "it's").display().to_string();
        let values = context! { stack => "s", user => "exporter", password_file };
        let script = put("grants.sh", &template::builtin("grants.sh", GRANTS, &values));
        let bash = format!(
            "set +eu; before=$-; user=mine; . {}; code=$?\n\
             echo \"code $code user $user\"; [ \"$before\" = \"$-\" ] && echo same options; echo [$unset]",
            script.display()
        );
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        Command::new("bash").args(["-c", &bash]).env("PATH", path).output().unwrap()
    }

    #[test]
    fn the_grants_leave_the_shell_that_reads_them_as_it_was() {
        let ran = source("cat");
        let said = String::from_utf8(ran.stdout).unwrap();
        assert!(said.contains(r"IDENTIFIED BY 'it\'s'"), "{said}");
        assert!(said.ends_with("code 0 user mine\nsame options\n[]\n"), "{said}");
        assert!(ran.stderr.is_empty());
    }

    #[test]
    fn a_failed_grant_is_seen() {
        let ran = source("echo refused >&2; exit 3");
        let said = String::from_utf8(ran.stdout).unwrap();
        assert!(said.ends_with("code 3 user mine\nsame options\n[]\n"), "{said}");
        let told = String::from_utf8(ran.stderr).unwrap();
        assert!(told.contains("refused") && told.contains("was not made"), "{told}");
    }
}
