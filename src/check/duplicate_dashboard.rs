//! Two dashboards have one identifier, or would be written to one file.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span, Spanned};
use crate::model::slug;

pub(super) const RULE: Rule = Rule {
    code: "S514",
    name: "duplicate-dashboard",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, boards, .. }: &Input<'_>, findings: &mut Findings) {
    let mut told: Vec<Span> = Vec::new();
    for (index, board) in boards.all.iter().enumerate() {
        let same = boards.all[..index].iter().find(|other| other.uid.value == board.uid.value);
        let Some(first) = same else { continue };
        told.push(board.declared.title.span);
        findings.push(
            RULE.says(format!(
                "dashboards `{}` and `{}` have the identifier `{}`",
                first.title(),
                board.title(),
                board.uid
            ))
            .at(board.uid.span, "again here")
            .also(first.uid.span, "first here")
            .help("Grafana shows one of them: give one a `uid` of its own in the manifest"),
        );
    }
    let Some(grafana) = &stack.grafana else { return };
    let mut seen: Vec<(Option<String>, String, &Spanned<String>)> = Vec::new();
    for dashboard in &grafana.dashboards {
        let title = &dashboard.title;
        let folder = dashboard.folder.as_ref().map(|folder| slug(folder));
        let file = slug(title);
        let first = seen.iter().find(|(other, name, _)| *other == folder && *name == file);
        match first {
            Some((_, _, first)) if first.value != title.value && !told.contains(&title.span) => {
                findings.push(
                    RULE.says(format!(
                        "dashboards `{first}` and `{title}` are rendered to one file"
                    ))
                    .at(title.span, format!("also `{file}.json`"))
                    .also(first.span, format!("`{file}.json`"))
                    .help("titles have to differ by more than capitals and signs"),
                );
            }
            Some(_) => {}
            None => seen.push((folder, file, title)),
        }
    }
}

const EXPLAIN: &str = r##"The identifier of a dashboard (`uid`) is its address in Grafana. Of two with the same one Grafana keeps
the file that it reads last, and refuses to change either. It comes from the manifest, else from the file that
a dashboard is taken from, else from the title.

    dashboard "Hosts" from="./dashboards/hosts.json"      // "uid": "hosts" in the file
    dashboard "Hosts of the DMZ" uid="hosts"

Say another `uid` in the manifest: it also replaces the one in a file. Titles that differ in capitals or
signs alone would be rendered to one file."##;
