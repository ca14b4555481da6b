//! Targets from DNS records. A name that cannot be looked up keeps its old targets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tracing::warn;

use super::Group;
use crate::model::Labels;
use crate::wire::prometheus::{DnsRecord, DnsSd};

const DEFAULT_REFRESH: Duration = Duration::from_secs(30);

pub(super) async fn watch(config: DnsSd, server: Option<SocketAddr>, publish: impl Fn(Vec<Group>)) {
    let refresh = config.refresh_interval.map_or(DEFAULT_REFRESH, Duration::from);
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    loop {
        // Made anew each time: resolv.conf may have changed, and answers are not to be cached.
        match resolver(server) {
            Ok(resolver) => {
                for name in &config.names {
                    match look_up(&resolver, &config, name).await {
                        Ok(group) => drop(groups.insert(name, group)),
                        Err(err) => warn!(%name, "DNS discovery keeps its old targets: {err}"),
                    }
                }
                publish(groups.values().cloned().collect());
            }
            Err(err) => warn!("DNS discovery cannot start: {err}"),
        }
        tokio::time::sleep(refresh.max(Duration::from_millis(10))).await;
    }
}

fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    match server {
        None => TokioResolver::builder_tokio()?.build(),
        Some(server) => {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|connection| connection.port = server.port());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![config]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build()
        }
    }
}

async fn look_up(resolver: &TokioResolver, config: &DnsSd, name: &str) -> Result<Group, NetError> {
    let kind = match config.kind.unwrap_or_default() {
        DnsRecord::Srv => RecordType::SRV,
        DnsRecord::A => RecordType::A,
        DnsRecord::Aaaa => RecordType::AAAA,
        DnsRecord::Mx => RecordType::MX,
        DnsRecord::Ns => RecordType::NS,
    };
    let answer = match resolver.lookup(name, kind).await {
        Ok(answer) => answer,
        // The name exists and has no such record: no targets.
        Err(err) if err.is_no_records_found() && !err.is_nx_domain() => return Ok(Group::default()),
        Err(err) => return Err(err),
    };
    let port = config.port.unwrap_or(0);
    let targets = answer.answers().iter().filter_map(|record| {
        let (host, port, meta) = match &record.data {
            RData::A(address) => (address.0.to_string(), port, None),
            RData::AAAA(address) => (format!("[{}]", address.0), port, None),
            RData::SRV(srv) => (srv.target.to_string(), srv.port, Some("srv")),
            RData::MX(mx) => (mx.exchange.to_string(), port, Some("mx")),
            RData::NS(ns) => (ns.0.to_string(), port, Some("ns")),
            _ => return None,
        };
        let mut labels = vec![
            ("__address__".to_owned(), format!("{}:{port}", host.trim_end_matches('.'))),
            ("__meta_dns_name".to_owned(), name.to_owned()),
        ];
        if let Some(kind) = meta {
            labels.push((format!("__meta_dns_{kind}_record_target"), host));
        }
        if meta == Some("srv") {
            labels.push(("__meta_dns_srv_record_port".to_owned(), port.to_string()));
        }
        Some(Labels::from_pairs(labels))
    });
    let mut targets: Vec<Labels> = targets.collect();
    // Servers rotate their answers.
    targets.sort();
    Ok(Group { targets, labels: Labels::empty() })
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{A, SRV};
    use hickory_resolver::proto::rr::{Name, Record};
    use tokio::net::UdpSocket;

    use super::*;

    /// A name server that knows `_http._tcp.example.test` and `web.example.test`.
    async fn name_server() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let query = question.queries[0].clone();
                let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
                answer.metadata.recursion_available = true;
                let name = query.name().to_string();
                let data = match (name.as_str(), query.query_type()) {
                    ("_http._tcp.example.test.", RecordType::SRV) => Some(RData::SRV(SRV::new(
                        1,
                        1,
                        9100,
                        Name::from_ascii("node.example.test.").unwrap(),
                    ))),
                    ("web.example.test.", RecordType::A) => Some(RData::A(A::new(127, 0, 0, 7))),
                    _ => None,
                };
                answer.add_query(query.clone());
                match data {
                    Some(data) => {
                        answer.add_answer(Record::from_rdata(query.name().clone(), 1, data));
                    }
                    None => answer.metadata.response_code = ResponseCode::NXDomain,
                }
                socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn records_become_targets() {
        let server = name_server().await;
        let resolver = resolver(Some(server)).unwrap();
        let config = |kind, port| DnsSd { kind, port, ..DnsSd::default() };
        let srv = look_up(&resolver, &config(None, None), "_http._tcp.example.test").await.unwrap();
        assert_eq!(
            srv.targets[0].to_string(),
            r#"{__address__="node.example.test:9100", __meta_dns_name="_http._tcp.example.test", __meta_dns_srv_record_port="9100", __meta_dns_srv_record_target="node.example.test."}"#
        );
        let a = config(Some(DnsRecord::A), Some(80));
        let found = look_up(&resolver, &a, "web.example.test").await.unwrap();
        assert_eq!(found.targets[0].get("__address__"), Some("127.0.0.7:80"));
        assert!(look_up(&resolver, &a, "nowhere.example.test").await.is_err());
    }
}
