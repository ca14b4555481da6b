//! A query refers to a variable that its dashboard does not have.

use std::collections::HashMap;
use std::fmt;

use super::boards::{Board, Resolved};
use super::expressions::Expression;
use super::{Input, Rule, did_you_mean};
use crate::dashboards::{LinkTarget, variables};
use crate::diag::{Finding, Findings, Severity, Spanned, most_similar};
use crate::manifest::{DashboardItem, RowItem, place_in};

pub(super) const RULE: Rule = Rule {
    code: "S509",
    name: "undefined-variable",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    let Input { boards, expressions, .. } = input;
    let mut queries: HashMap<*const Board<'_>, Vec<&Expression<'_>>> = HashMap::new();
    for expression in expressions {
        if let Some(board) = expression.site.board() {
            queries.entry(std::ptr::from_ref(board)).or_default().push(expression);
        }
    }
    for board in &boards.all {
        let mut names: Vec<&str> =
            board.content.variables.iter().map(|variable| variable.name.as_str()).collect();
        names.extend(board.content.inputs.iter().map(|input| input.name.as_str()));
        let look = Look { input, names };
        for expression in queries.get(&std::ptr::from_ref(board)).into_iter().flatten() {
            look.text(expression.text, expression.site.what(), findings);
        }
        for variable in board.content.variables.iter().filter(|it| it.kind == "query") {
            let Some(query) = &variable.query else { continue };
            // What has an expression in it was among those.
            if variables::expression_of(query).is_none()
                && boards.speaks_promql(board, variable.datasource.as_ref())
            {
                let what =
                    format!("variable `{}`{}", variable.name, board.pointer(&variable.pointer));
                look.text(query, &what, findings);
            }
        }
        for panel in &board.content.panels {
            let what = board.panel(panel, &panel.pointer);
            if let Some(repeat) = &panel.repeat {
                look.repeat(repeat, &what, findings);
            }
            look.prose(&panel.title, &format!("title of {what}"), findings);
            for link in &panel.links {
                // Other sites have a meaning of their own for `$`.
                if let LinkTarget::Url(url) = &link.target
                    && !url.contains("://")
                {
                    look.prose(url, &format!("link of {what}"), findings);
                }
            }
        }
        for (reference, what) in board.references() {
            let Some(name) = &reference.name else { continue };
            let placeholder = variables::mentions(name).iter().any(|it| it.name.starts_with("DS_"));
            if !placeholder && boards.resolve(board, reference) == Resolved::Nothing {
                look.text(name, &format!("data source of {what}"), findings);
            }
        }
        look.rows(board, findings);
    }
}

struct Look<'a> {
    input: &'a Input<'a>,
    /// What the dashboard defines.
    names: Vec<&'a str>,
}

impl Look<'_> {
    fn is_known(&self, name: &str) -> bool {
        variables::is_built_in(name) || self.names.contains(&name)
    }

    /// A text in which every `$name` is a variable.
    fn text(&self, text: &Spanned<String>, what: &dyn fmt::Display, findings: &mut Findings) {
        for mention in variables::mentions(text) {
            // A named group that the replacement of `label_replace` refers to.
            let is_group = || text.contains(&format!("<{}>", mention.name));
            if !self.is_known(mention.name) && !is_group() {
                let place = place_in(self.input.files, text, mention.whole.clone());
                let known = did_you_mean(mention.name, self.names.iter().copied(), "variables");
                findings.push(self.fixed(
                    undefined(what, mention.name).at(place, "not defined").help(known),
                    text,
                    &mention,
                ));
            }
        }
    }

    /// A text for people or an address, where `$` may mean something else: only what looks like a slip.
    fn prose(&self, text: &Spanned<String>, what: &dyn fmt::Display, findings: &mut Findings) {
        for mention in variables::mentions(text) {
            let similar = most_similar(mention.name, self.names.iter().copied());
            if let Some(similar) = similar.filter(|_| !self.is_known(mention.name)) {
                let place = place_in(self.input.files, text, mention.whole.clone());
                let finding = undefined(what, mention.name)
                    .at(place, "not defined")
                    .help(format!("did you mean `{similar}`?"));
                findings.push(self.fixed(finding, text, &mention));
            }
        }
    }

    /// With an edit, where the name is a slip for exactly one variable.
    fn fixed(
        &self,
        finding: Finding,
        text: &Spanned<String>,
        mention: &variables::Mention<'_>,
    ) -> Finding {
        let near = |name: &&&str| strsim::damerau_levenshtein(name, mention.name) == 1;
        let mut close = self.names.iter().filter(near);
        match (close.next(), close.next()) {
            (Some(only), None) if mention.name.len() > 2 => {
                let place = place_in(self.input.files, text, mention.place.clone());
                finding.replace("name the variable that there is", place, *only)
            }
            _ => finding,
        }
    }

    fn repeat(&self, repeat: &Spanned<String>, what: &str, findings: &mut Findings) {
        let name = repeat.trim_start_matches('$');
        if !self.is_known(name) {
            findings.push(
                RULE.says(format!(
                    "{what} is repeated for the variable `{name}`, which is not defined"
                ))
                .at(repeat.span, "not defined")
                .help(did_you_mean(name, self.names.iter().copied(), "variables")),
            );
        }
    }

    /// Rows of the manifest and what its panels of the library are told.
    fn rows(&self, board: &Board<'_>, findings: &mut Findings) {
        let mut library = Vec::new();
        for item in &board.declared.items {
            match item {
                DashboardItem::Row(row) => {
                    if let Some(repeat) = &row.repeat {
                        self.repeat(repeat, &format!("row `{}`", row.title), findings);
                    }
                    library.extend(row.panels.iter().filter_map(|item| match item {
                        RowItem::Use(path) => Some(path),
                        RowItem::Panel(_) => None,
                    }));
                }
                DashboardItem::Use(path) => library.push(path),
                DashboardItem::Panel(_) => {}
            }
        }
        for page in library {
            for (_, value) in &page.with {
                self.text(value, &format!("`use \"{}\"`", page.path), findings);
            }
        }
    }
}

fn undefined(what: &dyn fmt::Display, name: &str) -> Finding {
    RULE.says(format!("{what} refers to `${name}`, and the dashboard has no such variable"))
}

const EXPLAIN: &str = r##"A query has `$name` in it, and its dashboard has no variable of that name. Grafana leaves the text as it is,
Prometheus then looks for series with a label of the value `$name`, and the panel is empty.

    variable "job" query="label_values(up, job)"
    timeseries "Up" { query #"up{job="$jobb"}"# }         // a slip: `$job`

Understood are `$name`, `${name}`, `${name:regex}` and `[[name]]`, variables that Grafana has by itself
(`$__rate_interval`, `$__range` …), and references of `label_replace` to its groups."##;
