//! Exporters and the push gateway.

use crate::diag::Spanned;
use crate::manifest::address::{MYSQLD_EXPORTER_PORT, NODE_EXPORTER_PORT};
use crate::manifest::block::{Block, DurationText, Map, Value};
use crate::manifest::shape::settings;
use crate::manifest::stack::{
    Expose, Healthcheck, Logging, Metrics, Mount, Native, Resources, ServerTls, WebUser,
};
use crate::model::MetricType;

settings! {
    /// An exporter: `node`, `mysql`, or one of your own with an image.
    @named
    pub struct Exporter {
        /// Name: also the scrape job, and with `-exporter` behind it the host name.
        @argument pub name: Spanned<String>,
        /// `node` or `mysql` when the name is another one; `custom` for one of your own.
        pub kind: Option<Spanned<String>>,
        /// Version of the exporter.
        pub version: Option<Spanned<String>>,
        /// Container image with its tag.
        pub image: Option<Spanned<String>>,
        /// Port that the exporter listens on.
        pub port: Option<Spanned<u16>>,
        /// Address of the host to publish on; 127.0.0.1 when nothing is said.
        pub bind: Option<Spanned<String>>,
        /// Path of the metrics page.
        pub path: Option<Spanned<String>>,
        /// Which collectors run.
        pub collectors: Option<Block<Collectors>>,
        /// Whether Prometheus scrapes it.
        pub scrape: Option<Spanned<bool>>,
        /// Time between two scrapes.
        pub interval: Option<Spanned<DurationText>>,
        /// How long one scrape may take.
        pub timeout: Option<Spanned<DurationText>>,
        /// What it watches: a service, or `host:port`.
        pub target: Option<Spanned<String>>,
        /// User name at the target.
        pub user: Option<Spanned<String>>,
        /// Password at the target.
        pub password: Option<Spanned<Value>>,
        /// Environment variables.
        pub env: Map<Value>,
        /// A volume or a folder of the host, mounted into the container.
        pub volumes as "volume": Vec<Block<Mount>>,
        /// A further port that the exporter listens on for other services.
        pub exposes as "expose": Vec<Block<Expose>>,
        /// Further arguments of the exporter's command line.
        pub args: Vec<Spanned<String>>,
        /// Queries of your own whose rows are metrics, of a `mysql` exporter.
        pub queries as "query": Vec<Block<CustomQuery>>,
        /// Labels to put on every series.
        pub labels: Map<String>,
        /// How many series its page has, for estimates of disk and memory.
        pub series: Option<Spanned<u64>>,
        /// Networks to attach to; all declared ones when nothing is said.
        @set pub networks: Vec<Spanned<String>>,
        /// A user who may log in; without one everybody may.
        pub web: Vec<Block<WebUser>>,
        /// Certificate for HTTPS.
        pub tls: Option<Block<ServerTls>>,
        /// The most that it may use.
        pub resources: Option<Block<Resources>>,
        /// Where its output goes.
        pub logging: Option<Block<Logging>>,
        /// A command that tells whether an exporter of your own is well.
        pub healthcheck: Option<Block<Healthcheck>>,
        /// The metrics of an exporter of your own.
        pub metrics: Option<Block<Metrics>>,
        /// How it runs without a container; known exporters need nothing here.
        pub native: Option<Block<Native>>,
    }
}

impl Exporter {
    /// `node`, `mysql` or what else it is: `kind` when written, the name otherwise.
    pub fn kind(&self) -> &str {
        self.kind.as_ref().map_or(self.name.as_str(), |kind| kind.as_str())
    }

    /// Host name on the networks.
    pub fn host(&self) -> String {
        format!("{}-exporter", self.name)
    }

    /// Port that an exporter of its kind listens on when none is said.
    pub fn usual_port(&self) -> Option<u16> {
        match self.kind() {
            "node" => Some(NODE_EXPORTER_PORT),
            "mysql" | "mysqld" => Some(MYSQLD_EXPORTER_PORT),
            _ => None,
        }
    }

    /// Whether it watches a MySQL server.
    pub fn is_mysql(&self) -> bool {
        matches!(self.kind(), "mysql" | "mysqld")
    }
}

settings! {
    /// A query whose rows are metrics: each column that is a gauge or a counter is one, called
    /// `QUERY_COLUMN`.
    @named
    pub struct CustomQuery {
        /// Name of the query; the names of its metrics begin with it.
        @argument pub name: Spanned<String>,
        /// A statement that answers rows, such as `SELECT status, COUNT(*) AS open FROM …`.
        pub sql: Spanned<String>,
        /// Columns that are labels.
        @set pub labels as "label": Vec<Spanned<String>>,
        /// A column that goes up and down.
        pub gauges as "gauge": Vec<Block<QueryColumn>>,
        /// A column that only goes up.
        pub counters as "counter": Vec<Block<QueryColumn>>,
    }
}

impl CustomQuery {
    /// The columns that are values, with their kind.
    pub fn values(&self) -> impl Iterator<Item = (&Block<QueryColumn>, MetricType)> {
        let gauges = self.gauges.iter().map(|column| (column, MetricType::Gauge));
        gauges.chain(self.counters.iter().map(|column| (column, MetricType::Counter)))
    }
}

settings! {
    /// A column of a query that is a metric.
    @named
    pub struct QueryColumn {
        /// Name of the column.
        @argument pub name: Spanned<String>,
        /// What it tells.
        pub help: Option<Spanned<String>>,
    }
}

settings! {
    /// Which collectors run, besides or instead of those that run by default.
    pub struct Collectors {
        /// Collectors to run besides the default ones.
        @set pub enable: Vec<Spanned<String>>,
        /// Collectors not to run.
        @set pub disable: Vec<Spanned<String>>,
        /// The only collectors to run.
        @set pub only: Vec<Spanned<String>>,
    }
}

settings! {
    /// The push gateway.
    pub struct Pushgateway {
        /// Version to render for.
        pub version: Option<Spanned<String>>,
        /// Container image with its tag.
        pub image: Option<Spanned<String>>,
        /// Port on the host.
        pub port: Option<Spanned<u16>>,
        /// Address of the host to publish on; 127.0.0.1 when nothing is said.
        pub bind: Option<Spanned<String>>,
        /// Volume to keep pushed metrics in.
        pub data: Option<Spanned<String>>,
        /// Whether Prometheus scrapes it.
        pub scrape: Option<Spanned<bool>>,
        /// Time between two scrapes.
        pub interval: Option<Spanned<DurationText>>,
        /// How long one scrape may take.
        pub timeout: Option<Spanned<DurationText>>,
        /// Networks to attach to; all declared ones when nothing is said.
        @set pub networks: Vec<Spanned<String>>,
        /// A user who may log in; without one everybody may.
        pub web: Vec<Block<WebUser>>,
        /// Certificate for HTTPS.
        pub tls: Option<Block<ServerTls>>,
        /// The most that it may use.
        pub resources: Option<Block<Resources>>,
        /// Where its output goes.
        pub logging: Option<Block<Logging>>,
    }
}
