//! What can be written in the templates of an alert: labels of its expression's result, variables,
//! functions.

use std::collections::BTreeSet;

use lsp_types::CompletionItemKind;

use super::super::expression;
use super::Offers;
use crate::check::ask::labels_of_alert;
use crate::manifest::Alert;
use crate::template;

/// What belongs at a place of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// A label of the alert.
    Label,
    /// A label that every sample has when it leaves the stack.
    External,
    /// A variable, its `$` written already.
    Variable,
    /// What an alert shows by a dot.
    Field,
    /// A variable or a function.
    Start,
}

/// Whether the values of a setting of alerts are templates.
pub(super) fn is_template(key: &str) -> bool {
    matches!(key, "summary" | "description" | "runbook_url" | "annotations" | "labels")
}

/// What belongs behind this text, and how much of it is written; `None` outside of `{{ … }}`.
fn spot(before: &str) -> Option<(Spot, &str)> {
    let (_, action) = before.rsplit_once("{{")?;
    // In a text of the template nothing is known.
    if action.contains("}}") || !action.matches('"').count().is_multiple_of(2) {
        return None;
    }
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = action.trim_end_matches(letter);
    let begun = &action[rest.len()..];
    let spot = match rest {
        _ if rest.ends_with("$labels.") || rest.ends_with(".Labels.") => Spot::Label,
        _ if rest.ends_with("$externalLabels.") || rest.ends_with(".ExternalLabels.") => {
            Spot::External
        }
        _ if rest.ends_with('$') => Spot::Variable,
        _ => match rest.strip_suffix('.') {
            Some(outer) if outer.is_empty() || outer.ends_with([' ', '(', '|', '-']) => Spot::Field,
            Some(_) => return None,
            None => Spot::Start,
        },
    };
    Some((spot, begun))
}

impl Offers<'_> {
    /// What belongs into a template; `false` outside of its actions.
    pub(super) fn template(&mut self) -> bool {
        let start = self.cursor.word.start.min(self.offset);
        let before = expression::decoded(&self.view.text[start..self.offset], self.cursor.style);
        let Some((spot, begun)) = spot(&before) else { return false };
        let range = self.offset - begun.len()..self.offset;
        let field = CompletionItemKind::FIELD;
        match spot {
            Spot::Label => self.labels(self.labels_here()),
            Spot::External => {
                let prometheus = self.view.sound.stack.prometheus.as_ref();
                let labels = prometheus.iter().flat_map(|part| &part.external_labels);
                let labels = labels.map(|(name, _)| name.value.clone()).collect();
                self.labels(labels);
            }
            Spot::Variable => self.variables(range.start - 1..range.end),
            Spot::Field => {
                for name in ["Labels", "Value", "ExternalLabels", "ExternalURL"] {
                    self.add(name, field, range.clone(), name.to_owned(), None);
                }
            }
            Spot::Start => {
                if begun.is_empty() {
                    self.variables(range.clone());
                }
                for name in template::function_names() {
                    let kind = CompletionItemKind::FUNCTION;
                    self.add(name, kind, range.clone(), name.to_owned(), None);
                }
                for word in ["if", "else", "end", "range", "with"] {
                    let kind = CompletionItemKind::KEYWORD;
                    self.add(word, kind, range.clone(), word.to_owned(), None);
                }
            }
        }
        true
    }

    fn variables(&mut self, range: std::ops::Range<usize>) {
        for name in ["$labels", "$value", "$externalLabels", "$externalURL"] {
            let kind = CompletionItemKind::VARIABLE;
            self.add(name, kind, range.clone(), name.to_owned(), None);
        }
    }

    /// The labels of the alert that is being written: the last one that begins before the place.
    fn labels_here(&self) -> BTreeSet<String> {
        let loaded = &self.view.now;
        let Some(file) = self.view.file() else { return BTreeSet::new() };
        let begins = |alert: &&Alert| {
            let span = alert.name.span;
            span.file == file && span.start as usize <= self.offset
        };
        let alerts = loaded.stack.alerts().map(|alert| &**alert).filter(begins);
        let alert = alerts.max_by_key(|alert| alert.name.span.start);
        alert.map_or_else(BTreeSet::new, |alert| {
            labels_of_alert(&loaded.stack, &loaded.files, alert.expr.span)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_in_half_a_template() {
        let check = |before: &str, expected: Option<(Spot, &str)>| {
            assert_eq!(spot(before), expected, "{before}");
        };
        check("disk of {{ $labels.", Some((Spot::Label, "")));
        check("{{ $labels.inst", Some((Spot::Label, "inst")));
        check("{{ .Labels.a }} {{.Labels.", Some((Spot::Label, "")));
        check("{{ $externalLabels.", Some((Spot::External, "")));
        check("{{ $", Some((Spot::Variable, "")));
        check("{{ $va", Some((Spot::Variable, "va")));
        check("{{ .", Some((Spot::Field, "")));
        check("{{ $value | human", Some((Spot::Start, "human")));
        check("{{", Some((Spot::Start, "")));
        check("{{ $x.y.", None);
        check("{{ $value }} of", None);
        check("{{ printf \"%.", None);
        check("plain", None);
    }
}
