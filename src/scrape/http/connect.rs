//! Connections: names are looked up in the caller's map first, then by the system; optionally
//! through a proxy.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::{FetchError, auth};
use crate::wire::prometheus::HttpClient;

/// Where a `host:port` is to be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Ask the system.
    System,
    /// Here.
    Address(SocketAddr),
    /// Nowhere, and the target's error says why.
    Absent(String),
}

/// Looks up `host:port` of targets before the system is asked, so that service names resolve as they
/// would on a compose network. The port is always there, 80 or 443 where nobody wrote one.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(&str) -> Resolution + Send + Sync>);

impl Resolver {
    /// From a function; it is called for every new connection.
    pub fn new(lookup: impl Fn(&str) -> Resolution + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// From a map of `host:port`.
    pub fn from_map(map: std::collections::HashMap<String, SocketAddr>) -> Self {
        Self::new(move |name| map.get(name).map_or(Resolution::System, |a| Resolution::Address(*a)))
    }

    /// What is known of `host:port`.
    pub fn resolve(&self, host_port: &str) -> Resolution {
        (self.0)(host_port)
    }
}

/// Asks the system for everything.
impl Default for Resolver {
    fn default() -> Self {
        Self::new(|_| Resolution::System)
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

/// A proxy and what goes around it.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    url: Url,
    except: Vec<String>,
    headers: Vec<(String, String)>,
}

impl Proxy {
    /// From the settings, or from the environment if they say so.
    pub fn new(settings: &HttpClient) -> Result<Option<Self>, FetchError> {
        let environment = |name: &str| {
            let value = std::env::var(name).or_else(|_| std::env::var(name.to_ascii_lowercase()));
            value.ok().filter(|value| !value.is_empty())
        };
        let from_environment = settings.proxy_from_environment == Some(true);
        let (url, except) = if from_environment {
            (
                environment("HTTP_PROXY").or_else(|| environment("HTTPS_PROXY")),
                environment("NO_PROXY"),
            )
        } else {
            (settings.proxy_url.clone().filter(|url| !url.is_empty()), settings.no_proxy.clone())
        };
        let Some(url) = url else { return Ok(None) };
        let bad =
            |reason: String| FetchError::Setting(format!("invalid proxy_url {url:?}: {reason}"));
        let parsed = Url::parse(&url).map_err(|err| bad(err.to_string()))?;
        if parsed.scheme() != "http" {
            return Err(bad("only http proxies are supported".to_owned()));
        }
        let split = |list: String| list.split(',').map(|part| part.trim().to_owned()).collect();
        let pairs = settings.proxy_connect_header.iter();
        let headers = pairs
            .flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.0.clone())))
            .collect();
        Ok(Some(Self { url: parsed, except: except.map(split).unwrap_or_default(), headers }))
    }

    /// Credentials for plain requests through the proxy.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let user = self.url.username();
        let password = self.url.password().unwrap_or_default();
        (!user.is_empty()).then(|| HeaderValue::try_from(auth::basic(user, password)).ok())?
    }

    /// Whether a host is reached through the proxy.
    fn serves(&self, host: &str) -> bool {
        let local = is_loopback(host);
        // The environment's proxy never serves the machine itself.
        let excepted = self.except.iter().any(|pattern| {
            let pattern = pattern.as_str();
            pattern == "*"
                || pattern.trim_start_matches("*.").trim_start_matches('.') == host
                || host.ends_with(&format!(
                    ".{}",
                    pattern.trim_start_matches("*.").trim_start_matches('.')
                ))
        });
        !excepted
            && (!local
                || self
                    .url
                    .host_str()
                    .is_some_and(|proxy| proxy != host || self.url.port().is_some()))
    }
}

/// Makes TCP connections for the client.
#[derive(Clone)]
pub(super) struct Connector {
    pub resolver: Resolver,
    pub proxy: Option<Proxy>,
}

impl Connector {
    /// Whether a URL leads to this machine, as far as that can be told without a look-up.
    pub fn stays_here(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if self.proxy.as_ref().is_some_and(|proxy| proxy.serves(host)) {
            return false;
        }
        let port = url.port_or_known_default().unwrap_or_default();
        match self.resolver.resolve(&host_port(host, port)) {
            Resolution::Address(address) => address.ip().is_loopback(),
            Resolution::Absent(_) => false,
            Resolution::System => is_loopback(host),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A connection, directly or through a proxy.
pub(super) struct Stream {
    io: TokioIo<TcpStream>,
    proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.proxied)
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let https = uri.scheme_str() == Some("https");
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
            match connector.proxy.as_ref().filter(|proxy| proxy.serves(&host)) {
                None => {
                    let stream = dial(&connector.resolver, &host, port).await?;
                    Ok(Stream { io: TokioIo::new(stream), proxied: false })
                }
                Some(proxy) => {
                    let proxy_host =
                        proxy.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
                    let proxy_port = proxy.url.port_or_known_default().unwrap_or(80);
                    let mut stream = dial(&connector.resolver, proxy_host, proxy_port).await?;
                    if https {
                        tunnel(&mut stream, proxy, &format!("{host}:{port}")).await?;
                    }
                    Ok(Stream { io: TokioIo::new(stream), proxied: !https })
                }
            }
        })
    }
}

async fn dial(resolver: &Resolver, host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match resolver.resolve(&host_port(host, port)) {
        Resolution::Address(address) => vec![address],
        Resolution::Absent(reason) => return Err(io::Error::other(reason)),
        Resolution::System => match tokio::net::lookup_host((host, port)).await {
            Ok(found) => found.collect(),
            Err(err) => {
                let reason = format!("dial tcp: lookup {host}: {}", lookup_reason(&err));
                return Err(io::Error::new(err.kind(), reason));
            }
        },
    };
    let mut last = io::Error::other(format!("dial tcp: lookup {host}: no such host"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                keep_alive(&stream);
                return Ok(stream);
            }
            Err(err) => {
                let reason = match err.kind() {
                    io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
                    io::ErrorKind::NetworkUnreachable => "network is unreachable".to_owned(),
                    io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
                    _ => err.to_string(),
                };
                last = io::Error::new(err.kind(), format!("dial tcp {address}: connect: {reason}"));
            }
        }
    }
    Err(last)
}

/// A peer that vanished without a word is noticed.
fn keep_alive(stream: &TcpStream) {
    let settings = socket2::TcpKeepalive::new().with_time(Duration::from_secs(30));
    // Without it the connection still works.
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&settings);
}

fn lookup_reason(err: &io::Error) -> String {
    let text = err.to_string();
    let known =
        ["Name or service not known", "No address associated", "not known", "Temporary failure"];
    match known.iter().position(|part| text.contains(part)) {
        Some(3) => "temporary failure in name resolution".to_owned(),
        Some(_) => "no such host".to_owned(),
        None => text,
    }
}

async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, target: &str) -> io::Result<()> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    for (name, value) in &proxy.headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    if let Some(credentials) = proxy.authorization().as_ref().and_then(|value| value.to_str().ok())
    {
        request.extend(["Proxy-Authorization: ", credentials, "\r\n"]);
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte: what follows the empty line belongs to TLS.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > 16 << 10 {
            return Err(io::Error::other("the proxy's answer does not end"));
        }
        answer.push(stream.read_u8().await?);
    }
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status == b"200" {
        return Ok(());
    }
    let line =
        String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default())
            .into_owned();
    Err(io::Error::other(format!("proxy refused the tunnel: {line}")))
}

/// The innermost message that says something, in the words of Prometheus' target page.
pub(in crate::scrape) fn explain(err: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = err;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    // A wrapped `io::Error` keeps its text to itself.
    let text = innermost.to_string();
    let lower = text.to_ascii_lowercase();
    if lower.contains("connection closed before message completed")
        || lower.contains("unexpected end of file")
        || lower.contains("unexpected eof")
        || lower.contains("end of file before message length reached")
    {
        return "unexpected EOF".to_owned();
    }
    if lower.contains("connection reset") {
        return "connection reset by peer".to_owned();
    }
    if lower.contains("invalid http") {
        return format!("malformed HTTP response: {text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_the_machine_is_known() {
        let resolver = Resolver::new(|name| match name {
            "app:80" => Resolution::Address(([127, 0, 0, 1], 8080).into()),
            "far:9100" => Resolution::Address(([10, 0, 0, 1], 9100).into()),
            "off:9100" => Resolution::Absent("it is off".to_owned()),
            _ => Resolution::System,
        });
        let connector = |proxy: Option<&str>| Connector {
            resolver: resolver.clone(),
            proxy: proxy.and_then(|url| {
                let settings =
                    HttpClient { proxy_url: Some(url.to_owned()), ..HttpClient::default() };
                Proxy::new(&settings).unwrap()
            }),
        };
        let stays =
            |connector: &Connector, url: &str| connector.stays_here(&Url::parse(url).unwrap());
        let direct = connector(None);
        let near = [
            "http://127.0.0.1:9100/metrics",
            "https://[::1]/metrics",
            "http://localhost:9100/",
            "http://app/metrics",
        ];
        for url in near {
            assert!(stays(&direct, url), "{url}");
        }
        for url in ["http://10.0.0.1:9100/", "http://far:9100/", "http://off:9100/", "http://b/"] {
            assert!(!stays(&direct, url), "{url}");
        }
        assert!(!stays(&connector(Some("http://10.0.0.9:3128")), "http://app/metrics"));
    }
}
