//! For people at a terminal: risks first, then a line for each change.

use std::fmt::Write as _;

use super::super::Kind;
use super::words::{Words, subject, words};
use super::{Report, mark};

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";

/// Characters that what changed of a thing may have on one line.
const WIDE: usize = 90;

/// The report; `no difference` where there is none.
pub fn text(report: &Report<'_>, color: bool) -> String {
    if report.changes.is_empty() {
        return "no difference\n".to_owned();
    }
    let paint = |text: &str, code: &str| {
        if color { format!("{code}{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    for risk in report.risks {
        let subject = [risk.kind.word(), &risk.name].join(" ");
        let _ = writeln!(out, "{} {} {}", paint("!", RED), subject.trim_end(), risk.message);
    }
    let mut last = None;
    for change in report.changes {
        let area = area(change.thing().kind);
        // A blank line between the products, and below the risks.
        if last.is_some_and(|last| last != area) || last.is_none() && !report.risks.is_empty() {
            out.push('\n');
        }
        last = Some(area);
        let mark = mark(change.fate);
        let code = match mark {
            '+' => GREEN,
            '-' => RED,
            _ => YELLOW,
        };
        let (kind, name) = subject(change.thing(), &change.within);
        let Words { short, long } = words(change);
        let _ = write!(out, "{} {kind}", paint(&mark.to_string(), code));
        if !name.is_empty() {
            let _ = write!(out, " {}", paint(&name, BOLD));
        }
        let line = short.join("; ");
        let several = short.len() > 1 && line.chars().count() > WIDE;
        if !short.is_empty() && !several {
            let _ = write!(out, ": {line}");
        }
        if let Some(at) = report.at_after(change).or_else(|| report.at_before(change)) {
            let _ = write!(out, "  {}", paint(&format!("({at})"), DIM));
        }
        out.push('\n');
        for fact in short.iter().filter(|_| several) {
            let _ = writeln!(out, "    {fact}");
        }
        for long in long {
            let _ = writeln!(out, "    {}", long.name);
            for line in &long.before {
                let _ = writeln!(out, "      {}", paint(&format!("- {line}"), RED));
            }
            for line in &long.after {
                let _ = writeln!(out, "      {}", paint(&format!("+ {line}"), GREEN));
            }
        }
    }
    out
}

/// Things of one product stand together.
pub(super) fn area(kind: Kind) -> &'static str {
    match kind {
        Kind::Stack | Kind::Prometheus | Kind::Job | Kind::RemoteWrite => "Prometheus",
        Kind::RuleGroup | Kind::Record | Kind::Alert => "Rules",
        Kind::Alertmanager | Kind::Receiver | Kind::Route | Kind::Inhibition | Kind::Mute => {
            "Alertmanager"
        }
        Kind::Datasource | Kind::Dashboard | Kind::Variable | Kind::Panel => "Grafana",
        Kind::Service
        | Kind::Native
        | Kind::Network
        | Kind::Volume
        | Kind::Secret
        | Kind::Object => "Services",
        Kind::File | Kind::Test => "Files and tests",
    }
}
