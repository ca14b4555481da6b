//! What is compared: named things with attributes, whatever files they come from.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Span;
use crate::promql;

/// Name of the attribute that holds the receivers which hear of an alert.
pub const REACHES: &str = "reaches";

/// What sort of thing it is; the order is that of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The stack as a whole: the name of the compose project.
    Stack,
    /// Settings of Prometheus that belong to no job.
    Prometheus,
    /// A scrape job.
    Job,
    /// A store that samples are sent to.
    RemoteWrite,
    /// A group of rules.
    RuleGroup,
    /// A recording rule.
    Record,
    /// An alerting rule.
    Alert,
    /// Settings of Alertmanager that belong to no receiver.
    Alertmanager,
    /// A receiver.
    Receiver,
    /// A route.
    Route,
    /// An inhibition.
    Inhibition,
    /// A quiet time.
    Mute,
    /// A data source of Grafana.
    Datasource,
    /// A dashboard.
    Dashboard,
    /// A variable of a dashboard.
    Variable,
    /// A panel of a dashboard.
    Panel,
    /// A container.
    Service,
    /// How a service runs without a container.
    Native,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// A secret.
    Secret,
    /// An object of a cluster that is none of the others.
    Object,
    /// A rendered file of a form of its own.
    File,
    /// A test of the manifest.
    Test,
}

impl Kind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Prometheus => "prometheus",
            Self::Job => "job",
            Self::RemoteWrite => "remote write",
            Self::RuleGroup => "rule group",
            Self::Record => "record",
            Self::Alert => "alert",
            Self::Alertmanager => "alertmanager",
            Self::Receiver => "receiver",
            Self::Route => "route",
            Self::Inhibition => "inhibition",
            Self::Mute => "mute",
            Self::Datasource => "datasource",
            Self::Dashboard => "dashboard",
            Self::Variable => "variable",
            Self::Panel => "panel",
            Self::Service => "service",
            Self::Native => "native",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Secret => "secret",
            Self::Object => "object",
            Self::File => "file",
            Self::Test => "test",
        }
    }
}

/// A thing with a name.
#[derive(Debug, Clone)]
pub struct Thing {
    /// What it is.
    pub kind: Kind,
    /// Its name for people; empty where there is only one of the kind.
    pub name: String,
    /// What two sides call the same thing by; several may share it.
    pub key: String,
    /// What they may call it by when no key fits: a rule that moved to another group, a dashboard with
    /// a new identifier.
    pub alias: String,
    /// What there is to say of it.
    pub attributes: BTreeMap<String, Value>,
    /// What belongs to it and comes and goes with it.
    pub parts: Vec<Thing>,
    /// Where the manifest says it.
    pub span: Option<Span>,
}

impl Thing {
    /// A thing that is called by its name.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            kind,
            key: name.clone(),
            alias: name.clone(),
            name,
            attributes: BTreeMap::new(),
            parts: Vec::new(),
            span: None,
        }
    }

    /// Says something of it.
    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        self.attributes.insert(name.into(), value);
    }

    /// The text of an attribute that has one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Value::Text(text) | Value::Inherited(text) | Value::Expr(text) => Some(text),
            _ => None,
        }
    }

    /// The values of an attribute that is a set.
    pub fn set_of(&self, name: &str) -> Option<&BTreeSet<String>> {
        match self.attributes.get(name)? {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }
}

/// What is said of a thing.
#[derive(Debug, Clone)]
pub enum Value {
    /// A single value, in one spelling.
    Text(String),
    /// A value that comes from a thing of its own, which tells of the change: the interval of a job that
    /// names none.
    Inherited(String),
    /// PromQL.
    Expr(String),
    /// Values without an order.
    Set(BTreeSet<String>),
    /// Values in an order that means something.
    List(Vec<String>),
    /// What comes before what: only a pair that the other side has the other way round is a change.
    Before(BTreeSet<(String, String)>),
    /// Something that is never shown.
    Hidden(String),
}

impl Value {
    /// A set of texts.
    pub fn set<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
        Self::Set(values.into_iter().map(Into::into).collect())
    }

    /// Whether both mean the same.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inherited(_), Self::Inherited(_)) => true,
            (Self::Expr(a), Self::Expr(b)) => {
                a == b
                    || matches!((promql::parse(a), promql::parse(b)), (Ok(a), Ok(b)) if a.same(&b))
            }
            (Self::Text(a) | Self::Inherited(a), Self::Text(b) | Self::Inherited(b))
            | (Self::Hidden(a), Self::Hidden(b)) => a == b,
            (Self::Set(a), Self::Set(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Before(a), Self::Before(b)) => {
                !a.iter().any(|(x, y)| b.contains(&(y.clone(), x.clone())))
            }
            _ => false,
        }
    }
}

/// All things of one side.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The things, in the order in which they were found.
    pub things: Vec<Thing>,
}

impl Model {
    /// Adds a thing.
    pub fn push(&mut self, thing: Thing) {
        self.things.push(thing);
    }

    /// All things of a kind.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Thing> {
        self.things.iter().filter(move |thing| thing.kind == kind)
    }

    /// The only thing of a kind, made if it is not there yet.
    pub fn only(&mut self, kind: Kind) -> &mut Thing {
        let at = self.things.iter().position(|thing| thing.kind == kind).unwrap_or_else(|| {
            self.things.push(Thing::new(kind, ""));
            self.things.len() - 1
        });
        &mut self.things[at]
    }
}
