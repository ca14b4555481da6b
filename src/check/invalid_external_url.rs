//! The address under which people reach a part is none.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S217",
    name: "invalid-external-url",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let prometheus = stack.prometheus.as_ref().and_then(|part| part.external_url.as_ref());
    let grafana = stack.grafana.as_ref().and_then(|part| part.root_url.as_ref());
    let alertmanager = stack.alertmanager.as_ref().and_then(|part| part.external_url.as_ref());
    let said = [
        ("`external_url` of prometheus", prometheus),
        ("`external_url` of alertmanager", alertmanager),
        ("`root_url` of grafana", grafana),
    ];
    for (what, url) in said.into_iter().filter_map(|(what, url)| Some((what, url?))) {
        // Grafana fills its own settings in.
        if url.contains("%(") {
            continue;
        }
        let usable = url::Url::parse(url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !usable {
            findings.push(
                RULE.says(format!("{what} is no address that a browser could open"))
                    .at(url.span, "not a web address")
                    .help("write all of it: `https://monitoring.example.com/prometheus/`"),
            );
        }
    }
}

const EXPLAIN: &str = r##"Links in alerts and redirections are made of this address. Without scheme or host they lead nowhere.

    prometheus { external_url "monitoring.example.com/prometheus" }
    prometheus { external_url "https://monitoring.example.com/prometheus/" }"##;
