//! A link leads to a dashboard that the stack does not have.

use std::sync::LazyLock;

use regex::Regex;

use super::boards::Board;
use super::{Input, Rule, did_you_mean};
use crate::dashboards::{Link, LinkTarget};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::address::GRAFANA_PORT;
use crate::manifest::{Stack, place_in};

pub(super) const RULE: Rule = Rule {
    code: "S511",
    name: "link-target-missing",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// The address of a dashboard: what stands before `/d/`, and the identifier, up to what may follow it.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"([^\s"'<>(]*)/d(?:-solo)?/([A-Za-z0-9_-]+)(?:$|[/?#&\s"'<>).,;])"#)
        .expect("a constant expression is valid")
});

fn check(Input { stack, boards, files, .. }: &Input<'_>, findings: &mut Findings) {
    // A dashboard that cannot be read may be the one that is meant.
    if stack.grafana.is_none() || !boards.broken.is_empty() {
        return;
    }
    let uids: Vec<&str> = boards.all.iter().map(|board| board.uid.as_str()).collect();
    let mut follow = |text: &Spanned<String>, what: &str| {
        for found in ADDRESS.captures_iter(text) {
            let (Some(before), Some(uid)) = (found.get(1), found.get(2)) else { continue };
            if !is_own(before.as_str(), stack) || uids.contains(&uid.as_str()) {
                continue;
            }
            findings.push(
                RULE.says(format!(
                    "{what} leads to the dashboard `{}`, and there is none of that uid",
                    uid.as_str()
                ))
                .at(place_in(files, text, uid.range()), "no such dashboard")
                .help(did_you_mean(
                    uid.as_str(),
                    uids.iter().copied(),
                    "uids of dashboards",
                )),
            );
        }
    };
    for alert in stack.alerts() {
        let said = alert.summary.iter().chain(&alert.description).chain(&alert.runbook_url);
        let all = said.chain(alert.annotations.iter().map(|(_, text)| text));
        for text in all {
            follow(text, &format!("alert `{}`", alert.name));
        }
    }
    let mut tagged: Vec<(&Board<'_>, &Link, String)> = Vec::new();
    for board in &boards.all {
        let dashboard = format!("dashboard `{}`", board.title());
        let own = board.content.links.iter().map(|link| (link, dashboard.clone()));
        let of_panels = board.content.panels.iter().flat_map(|panel| {
            panel.links.iter().map(|link| (link, board.panel(panel, &panel.pointer)))
        });
        for (link, what) in own.chain(of_panels) {
            match &link.target {
                LinkTarget::Url(url) => follow(url, &format!("a link of {what}")),
                LinkTarget::Tags(_) => tagged.push((board, link, what)),
            }
        }
    }
    for (board, link, what) in tagged {
        let LinkTarget::Tags(tags) = &link.target else { continue };
        let Some(first) = tags.first() else { continue };
        let has_all = |other: &Board<'_>| {
            let own = if other.declared.tags.is_empty() {
                &other.content.tags
            } else {
                &other.declared.tags
            };
            tags.iter().all(|tag| own.contains(tag))
        };
        if boards.all.iter().any(has_all) {
            continue;
        }
        let names: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
        findings.push(
            RULE.says(format!(
                "a link of {what}{} lists the dashboards tagged {}, and there are none",
                board.pointer(&link.pointer),
                names.join(" and ")
            ))
            .at(first.span, "no dashboard has it")
            .help("give a dashboard the tag, or take the link out"),
        );
    }
}

/// Whether an address leads to this stack's Grafana: it begins at its root, or names its host.
fn is_own(before: &str, stack: &Stack) -> bool {
    let Some(grafana) = &stack.grafana else { return false };
    let Some((_, rest)) = before.split_once("://") else { return before.is_empty() };
    let root = grafana.root_url.as_ref().and_then(|url| url.split_once("://"));
    if root.is_some_and(|(_, root)| root.trim_end_matches('/') == rest) {
        return true;
    }
    let published = grafana.port.as_ref().map_or(GRAFANA_PORT, |port| port.value);
    rest == format!("grafana:{GRAFANA_PORT}")
        || rest == format!("localhost:{published}")
        || rest == format!("127.0.0.1:{published}")
}

const EXPLAIN: &str = r##"An alert, a panel or a dashboard leads to `/d/…` in this stack's Grafana, and no dashboard of the stack has that
uid: whoever follows the link at night finds "Dashboard not found".

    alert "HostDown" { annotations dashboard="http://localhost:3001/d/host" }     // the uid is `hosts`

The uid of a dashboard is written in the manifest or in its file, else made of its title. Links by tags
are followed as well. Addresses of other hosts and those with variables in them are left alone."##;
