//! Web configuration of the Prometheus programs: certificate and, without their hashes, users.
//! Prometheus and Alertmanager have theirs among their own files; here are those of the others.

use serde::Serialize;

use crate::manifest::{Block, ServerTls, Stack, WebUser};
use crate::wire::web as wire;

use super::parts::{HostPath, MountPoint, Part, add_web, tls_path};
use super::{Output, Plan, RenderError, Renderer, header, pushgateway, to_yaml};

pub(super) const RENDERER: Renderer = Renderer { name: "web configurations", render };

/// Path of a part's web configuration below the output folder.
fn output(name: &str) -> String {
    format!("monitoring/{name}-web.yml")
}

/// Adds certificate and users to a part that has no folder of its own to read them from.
pub(super) fn add_mounted(
    part: &mut Part,
    stack: &Stack,
    users: &[Block<WebUser>],
    tls: Option<&ServerTls>,
) {
    let output = output(&part.name);
    add_web(part, stack, &output, users, tls);
    if part.web_config.is_some() {
        let inside = format!("/etc/{0}/{0}-web.yml", part.name);
        part.mounts.push(MountPoint::read_only(inside, HostPath::Output(output)));
    }
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let known = stack.exporters.iter().filter(|exporter| exporter.usual_port().is_some());
    let exporters = known.map(|exporter| (exporter.host(), &exporter.web, &exporter.tls));
    let gateway = stack.pushgateway.iter().map(|part| {
        let name = pushgateway::NAME.to_owned();
        (name, &part.web, &part.tls)
    });
    for (name, users, tls) in exporters.chain(gateway) {
        if !users.is_empty() || tls.is_some() {
            out.push(Output::text(output(&name), web_config(stack, tls.as_deref(), users)));
        }
    }
    Ok(())
}

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
