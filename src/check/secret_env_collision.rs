//! One secret comes from two places.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::{Map, Secret, Stack, Value};

use super::values::sites;

pub(super) const RULE: Rule = Rule {
    code: "S609",
    name: "secret-env-collision",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for secret in &stack.secrets {
        two_sources(secret, findings);
    }
    for service in &stack.services {
        let image = service.image.as_ref().map_or("", |image| image.as_str());
        if refuses_both(image) {
            twice(&service.env, &format!("service `{}`", service.name), "_FILE", findings);
        }
    }
    if let Some(grafana) = &stack.grafana {
        twice(&grafana.env, "grafana", "__FILE", findings);
    }
    same_file(stack, findings);
}

fn two_sources(secret: &Secret, findings: &mut Findings) {
    if let (Some(file), Some(env)) = (&secret.file, &secret.env) {
        findings.push(
            RULE.says(format!("secret `{}` has two sources, a file and a variable", secret.name))
                .at(env.span, "would never be read")
                .also(file.span, "this one is taken")
                .help("keep one of them; a profile may declare a secret of another name"),
        );
    }
}

/// Images whose entry points stop when a variable and its `_FILE` are both set.
fn refuses_both(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split([':', '@']).next().unwrap_or(name);
    matches!(name, "mysql" | "mariadb" | "percona" | "postgres" | "mongo" | "wordpress")
}

fn twice(env: &Map<Value>, owner: &str, suffix: &str, findings: &mut Findings) {
    for (name, _) in env {
        let Some(plain) = name.strip_suffix(suffix) else { continue };
        let other = env.iter().find(|(other, _)| other.value == plain);
        if let Some((other, _)) = other {
            findings.push(
                RULE.says(format!("{owner} gets `{plain}` twice, as it is and from a file"))
                    .at(name.span, "again here, as a file")
                    .also(other.span, "first here")
                    .help(format!("keep `{name}`, and leave `{plain}` out")),
            );
        }
    }
}

/// A reference to a variable or file is mounted under a name of its own, which may be that of a secret.
fn same_file(stack: &Stack, findings: &mut Findings) {
    let mut told: Vec<&str> = Vec::new();
    for site in sites(stack).into_iter().filter(|site| site.in_file) {
        let Value::Env(variable) = &site.value.value else { continue };
        let name = variable.to_ascii_lowercase();
        let Some(secret) = stack.secret(&name) else { continue };
        let same = secret.env.as_ref().is_some_and(|env| env.value == *variable);
        if same || told.contains(&variable.as_str()) {
            continue;
        }
        told.push(variable);
        let Spanned { span, .. } = site.value;
        findings.push(
            RULE.says(format!(
                "the variable `{variable}` and secret `{name}` would be one file, `/run/secrets/{name}`"
            ))
            .at(*span, "this variable")
            .also(secret.name.span, "this secret comes from elsewhere")
            .help(format!("rename the secret, or refer to it: `(secret)\"{name}\"`")),
        );
    }
}

const EXPLAIN: &str = r##"A secret with two sources has one too many: which of them counts is decided by the program that reads it, and many
refuse to start. The images of MySQL, MariaDB and PostgreSQL stop when a variable and its `_FILE` are both set.

    service "db" {
        image "mysql:8.4.6"
        env MYSQL_ROOT_PASSWORD=(env)"DB_ROOT" MYSQL_ROOT_PASSWORD_FILE=(secret)"db_root"
    }

Keep one of them. The same goes for a `secret` with both `file` and `env`, of which only the file would be read, and for
`(env)"HOOK"` beside a secret called `hook`: in a container both would be the file `/run/secrets/hook`."##;
