//! The flags that all exporters of the Prometheus family share: where and how they serve, and how they
//! log.

use std::path::PathBuf;

use super::flags::{Flag, FlagError, Values, bad};

/// How an exporter serves and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// `--web.listen-address`: addresses as `127.0.0.1:9100` or `:9100`.
    pub listen: Vec<String>,
    /// `--web.systemd-socket`: serve on the sockets that systemd hands over instead.
    pub systemd_socket: bool,
    /// `--web.config.file`: certificate and users; empty for none.
    pub config_file: PathBuf,
    /// `--web.telemetry-path`.
    pub telemetry_path: String,
    /// `--log.level`.
    pub log_level: String,
    /// `--log.format`: `logfmt` or `json`.
    pub log_format: String,
}

impl Serving {
    /// The flags, with the address that is usual for the exporter.
    pub fn flags(listen: &'static str) -> Vec<Flag> {
        vec![
            Flag::values("web.listen-address", listen, "Address to serve on; may be given again."),
            Flag::switch(
                "web.systemd-socket",
                false,
                "Serve on the sockets that systemd hands over instead.",
            ),
            Flag::value(
                "web.config.file",
                "",
                "File with the certificate and the users of the server.",
            ),
            Flag::value("web.telemetry-path", "/metrics", "Path of the metrics."),
            Flag::value("log.level", "info", "Least severity to log: debug, info, warn or error."),
            Flag::value("log.format", "logfmt", "How to log: logfmt or json."),
        ]
    }

    /// Reads the flags; fails on a path or a word that means nothing.
    pub fn read(values: Values<'_>) -> Result<Self, FlagError> {
        let text = |name: &str| values.text(name).to_owned();
        for (name, choices) in [
            ("log.level", &["debug", "info", "warn", "error"][..]),
            ("log.format", &["logfmt", "json"]),
        ] {
            if !choices.contains(&values.text(name)) {
                let problem = format!("one of {}", choices.join(", "));
                return Err(bad(name, values.text(name), &problem));
            }
        }
        let telemetry_path = text("web.telemetry-path");
        if !telemetry_path.starts_with('/') || telemetry_path.contains(['{', '}', '*']) {
            return Err(bad("web.telemetry-path", &telemetry_path, "a path such as `/metrics`"));
        }
        Ok(Self {
            listen: values.list("web.listen-address"),
            systemd_socket: values.on("web.systemd-socket", false),
            config_file: text("web.config.file").into(),
            telemetry_path,
            log_level: text("log.level"),
            log_format: text("log.format"),
        })
    }
}
