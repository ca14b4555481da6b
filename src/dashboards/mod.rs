//! Dashboard JSON → panels, queries, variables and links, each with its place.
//!
//! What Grafana's own reader passes over is passed over here: a dashboard is looked at, never refused.
//! Both layouts are understood, that of today (`panels`, where a folded row holds its own) and the one
//! before Grafana 5 (`rows[].panels`).

pub mod json;
pub mod panel_types;
pub mod plugins;
mod read;
pub mod units;
pub mod variables;

use crate::diag::Spanned;

pub use read::read;

/// A dashboard.
#[derive(Clone, Debug, Default)]
pub struct Dashboard {
    /// Identifier in addresses.
    pub uid: Option<Spanned<String>>,
    /// Words to find it by.
    pub tags: Vec<Spanned<String>>,
    /// Panels in reading order: a row, then what it holds.
    pub panels: Vec<Panel>,
    /// Choices at the top that queries refer to as `$name`.
    pub variables: Vec<Variable>,
    /// Queries whose results are marked in all panels.
    pub annotations: Vec<Annotation>,
    /// Links at the top.
    pub links: Vec<Link>,
    /// What whoever imports it has to fill in: `__inputs`.
    pub inputs: Vec<Input>,
}

/// A panel or the heading of a row.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// Its heading; empty, and at the place of the panel, when it has none.
    pub title: Spanned<String>,
    /// Type: `timeseries`, `row`; `None` for a panel of Grafana's own library, which is not in here.
    pub kind: Option<Spanned<String>>,
    /// JSON pointer to it; empty in a dashboard that is no JSON.
    pub pointer: String,
    /// Where its queries go, if they do not say.
    pub datasource: Option<Reference>,
    /// Its queries.
    pub targets: Vec<Target>,
    /// Unit of its values.
    pub unit: Option<Spanned<String>>,
    /// Whether some values are not what the queries give or have other units: transformations,
    /// overrides, further axes.
    pub reworked: bool,
    /// Variable that it is repeated for.
    pub repeat: Option<Spanned<String>>,
    /// Links of its menu and of its values.
    pub links: Vec<Link>,
}

/// A query of a panel.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The expression; `None` for queries of other kinds than `expr`.
    pub expr: Option<Spanned<String>>,
    /// How its series are called, with labels such as `{{job}}`.
    pub legend: Option<Spanned<String>>,
    /// Where it goes, if it says so itself.
    pub datasource: Option<Reference>,
    /// Whether it asks for the newest value only.
    pub instant: bool,
    /// Least step, as written: `1m`.
    pub interval: Option<Spanned<String>>,
    /// JSON pointer to it.
    pub pointer: String,
}

/// How something names a data source.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Id of the plugin: `prometheus`.
    pub kind: Option<Spanned<String>>,
    /// Identifier, name, variable (`$datasource`) or placeholder (`${DS_PROMETHEUS}`).
    pub name: Option<Spanned<String>>,
    /// JSON pointer to it.
    pub pointer: String,
}

/// A choice.
#[derive(Clone, Debug, Default)]
pub struct Variable {
    /// Name without `$`.
    pub name: Spanned<String>,
    /// `query`, `custom`, `interval`, `datasource`, `adhoc` …
    pub kind: String,
    /// What gives the values: a query, or for a `datasource` the id of a plugin.
    pub query: Option<Spanned<String>>,
    /// Where the query goes.
    pub datasource: Option<Reference>,
    /// Part of each result to take.
    pub regex: Option<Spanned<String>>,
    /// JSON pointer to it.
    pub pointer: String,
}

/// A query whose results are marked in all panels.
#[derive(Clone, Debug, Default)]
pub struct Annotation {
    /// What it is called.
    pub name: String,
    /// The expression, for sources of PromQL.
    pub expr: Option<Spanned<String>>,
    /// Where the query goes.
    pub datasource: Option<Reference>,
    /// JSON pointer to it.
    pub pointer: String,
}

/// A link.
#[derive(Clone, Debug)]
pub struct Link {
    /// What is to be read; may be empty.
    pub title: String,
    /// Where it leads.
    pub target: LinkTarget,
    /// JSON pointer to it.
    pub pointer: String,
}

/// Where a link leads.
#[derive(Clone, Debug)]
pub enum LinkTarget {
    /// To an address.
    Url(Spanned<String>),
    /// To all dashboards that have one of these tags; to all there are when none is named.
    Tags(Vec<Spanned<String>>),
}

/// What whoever imports a dashboard has to fill in.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Name: `DS_PROMETHEUS` for `${DS_PROMETHEUS}`.
    pub name: Spanned<String>,
    /// `datasource` or `constant`.
    pub kind: String,
    /// Id of the plugin of a data source.
    pub plugin: Option<Spanned<String>>,
    /// The value of a constant, if it has one.
    pub value: Option<String>,
    /// JSON pointer to it.
    pub pointer: String,
}
