//! Web configuration of the Prometheus programs (exporter-toolkit).
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/https/>.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The whole file. As it is rendered it has no users: they are added when the program starts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Certificate; without it HTTP is spoken in the clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_server_config: Option<TlsServer>,
    /// What else is said over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_server_config: Option<HttpServer>,
    /// bcrypt hashes by user name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub basic_auth_users: IndexMap<String, String>,
}

/// Certificate of a server. A text in the file itself and a path to it exclude each other.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsServer {
    /// Certificate, as PEM in place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert: String,
    /// Path of the certificate, PEM.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_file: String,
    /// Its key, as PEM in place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Path of its key, PEM.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_file: String,
    /// Authority whose clients are let in, as PEM in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<String>,
    /// Path of the authority whose clients are let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<String>,
    /// What is asked of clients; nothing if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_auth_type: Option<ClientAuth>,
    /// Names of which a client's certificate must have one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_allowed_sans: Vec<String>,
    /// Oldest version: `TLS10` to `TLS13`; `TLS12` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// Newest version; `TLS13` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_version: Option<String>,
    /// Cipher suites of TLS 1.2 by their IANA names; all that are safe if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cipher_suites: Vec<String>,
    /// Whether the server's order of suites counts; newer servers decide for themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer_server_cipher_suites: Option<bool>,
    /// Curves in order of preference: `X25519`, `CurveP256`, `CurveP384`, `CurveP521`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve_preferences: Vec<String>,
}

/// What is asked of a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ClientAuth {
    /// No certificate is asked for.
    #[default]
    #[serde(alias = "")]
    NoClientCert,
    /// Asked for, but neither needed nor verified.
    RequestClientCert,
    /// Needed, but not verified.
    #[serde(alias = "RequireClientCert")]
    RequireAnyClientCert,
    /// Verified if there is one.
    VerifyClientCertIfGiven,
    /// Needed and verified.
    RequireAndVerifyClientCert,
}

/// What a server says over HTTP besides its answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpServer {
    /// Whether HTTP/2 is spoken over TLS; true if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http2: Option<bool>,
    /// Headers of every answer.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
}
