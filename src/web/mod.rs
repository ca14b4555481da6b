//! What is spoken over HTTP: the API of Prometheus, the plain pages, and how a router is served.

mod api;
mod federate;
mod guard;
mod json;
mod lifecycle;
mod measure;
mod metrics;
mod pages;
mod pool;
mod prometheus;
mod request_line;
mod routes;
mod serve;

pub use guard::Guard;
pub use prometheus::{
    AlertmanagersFn, Loaded, MetricsFn, Options, Prometheus, ReloadFn, TargetsFn,
};
pub use routes::{router, starting};
pub use serve::serve;
