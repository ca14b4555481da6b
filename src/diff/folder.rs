//! What a folder was rendered for, where no index says it.

use std::path::Path;

use super::read::Document;
use super::{cluster, units};
use crate::import::ImportError;
use crate::import::find;
use crate::manifest::RenderTarget;

/// Objects of a cluster and units of systemd in a folder.
pub fn others(folder: &Path) -> Result<Vec<Document>, ImportError> {
    let mut found = Vec::new();
    find::texts(folder, &["yml", "yaml", "service"], &mut |path, text| {
        let document = Document { path, text };
        // A template of objects is none yet.
        if units::is_unit(&document) || matches!(cluster::objects(&document), Ok(Some(_))) {
            found.push(document);
        }
    })?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The target whose files they are.
pub fn target(documents: &[Document]) -> RenderTarget {
    let objects = |document| cluster::objects(document).ok().flatten().unwrap_or_default();
    let mut found = RenderTarget::Compose;
    for document in documents {
        if units::is_unit(document) {
            found = RenderTarget::Systemd;
        }
        for object in objects(document) {
            if cluster::is_operators(&object) {
                return RenderTarget::KubernetesOperator;
            }
            found = RenderTarget::Kubernetes;
        }
    }
    found
}
