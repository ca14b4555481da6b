//! Users who log in with a password (HTTP basic), and their bcrypt hashes.
//!
//! A hash is slow to compare on purpose. What was right once is remembered by a digest, so that a
//! scraper that shows its password each time costs little; one comparison runs at a time, so that
//! guessing cannot take all processors.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::HeaderValue;
use base64::Engine as _;
use indexmap::IndexMap;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// How many answers are remembered.
const REMEMBERED: usize = 100;
/// A hash of nobody's password: comparing with it takes as long for a user who does not exist.
const NOBODY: &str = "$2b$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// The users of a server.
#[derive(Debug, Default)]
pub(super) struct Users {
    hashes: IndexMap<String, String>,
    known: Mutex<HashMap<[u8; 32], bool>>,
    comparing: tokio::sync::Mutex<()>,
}

impl Users {
    /// Fails on a hash that is none, with its user.
    pub(super) fn new(hashes: IndexMap<String, String>) -> Result<Self, String> {
        for (user, hash) in &hashes {
            bcrypt::verify("", hash)
                .map_err(|err| format!("basic_auth_users: `{user}` has no bcrypt hash: {err}"))?;
        }
        Ok(Self { hashes, ..Self::default() })
    }

    /// Whether anybody may come in without a password.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether the value of an `Authorization` header opens the door.
    pub(super) async fn knows(self: &Arc<Self>, header: Option<&HeaderValue>) -> bool {
        let Some((user, password)) = header.and_then(credentials) else { return false };
        let hash = self.hashes.get(&user);
        let digest = digest(&user, &password, hash.map_or(NOBODY, String::as_str));
        if let Some(known) = self.known.lock().get(&digest) {
            return *known;
        }
        let _one_at_a_time = self.comparing.lock().await;
        let (exists, hash) = (hash.is_some(), hash.map_or(NOBODY, String::as_str).to_owned());
        let compared =
            tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false));
        let right = compared.await.unwrap_or(false) && exists;
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest, right);
        right
    }
}

fn credentials(header: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let (scheme, value) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(value.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

fn digest(user: &str, password: &[u8], hash: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [user.as_bytes(), password, hash.as_bytes()] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> HeaderValue {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        HeaderValue::from_str(&format!("Basic {encoded}")).expect("ASCII")
    }

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let hash = bcrypt::hash("se:cret", 4).expect("a cost that is allowed");
        let users = Users::new(IndexMap::from([("ann".to_owned(), hash)])).expect("a hash");
        let users = Arc::new(users);
        for _ in 0..2 {
            assert!(users.knows(Some(&header("ann:se:cret"))).await);
            assert!(!users.knows(Some(&header("ann:secret"))).await);
            assert!(!users.knows(Some(&header("bob:se:cret"))).await);
        }
        assert!(!users.knows(None).await);
        for odd in ["Bearer x", "Basic", "Basic %%%", "Basic YW5u"] {
            assert!(!users.knows(Some(&HeaderValue::from_static(odd))).await, "{odd}");
        }
    }

    #[test]
    fn nobodys_hash_is_a_hash_and_a_password_in_clear_is_none() {
        assert!(bcrypt::verify("", NOBODY).is_ok());
        let clear = IndexMap::from([("ann".to_owned(), "secret".to_owned())]);
        let err = Users::new(clear).expect_err("not a hash");
        assert!(err.contains("`ann`"), "{err}");
    }
}
