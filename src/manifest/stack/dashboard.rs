//! Dashboards: rows, panels, queries and variables.

use crate::diag::Spanned;
use crate::manifest::block::{Block, DurationText, Map, Ordered};
use crate::manifest::shape::{choice, keywords, settings};

settings! {
    /// A dashboard, from panels or from a file.
    @named
    pub struct Dashboard {
        /// Title of the dashboard.
        @argument pub title: Spanned<String>,
        /// A dashboard that exists as JSON, relative to the manifest.
        pub from: Option<Spanned<String>>,
        /// Identifier in addresses; made from the title when nothing is said.
        pub uid: Option<Spanned<String>>,
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// Folder to list it in.
        pub folder: Option<Spanned<String>>,
        /// Words to find it by.
        @set pub tags: Vec<Spanned<String>>,
        /// Time between two refreshes.
        pub refresh: Option<Spanned<DurationText>>,
        /// How far back it looks.
        pub range: Option<Spanned<DurationText>>,
        /// Time zone: `browser`, `utc`, or a name such as `Asia/Jakarta`.
        pub timezone: Option<Spanned<String>>,
        /// Data source of panels that name none.
        pub datasource: Option<Spanned<String>>,
        /// Whether people may change it in Grafana.
        pub editable: Option<Spanned<bool>>,
        /// A choice at the top of the dashboard that queries refer to as `$name`.
        pub variables as "variable": Vec<Block<Variable>>,
        /// A link at the top of the dashboard.
        pub links as "link": Vec<Block<Link>>,
        /// Rows and panels in their order.
        pub items: Ordered<DashboardItem>,
    }
}

impl Dashboard {
    /// All panels in reading order, those in rows included; panels of the library are not resolved.
    pub fn panels(&self) -> impl Iterator<Item = &Block<Panel>> {
        self.items.iter().flat_map(|item| {
            let (own, row): (Option<&Block<Panel>>, &[RowItem]) = match item {
                DashboardItem::Panel(panel) => (Some(panel), &[]),
                DashboardItem::Row(row) => (None, &row.panels),
                DashboardItem::Use(_) => (None, &[]),
            };
            own.into_iter().chain(row.iter().filter_map(|item| match item {
                RowItem::Panel(panel) => Some(panel),
                RowItem::Use(_) => None,
            }))
        })
    }
}

choice! {
    /// What stands on a dashboard.
    pub enum DashboardItem {
        /// A row with a heading.
        Row(Row) = "row",
        /// A panel outside of any row.
        Panel(Panel) = "timeseries" "stat" "gauge" "bargauge" "table" "heatmap" "text" "piechart"
            "histogram" "state_timeline" "status_history" "barchart" "logs" "alertlist",
        /// Panels of the library.
        Use(Use) = "use",
    }
}

choice! {
    /// What stands in a row.
    pub enum RowItem {
        /// A panel.
        Panel(Panel) = "timeseries" "stat" "gauge" "bargauge" "table" "heatmap" "text" "piechart"
            "histogram" "state_timeline" "status_history" "barchart" "logs" "alertlist",
        /// Panels of the library.
        Use(Use) = "use",
    }
}

settings! {
    /// A row with a heading.
    @repeatable
    pub struct Row {
        /// The heading.
        @argument pub title: Spanned<String>,
        /// Whether it is closed at first.
        pub collapsed: Option<Spanned<bool>>,
        /// Variable to repeat the row for.
        pub repeat: Option<Spanned<String>>,
        /// Panels in their order.
        pub panels: Ordered<RowItem>,
    }
}

settings! {
    /// Panels of the library: `mysql/overview`.
    @repeatable
    pub struct Use {
        /// Path in the library.
        @argument pub path: Spanned<String>,
        /// What the panels are told: names and values.
        @rest pub with: Map<String>,
    }
}

settings! {
    /// A panel.
    @repeatable
    pub struct Panel {
        /// What kind of panel it is: the node's own name.
        @keyword pub kind: Spanned<PanelKind>,
        /// Title of the panel.
        @argument pub title: Spanned<String>,
        /// What it shows.
        pub description: Option<Spanned<String>>,
        /// Unit of the values: `reqps`, `bytes`, `percentunit`.
        pub unit: Option<Spanned<String>>,
        /// Digits behind the point.
        pub decimals: Option<Spanned<u64>>,
        /// Lower end of the scale.
        pub min: Option<Spanned<f64>>,
        /// Upper end of the scale.
        pub max: Option<Spanned<f64>>,
        /// Width; the dashboard has 24 columns.
        pub width: Option<Spanned<u64>>,
        /// Height in rows of 30 pixels.
        pub height: Option<Spanned<u64>>,
        /// Data source, when it differs from the dashboard's.
        pub datasource: Option<Spanned<String>>,
        /// A query.
        pub queries as "query": Vec<Block<Query>>,
        /// A value from which on another colour is shown.
        pub thresholds as "threshold": Vec<Block<Threshold>>,
        /// Text to show instead of certain values.
        pub mappings as "mapping": Vec<Block<Mapping>>,
        /// Whether series are stacked.
        pub stack: Option<Spanned<Stacking>>,
        /// Opacity of the area under a line, 0 to 100.
        pub fill: Option<Spanned<u64>>,
        /// Where the legend stands: `bottom`, `right`, `hidden`.
        pub legend: Option<Spanned<String>>,
        /// How many values become one: `lastNotNull`, `max`, `mean`, `sum`.
        pub calc: Option<Spanned<String>>,
        /// Text of a text panel, in Markdown.
        pub content: Option<Spanned<String>>,
        /// Variable to repeat the panel for.
        pub repeat: Option<Spanned<String>>,
        /// A link in the panel's menu.
        pub links as "link": Vec<Block<Link>>,
        /// Further options of the panel, as in its `options`.
        pub options: Map<String>,
    }
}

keywords! {
    /// What kind of panel it is.
    pub enum PanelKind {
        /// Lines over time.
        Timeseries = "timeseries",
        /// One big number.
        Stat = "stat",
        /// A dial.
        Gauge = "gauge",
        /// Bars with a scale.
        Bargauge = "bargauge",
        /// A table.
        Table = "table",
        /// Colours over time and value.
        Heatmap = "heatmap",
        /// Text in Markdown.
        Text = "text",
        /// A pie.
        Piechart = "piechart",
        /// How often values occur.
        Histogram = "histogram",
        /// States over time, as bars.
        StateTimeline = "state_timeline",
        /// States over time, as cells.
        StatusHistory = "status_history",
        /// Bars by name.
        Barchart = "barchart",
        /// Lines of a log.
        Logs = "logs",
        /// Alerts.
        Alertlist = "alertlist",
    }
}

impl PanelKind {
    /// Grafana's own name of the panel type.
    pub fn grafana_type(self) -> &'static str {
        match self {
            PanelKind::StateTimeline => "state-timeline",
            PanelKind::StatusHistory => "status-history",
            other => other.name(),
        }
    }
}

keywords! {
    /// How series are stacked.
    pub enum Stacking {
        /// Not at all.
        None = "none",
        /// One upon the other.
        Normal = "normal",
        /// One upon the other, as parts of the whole.
        Percent = "percent",
    }
}

settings! {
    /// A query.
    pub struct Query {
        /// The expression, in PromQL; dashboard variables are allowed.
        @argument pub expr: Spanned<String>,
        /// Name of each series: `{{job}}`.
        pub legend: Option<Spanned<String>>,
        /// Form of the result.
        pub format: Option<Spanned<QueryFormat>>,
        /// Whether only the newest value is asked for.
        pub instant: Option<Spanned<bool>>,
        /// Least step.
        pub interval: Option<Spanned<DurationText>>,
        /// Data source, when it differs from the panel's.
        pub datasource: Option<Spanned<String>>,
        /// Letter that transformations refer to.
        pub ref_id: Option<Spanned<String>>,
        /// Whether exemplars are shown.
        pub exemplar: Option<Spanned<bool>>,
        /// Whether the query is asked and not shown.
        pub hide: Option<Spanned<bool>>,
    }
}

keywords! {
    /// Form of a query's result.
    pub enum QueryFormat {
        /// Series over time.
        TimeSeries = "time_series",
        /// A table.
        Table = "table",
        /// Buckets of a histogram.
        Heatmap = "heatmap",
    }
}

settings! {
    /// A value from which on another colour is shown.
    pub struct Threshold {
        /// The value; none for the colour below all others.
        @argument pub value: Option<Spanned<f64>>,
        /// The colour: a name or `#rrggbb`.
        pub color: Spanned<String>,
    }
}

settings! {
    /// Text to show instead of a value.
    pub struct Mapping {
        /// The value.
        @argument pub value: Spanned<String>,
        /// The text.
        pub text: Option<Spanned<String>>,
        /// The colour: a name or `#rrggbb`.
        pub color: Option<Spanned<String>>,
    }
}

settings! {
    /// A link.
    @named
    pub struct Link {
        /// What is to be read.
        @argument pub title: Spanned<String>,
        /// Where it leads.
        pub url: Spanned<String>,
    }
}

settings! {
    /// A choice at the top of a dashboard that queries refer to as `$name`.
    @named
    pub struct Variable {
        /// Name, without `$`.
        @argument pub name: Spanned<String>,
        /// What is chosen from; `query` when a query is given, `custom` when values are.
        pub kind as "type": Option<Spanned<VariableKind>>,
        /// Heading of the choice.
        pub label: Option<Spanned<String>>,
        /// A query for the values: `label_values(up, job)`.
        pub query: Option<Spanned<String>>,
        /// The values.
        pub values: Vec<Spanned<String>>,
        /// Part of each result to take, as a regular expression.
        pub regex: Option<Spanned<String>>,
        /// What is chosen at first.
        pub default: Option<Spanned<String>>,
        /// Whether several can be chosen.
        pub multi: Option<Spanned<bool>>,
        /// Whether all can be chosen at once.
        pub include_all: Option<Spanned<bool>>,
        /// Whether the choice is hidden.
        pub hide: Option<Spanned<bool>>,
        /// Data source, when it differs from the dashboard's.
        pub datasource: Option<Spanned<String>>,
    }
}

keywords! {
    /// What a variable is chosen from.
    pub enum VariableKind {
        /// What a query gives.
        Query = "query",
        /// A list of values.
        Custom = "custom",
        /// A list of durations.
        Interval = "interval",
        /// A list of data sources.
        Datasource = "datasource",
        /// What somebody types.
        Textbox = "textbox",
        /// One value that is not shown.
        Constant = "constant",
    }
}
