//! What mistakes of reading took away from the routes and alerts. A setting that is not known is left
//! out when the manifest is read, and what it would have said cannot be missed: only the part that it may
//! have belonged to becomes doubtful, the others are judged as ever.

use std::path::Path;

use super::routing::Routing;
use crate::diag::{Files, Finding, Findings, Span, most_similar};
use crate::manifest::decode::Decode;
use crate::manifest::outline;
use crate::manifest::tree::Node;
use crate::manifest::{Alert, Alertmanager, Format, Prometheus, RuleGroup, Stack, When};

/// Settings of a branch that say where alerts go.
const LEADS: [&str; 4] = ["match", "to", "continue", "when"];

/// Marks what the errors of reading leave in doubt.
pub(super) fn cast(routing: &mut Routing<'_>, stack: &Stack, files: &Files, findings: &Findings) {
    let text = findings.iter().any(|finding| finding.code == "S001");
    let unknown: Vec<Span> =
        findings.iter().filter(|finding| is_unknown(finding)).map(Finding::span).collect();
    let mut doubts = Doubts { routing, stack, files };
    if text {
        // Where a brace is missing, anything may stand at another place than it seems.
        doubts.everything();
    }
    for place in unknown {
        let Some(nodes) = outline_of(files, place) else {
            doubts.everything();
            continue;
        };
        let mut way = way_to(&nodes, place);
        if way.first().is_some_and(|node| node.name.as_str() == "profile") {
            way.remove(0);
        }
        doubts.unknown(&way, place);
    }
}

fn is_unknown(finding: &Finding) -> bool {
    finding.code == "S003"
}

fn outline_of(files: &Files, place: Span) -> Option<Vec<Node>> {
    let file = files.get(place.file)?;
    let format = Format::of(Path::new(&file.name))?;
    Some(outline::nodes(&file.text, place.file, format))
}

/// The nodes around a place, from the outermost on.
fn way_to(nodes: &[Node], place: Span) -> Vec<&Node> {
    let mut way = Vec::new();
    let mut level = nodes;
    while let Some(node) = level.iter().find(|node| node.span.contains(place)) {
        way.push(node);
        level = &node.children;
    }
    way
}

struct Doubts<'d, 'a> {
    routing: &'d mut Routing<'a>,
    stack: &'d Stack,
    files: &'d Files,
}

impl Doubts<'_, '_> {
    fn everything(&mut self) {
        self.alerts_lost();
        self.routes_lost();
        self.routing.tests_lost.push(String::new());
    }

    /// There may be further alerts, with whatever labels, and those that are there may have more.
    fn alerts_lost(&mut self) {
        self.external_lost();
        self.routing.add_lost_alert();
    }

    fn external_lost(&mut self) {
        self.routing.alerts.iter_mut().for_each(super::routing::Declared::doubt);
    }

    fn routes_lost(&mut self) {
        self.routing.routes_lost = true;
        self.routing.routes.iter_mut().for_each(|route| route.doubtful = true);
    }

    /// A name that means nothing, at the end of the way to it.
    fn unknown(&mut self, way: &[&Node], place: Span) {
        let name = self.files.text(place).trim_matches('"').to_owned();
        let Some(top) = way.first().filter(|top| top.name.span != place) else {
            match most_similar(&name, Stack::shape().keys()) {
                Some("rules" | "slo") => self.alerts_lost(),
                Some("alertmanager") => self.routes_lost(),
                Some("prometheus") => self.external_lost(),
                Some("test") => self.test(way.first().map_or(place, |node| node.span)),
                Some(_) => {}
                None => self.everything(),
            }
            return;
        };
        match top.name.as_str() {
            "include" => self.everything(),
            "alertmanager" => self.alertmanager(&way[1..], &name, place),
            "rules" | "slo" => self.rules(&way[1..], &name, place),
            "prometheus" => {
                let direct = way.get(1).is_none_or(|node| node.name.span == place);
                let meant = most_similar(&name, Prometheus::shape().keys());
                if direct && meant == Some("external_labels") {
                    self.external_lost();
                }
            }
            "test" => self.test(top.span),
            _ => {}
        }
    }

    /// What the text of a test names may be what it tests.
    fn test(&mut self, whole: Span) {
        self.routing.tests_lost.push(self.files.text(whole).to_owned());
    }

    fn alertmanager(&mut self, way: &[&Node], name: &str, place: Span) {
        let Some(part) = way.first().filter(|part| part.name.span != place) else {
            match most_similar(name, Alertmanager::shape().keys()) {
                Some("receiver" | "route") | None => self.routes_lost(),
                Some(_) => {}
            }
            return;
        };
        match part.name.as_str() {
            "receiver" => {
                let receivers = self.stack.alertmanager.iter().flat_map(|it| &it.receivers);
                if receivers.into_iter().any(|it| it.whole.contains(place)) {
                    self.routing.half_read.push(place);
                } else {
                    self.routes_lost();
                }
            }
            "route" => {
                let meant = most_similar(name, When::shape().keys());
                if meant.is_some_and(|meant| !LEADS.contains(&meant)) {
                    return;
                }
                let around = |whole: Span| whole.contains(place);
                let routes = &mut self.routing.routes;
                let inner = routes.iter_mut().rev();
                let inner = inner.filter(|it| it.when.is_none_or(|when| around(when.whole)));
                // The innermost comes last; what a profile says may belong to any of them.
                match inner.max_by_key(|it| it.when.map_or(0, |when| when.whole.start)) {
                    Some(route) if route.when.is_some() || way.len() < 3 => route.doubtful = true,
                    _ => routes.iter_mut().for_each(|route| route.doubtful = true),
                }
            }
            _ => {}
        }
    }

    fn rules(&mut self, way: &[&Node], name: &str, place: Span) {
        let alerts = self.routing.alerts.iter_mut();
        let mut own = alerts.filter(|it| it.node.is_some_and(|node| node.whole.contains(place)));
        if let Some(alert) = own.next() {
            let meant = most_similar(name, Alert::shape().keys());
            if meant.is_none_or(|meant| matches!(meant, "labels" | "severity" | "expr")) {
                alert.doubt();
            }
            return;
        }
        let groups = self.stack.rules.iter();
        let Some(group) = groups.into_iter().find(|group| group.whole.contains(place)) else {
            let mut slos = self.stack.slos.iter();
            match slos.find(|slo| slo.whole.contains(place)) {
                Some(slo) => {
                    let alerts = self.routing.alerts.iter_mut();
                    alerts
                        .filter(|it| it.span == slo.name.span)
                        .for_each(super::routing::Declared::doubt);
                }
                None => self.alerts_lost(),
            }
            return;
        };
        if let Some(record) = group.records().find(|record| record.whole.contains(place)) {
            // Alerts on what it records may have what it was to add.
            let alerts = self.routing.alerts.iter_mut();
            let reads = |node: &Alert| node.expr.contains(record.name.as_str());
            alerts
                .filter(|it| it.node.is_some_and(|node| reads(node)))
                .for_each(super::routing::Declared::doubt);
            return;
        }
        let direct = way.first().is_none_or(|node| node.name.span == place);
        let meant = most_similar(name, RuleGroup::shape().keys()).filter(|_| direct);
        if matches!(meant, None | Some("alert")) {
            self.routing.add_lost_alert();
        }
        if matches!(meant, None | Some("labels")) {
            let alerts = self.routing.alerts.iter_mut();
            let inside = alerts.filter(|it| group.whole.contains(it.span));
            inside.for_each(super::routing::Declared::doubt);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{Levels, run};
    use crate::manifest::{Format, parse};

    const SOUND: &str = r##"
rules "g" {
    alert "A" severity="critical" { expr "sum by (job) (up) == 0" }
    alert "B" severity="warning" { expr "sum by (job) (up) == 0" }
}
alertmanager {
    receiver "ops" { webhook "http://h/" }
    receiver "left" { webhook "http://h/" }
    route "ops" { group_by "jib"; when "severity=crtical"; when "severity=warning" { group_by "jub" } }
}
"##;

    /// Which of the rules about routes speak.
    fn said(text: &str) -> String {
        let mut loaded = parse("stack.kdl", text, Format::Kdl, None).unwrap();
        run(&loaded.stack, &loaded.files, &mut loaded.findings, &Levels::default());
        let codes = loaded.findings.iter().map(|finding| finding.code);
        let mut codes: Vec<&str> = codes.filter(|code| *code > "S401" && *code < "S426").collect();
        codes.sort_unstable();
        codes.join(" ")
    }

    #[test]
    fn only_what_a_mistake_may_have_belonged_to_is_left_alone() {
        let all = "S410 S412 S424 S424";
        assert_eq!(said(SOUND), all);
        let with = |more: &str| said(&format!("{SOUND}\n{more}"));
        assert_eq!(with(r#"network "n" { drivr "x" }"#), all);
        assert_eq!(with(r#"prometheus { scrape_intervall "15s" }"#), all);
        assert_eq!(with(r#"servce "x""#), all);
        assert_eq!(with(r#"xyzzy "x""#), "");
        assert_eq!(with(r#"rule "h" { alert "C" { expr "up" } }"#), "S410");
        assert_eq!(with(r#"prometheus { external_label a="b" }"#), "S410 S412");
        assert_eq!(with("network \"n"), "");
        let change = |from: &str, to: &str| {
            assert!(SOUND.contains(from));
            said(&SOUND.replacen(from, to, 1))
        };
        // The other branches are judged all the same.
        assert_eq!(
            change("when \"severity=crtical\"", "when \"severity=crtical\" too=\"left\""),
            "S412 S424 S424"
        );
        assert_eq!(change("group_by \"jib\"", "group_byy \"jib\""), "S410 S412 S424");
        assert_eq!(change("receiver \"left\" {", "receiver \"left\" { slak;"), all);
        let lost =
            change("alert \"A\" severity=\"critical\" {", "alert \"A\" severty=\"crtical\" {");
        assert_eq!(lost, "S410");
        let other = change("alert \"A\" severity", "alert \"A\" fro=\"5m\" severity");
        assert_eq!(other, all);
    }

    #[test]
    fn one_receiver_that_is_not_defined_leaves_the_others_known() {
        let text =
            SOUND.replace("when \"severity=warning\" {", "when \"severity=warning\" to=\"opps\" {");
        assert_eq!(said(&text), "S409 S410 S412 S424 S424");
        // It may be this one that was meant.
        let text =
            SOUND.replace("when \"severity=warning\" {", "when \"severity=warning\" to=\"lefd\" {");
        assert_eq!(said(&text), "S409 S412 S424 S424");
    }
}
