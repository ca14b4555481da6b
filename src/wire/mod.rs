//! Other people's formats, bare: what prometheus.yml, alerts.yml, alertmanager.yml, compose.yaml and
//! Grafana's JSON are to the letter. No logic lives here; field names are the products' own.

mod absent;
pub mod alertmanager;
pub mod compose;
pub mod grafana;
pub mod kubernetes;
pub mod mimir;
pub mod mysql;
pub mod operator;
pub mod prometheus;
pub mod remote;
pub mod rule_tests;
pub mod rules;
pub mod web;
