//! Groups of recording and alerting rules.

use crate::diag::Spanned;
use crate::manifest::block::{Block, DurationText, Map, Ordered};
use crate::manifest::shape::{choice, keywords, settings};

settings! {
    /// A group of rules that are evaluated together, one after the other.
    @named
    pub struct RuleGroup {
        /// Name of the group.
        @argument pub name: Spanned<String>,
        /// Time between two evaluations.
        pub interval: Option<Spanned<DurationText>>,
        /// How far in the past the rules are evaluated.
        pub query_offset: Option<Spanned<DurationText>>,
        /// The most alerts or series that one rule may give.
        pub limit: Option<Spanned<u64>>,
        /// Where shards share the scrape jobs: whether the central server evaluates the group, which sees
        /// everything, or each shard for its own targets; the central one when nothing is said.
        pub evaluate: Option<Spanned<Evaluate>>,
        /// Labels for everything that the group gives.
        pub labels: Map<String>,
        /// Recording and alerting rules in their order.
        pub rules: Ordered<Rule>,
    }
}

keywords! {
    /// Which servers evaluate a rule group.
    pub enum Evaluate {
        /// The central one, once.
        Central = "central",
        /// Each shard, for its own targets.
        Shards = "shards",
    }
}

impl RuleGroup {
    /// The alerting rules of the group.
    pub fn alerts(&self) -> impl Iterator<Item = &Block<Alert>> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Alert(alert) => Some(alert),
            Rule::Record(_) => None,
        })
    }

    /// The recording rules of the group.
    pub fn records(&self) -> impl Iterator<Item = &Block<Record>> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Record(record) => Some(record),
            Rule::Alert(_) => None,
        })
    }
}

choice! {
    /// A rule of a group.
    pub enum Rule {
        /// Keeps the result of an expression as a series of its own.
        Record(Record) = "record",
        /// Fires while an expression gives something.
        Alert(Alert) = "alert",
    }
}

settings! {
    /// Keeps the result of an expression as a series of its own.
    @repeatable
    pub struct Record {
        /// Name of the new series: `level:metric:operations`.
        @argument pub name: Spanned<String>,
        /// The expression, in PromQL.
        pub expr: Spanned<String>,
        /// Labels for the new series.
        pub labels: Map<String>,
    }
}

settings! {
    /// Fires while an expression gives something.
    @repeatable
    pub struct Alert {
        /// Name of the alert.
        @argument pub name: Spanned<String>,
        /// How bad it is: becomes the label `severity`.
        pub severity: Option<Spanned<String>>,
        /// How long the expression must give something before the alert fires.
        pub hold as "for": Option<Spanned<DurationText>>,
        /// How long the alert goes on firing after the expression gives nothing.
        pub keep_firing_for: Option<Spanned<DurationText>>,
        /// The expression, in PromQL.
        pub expr: Spanned<String>,
        /// Labels for the alert.
        pub labels: Map<String>,
        /// One line for whoever is paged: the annotation `summary`.
        pub summary: Option<Spanned<String>>,
        /// What it means and what to do: the annotation `description`.
        pub description: Option<Spanned<String>>,
        /// Where to read on: the annotation `runbook_url`.
        pub runbook_url: Option<Spanned<String>>,
        /// Further annotations.
        pub annotations: Map<String>,
    }
}
