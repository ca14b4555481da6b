//! Who listens where: every host of the stack's networks with its ports, and every address that
//! someone in the stack connects to. The rules about ports and networks all read this one picture.

use crate::diag::{Span, Spanned};
use crate::manifest::address::{
    ALERTMANAGER_PORT, GRAFANA_PORT, LOOPBACK, PROMETHEUS_PORT, PUSHGATEWAY_PORT, is_localhost,
    split_address,
};
use crate::manifest::{Protocol, Service, Stack};
use crate::render;

/// A port that a host listens on.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Port inside the container.
    pub port: u16,
    /// What is spoken; `None` if nothing was said, and HTTP is assumed.
    pub protocol: Option<Protocol>,
    /// Address and port on the host machine; `None` if it is not published.
    pub published: Option<(String, u16)>,
    /// Where the port is written; the host's name where it is derived.
    pub span: Span,
}

/// A host on the networks: a service, an exporter or a monitoring part.
#[derive(Debug, Clone)]
pub struct Host<'a> {
    /// Host name on the networks.
    pub name: String,
    /// What it is, for messages: ``service `db` ``.
    pub what: String,
    /// Ports in the order they are written.
    pub listens: Vec<Listen>,
    /// Networks it is attached to.
    pub networks: Vec<&'a str>,
    /// Where it is declared.
    pub span: Span,
    /// The service, if it is one.
    pub service: Option<&'a Service>,
    /// Whether it runs in containers only.
    pub contained: bool,
}

impl Host<'_> {
    /// The port inside the container, if the host listens there.
    pub fn listen(&self, port: u16) -> Option<&Listen> {
        self.listens.iter().find(|listen| listen.port == port)
    }

    /// Ports inside the container, for messages.
    pub fn ports(&self) -> String {
        let ports: Vec<String> =
            self.listens.iter().map(|listen| format!("`{}`", listen.port)).collect();
        ports.join(", ")
    }
}

/// An address that someone connects to: `host`, `host:port` or a URL.
#[derive(Debug, Clone)]
pub struct Connection<'a> {
    /// Name of who connects; [`Topology::resolve`] finds its host.
    pub from: &'a str,
    /// Host that is named.
    pub host: String,
    /// Port, where one is named.
    pub port: Option<u16>,
    /// What the connection is for: `scrape job `x``.
    pub what: String,
    /// Whether HTTP is spoken.
    pub http: bool,
    /// The whole value.
    pub span: Span,
}

/// Hosts, outside hosts and connections of a stack.
#[derive(Debug, Clone, Default)]
pub struct Topology<'a> {
    /// Hosts in the order: services, exporters, parts.
    pub hosts: Vec<Host<'a>>,
    /// Names of hosts outside of the stack.
    pub externals: Vec<&'a str>,
    /// Every address that is named somewhere.
    pub connections: Vec<Connection<'a>>,
}

impl<'a> Topology<'a> {
    /// Draws the picture.
    pub fn of(stack: &'a Stack) -> Self {
        let mut topology = Self {
            externals: stack.externals.iter().map(|external| external.name.as_str()).collect(),
            ..Self::default()
        };
        topology.add_services(stack);
        topology.add_parts(stack);
        topology.connect(stack);
        topology
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<&Host<'a>> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The host that an address means: its name on the network, or the name of an exporter.
    pub fn resolve(&self, name: &str) -> Option<&Host<'a>> {
        self.host(name).or_else(|| self.host(&format!("{name}-exporter")))
    }

    /// Whether the name can be looked up outside of the stack: an address, a name with a dot, or a
    /// declared external host.
    pub fn is_outside(&self, name: &str) -> bool {
        name.contains(['.', ':']) || is_localhost(name) || self.externals.contains(&name)
    }

    /// Names that can be written where a host is wanted.
    pub fn names(&self) -> Vec<&str> {
        self.hosts
            .iter()
            .map(|host| host.name.as_str())
            .chain(self.externals.iter().copied())
            .collect()
    }

    fn add_services(&mut self, stack: &'a Stack) {
        for service in &stack.services {
            let published = service.ports.iter().map(|port| Listen {
                port: port.number.value,
                protocol: port.protocol.as_ref().map(|protocol| protocol.value),
                published: service.published(port).map(|(bind, port)| (bind.to_owned(), port)),
                span: port.host.as_ref().map_or(port.number.span, |host| host.span),
            });
            let exposed = service.exposes.iter().map(|expose| Listen {
                port: expose.number.value,
                protocol: expose.protocol.as_ref().map(|protocol| protocol.value),
                published: None,
                span: expose.number.span,
            });
            self.hosts.push(Host {
                name: service.name.value.clone(),
                what: format!("service `{}`", service.name),
                listens: published.chain(exposed).collect(),
                networks: networks(stack, &service.networks),
                span: service.name.span,
                service: Some(service),
                contained: false,
            });
        }
    }

    fn add_parts(&mut self, stack: &'a Stack) {
        for exporter in &stack.exporters {
            let name = exporter.host();
            let what = format!("exporter `{}`", exporter.name);
            let port = exporter.port.as_ref().map(|port| port.value).or(exporter.usual_port());
            let span = exporter.port.as_ref().map_or(exporter.name.span, |port| port.span);
            let bind = exporter.bind.as_ref().map_or(LOOPBACK, |bind| bind.as_str());
            let main = port.map(|port| Listen {
                port,
                protocol: None,
                published: Some((bind.to_owned(), port)),
                span,
            });
            let further = exporter.exposes.iter().map(|expose| Listen {
                port: expose.number.value,
                protocol: expose.protocol.as_ref().map(|protocol| protocol.value),
                published: None,
                span: expose.number.span,
            });
            self.hosts.push(Host {
                name,
                what,
                listens: main.into_iter().chain(further).collect(),
                networks: networks(stack, &exporter.networks),
                span: exporter.name.span,
                service: None,
                contained: false,
            });
        }
        let part = |name: &str,
                    inside: u16,
                    port: Option<&Spanned<u16>>,
                    bind: Option<&Spanned<String>>,
                    own: &'a [Spanned<String>],
                    span: Span| {
            let bind = bind.map_or(LOOPBACK, |bind| bind.as_str()).to_owned();
            let outside = port.map_or(inside, |port| port.value);
            Host {
                name: name.to_owned(),
                what: name.to_owned(),
                listens: vec![Listen {
                    port: inside,
                    protocol: None,
                    published: Some((bind, outside)),
                    span: port.map_or(span, |port| port.span),
                }],
                networks: networks(stack, own),
                span,
                service: None,
                contained: false,
            }
        };
        if let Some(p) = &stack.prometheus {
            let (port, bind) = (p.port.as_ref(), p.bind.as_ref());
            self.hosts.push(part("prometheus", PROMETHEUS_PORT, port, bind, &p.networks, p.span()));
        }
        if let Some(p) = &stack.alertmanager {
            let (port, bind) = (p.port.as_ref(), p.bind.as_ref());
            self.hosts.push(part(
                "alertmanager",
                ALERTMANAGER_PORT,
                port,
                bind,
                &p.networks,
                p.span(),
            ));
        }
        if let Some(p) = &stack.pushgateway {
            let (port, bind) = (p.port.as_ref(), p.bind.as_ref());
            self.hosts.push(part(
                "pushgateway",
                PUSHGATEWAY_PORT,
                port,
                bind,
                &p.networks,
                p.span(),
            ));
        }
        if let Some(p) = &stack.grafana {
            let (port, bind) = (p.port.as_ref(), p.bind.as_ref());
            self.hosts.push(part("grafana", GRAFANA_PORT, port, bind, &p.networks, p.span()));
        }
        if let Some(prometheus) = &stack.prometheus {
            for part in render::parts(stack) {
                if part.kind != render::PartKind::Prometheus || part.name == "prometheus" {
                    continue;
                }
                let published = part.publish.then(|| (part.bind.clone(), part.host_port));
                let port = prometheus.shards.as_ref().and_then(|shards| shards.port.as_ref());
                let span = port.map_or(prometheus.span(), |port| port.span);
                self.hosts.push(Host {
                    what: format!("shard `{}`", part.name),
                    listens: vec![Listen { port: part.port, protocol: None, published, span }],
                    networks: networks(stack, &prometheus.networks),
                    span: prometheus.span(),
                    service: None,
                    contained: true,
                    name: part.name,
                });
            }
        }
        for part in render::parts(stack) {
            let Some(store) = part.store.map(|index| &stack.stores[index]) else { continue };
            let listen = |port: u16, outside: Option<u16>| Listen {
                port,
                protocol: None,
                published: outside.map(|port| (part.bind.clone(), port)),
                span: store
                    .port
                    .as_ref()
                    .filter(|said| outside == Some(said.value))
                    .map_or(store.name.span, |said| said.span),
            };
            let own = listen(part.port, part.publish.then_some(part.host_port));
            let further = part
                .further_ports
                .iter()
                .map(|port| listen(*port, part.further_published.contains(port).then_some(*port)));
            self.hosts.push(Host {
                what: format!("store `{}`", store.name),
                listens: std::iter::once(own).chain(further).collect(),
                networks: networks(stack, &store.networks),
                span: store.name.span,
                service: None,
                contained: true,
                name: part.name.clone(),
            });
        }
    }

    fn connect(&mut self, stack: &'a Stack) {
        for service in &stack.services {
            let from = service.name.as_str();
            for site in &service.sites {
                for php in &site.php_fastcgi {
                    self.add(from, &php.to, format!("site `{}`", site.host), false);
                }
                for proxy in &site.reverse_proxy {
                    self.add(from, &proxy.to, format!("site `{}`", site.host), true);
                }
            }
        }
        for exporter in &stack.exporters {
            if let Some(target) = &exporter.target {
                let what = format!("exporter `{}`", exporter.name);
                self.add(&exporter.name, target, what, false);
            }
        }
        if let Some(prometheus) = &stack.prometheus {
            for scrape in &prometheus.scrapes {
                for address in scrape.addresses() {
                    self.add("prometheus", address, format!("scrape job `{}`", scrape.job), true);
                }
            }
            for federate in &prometheus.federate {
                let what = format!("federation job `{}`", federate.job);
                self.add("prometheus", &federate.target, what, true);
            }
            // One that is no URL at all is a finding of its own.
            for write in prometheus.remote_write.iter().filter(|write| write.url.contains("://")) {
                self.add("prometheus", &write.url, "remote write".to_owned(), true);
            }
        }
        for receiver in stack.alertmanager.iter().flat_map(|alertmanager| &alertmanager.receivers) {
            let what = || format!("webhook of receiver `{}`", receiver.name);
            for url in receiver.webhook.iter().map(|webhook| &webhook.url) {
                if let Some(text) = url.literal().filter(|text| text.contains("://")) {
                    self.add_at("alertmanager", text, url.span, what(), true);
                }
            }
        }
        if let Some(grafana) = &stack.grafana {
            for datasource in &grafana.datasources {
                if let Some(url) = &datasource.url {
                    self.add("grafana", url, format!("data source `{}`", datasource.name), true);
                }
            }
        }
    }

    fn add(&mut self, from: &'a str, address: &'a Spanned<String>, what: String, http: bool) {
        self.add_at(from, address, address.span, what, http);
    }

    fn add_at(&mut self, from: &'a str, address: &str, span: Span, what: String, http: bool) {
        if let Some((host, port)) = split_address(address) {
            let connection = Connection { from, host: host.to_owned(), port, what, http, span };
            self.connections.push(connection);
        }
    }
}

/// Whether others than this machine reach what is published at an address of the host.
pub fn beyond_loopback(bind: &str) -> bool {
    let bind = bind.trim_start_matches('[').trim_end_matches(']');
    !(bind == "localhost" || bind == "::1" || bind.starts_with("127."))
}

/// The networks a part is attached to: its own, or all that are declared.
fn networks<'a>(stack: &'a Stack, own: &'a [Spanned<String>]) -> Vec<&'a str> {
    if own.is_empty() {
        stack.networks.iter().map(|network| network.name.as_str()).collect()
    } else {
        own.iter().map(|name| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    #[test]
    fn rules_and_rendering_see_the_same_ports() {
        let text = "stack \"s\"\nservice \"a\" { image \"a:1\"; port 80 host=8080; port 81; port 82 host=8082 \n\
            unpublish 8080 81 }";
        let stack = parse("stack.kdl", text, Format::Kdl, None).unwrap().stack;
        let topology = Topology::of(&stack);
        let drawn = topology.hosts[0].listens.iter().map(|l| l.published.clone());
        let rendered = crate::render::endpoints(&stack)
            .into_iter()
            .map(|endpoint| endpoint.published.map(|place| (place.bind, place.port)));
        let expected = vec![None, None, Some((LOOPBACK.to_owned(), 8082))];
        assert_eq!(drawn.collect::<Vec<_>>(), expected);
        assert_eq!(rendered.collect::<Vec<_>>(), expected);
    }
}
