//! Annotations: sentences beside the result, gathered without repetition.

use std::sync::Arc;

use indexmap::IndexSet;

use super::super::ast::Span;

/// Most annotations of one kind in an answer.
const MOST: usize = 10;

/// Gathers warnings and infos.
#[derive(Debug, Default)]
pub(super) struct Notes {
    warnings: IndexSet<(Span, String)>,
    infos: IndexSet<(Span, String)>,
    text: Arc<str>,
}

impl Notes {
    pub fn new(text: Arc<str>) -> Self {
        Self { text, ..Self::default() }
    }

    /// Something that may make the result wrong.
    pub fn warn(&mut self, span: Span, message: String) {
        self.warnings.insert((span, message));
    }

    /// Something good to know.
    pub fn inform(&mut self, span: Span, message: String) {
        self.infos.insert((span, message));
    }

    /// Warnings and infos as the API shows them.
    pub fn finish(self) -> (Vec<String>, Vec<String>) {
        let show = |notes: IndexSet<(Span, String)>, kind: &str| {
            let text = &self.text;
            let lines = notes.into_iter().take(MOST).map(|(span, message)| {
                let (line, column) =
                    if text.is_empty() { (1, span.start + 1) } else { span.line_column(text) };
                format!("PromQL {kind}: {message} ({line}:{column})")
            });
            lines.collect()
        };
        (show(self.warnings, "warning"), show(self.infos, "info"))
    }

    pub fn mixed_floats_histograms(&mut self, span: Span, metric: &str) {
        let message = "encountered a mix of histograms and floats";
        self.warn(span, for_metric(message.to_owned(), metric));
    }

    pub fn mixed_schemas(&mut self, span: Span, metric: &str) {
        let message =
            "vector contains a mix of histograms with exponential and custom buckets schemas";
        self.warn(span, for_metric(message.to_owned(), metric));
    }

    pub fn not_a_counter(&mut self, span: Span, metric: &str) {
        self.warn(span, format!("this native histogram metric is not a counter: {metric:?}"));
    }

    pub fn not_a_gauge(&mut self, span: Span, metric: &str) {
        self.warn(span, format!("this native histogram metric is not a gauge: {metric:?}"));
    }

    pub fn reset_collision(&mut self, span: Span, during: &str) {
        self.warn(span, format!("conflicting counter resets during histogram {during}"));
    }

    pub fn reconciled(&mut self, span: Span, during: &str) {
        let message = format!("mismatched custom buckets were reconciled during {during}");
        self.inform(span, message);
    }

    pub fn bad_quantile(&mut self, span: Span, quantile: f64) {
        let got = super::format::float_g(quantile);
        self.warn(span, format!("quantile value should be between 0 and 1, got {got}"));
    }

    pub fn histograms_ignored_in_range(&mut self, span: Span, metric: &str) {
        let message = "ignored histograms in a range containing both floats and histograms";
        self.inform(span, for_metric(message.to_owned(), metric));
    }
}

/// Names the metric if its name is known.
pub(super) fn for_metric(message: String, metric: &str) -> String {
    if metric.is_empty() { message } else { format!("{message} for metric name {metric:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_said_once_and_with_its_place() {
        let mut notes = Notes::new("sum(\n up)".into());
        for _ in 0..2 {
            notes.warn(Span::new(6, 8), "look".to_owned());
        }
        assert_eq!(notes.finish(), (vec!["PromQL warning: look (2:2)".to_owned()], Vec::new()));
    }
}
