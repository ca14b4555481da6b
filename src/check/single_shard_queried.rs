//! Somebody asks one shard where only all of them know the answer.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::render;

pub(super) const RULE: Rule = Rule {
    code: "S907",
    name: "single-shard-queried",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(shards) = render::shards(stack) else { return };
    let is_shard = |host: &str| {
        let number = host.strip_prefix("prometheus-").and_then(|number| number.parse::<u64>().ok());
        number.is_some_and(|number| number < shards.number.value)
    };
    for connection in topology.connections.iter().filter(|connection| is_shard(&connection.host)) {
        // Their own pages are theirs alone.
        if connection.what.starts_with("scrape job") {
            continue;
        }
        findings.push(
            RULE.says(format!(
                "{} asks one of {} shards, which has a part of the series",
                connection.what, shards.number
            ))
            .at(connection.span, "one shard")
            .also(shards.number.span, "its targets are shared")
            .help("ask the central server, which reads them all: `prometheus:9090`"),
        );
    }
}

const EXPLAIN: &str = r##"A shard has the series of its own targets. A dashboard or a federation job that asks one of them shows a part, and
which part changes with the number of shards.

    prometheus { shards 4 }
    grafana { datasource "first" type="prometheus" url="http://prometheus-0:9090" }

Ask the central server, `http://prometheus:9090`: it reads all shards. Its data source is there without being written."##;
