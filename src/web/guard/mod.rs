//! Who may use a server: certificates, users and extra headers, from a web configuration file as all
//! Prometheus programs take it
//! (<https://prometheus.io/docs/prometheus/latest/configuration/https/>).
//!
//! The file and what it refers to are looked at again with every request, so that a renewed certificate
//! or a changed password needs no restart. A version that cannot be used changes nothing: what was in
//! force stays, and the log says why.

mod tls;
mod users;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use rustls::ServerConfig;

use crate::wire::web::WebConfig;
use users::Users;

/// Headers that a web configuration may set.
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
];

/// Makes a web configuration anew, for one that does not lie in a file.
pub type Make = dyn Fn() -> Result<WebConfig, String> + Send + Sync;

/// Who may use a server, and how it is spoken to. The default lets everybody in, in the clear.
#[derive(Clone, Default)]
pub struct Guard {
    inner: Option<Arc<Inner>>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("guards", &self.inner.is_some()).finish_non_exhaustive()
    }
}

struct Inner {
    make: Box<Make>,
    /// Where relative paths begin.
    folder: PathBuf,
    /// Files that `make` reads.
    sources: Vec<PathBuf>,
    state: Mutex<Current>,
}

struct Current {
    stamps: Vec<Stamp>,
    rules: Arc<Rules>,
}

/// What is in force.
#[derive(Debug)]
struct Rules {
    tls: Option<Arc<ServerConfig>>,
    users: Arc<Users>,
    headers: HeaderMap,
    files: Vec<PathBuf>,
}

/// What tells that a file changed: when, how long it is, and which one it is.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Guard {
    /// Follows a web configuration file, the value of `--web.config.file`; lets everybody in without
    /// one. Fails when the file cannot be used now.
    pub fn from_flag(path: &Path) -> Result<Self, String> {
        if path.as_os_str().is_empty() {
            return Ok(Self::default());
        }
        Self::from_file(path).map_err(|err| format!("--web.config.file={err}"))
    }

    fn from_file(path: &Path) -> Result<Self, String> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let file = path.to_owned();
        let make = move || {
            let text = std::fs::read_to_string(&file).map_err(|err| err.to_string())?;
            if text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
                return Ok(WebConfig::default());
            }
            serde_yaml::from_str(&text).map_err(|err| err.to_string())
        };
        Self::new(Box::new(make), folder, vec![path.to_owned()])
            .map_err(|err| format!("{}: {err}", path.display()))
    }

    /// Follows what `make` returns; it is asked again when one of `sources`, or of the files that it
    /// refers to from `folder`, changes.
    pub fn new(make: Box<Make>, folder: PathBuf, sources: Vec<PathBuf>) -> Result<Self, String> {
        let rules = Arc::new(Rules::new(make()?, &folder)?);
        let stamps = rules.files.iter().chain(&sources).map(|file| stamp(file)).collect();
        let state = Mutex::new(Current { stamps, rules });
        Ok(Self { inner: Some(Arc::new(Inner { make, folder, sources, state })) })
    }

    /// Puts the door in front of a router.
    pub fn protect(&self, router: Router) -> Router {
        match &self.inner {
            None => router,
            Some(inner) => router.layer(middleware::from_fn_with_state(Arc::clone(inner), enter)),
        }
    }

    /// How TLS is spoken with a client that connects now; `None` for HTTP in the clear.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.inner.as_ref().and_then(|inner| inner.rules().tls.clone())
    }
}

impl Inner {
    /// What is in force, after a look at the files.
    fn rules(&self) -> Arc<Rules> {
        let mut state = self.state.lock();
        let files = state.rules.files.iter().chain(&self.sources);
        let stamps: Vec<Stamp> = files.map(|file| stamp(file)).collect();
        if stamps != state.stamps {
            state.stamps = stamps;
            let made = (self.make)().and_then(|config| Rules::new(config, &self.folder));
            match made {
                Ok(new) if new.tls.is_some() != state.rules.tls.is_some() => {
                    tracing::warn!("TLS of the web server is switched on or off by a restart only");
                }
                Ok(new) => {
                    tracing::info!("web configuration read again");
                    let files = new.files.iter().chain(&self.sources);
                    state.stamps = files.map(|file| stamp(file)).collect();
                    state.rules = Arc::new(new);
                }
                Err(err) => tracing::warn!("the web configuration in force stays: {err}"),
            }
        }
        Arc::clone(&state.rules)
    }
}

impl Rules {
    fn new(config: WebConfig, folder: &Path) -> Result<Self, String> {
        let http = config.http_server_config.unwrap_or_default();
        let mut headers = HeaderMap::new();
        for (name, value) in &http.headers {
            if !HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return Err(format!("headers: `{name}` is none of {}", HEADERS.join(", ")));
            }
            let wrong = || format!("headers: `{name}` cannot be `{value}`");
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        let (tls, files) = match &config.tls_server_config {
            None => (None, Vec::new()),
            Some(settings) => {
                let server = tls::server_config(settings, folder, http.http2.unwrap_or(true))
                    .map_err(|err| format!("tls_server_config: {err}"))?;
                (Some(server), tls::files(settings, folder))
            }
        };
        Ok(Self { tls, users: Arc::new(Users::new(config.basic_auth_users)?), headers, files })
    }
}

fn stamp(file: &Path) -> Stamp {
    let metadata = |file: &Path| -> io::Result<_> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(file)?;
        Ok((metadata.modified()?, metadata.len(), metadata.ino()))
    };
    metadata(file).ok()
}

/// Lets a request in, or says that a password is needed.
async fn enter(State(inner): State<Arc<Inner>>, request: Request, next: Next) -> Response {
    let rules = inner.rules();
    let shown = request.headers().get(header::AUTHORIZATION);
    let mut response = if rules.users.is_empty() || rules.users.knows(shown).await {
        next.run(request).await
    } else {
        let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
        (StatusCode::UNAUTHORIZED, challenge, "Unauthorized\n").into_response()
    };
    response.headers_mut().extend(rules.headers.clone());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("web.yml");
        std::fs::write(&path, text).expect("writable");
        (folder, path)
    }

    #[test]
    fn a_file_without_settings_guards_nothing() {
        for text in ["", "# nothing\n\n", "{}"] {
            let (_folder, path) = file(text);
            let guard = Guard::from_file(&path).expect("well-formed");
            assert!(guard.tls().is_none());
            assert!(guard.inner.expect("it is followed").rules().users.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (text, expected) in [
            ("basic_auth_user: {}", "unknown field `basic_auth_user`"),
            ("basic_auth_users: {a: secret}", "`a` has no bcrypt hash"),
            ("tls_server_config: {}", "one of `cert` and `cert_file` is needed"),
            ("tls_server_config: {cert_file: no, key_file: no}", "cert_file "),
            ("http_server_config: {headers: {X-Own: a}}", "`X-Own` is none of"),
        ] {
            let (_folder, path) = file(text);
            let err = Guard::from_file(&path).expect_err(text);
            assert!(err.contains("web.yml: ") && err.contains(expected), "{err}");
        }
    }

    #[test]
    fn a_broken_version_leaves_the_old_one_in_force() {
        let hash = bcrypt::hash("a", 4).expect("a cost that is allowed");
        let (_folder, path) = file(&format!("basic_auth_users: {{ann: {hash}}}"));
        let guard = Guard::from_file(&path).expect("well-formed");
        let inner = guard.inner.expect("it is followed");
        std::fs::write(&path, "basic_auth_users: {").expect("writable");
        assert!(!inner.rules().users.is_empty());
        std::fs::write(&path, "# nobody has to log in any more").expect("writable");
        assert!(inner.rules().users.is_empty());
    }
}
