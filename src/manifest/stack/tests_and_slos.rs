//! Unit tests of rules and routes, and service level objectives.

use crate::diag::Spanned;
use crate::manifest::block::{Block, DurationText, Map};
use crate::manifest::shape::settings;

settings! {
    /// A unit test of rules and routes.
    @named
    pub struct Test {
        /// What the test shows, as a sentence.
        @argument pub name: Spanned<String>,
        /// Time between two values of a series; one minute when nothing is said.
        pub interval: Option<Spanned<DurationText>>,
        /// Moment of the first value, in RFC 3339: `2026-03-02T09:00:00Z`. Mutes count only where it is said.
        pub start: Option<Spanned<String>>,
        /// A series with its values.
        pub series: Vec<Block<InputSeries>>,
        /// What is so at a moment.
        pub at: Vec<Block<At>>,
    }
}

settings! {
    /// A series with its values.
    @named
    pub struct InputSeries {
        /// The series, as a selector.
        @argument pub series: Spanned<String>,
        /// Its values in the expanding notation: `0+10x5 _ 7 stale`.
        @argument pub values: Spanned<String>,
    }
}

settings! {
    /// What is so at a moment of a test.
    @repeatable
    pub struct At {
        /// Time since the first value.
        @argument pub time: Spanned<DurationText>,
        /// An alert that fires and that somebody hears of.
        pub fires: Vec<Block<Fires>>,
        /// Alerts that do not fire; no alert at all when none is named.
        pub silent: Option<Block<Silent>>,
        /// An expression and what it gives: these samples and no others.
        pub query as "query": Vec<Block<Expectation>>,
    }
}

settings! {
    /// An alert that fires and that somebody hears of.
    pub struct Fires {
        /// Name of the alert.
        @argument pub alert: Spanned<String>,
        /// The receiver that it goes to, among others; how long a group waits does not matter.
        pub routed_to: Option<Spanned<String>>,
        /// Name of the `mute` that keeps it quiet; the test has to say when it starts.
        pub muted_by: Option<Spanned<String>>,
        /// Name of an alert that fires and inhibits it.
        pub inhibited_by: Option<Spanned<String>>,
        /// Annotations that it has, among others.
        pub annotations: Map<String>,
        /// Labels that it has, among others.
        @rest pub labels: Map<String>,
    }
}

settings! {
    /// Alerts that do not fire; no alert at all when none is named.
    pub struct Silent {
        /// Names of alerts.
        @arguments pub alerts: Vec<Spanned<String>>,
    }
}

settings! {
    /// An expression and what it gives.
    pub struct Expectation {
        /// The expression, in PromQL.
        @argument pub expr: Spanned<String>,
        /// A sample of the result.
        pub samples as "sample": Vec<Block<ExpectedSample>>,
    }
}

settings! {
    /// A sample of a result.
    pub struct ExpectedSample {
        /// The series: labels that are not named do not matter; `{}` is a result without labels.
        @argument pub labels: Spanned<String>,
        /// Its value.
        @argument pub value: Spanned<f64>,
    }
}

settings! {
    /// A service level objective; becomes recording rules and burn-rate alerts.
    @named
    pub struct Slo {
        /// Name of the objective.
        @argument pub name: Spanned<String>,
        /// The part that has to be good, in percent.
        pub objective: Spanned<f64>,
        /// The time over which it counts; 30 days when nothing is said.
        pub window: Option<Spanned<DurationText>>,
        /// Selector of the counter of all events.
        pub total: Spanned<String>,
        /// Selector of the counter of bad events.
        pub errors: Spanned<String>,
        /// What the objective promises.
        pub description: Option<Spanned<String>>,
        /// Labels for all its rules.
        pub labels: Map<String>,
        /// Severity of the alert for a fast burn; `critical` when nothing is said.
        pub page_severity: Option<Spanned<String>>,
        /// Severity of the alert for a slow burn; `warning` when nothing is said.
        pub ticket_severity: Option<Spanned<String>>,
    }
}

impl Slo {
    /// Names of the alerts that an objective may have: for a fast and for a slow burn.
    pub const ALERTS: [&'static str; 2] = ["ErrorBudgetBurnFast", "ErrorBudgetBurnSlow"];

    /// Names of its two groups of rules: what is evaluated as often as other rules, and what looks back
    /// for so long that it need not be.
    pub fn groups(&self) -> [String; 2] {
        [format!("slo-{}", self.name), format!("slo-{}-long", self.name)]
    }
}
