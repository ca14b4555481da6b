//! Secrets and files of the user: objects that are referred to, and never rendered. `prepare.sh` makes
//! them, as `.env` does for compose.

use std::fmt::Write;

use crate::manifest::{Stack, Value};
use crate::model::slug;
use crate::render::parts::host_path;
use crate::render::secrets::{Origin, SecretRef};
use crate::render::template::shell_word;
use crate::render::{Output, header};
use crate::wire::kubernetes::KeyRef;

use super::names::Labels;

/// A folder or file of the user that becomes a ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserFiles {
    /// Path in the manifest.
    pub path: String,
    /// Whether it is a single file.
    pub single: bool,
}

impl UserFiles {
    /// The key of a single file.
    pub fn key(&self) -> String {
        slug(self.path.rsplit('/').next().unwrap_or(&self.path))
    }
}

/// Everything that the user has to make, gathered while the workloads are.
#[derive(Debug, Default)]
pub(in crate::render) struct Wanted {
    secrets: Vec<SecretRef>,
    env_files: Vec<String>,
    files: Vec<UserFiles>,
    labels: Labels,
}

/// The secret behind a variable of the caller's environment: a declared one, or the variable itself.
pub(in crate::render) fn behind(stack: &Stack, variable: &str) -> SecretRef {
    let declared = stack.secrets.iter().find_map(|secret| {
        let secret = SecretRef::of(stack, &Value::Secret(secret.name.value.clone()))?;
        (secret.variable() == variable).then_some(secret)
    });
    declared.unwrap_or_else(|| SecretRef {
        name: variable.to_ascii_lowercase(),
        origin: Origin::Env(variable.to_owned()),
    })
}

impl Wanted {
    /// The Secret that holds a secret, and its key there.
    pub fn secret(&mut self, secret: &SecretRef) -> KeyRef {
        if !self.secrets.iter().any(|other| other.name == secret.name) {
            self.secrets.push(secret.clone());
        }
        KeyRef { name: self.labels.add(&secret.name), key: slug(&secret.name) }
    }

    /// The secret behind a variable of the caller's environment.
    pub fn variable(&mut self, stack: &Stack, variable: &str) -> KeyRef {
        self.secret(&behind(stack, variable))
    }

    /// The Secret with the variables of a file.
    pub fn env_file(&mut self, path: &str) -> String {
        if !self.env_files.iter().any(|other| other == path) {
            self.env_files.push(path.to_owned());
        }
        self.labels.add(path)
    }

    /// The ConfigMap with files of the user.
    pub(super) fn files(&mut self, files: &UserFiles) -> String {
        if !self.files.contains(files) {
            self.files.push(files.clone());
        }
        self.labels.add(&files.path)
    }

    /// `prepare.sh`, if there is anything to make.
    pub fn script(&mut self, stack: &Stack, base: &str, namespace: &str) -> Option<Output> {
        if self.secrets.is_empty() && self.env_files.is_empty() && self.files.is_empty() {
            return None;
        }
        self.secrets.sort();
        let mut text = format!("#!/bin/sh\n{}", header(stack));
        text.push_str(
            "# Makes what only you have: Secrets, and ConfigMaps of folders of yours. Nothing of it is\n\
             # in a rendered file. Run it before `kubectl apply --server-side -k .`, and again when one\n\
             # of them changes; paths are seen from this folder. Pods that run keep what they read at their\n\
             # start: `kubectl rollout restart deployment,statefulset,daemonset` of the namespace ends that.\n\
             set -eu\n\
             cd \"$(dirname \"$0\")\"\n\n",
        );
        let _ = writeln!(text, "namespace={namespace}");
        text.push_str(
            "apply() { kubectl apply --server-side --force-conflicts -f -; }\n\
             make() { kubectl create --namespace \"$namespace\" --dry-run=client -o yaml \"$@\" | apply; }\n\n\
             kubectl create namespace \"$namespace\" --dry-run=client -o yaml | apply\n",
        );
        let variables: Vec<&str> = self
            .secrets
            .iter()
            .filter_map(|secret| match &secret.origin {
                Origin::Env(name) => Some(name.as_str()),
                Origin::File(_) => None,
            })
            .collect();
        if !variables.is_empty() {
            text.push_str("\n# All variables are there before anything is made.\n");
            for variable in &variables {
                let _ = writeln!(text, ": \"${{{variable}:?is not set}}\"");
            }
        }
        let path = |path: &str| shell_word(&host_path(base, path));
        for secret in &self.secrets {
            let (name, key) = (self.labels.get(&secret.name), slug(&secret.name));
            let _ = match &secret.origin {
                Origin::File(file) => {
                    writeln!(text, "make secret generic {name} --from-file={key}={}", path(file))
                }
                // On a command line everybody on the machine would see it.
                Origin::Env(variable) => writeln!(
                    text,
                    "printf %s \"${variable}\" | make secret generic {name} --from-file={key}=/dev/stdin"
                ),
            };
        }
        for file in &self.env_files {
            let name = self.labels.get(file);
            let _ = writeln!(text, "make secret generic {name} --from-env-file={}", path(file));
        }
        for UserFiles { path: file, single } in &self.files {
            let name = self.labels.get(file);
            let source = path(file);
            let _ = if *single {
                let key = UserFiles { path: file.clone(), single: true }.key();
                writeln!(text, "make configmap {name} --from-file={key}={source}")
            } else {
                // kubectl passes over folders in a folder without a word.
                writeln!(
                    text,
                    "if [ -n \"$(find {source} -mindepth 1 -type d)\" ]; then\n    \
                     echo {source} 'has folders in it: a ConfigMap has none, put it into the image' >&2\n    \
                     exit 1\nfi\n\
                     make configmap {name} --from-file={source}"
                )
            };
        }
        Some(Output::text("prepare.sh", text))
    }
}
