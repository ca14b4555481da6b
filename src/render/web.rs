//! Web configuration of the Prometheus programs: certificate and, without their hashes, users.

use serde::Serialize;

use crate::manifest::{Block, ServerTls, Stack, WebUser};
use crate::wire::web as wire;

use super::parts::tls_path;
use super::{header, to_yaml};

/// The rendered part of a web configuration. Hashes of passwords are salted and secret: they are
/// added at the start, so that the same manifest gives the same file.
pub(super) fn web_config(
    stack: &Stack,
    tls: Option<&ServerTls>,
    users: &[Block<WebUser>],
) -> String {
    let config = wire::WebConfig {
        tls_server_config: tls.map(|tls| wire::TlsServer {
            cert_file: tls_path(tls.cert.as_str()),
            key_file: tls_path(tls.key.as_str()),
            client_ca_file: tls.client_ca.as_ref().map(|path| tls_path(path.as_str())),
            client_auth_type: tls
                .client_ca
                .is_some()
                .then_some(wire::ClientAuth::RequireAndVerifyClientCert),
            min_version: tls.min_version.as_ref().map(|version| version.value.clone()),
            ..wire::TlsServer::default()
        }),
        ..wire::WebConfig::default()
    };
    let mut text = header(stack);
    if !users.is_empty() {
        text.push_str(
            "# Users are added at the start, from the files of `stackctl hash-password`.\n",
        );
    }
    if !is_empty(&config) {
        text.push_str(&to_yaml(&config));
    }
    text
}

fn is_empty<T: Serialize + PartialEq + Default>(value: &T) -> bool {
    *value == T::default()
}
