//! `stackctl`: one manifest describes a monitoring stack; it is checked, rendered into the
//! configuration of every product, and run natively in one process.
//!
//! ARCHITECTURE.md has the map and the journeys through it.

pub mod alerting;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod dashboards;
pub mod diag;
pub mod diff;
pub mod exporters;
pub mod import;
pub mod init;
pub mod lsp;
pub mod manifest;
pub mod memory;
pub mod model;
pub mod notify;
pub mod parallel;
pub mod promql;
pub mod remote;
pub mod render;
pub mod rules;
pub mod ruletest;
pub mod runner;
pub mod scrape;
pub mod sourcemap;
pub mod storage;
pub mod template;
pub mod tsdb;
pub mod web;
pub mod wire;
