//! `Caddyfile`: the public sites, and a plain one inside the network through which Prometheus reads
//! the metrics of applications that do not speak HTTP themselves.

use minijinja::{Value, context};

use crate::manifest::address::host_of;
use crate::manifest::{PhpFastcgi, Protocol, Service, Site, Stack};

use super::endpoints::address;
use super::jobs::metrics_port;
use super::parts::{HostPath, MountPoint, certificate, parts, tls_path};
use super::template;
use super::{Output, Plan, RenderError, Renderer};

pub(super) const RENDERER: Renderer = Renderer { name: "Caddyfile", render };

const CADDYFILE: &str = include_str!("templates/Caddyfile.j2");
/// Where PHP images keep the code when nothing is said.
const PHP_ROOT: &str = "/var/www/html";

/// Services whose metrics are read through this one.
fn behind<'a>(stack: &'a Stack, name: &'a str) -> impl Iterator<Item = &'a Service> {
    stack.services.iter().map(|service| &service.value).filter(move |service| {
        let via = service.metrics.as_ref().and_then(|metrics| metrics.via.as_ref());
        via.is_some_and(|via| via.value == name)
    })
}

/// Whether the metrics of other services are read through this one.
pub(super) fn passes_on(stack: &Stack, service: &Service) -> bool {
    behind(stack, service.name.as_str()).next().is_some()
}

fn is_caddy(stack: &Stack, service: &Service) -> bool {
    !service.sites.is_empty() || behind(stack, service.name.as_str()).next().is_some()
}

/// The Caddyfile of a service, relative to the output folder; the first Caddy has the plain name.
pub(super) fn file(stack: &Stack, name: &str) -> Option<String> {
    let mut caddies = stack.services.iter().filter(|service| is_caddy(stack, service));
    let index = caddies.position(|service| service.name.value == name)?;
    Some(if index == 0 { "Caddyfile".to_owned() } else { format!("Caddyfile.{name}") })
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    for service in &stack.services {
        let Some(path) = file(stack, service.name.as_str()) else { continue };
        let sites: Vec<Value> = service
            .sites
            .iter()
            .map(|site| self::site(stack, site, &hidden(stack, service, site)))
            .collect();
        let inside: Vec<Value> = behind(stack, service.name.as_str())
            .map(|behind| metrics_site(service, behind))
            .collect();
        let values = context! {
            stack => stack.name(),
            service => service.name.as_str(),
            sites,
            inside,
        };
        out.push(Output::text(path, template::builtin("Caddyfile", CADDYFILE, &values)));
    }
    Ok(())
}

/// Metrics pages that a public site would otherwise pass on with everything else.
fn hidden<'a>(stack: &'a Stack, caddy: &'a Service, site: &Site) -> Vec<&'a str> {
    let php = site.php_fastcgi.iter().map(|php| &php.to);
    let proxies = site.reverse_proxy.iter().filter(|proxy| proxy.path.is_none());
    let served: Vec<&str> =
        php.chain(proxies.map(|proxy| &proxy.to)).map(|target| host_of(target.as_str())).collect();
    behind(stack, caddy.name.as_str())
        .filter(|service| served.contains(&service.name.as_str()))
        .map(metrics_path)
        .collect()
}

fn metrics_path(service: &Service) -> &str {
    let path = service.metrics.as_ref().and_then(|metrics| metrics.path.as_ref());
    path.map_or("/metrics", |path| path.as_str())
}

/// The certificate of the part at an address, which is its own authority.
fn trusted<'a>(stack: &'a Stack, address: &str) -> Option<&'a str> {
    let all = parts(stack);
    let part = all.iter().find(|part| address == format!("{}:{}", part.name, part.port))?;
    certificate(stack, part)
}

/// Certificates that a Caddy needs to pass requests on.
pub(super) fn certificates(stack: &Stack, name: &str) -> Vec<MountPoint> {
    let sites = stack.service(name).into_iter().flat_map(|service| &service.sites);
    let targets = sites.flat_map(|site| &site.reverse_proxy).map(|proxy| proxy.to.as_str());
    let mut paths: Vec<&str> =
        targets.filter_map(|target| trusted(stack, &address(stack, target, true))).collect();
    paths.sort_unstable();
    paths.dedup();
    let mount =
        |path: &str| MountPoint::read_only(tls_path(path), HostPath::Manifest(path.to_owned()));
    paths.into_iter().map(mount).collect()
}

/// `host:port` that FastCGI is spoken at.
fn fastcgi_address(stack: &Stack, target: &str) -> String {
    let exposed = stack.service(target).and_then(|service| {
        let fastcgi = |protocol: &Option<crate::diag::Spanned<Protocol>>| {
            protocol.as_ref().is_some_and(|protocol| protocol.value == Protocol::Fastcgi)
        };
        let exposed = service.exposes.iter().find(|port| fastcgi(&port.protocol));
        let published = service.ports.iter().find(|port| fastcgi(&port.protocol));
        exposed.map(|port| port.number.value).or(published.map(|port| port.number.value))
    });
    exposed.map_or_else(|| address(stack, target, false), |port| format!("{target}:{port}"))
}

fn php(stack: &Stack, php: &PhpFastcgi, site_root: Option<&str>) -> Value {
    let root = php.root.as_ref().map(|root| root.as_str());
    context! {
        to => fastcgi_address(stack, php.to.as_str()),
        root => root.or(site_root).unwrap_or(PHP_ROOT),
    }
}

fn site(stack: &Stack, site: &Site, hidden: &[&str]) -> Value {
    let root = site.root.as_ref().map(|root| root.as_str());
    let php: Vec<Value> = site.php_fastcgi.iter().map(|php| self::php(stack, php, root)).collect();
    let proxies: Vec<Value> = site
        .reverse_proxy
        .iter()
        .map(|proxy| {
            let to = address(stack, proxy.to.as_str(), true);
            let trust = trusted(stack, &to);
            context! {
                path => proxy.path.as_ref().map(|path| path.as_str()),
                to => if trust.is_some() { format!("https://{to}") } else { to },
                trust => trust.map(tls_path),
            }
        })
        .collect();
    let redirects: Vec<Value> = site
        .redir
        .iter()
        .map(|redirect| {
            context! {
                path => redirect.path.as_str(),
                to => redirect.to.as_str(),
                code => redirect.code.as_ref().map(|code| code.value),
            }
        })
        .collect();
    let headers: Vec<Value> = site
        .header
        .iter()
        .map(|(name, value)| context! { name => name.as_str(), value => value.as_str() })
        .collect();
    let default_root = site
        .php_fastcgi
        .first()
        .map(|php| php.root.as_ref().map_or(PHP_ROOT, |root| root.as_str()));
    context! {
        host => site.host.as_str(),
        tls => site.tls.as_ref().map(|tls| tls.as_str()),
        encode => site.encode.iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>(),
        headers,
        redirects,
        proxies,
        rest => root.is_some() || !php.is_empty()
            || site.reverse_proxy.iter().any(|proxy| proxy.path.is_none()),
        php,
        hidden => hidden.iter().map(|path| Value::from(*path)).collect::<Vec<_>>(),
        root => root.or(default_root),
        file_server => site.file_server.as_ref().map_or(root.is_some(), |flag| flag.value),
    }
}

/// How the metrics page of a service behind this Caddy is reached.
fn metrics_site(caddy: &Service, service: &Service) -> Value {
    let name = service.name.as_str();
    let path = metrics_path(service);
    let port = metrics_port(service);
    let fastcgi = service
        .exposes
        .iter()
        .map(|port| (port.number.value, &port.protocol))
        .chain(service.ports.iter().map(|port| (port.number.value, &port.protocol)))
        .find(|(_, protocol)| {
            protocol.as_ref().is_some_and(|protocol| protocol.value == Protocol::Fastcgi)
        });
    // The code lies where the public site says it does.
    let root = caddy
        .sites
        .iter()
        .flat_map(|site| site.php_fastcgi.iter().map(move |php| (site, php)))
        .find(|(_, php)| host_of(php.to.as_str()) == name)
        .and_then(|(site, php)| php.root.as_ref().or(site.root.as_ref()))
        .map_or(PHP_ROOT, |root| root.as_str());
    let replicas = service.replicas.as_ref().is_some_and(|replicas| replicas.value > 1);
    let to = fastcgi.map_or(port, |(port, _)| port);
    context! {
        name,
        path,
        to => format!("{name}:{to}"),
        port => to,
        fastcgi => fastcgi.is_some(),
        // A page that is no PHP file itself is answered by the application's front controller.
        front => path.rsplit('.').next() != Some("php"),
        root,
        replicas,
    }
}
