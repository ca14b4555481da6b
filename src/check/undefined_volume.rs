//! A mount names a volume that is not declared.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::Stack;

pub(super) const RULE: Rule = Rule {
    code: "S007",
    name: "undefined-volume",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let declared: Vec<&str> = stack.volumes().map(|name| name.as_str()).collect();
    for name in used(stack) {
        if declared.contains(&name.as_str()) {
            continue;
        }
        let known = did_you_mean(name, declared.iter().copied(), "volumes here");
        let finding = RULE
            .says(format!("volume `{name}` is not declared"))
            .at(name.span, "not declared")
            .help(format!("{known}; or declare it: `volumes \"{name}\"`"));
        let known = declared.iter().copied();
        findings.push(mending::rename_to_similar(finding, files, name.span, name, known));
    }
}

/// Names of volumes wherever one is mounted; paths of the host are left out.
pub(super) fn used(stack: &Stack) -> impl Iterator<Item = &Spanned<String>> {
    let services = stack.services.iter().flat_map(|service| &service.volumes);
    let exporters = stack.exporters.iter().flat_map(|exporter| &exporter.volumes);
    let mounts = services.chain(exporters).map(|mount| &mount.name);
    let data = [
        stack.prometheus.as_ref().and_then(|part| part.data.as_ref()),
        stack.grafana.as_ref().and_then(|part| part.data.as_ref()),
        stack.alertmanager.as_ref().and_then(|part| part.data.as_ref()),
        stack.pushgateway.as_ref().and_then(|part| part.data.as_ref()),
    ];
    let stores = stack.stores.iter().filter_map(|store| store.data.as_ref());
    mounts
        .chain(stores)
        .chain(data.into_iter().flatten())
        .filter(|name| !name.starts_with(['.', '/', '~']))
}

const EXPLAIN: &str = r##"Compose refuses a volume that is not declared at the top level, and a misspelt one would silently start
empty: yesterday's data would seem lost.

    volume "db_dta" to="/var/lib/mysql"        // declared is `db_api`

Correct the name, or declare the volume: `volumes "db_dta"`. A folder of the host begins with `.` or `/`."##;
