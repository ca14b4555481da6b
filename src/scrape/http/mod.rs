//! The HTTP client of scrapes and discovery: authentication, TLS, redirects, proxies, bounded bodies.

mod auth;
mod body;
mod connect;
mod tls;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

pub(super) use body::gunzip;
pub(crate) use body::read_body;
use connect::Connector;
pub use connect::{Resolution, Resolver};

use crate::wire::prometheus as wire;

const MAX_REDIRECTS: usize = 10;

/// A request did not bring a usable answer. The texts are those of Prometheus' target page where it
/// has one.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A setting of the client cannot be used (certificate, key, header …).
    #[error("{0}")]
    Setting(String),
    /// A file with a secret cannot be read.
    #[error("unable to read file {path}: {source}")]
    SecretFile {
        /// The file.
        path: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// Not a URL.
    #[error("invalid URL {url:?}: {reason}")]
    Url {
        /// What was to be fetched.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or it broke before an answer.
    #[error("{verb} {url:?}: {reason}")]
    Request {
        /// `Get` or `Post`.
        verb: &'static str,
        /// What was fetched.
        url: String,
        /// What happened.
        reason: String,
    },
    /// An answer, but not a good one.
    #[error("server returned HTTP status {0}")]
    Status(StatusCode),
    /// The body broke off or cannot be decompressed.
    #[error("{0}")]
    Body(String),
    /// The body is longer than allowed.
    #[error("body size limit exceeded")]
    TooLarge,
    /// Redirected in a circle.
    #[error("{verb} {url:?}: stopped after 10 redirects")]
    Redirects {
        /// `Get` or `Post`.
        verb: &'static str,
        /// What was fetched.
        url: String,
    },
    /// The token endpoint did not give a token.
    #[error("oauth2: cannot fetch token: {0}")]
    Token(String),
}

type Tls = legacy::Client<HttpsConnector<Connector>, Full<Bytes>>;

/// One set of client settings with its connections.
pub(crate) struct Client {
    plain: legacy::Client<Connector, Full<Bytes>>,
    /// Made for the first https URL: reading the system's authorities takes time and memory.
    tls: OnceLock<Tls>,
    connector: Connector,
    settings: wire::HttpClient,
    token: auth::TokenCache,
}

impl Client {
    /// Reads certificates and keys if the settings name them. Connections are kept open for five
    /// minutes.
    pub fn new(settings: &wire::HttpClient, resolver: &Resolver) -> Result<Self, FetchError> {
        let proxy = connect::Proxy::new(settings)?;
        let connector = Connector { resolver: resolver.clone(), proxy };
        let client = Self {
            plain: builder().build(connector.clone()),
            tls: OnceLock::new(),
            connector,
            settings: settings.clone(),
            token: auth::TokenCache::default(),
        };
        if settings.tls_config.is_some() {
            client.tls()?;
        }
        Ok(client)
    }

    /// Whether a URL leads to this machine, and without a proxy.
    pub fn stays_here(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.connector.stays_here(&url))
    }

    fn tls(&self) -> Result<&Tls, FetchError> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let settings = self.settings.tls_config.as_ref();
        let tls = tls::client_config(settings)?;
        let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_only();
        let name = settings.and_then(|tls| tls.server_name.clone()).filter(|name| !name.is_empty());
        let connector = match name {
            Some(name) => {
                let name = rustls_pki_types::ServerName::try_from(name)
                    .map_err(|err| FetchError::Setting(format!("invalid server_name: {err}")))?;
                let names = hyper_rustls::FixedServerNameResolver::new(name);
                let https = https.with_server_name_resolver(names);
                https.enable_http1().wrap_connector(self.connector.clone())
            }
            None => https.enable_http1().wrap_connector(self.connector.clone()),
        };
        Ok(self.tls.get_or_init(|| builder().build(connector)))
    }

    /// Sends one request as it is.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, FetchError> {
        let (url, verb) = (request.uri().to_string(), verb(request.method()));
        let sent = if request.uri().scheme_str() == Some("https") {
            self.tls()?.request(request).await
        } else {
            self.plain.request(request).await
        };
        sent.map_err(|err| FetchError::Request { verb, url, reason: connect::explain(&err) })
    }

    /// Fetches a URL, following redirects if the settings allow it. Secrets are read from their files
    /// again each time.
    pub async fn get(
        &self,
        url: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Incoming>, FetchError> {
        self.fetch(Method::GET, url, headers, Bytes::new()).await
    }

    /// Sends a body to a URL; redirects and secrets as with [`Self::get`].
    pub async fn post(
        &self,
        url: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, FetchError> {
        self.fetch(Method::POST, url, headers, body).await
    }

    async fn fetch(
        &self,
        mut method: Method,
        url: &str,
        headers: &HeaderMap,
        mut body: Bytes,
    ) -> Result<Response<Incoming>, FetchError> {
        let bad = |reason: String| FetchError::Url { url: url.to_owned(), reason };
        let start = Url::parse(url).map_err(|err| bad(err.to_string()))?;
        let mut target = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut all = headers.clone();
            self.add_headers(&mut all)?;
            // Credentials are not carried to another host.
            if target.host_str() == start.host_str() {
                self.authorize(&mut all).await?;
            }
            if let Some(proxy) = &self.connector.proxy
                && target.scheme() == "http"
                && let Some(credentials) = proxy.authorization()
            {
                all.insert(header::PROXY_AUTHORIZATION, credentials);
            }
            let mut request = Request::builder()
                .method(method.clone())
                .uri(target.as_str())
                .body(Full::new(body.clone()))
                .map_err(|err| bad(err.to_string()))?;
            *request.headers_mut() = all;
            let response = self.send(request).await?;
            let follow = self.settings.follow_redirects.unwrap_or(true);
            let location = match response.status() {
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
                    if follow =>
                {
                    response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok())
                }
                _ => None,
            };
            match location {
                None => return Ok(response),
                Some(location) => {
                    // Only the newer two statuses keep what was asked; the others mean `look there`.
                    let keeps = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT];
                    if !keeps.contains(&response.status()) {
                        (method, body) = (Method::GET, Bytes::new());
                    }
                    target = target.join(location).map_err(|err| FetchError::Url {
                        url: location.to_owned(),
                        reason: err.to_string(),
                    })?;
                }
            }
        }
        Err(FetchError::Redirects { verb: verb(&method), url: start.to_string() })
    }

    fn add_headers(&self, headers: &mut HeaderMap) -> Result<(), FetchError> {
        let bad = |name: &str| FetchError::Setting(format!("invalid header {name:?}"));
        for (name, values) in &self.settings.http_headers {
            let key = HeaderName::try_from(name.as_str()).map_err(|_| bad(name))?;
            let secrets = values.secrets.iter().map(|secret| secret.0.clone());
            let mut all: Vec<String> = values.values.iter().cloned().chain(secrets).collect();
            for file in &values.files {
                all.push(auth::read_secret(file)?);
            }
            for value in all {
                let value = HeaderValue::try_from(value).map_err(|_| bad(name))?;
                headers.append(key.clone(), value);
            }
        }
        Ok(())
    }
}

fn verb(method: &Method) -> &'static str {
    if *method == Method::POST { "Post" } else { "Get" }
}

fn builder() -> legacy::Builder {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .pool_idle_timeout(Duration::from_secs(300))
        .pool_max_idle_per_host(4)
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(64 << 10);
    builder
}
