//! What each part says, kept for `stackctl logs`: the last lines of every part, and new ones as they
//! come.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Lines kept per part.
const KEPT: usize = 2_000;
/// The name under which events outside of any part are kept.
const RUNNER: &str = "stackctl";

/// One line of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which part said it.
    pub part: String,
    /// When, RFC 3339.
    pub time: String,
    /// What.
    pub text: String,
}

/// The lines of all parts.
#[derive(Clone)]
pub struct Logs {
    kept: Arc<Mutex<HashMap<String, VecDeque<Line>>>>,
    live: broadcast::Sender<Line>,
}

impl Default for Logs {
    fn default() -> Self {
        Self { kept: Arc::default(), live: broadcast::Sender::new(1_024) }
    }
}

impl Logs {
    /// Adds a line of a part.
    pub fn push(&self, part: &str, text: impl Into<String>) {
        let line =
            Line { part: part.to_owned(), time: Timestamp::now().to_string(), text: text.into() };
        let mut kept = self.kept.lock();
        let lines = kept.entry(part.to_owned()).or_default();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.clone());
        // Nobody may be listening.
        let _ = self.live.send(line);
    }

    /// The newest lines, oldest first; of all parts if none is named.
    pub fn tail(&self, part: Option<&str>, count: usize) -> Vec<Line> {
        let kept = self.kept.lock();
        let mut lines: Vec<Line> = kept
            .iter()
            .filter(|(name, _)| part.is_none_or(|part| part == name.as_str()))
            .flat_map(|(_, lines)| lines.iter().cloned())
            .collect();
        lines.sort_by(|a, b| a.time.cmp(&b.time));
        lines.split_off(lines.len().saturating_sub(count))
    }

    /// Lines from now on.
    pub fn follow(&self) -> broadcast::Receiver<Line> {
        self.live.subscribe()
    }
}

/// Sends `tracing` events to the [`Logs`]; the part is the nearest span `part` with its `name`.
pub struct LogsLayer(pub Logs);

struct PartName(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogsLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != "part" {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(span), Some(name)) = (context.span(id), fields.name) {
            span.extensions_mut().insert(PartName(name));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let part = context.event_scope(event).and_then(|scope| {
            scope.into_iter().find_map(|span| {
                span.extensions().get::<PartName>().map(|PartName(name)| name.clone())
            })
        });
        let level = event.metadata().level().as_str().to_lowercase();
        let text = format!("{level} {}{}", fields.message, fields.rest);
        self.0.push(part.as_deref().unwrap_or(RUNNER), text);
    }
}

#[derive(Default)]
struct Fields {
    name: Option<String>,
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => self.name = Some(value.to_owned()),
            "message" => value.clone_into(&mut self.message),
            other => write!(self.rest, " {other}={value:?}").expect("writing to a string"),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "name" => self.name = Some(format!("{value:?}").trim_matches('"').to_owned()),
            "message" => self.message = format!("{value:?}"),
            other => write!(self.rest, " {other}={value:?}").expect("writing to a string"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn events_belong_to_the_part_whose_span_they_are_in() {
        let logs = Logs::default();
        let subscriber = tracing_subscriber::registry().with(LogsLayer(logs.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("part", name = "prometheus").in_scope(|| {
                tracing::warn!(job = "node", "scrape failed");
            });
            tracing::info!("started");
        });
        let prometheus = logs.tail(Some("prometheus"), 10);
        assert_eq!(prometheus[0].text, r#"warn scrape failed job="node""#);
        assert_eq!(logs.tail(None, 10).len(), 2);
        assert_eq!(logs.tail(Some("stackctl"), 10)[0].text, "info started");
    }

    #[test]
    fn only_the_newest_lines_are_kept() {
        let logs = Logs::default();
        for n in 0..KEPT + 5 {
            logs.push("a", n.to_string());
        }
        let lines = logs.tail(Some("a"), KEPT * 2);
        assert_eq!((lines.len(), lines[0].text.as_str()), (KEPT, "5"));
    }
}
