//! What can be written in expressions and matchers: metrics, labels, values, functions.

use std::collections::BTreeSet;

use lsp_types::{CompletionItemKind, InsertTextFormat};

use super::super::expression::{self, Spot, is_name};
use super::super::hover::word_at;
use super::super::{describe, functions};
use super::Offers;
use crate::check::ask::Knowledge;
use crate::manifest::shape::Shape;
use crate::promql::FUNCTIONS;
use crate::promql::ast::AggregateOp;

/// More than this many are not sent at once; the client asks again when more is written.
const MOST: usize = 500;

impl Offers<'_> {
    /// Labels and their values, as routes match them: what stands in the braces of a selector.
    pub(super) fn matchers(&mut self) {
        let before = &self.view.text[self.cursor.word.start..self.offset];
        let before = format!("{{{}", expression::decoded(before, self.cursor.style));
        let stack = &self.view.sound.stack;
        let known = Knowledge::of(stack, &self.view.sound.files);
        let at = expression::spot(&before);
        match at.spot {
            Spot::Label(_) => {
                let own = ["alertname".to_owned(), "severity".to_owned()];
                let labels = own.into_iter().chain(known.labels(None));
                self.labels(labels.collect());
            }
            Spot::Value(_, label) => {
                let values: BTreeSet<String> = match label.as_str() {
                    "alertname" => stack.alerts().map(|alert| alert.name.value.clone()).collect(),
                    "severity" => {
                        let used = stack.alerts().filter_map(|alert| alert.severity.as_ref());
                        used.map(|severity| severity.value.clone()).collect()
                    }
                    label => known.values(None, label),
                };
                self.label_values(values, &at.begun);
            }
            _ => {}
        }
    }

    /// What belongs into an expression.
    pub(super) fn expression(&mut self, owner: &'static Shape) {
        let text = &self.view.text;
        let start = self.cursor.word.start.min(self.offset);
        let before = expression::decoded(&text[start..self.offset], self.cursor.style);
        let at = expression::spot(&before);
        let stack = &self.view.sound.stack;
        let known = Knowledge::of(stack, &self.view.sound.files);
        let selector = matches!(owner.name, "Federate" | "InputSeries" | "ExpectedSample");
        match at.spot {
            Spot::Operand => self.operands(&known, &at.begun, selector),
            Spot::Label(metric) => self.labels(known.labels(metric.as_deref())),
            Spot::Grouping => {
                let mut labels = BTreeSet::new();
                let whole = self.cursor.word.start..self.cursor.word.end;
                for word in text[whole].split(|c| !is_name(c)).filter(|word| !word.is_empty()) {
                    labels.extend(known.labels(Some(word)));
                }
                if labels.is_empty() {
                    labels = known.labels(None);
                }
                self.labels(labels);
            }
            Spot::Value(metric, label) => {
                self.label_values(known.values(metric.as_deref(), &label), &at.begun);
            }
            Spot::Duration => {
                let panel = owner.name == "Query";
                let variables = ["$__rate_interval", "$__interval", "$__range"];
                let variables = variables.into_iter().filter(|_| panel);
                for window in variables.chain(["1m", "5m", "10m", "30m", "1h", "6h", "1d", "7d"]) {
                    let begun = self.offset - at.begun.len()..self.offset;
                    self.add(window, CompletionItemKind::UNIT, begun, window.to_owned(), None);
                }
            }
            Spot::Nothing => {}
        }
    }

    fn operands(&mut self, known: &Knowledge<'_>, begun: &str, selector: bool) {
        let range = word_at(&self.view.text, self.offset, is_name);
        let lower = begun.to_ascii_lowercase();
        let fits = |name: &str| name.to_ascii_lowercase().contains(&lower);
        let mut metrics: Vec<&str> = known.metrics().filter(|name| fits(name)).collect();
        metrics.sort_unstable();
        metrics.dedup();
        metrics.sort_by_cached_key(|name| (!name.starts_with(begun), !known.is_own(name)));
        self.cut |= metrics.len() > MOST;
        let words = |offers: &mut Self| {
            let functions = FUNCTIONS.iter().map(|function| (function.name, true));
            let aggregations = AggregateOp::ALL.iter().map(|op| (op.as_str(), true));
            let words = functions::words().map(|word| (word, false));
            for (name, called) in functions.chain(aggregations).chain(words) {
                if !fits(name) {
                    continue;
                }
                let kind =
                    if called { CompletionItemKind::FUNCTION } else { CompletionItemKind::KEYWORD };
                let text = describe::function(name);
                let parens = called && !offers.view.text[range.end..].starts_with('(');
                let snippet = parens && offers.client.snippets;
                let put = if snippet { format!("{name}($0)") } else { name.to_owned() };
                let item = offers.add(name, kind, range.clone(), put, text);
                if snippet {
                    item.insert_text_format = Some(InsertTextFormat::SNIPPET);
                }
                item.detail = functions::describe(name).map(|(signature, _)| signature);
            }
        };
        // Once something is written, words that begin so are few, and meant as often.
        if !selector && !begun.is_empty() {
            words(self);
        }
        for name in metrics.into_iter().take(MOST) {
            let found = known.describe(name);
            let kind = found.as_ref().map_or("", |found| found.kind);
            let detail = (!kind.is_empty()).then(|| kind.to_owned());
            let text = describe::metric(known, name);
            let item =
                self.add(name, CompletionItemKind::VARIABLE, range.clone(), name.to_owned(), text);
            item.detail = detail;
        }
        if !selector && begun.is_empty() {
            words(self);
        }
    }

    pub(super) fn labels(&mut self, labels: BTreeSet<String>) {
        let range = word_at(&self.view.text, self.offset, is_name);
        for label in labels.into_iter().filter(|label| !label.is_empty()) {
            self.add(&label, CompletionItemKind::FIELD, range.clone(), label.clone(), None);
        }
    }

    fn label_values(&mut self, values: BTreeSet<String>, begun: &str) {
        let text = &self.view.text;
        // In a regular expression the part behind the last bar is what is being written.
        let begun = begun.rsplit('|').next().unwrap_or_default();
        let rest = &text[self.offset..];
        let end =
            rest.find(['"', '\\', '\'', '|', '\n', '}']).map_or(text.len(), |at| self.offset + at);
        let range = self.offset.saturating_sub(begun.len())..end;
        if text.get(range.clone()).is_none() {
            return;
        }
        self.cut |= values.len() > MOST;
        for value in values.into_iter().filter(|value| !value.is_empty()).take(MOST) {
            self.add(&value, CompletionItemKind::ENUM_MEMBER, range.clone(), value.clone(), None);
        }
    }
}
