//! Templates in labels and annotations: what they may refer to. The template engine itself is given
//! to the [`super::Manager`], so that rules can be tried without it.

use crate::model::{Labels, Timestamp};

/// One sample of a query inside a template.
#[derive(Debug, Clone, PartialEq)]
pub struct QuerySample {
    /// Labels, metric name included.
    pub labels: Labels,
    /// The value.
    pub value: f64,
}

/// What a template of an alerting rule sees.
pub struct TemplateContext<'a> {
    /// `$labels`: the series of the alert, without its metric name.
    pub labels: &'a Labels,
    /// `$value`
    pub value: f64,
    /// `$externalLabels`
    pub external_labels: &'a Labels,
    /// `$externalURL`
    pub external_url: &'a str,
    /// Evaluation time: what `now` and `query` refer to.
    pub now: Timestamp,
    /// `query "…"`: evaluates PromQL at the evaluation time; the error is a sentence.
    pub query: &'a dyn Fn(&str) -> Result<Vec<QuerySample>, String>,
}

/// Expands templates in Go's syntax.
pub trait Expand: Send + Sync {
    /// The text with every action replaced, or a sentence that says why that is impossible.
    fn expand(&self, text: &str, context: &TemplateContext<'_>) -> Result<String, String>;

    /// Whether the text is a well-formed template; the error is a sentence.
    fn check(&self, text: &str) -> Result<(), String>;
}

/// Leaves every text as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainText;

impl Expand for PlainText {
    fn expand(&self, text: &str, _context: &TemplateContext<'_>) -> Result<String, String> {
        Ok(text.to_owned())
    }

    fn check(&self, _text: &str) -> Result<(), String> {
        Ok(())
    }
}
