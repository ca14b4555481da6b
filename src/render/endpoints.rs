//! Who listens where: `host:port` inside of the networks, and the same place on the host.

use crate::manifest::address::LOOPBACK;
use crate::manifest::{Protocol, Service, Stack};

use super::parts::Part;

/// A port that something of the stack listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name inside of the networks.
    pub host: String,
    /// Port inside of the networks.
    pub port: u16,
    /// Address on the host that reaches it: where a native process listens, and where compose
    /// publishes it. `None` for a port that is not published.
    pub published: Option<Published>,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whether somebody else runs it: `native external=` and `external`.
    pub external: bool,
}

/// An address on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Address that is listened on, such as `127.0.0.1` or `0.0.0.0`.
    pub bind: String,
    /// Port on the host.
    pub port: u16,
}

impl Published {
    /// `host:port` to connect to from this machine: the loopback where all addresses are bound.
    pub fn reachable(&self) -> String {
        match self.bind.as_str() {
            "0.0.0.0" | "" => format!("{LOOPBACK}:{}", self.port),
            "::" | "[::]" => format!("[::1]:{}", self.port),
            bind if bind.contains(':') && !bind.starts_with('[') => {
                format!("[{bind}]:{}", self.port)
            }
            bind => format!("{bind}:{}", self.port),
        }
    }
}

/// Every port of the stack: services, exporters, monitoring parts and externals, in this order.
pub fn endpoints(stack: &Stack) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for service in &stack.services {
        of_service(service, &mut endpoints);
    }
    endpoints.extend(super::parts::parts(stack).iter().flat_map(of_part));
    for (exporter, host) in stack.exporters.iter().map(|e| (e, e.host())) {
        endpoints.extend(exporter.exposes.iter().map(|expose| Endpoint {
            host: host.clone(),
            port: expose.number.value,
            published: None,
            protocol: expose.protocol.as_ref().map_or(Protocol::Tcp, |protocol| protocol.value),
            external: false,
        }));
    }
    for external in &stack.externals {
        let Some(port) = external.port.as_ref().map(|port| port.value) else { continue };
        let address = external.address.as_ref().map(|address| address.value.as_str());
        endpoints.push(Endpoint {
            host: external.name.value.clone(),
            port,
            published: address.map(|address| split(address, port)),
            protocol: Protocol::Tcp,
            external: true,
        });
    }
    endpoints
}

fn of_part(part: &Part) -> Vec<Endpoint> {
    let endpoint = |port: u16, outside: Option<u16>| Endpoint {
        host: part.name.clone(),
        port,
        published: outside.map(|port| Published { bind: part.bind.clone(), port }),
        protocol: Protocol::Http,
        external: false,
    };
    let own = endpoint(part.port, part.publish.then_some(part.host_port));
    let further = part
        .further_ports
        .iter()
        .map(|port| endpoint(*port, part.further_published.contains(port).then_some(*port)));
    std::iter::once(own).chain(further).collect()
}

fn of_service(service: &Service, endpoints: &mut Vec<Endpoint>) {
    let native = service.native.as_ref();
    let external = native.and_then(|native| native.external.as_ref());
    let host = &service.name.value;
    let outside = |port: u16| external.map(|address| split(&address.value, port));
    for port in &service.ports {
        let number = port.number.value;
        let published =
            service.published(port).map(|(bind, port)| Published { bind: bind.to_owned(), port });
        // One address is said for a program that runs elsewhere: it stands for the first port.
        let first = service.ports.first().is_some_and(|first| first.number.value == number);
        endpoints.push(Endpoint {
            host: host.clone(),
            port: number,
            published: outside(number).filter(|_| first).or(published),
            protocol: port.protocol.as_ref().map_or(Protocol::Tcp, |protocol| protocol.value),
            external: external.is_some(),
        });
    }
    for (index, expose) in service.exposes.iter().enumerate() {
        let number = expose.number.value;
        let runs_here = native.is_some_and(|native| native.run.is_some());
        let first = index == 0 && service.ports.is_empty();
        let own = runs_here.then(|| Published { bind: LOOPBACK.to_owned(), port: number });
        endpoints.push(Endpoint {
            host: host.clone(),
            port: number,
            published: outside(number).filter(|_| first).or(own),
            protocol: expose.protocol.as_ref().map_or(Protocol::Tcp, |protocol| protocol.value),
            external: external.is_some(),
        });
    }
}

fn split(address: &str, default_port: u16) -> Published {
    match address.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => Published { bind: host.to_owned(), port },
        _ => Published { bind: address.to_owned(), port: default_port },
    }
}

/// `host:port` of a target as it is written in the manifest: `db`, `db:3306`, `node`,
/// `node-exporter:9100`, `prom-us`. A name without a port gets the port that it listens on.
pub(super) fn address(stack: &Stack, target: &str, http: bool) -> String {
    if target.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        return target.to_owned();
    }
    let exporter = stack.exporters.iter().find(|exporter| exporter.name.value == target);
    let host = exporter.map_or_else(|| target.to_owned(), |exporter| exporter.host());
    let all = endpoints(stack);
    let ports = || all.iter().filter(|endpoint| endpoint.host == host);
    let best = ports().find(|endpoint| !http || speaks_http(endpoint.protocol)).or(ports().next());
    match best {
        Some(endpoint) => format!("{host}:{}", endpoint.port),
        None => host,
    }
}

/// Whether HTTP can be spoken there.
pub(super) fn speaks_http(protocol: Protocol) -> bool {
    !matches!(protocol, Protocol::Fastcgi | Protocol::Udp | Protocol::Grpc)
}
