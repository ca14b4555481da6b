//! The MySQL exporter.
