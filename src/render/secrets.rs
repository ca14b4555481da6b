//! Secrets in rendered files: never their content, always the place where it will be.
//!
//! In a container a secret is the file `/run/secrets/NAME`, whether compose takes it from a file or
//! from an environment variable. A plain environment variable can only be filled from another one.

use crate::manifest::{Stack, Value};
pub(super) use crate::model::slug;

/// Where a secret comes from on the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file; relative to the manifest.
    File(String),
    /// An environment variable.
    Env(String),
}

/// A secret as the rendered files refer to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRef {
    /// Name in compose, and of the file in containers.
    pub name: String,
    /// Where it comes from on the host.
    pub origin: Origin,
}

impl SecretRef {
    /// What a value refers to; `None` when it is written out in the manifest.
    ///
    /// A secret that is not declared (a finding of its own) is expected in a file of its name, so
    /// that the rendered files still hang together.
    pub fn of(stack: &Stack, value: &Value) -> Option<Self> {
        match value {
            Value::Literal(_) => None,
            Value::Env(variable) => Some(Self {
                name: variable.to_ascii_lowercase(),
                origin: Origin::Env(variable.clone()),
            }),
            Value::File(path) => {
                Some(Self { name: slug(path), origin: Origin::File(path.clone()) })
            }
            Value::Secret(name) => {
                let declared = stack.secret(name);
                let env = declared.and_then(|secret| secret.env.as_ref());
                let file = declared.and_then(|secret| secret.file.as_ref());
                let origin = match (file, env) {
                    (None, Some(variable)) => Origin::Env(variable.value.clone()),
                    (Some(path), _) => Origin::File(path.value.clone()),
                    (None, None) => Origin::File(format!("./secrets/{name}")),
                };
                Some(Self { name: name.clone(), origin })
            }
        }
    }

    /// The file inside of containers.
    pub fn path(&self) -> String {
        format!("/run/secrets/{}", self.name)
    }

    /// The environment variable that holds the secret. One that lies in a file has none: its name in
    /// capitals then stands for it, so that compose stops with a message instead of going on without.
    pub fn variable(&self) -> String {
        match &self.origin {
            Origin::Env(variable) => variable.clone(),
            Origin::File(_) => slug(&self.name).replace(['-', '.'], "_").to_ascii_uppercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lead_to_files_and_variables() {
        let stack = Stack::default();
        assert_eq!(SecretRef::of(&stack, &Value::Literal("x".into())), None);
        let env = SecretRef::of(&stack, &Value::Env("PAGER_URL".into())).unwrap();
        assert_eq!(
            (env.path().as_str(), env.variable().as_str()),
            ("/run/secrets/pager_url", "PAGER_URL")
        );
        let file = SecretRef::of(&stack, &Value::File("./tls/a key.pem".into())).unwrap();
        assert_eq!(file.path(), "/run/secrets/tls-a-key.pem");
        assert_eq!(file.variable(), "TLS_A_KEY_PEM");
    }
}
