//! Go templates for alerts: annotations, labels, and what notifications say.
//!
//! The engine is the crate `gotmpl`; here are Prometheus' functions for it, the data that alerts see, and
//! a check that knows where a mistake stands. Functions of the engine must live for ever, a query does
//! not: a `query` that has no answer yet stops the expansion, is asked outside, and the template runs
//! once more with the answer.

mod blocks;
mod check;
mod functions;
mod humanize;
mod show;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use gotmpl::{MissingKey, Template, Value};
use parking_lot::Mutex;

pub use check::{Reference, ReferenceKind, check, check_syntax, faults, references};

use crate::model::{Labels, Timestamp};

/// The functions that a template can call, those of the language itself among them.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    functions::NAMES.iter().chain(functions::BUILTIN).copied()
}

/// Name of the template itself, beside those that `define` names.
const MAIN: &str = "main template";
/// What Prometheus puts before every template of an alert.
const PROLOGUE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                        {{$externalURL := .ExternalURL}}{{$value := .Value}}";
/// A template that asks for more than so many different queries is stopped.
const MAX_QUERIES: usize = 1000;
/// Elements that all `range` actions of one expansion may visit.
const MAX_ITERATIONS: u64 = 100_000;

/// A template is broken, or its expansion failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// First byte at fault in the template's text; 0 where the place is not known.
    pub offset: usize,
    /// How many bytes are at fault; the whole text where the place is not known.
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
    /// Text of a template for one alert. A text without `{{` is given back as it is.
    pub fn expand(&self, text: &str, data: &AlertData<'_>) -> Result<String, TemplateError> {
        self.expand_prepared(&Prepared::new(text)?, data)
    }

    /// As [`Self::expand`] for a template that is used again and again. Expansions of one template wait
    /// for one another.
    pub fn expand_prepared(
        &self,
        prepared: &Prepared,
        data: &AlertData<'_>,
    ) -> Result<String, TemplateError> {
        let Some(Compiled { template, state, turn, doubt }) = &prepared.compiled else {
            return Ok(prepared.text.to_string());
        };
        if let Some(doubt) = doubt {
            return Err(doubt.clone());
        }
        let failed =
            |message: String| Err(TemplateError { offset: 0, len: prepared.text.len(), message });
        let _turn = turn.lock();
        *state.lock() = State {
            now: self.now,
            external_url: data.external_url.to_owned(),
            answers: BTreeMap::new(),
            wanted: None,
        };
        let value = data.to_value();
        loop {
            let result = template.execute_template_to_string(MAIN, &value);
            let Some(query) = state.lock().wanted.take() else {
                return result.or_else(|err| failed(err.to_string()));
            };
            if state.lock().answers.len() >= MAX_QUERIES {
                return failed(format!("more than {MAX_QUERIES} queries"));
            }
            let answer = (self.query)(&query, self.now).map(|elements| {
                let elements = elements.iter().map(|(labels, value)| element(labels, *value));
                Value::from(elements.collect::<Vec<_>>())
            });
            state.lock().answers.insert(query, answer);
        }
    }
}

/// A template that has been read and checked.
pub struct Prepared {
    text: Box<str>,
    /// `None` for a text without actions.
    compiled: Option<Compiled>,
}

struct Compiled {
    template: Arc<Template>,
    /// What the functions of the template know of the expansion under way.
    state: Arc<Mutex<State>>,
    /// Held during an expansion.
    turn: Mutex<()>,
    /// Why no expansion can succeed.
    doubt: Option<TemplateError>,
}

/// What functions know besides their arguments.
#[derive(Default)]
struct State {
    now: Timestamp,
    external_url: String,
    /// Results of the queries made so far.
    answers: BTreeMap<String, Result<Value, String>>,
    /// The query that the last run had no answer to.
    wanted: Option<String>,
}

impl Prepared {
    /// Reads and checks a template, as [`check_syntax`] does.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        if !text.contains("{{") {
            return Ok(Self { text: text.into(), compiled: None });
        }
        let doubt = check_syntax(text)?;
        let (mut main, defines) = check::parse(text)?;
        let (prologue, _) = check::parse(PROLOGUE)?;
        show::as_go(&mut main);
        main.nodes.splice(0..0, prologue.nodes);
        let state = Arc::new(Mutex::new(State::default()));
        // `tmpl` expands a part of the very template it stands in.
        let own = Arc::new(OnceLock::new());
        let template = functions::pure(Template::new(""));
        let template = functions::outward(template, &state);
        let template = functions::nesting(template, Arc::clone(&own));
        let template = show::printing(template)
            .missing_key(MissingKey::ZeroValue)
            .max_range_iters(MAX_ITERATIONS)
            .add_parse_tree(MAIN, main);
        let template = defines.into_iter().fold(template, |template, mut define| {
            show::as_go(&mut define.body);
            template.add_parse_tree(&define.name, define.body)
        });
        let template = Arc::new(template);
        own.get_or_init(|| Arc::downgrade(&template));
        let compiled = Some(Compiled { template, state, turn: Mutex::new(()), doubt });
        Ok(Self { text: text.into(), compiled })
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Prepared").field(&self.text).finish()
    }
}

impl AlertData<'_> {
    fn to_value(self) -> Value {
        Value::from_entries([
            ("Labels".to_owned(), labels_value(self.labels)),
            ("ExternalLabels".to_owned(), labels_value(self.external_labels)),
            ("ExternalURL".to_owned(), Value::from(self.external_url)),
            ("Value".to_owned(), Value::Float(self.value)),
        ])
    }
}

/// `.Labels` and `.Value` of an element of a query's result.
fn element(labels: &Labels, value: f64) -> Value {
    Value::from_entries([
        ("Labels".to_owned(), labels_value(labels)),
        ("Value".to_owned(), Value::Float(value)),
    ])
}

fn labels_value(labels: &Labels) -> Value {
    let pairs: BTreeMap<Arc<str>, Value> =
        labels.iter().map(|(name, value)| (Arc::from(name), Value::from(value))).collect();
    Value::from(pairs)
}

#[cfg(test)]
mod tests;
