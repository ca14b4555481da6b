//! What configurations read from files, the operator wants as keys of Secrets: also names of users,
//! which are no secrets and therefore rendered.

use crate::render::kubernetes::names::Labels;
use crate::render::kubernetes::secrets::Wanted;
use crate::render::parts::Part;
use crate::wire::kubernetes::{KeyRef, Words};
use crate::wire::operator::{Authorization, BasicAuth, SecretOrConfigMap, Tls};
use crate::wire::prometheus as file;

/// The Secret with names of users.
pub(super) const USERS: &str = "user-names";

/// Looks up what a part reads.
pub(super) struct Keys<'a> {
    pub part: &'a Part,
    pub wanted: &'a mut Wanted,
    pub users: &'a mut Users,
}

/// Names of users, with their keys.
#[derive(Debug, Default)]
pub(super) struct Users {
    labels: Labels,
    names: Words,
}

impl Users {
    fn key(&mut self, name: &str) -> KeyRef {
        let key = self.labels.add(name);
        self.names.insert(key.clone(), name.to_owned());
        KeyRef { name: USERS.to_owned(), key }
    }

    /// The names by their keys.
    pub fn texts(self) -> Words {
        self.names
    }
}

impl Keys<'_> {
    /// The key that holds what lies at a path inside of the part.
    pub fn file(&mut self, path: &str) -> Option<KeyRef> {
        let secret = self.part.secrets.iter().find(|secret| secret.path() == path).cloned();
        let secret = secret.or_else(|| {
            let mount = self.part.mounts.iter().find(|mount| mount.inside == path)?;
            super::super::kubernetes::tls_file(mount)
        })?;
        Some(self.wanted.secret(&secret))
    }

    pub fn maybe(&mut self, path: Option<&String>) -> Option<KeyRef> {
        path.and_then(|path| self.file(path))
    }

    pub fn basic(&mut self, auth: Option<&file::BasicAuth>) -> Option<BasicAuth> {
        auth.map(|auth| BasicAuth {
            username: auth.username.as_ref().map(|name| self.users.key(name)),
            password: self.maybe(auth.password_file.as_ref()),
        })
    }

    pub fn authorization(&mut self, auth: Option<&file::Authorization>) -> Option<Authorization> {
        auth.map(|auth| Authorization {
            kind: auth.kind.clone(),
            credentials: self.maybe(auth.credentials_file.as_ref()),
        })
    }

    pub fn certificate(&mut self, path: Option<&String>) -> Option<SecretOrConfigMap> {
        let secret = self.maybe(path)?;
        Some(SecretOrConfigMap { secret: Some(secret), config_map: None })
    }

    pub fn tls(&mut self, tls: Option<&file::TlsConfig>) -> Option<Tls> {
        tls.map(|tls| Tls {
            ca: self.certificate(tls.ca_file.as_ref()),
            cert: self.certificate(tls.cert_file.as_ref()),
            key_secret: self.maybe(tls.key_file.as_ref()),
            server_name: tls.server_name.clone(),
            insecure_skip_verify: tls.insecure_skip_verify,
            min_version: tls.min_version.clone(),
            max_version: tls.max_version.clone(),
        })
    }
}
