//! Web configuration of the Prometheus programs (exporter-toolkit).
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/https/>.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The whole file as it is rendered; users are added when the program starts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WebConfig {
    /// Certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_server_config: Option<TlsServer>,
    /// bcrypt hashes by user name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub basic_auth_users: IndexMap<String, String>,
}

/// Certificate of a server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TlsServer {
    /// Certificate, PEM.
    pub cert_file: String,
    /// Its key, PEM.
    pub key_file: String,
    /// Authority whose clients are let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<String>,
    /// `RequireAndVerifyClientCert` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_auth_type: Option<String>,
    /// `TLS12`, `TLS13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
}
