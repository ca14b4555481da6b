//! The `Authorization` header: basic, bearer and other credentials, OAuth 2.0 client credentials.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{Client, FetchError, read_body};
use crate::wire::prometheus::{OAuth2, Secret};

/// A token and when to fetch the next.
pub(super) type TokenCache = Mutex<Option<(String, Instant)>>;

/// Longest answer of a token endpoint.
const MAX_TOKEN_ANSWER: u64 = 1 << 20;

pub(super) fn read_secret(path: &str) -> Result<String, FetchError> {
    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|source| FetchError::SecretFile { path: path.to_owned(), source })
}

fn secret(text: Option<&Secret>, file: Option<&String>) -> Result<String, FetchError> {
    match (text, file) {
        (Some(secret), _) => Ok(secret.0.clone()),
        (None, Some(file)) => read_secret(file),
        (None, None) => Ok(String::new()),
    }
}

/// `Basic …`.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl Client {
    /// Adds the `Authorization` header that the settings ask for.
    pub(super) async fn authorize(&self, headers: &mut HeaderMap) -> Result<(), FetchError> {
        let settings = &self.settings;
        let value = if let Some(auth) = &settings.basic_auth {
            let user = match (&auth.username, &auth.username_file) {
                (None, Some(file)) => read_secret(file)?,
                (user, _) => user.clone().unwrap_or_default(),
            };
            basic(&user, &secret(auth.password.as_ref(), auth.password_file.as_ref())?)
        } else if let Some(auth) = &settings.authorization {
            let kind = auth.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or("Bearer");
            let rest = secret(auth.credentials.as_ref(), auth.credentials_file.as_ref())?;
            format!("{kind} {rest}")
        } else if settings.bearer_token.is_some() || settings.bearer_token_file.is_some() {
            let token =
                secret(settings.bearer_token.as_ref(), settings.bearer_token_file.as_ref())?;
            format!("Bearer {token}")
        } else if let Some(oauth) = &settings.oauth2 {
            format!("Bearer {}", self.token(oauth).await?)
        } else {
            return Ok(());
        };
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| FetchError::Setting("the credentials have invalid characters".into()))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    async fn token(&self, oauth: &OAuth2) -> Result<String, FetchError> {
        let mut cached = self.token.lock().await;
        if let Some((token, until)) = &*cached
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let id = &oauth.client_id;
        let password = secret(oauth.client_secret.as_ref(), oauth.client_secret_file.as_ref())?;
        // Endpoints take the client's name in the header or in the form; ask in this order.
        let answer = match self.ask_for_token(oauth, Some(basic(id, &password)), &[]).await {
            Ok(answer) => answer,
            Err(_) => {
                let form = [("client_id", id.as_str()), ("client_secret", password.as_str())];
                self.ask_for_token(oauth, None, &form).await?
            }
        };
        let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(u64::from(u32::MAX)));
        let until = Instant::now() + lifetime.saturating_sub(Duration::from_secs(10));
        *cached = Some((answer.access_token.clone(), until));
        Ok(answer.access_token)
    }

    async fn ask_for_token(
        &self,
        oauth: &OAuth2,
        authorization: Option<String>,
        more: &[(&str, &str)],
    ) -> Result<TokenAnswer, FetchError> {
        let failed = |reason: String| FetchError::Token(reason);
        let form = {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "client_credentials");
            if !oauth.scopes.is_empty() {
                form.append_pair("scope", &oauth.scopes.join(" "));
            }
            form.extend_pairs(&oauth.endpoint_params).extend_pairs(more).finish()
        };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&oauth.token_url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request =
            request.body(Full::new(Bytes::from(form))).map_err(|err| failed(err.to_string()))?;
        let response = self.send(request).await.map_err(|err| failed(err.to_string()))?;
        if !response.status().is_success() {
            return Err(failed(response.status().to_string()));
        }
        let mut body = Vec::new();
        read_body(response.into_body(), MAX_TOKEN_ANSWER, &mut body).await?;
        serde_json::from_slice(&body).map_err(|err| failed(err.to_string()))
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}
