//! The web configuration of a native part: the rendered file with the paths of this machine, and the
//! users with their hashes, which no rendered file holds.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::plan::Locator;
use crate::web::Guard;
use crate::wire::web::WebConfig;

/// Who may use the part; everybody where the manifest has no `web` and no `tls` for it.
pub fn guard(locator: &Locator) -> anyhow::Result<Guard> {
    let Some(config) = &locator.part.web_config else { return Ok(Guard::default()) };
    let rendered = locator.place.rendered().join(&config.output);
    let users = locator
        .part
        .web_users
        .iter()
        .map(|(user, secret)| {
            let file = locator.locate(&secret.path())?.context("its secret has no file")?;
            Ok((user.clone(), file))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let sources = users.iter().map(|(_, file)| file.clone()).chain([rendered.clone()]).collect();
    let locator = locator.clone();
    let make =
        move || read(&rendered, &users, &locator).map_err(|err| crate::diag::chain(err.as_ref()));
    Guard::new(Box::new(make), PathBuf::new(), sources).map_err(anyhow::Error::msg)
}

fn read(
    rendered: &Path,
    users: &[(String, PathBuf)],
    locator: &Locator,
) -> anyhow::Result<WebConfig> {
    let text = std::fs::read_to_string(rendered)
        .with_context(|| format!("reading {}", rendered.display()))?;
    // Without a certificate the file holds only comments.
    let config: Option<WebConfig> =
        serde_yaml::from_str(&text).with_context(|| format!("reading {}", rendered.display()))?;
    let mut config = config.unwrap_or_default();
    if let Some(tls) = &mut config.tls_server_config {
        let files = [&mut tls.cert_file, &mut tls.key_file];
        for path in files.into_iter().chain(&mut tls.client_ca_file) {
            if let Some(here) = locator.locate(path)? {
                *path = here.display().to_string();
            }
        }
    }
    for (user, file) in users {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("the hash of `{user}` in {}", file.display()))?;
        // The file holds the hash, or `user: hash` as `hash-password --user` prints it.
        let line = text.lines().next().unwrap_or_default();
        let hash = line.rsplit_once(':').map_or(line, |(_, hash)| hash).trim();
        config.basic_auth_users.insert(user.clone(), hash.to_owned());
    }
    Ok(config)
}
