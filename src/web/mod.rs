//! What is spoken over HTTP: the API of Prometheus, the plain pages, and how a router is served.

mod json;
