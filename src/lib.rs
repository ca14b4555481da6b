//! `stackctl`: one manifest describes a monitoring stack; it is checked, rendered into the
//! configuration of every product, and run natively in one process.
//!
//! ARCHITECTURE.md has the map and the journeys through it.

pub mod catalogue;
pub mod diag;
pub mod manifest;
pub mod model;
pub mod promql;
pub mod render;
pub mod scrape;
pub mod storage;
pub mod wire;
