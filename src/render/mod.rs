//! `Stack` -> files: one renderer per product, and the folder they are written into.
//!
//! ```no_run
//! # use stackctl::{manifest::Stack, render};
//! # let stack = Stack::default();
//! let base = render::base_between("examples/skincare.kdl".as_ref(), "out".as_ref());
//! let sources = render::Beside("examples".into());
//! let outputs = render::plan(&stack, &render::Setting { base: &base, sources: &sources })?;
//! let report = render::write(&outputs, "out".as_ref(), &render::WriteOptions::default())?;
//! # Ok::<(), render::RenderError>(())
//! ```

// One signature for all renderers, those that cannot fail as well.
#![allow(clippy::unnecessary_wraps)]
// What becomes of yes and what of no stand one under the other.
#![allow(clippy::match_bool)]

mod alertmanager;
mod alerts;
mod caddy;
mod compose;
mod dashboards;
mod drift;
mod endpoints;
mod error;
mod grafana;
mod index;
mod jobs;
mod kubernetes;
mod makefile;
mod mutes;
mod mysql;
mod node;
mod operator;
mod output;
pub mod panels;
mod parts;
mod prometheus;
mod pushgateway;
mod secrets;
mod shards;
mod slo;
mod stores;
mod systemd;
mod target;
mod template;
mod user_templates;
mod web;
mod write;
mod yaml;

use std::path::{Component, Path, PathBuf};

pub use crate::manifest::versions;
use crate::manifest::{RenderTarget, Stack};

pub use alertmanager::config as alertmanager_config;
pub use alerts::rule_file;
pub use dashboards::uid as dashboard_uid;
pub use drift::{Drift, DriftKind, check, diff};
pub use endpoints::{Endpoint, Published, endpoints};
pub use error::RenderError;
pub use grafana::{Source as DatasourceSource, sources as datasources};
pub use index::{Entry as IndexEntry, Index};
pub use jobs::{interval_of, jobs};
pub use output::{Beside, Output, Sources};
pub use panels::library;
pub use parts::{
    Access, EnvValue, HostPath, MountPoint, Part, PartKind, WebConfig, argv, derived_volumes, parts,
};
pub use prometheus::config as prometheus_config;
pub use secrets::{Origin, SecretRef};
pub use shards::{config as shard_config, is_central, login as shard_login, of as shards};
pub use stores::{query_host, query_url, tenant_header, write_url};
pub use target::{Remark, TARGETS, review, target_of};
pub use user_templates::{TemplateFault, template_faults};
pub use write::{HandEdits, Report, WriteOptions, write};
pub use yaml::to_yaml;

/// Every renderer for compose, in the order in which its files are listed. A new one is a file and a
/// line here; [`target`] has the lists of the other targets.
const RENDERERS: &[Renderer] = &[
    prometheus::RENDERER,
    alerts::RENDERER,
    alertmanager::RENDERER,
    grafana::RENDERER,
    dashboards::RENDERER,
    mysql::RENDERER,
    web::RENDERER,
    compose::RENDERER,
    caddy::RENDERER,
    makefile::RENDERER,
    user_templates::RENDERER,
    stores::RENDERER,
    shards::RENDERER,
];

/// One product's renderer.
struct Renderer {
    /// What it makes, for logs.
    name: &'static str,
    /// Adds its files; none when the stack has no use for them.
    render: fn(&Plan, &mut Vec<Output>) -> Result<(), RenderError>,
}

/// Where a stack is rendered to and what it may read.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The manifest's folder as seen from the output folder; see [`base_between`].
    pub base: &'a str,
    /// The files that the manifest refers to.
    pub sources: &'a dyn Sources,
}

/// What every renderer gets.
struct Plan<'a> {
    stack: &'a Stack,
    base: &'a str,
    sources: &'a dyn Sources,
    target: RenderTarget,
}

impl Plan<'_> {
    fn read(&self, path: &str, used_by: &str) -> Result<String, RenderError> {
        self.sources.read(path).map_err(|source| RenderError::Source {
            path: path.to_owned(),
            used_by: used_by.to_owned(),
            source,
        })
    }
}

/// All files of a stack for compose, which are those that the native stack runs. The same stack and setting give the same bytes on every machine; nothing is
/// read but the dashboards and templates that the manifest names, and never a secret.
pub fn plan(stack: &Stack, setting: &Setting) -> Result<Vec<Output>, RenderError> {
    plan_for(stack, setting, RenderTarget::Compose)
}

/// All files of a stack for a target.
pub fn plan_for(
    stack: &Stack,
    setting: &Setting,
    target: RenderTarget,
) -> Result<Vec<Output>, RenderError> {
    let plan = Plan { stack, base: setting.base, sources: setting.sources, target };
    let mut outputs = Vec::new();
    for renderer in target::renderers(target) {
        let before = outputs.len();
        (renderer.render)(&plan, &mut outputs)?;
        tracing::debug!(renderer = renderer.name, files = outputs.len() - before, "rendered");
    }
    write::sane(&outputs)?;
    Ok(outputs)
}

/// The first lines of a rendered file that knows comments. It names the stack and not the manifest's
/// file: the same stack in KDL and in YAML gives the same bytes.
fn header(stack: &Stack) -> String {
    // A line break in a name must not end the comment.
    let name: String = stack.name().chars().filter(|c| !c.is_control()).collect();
    format!(
        "# Rendered by stackctl for the stack \"{name}\": change the manifest and render again.\n"
    )
}

/// The manifest's folder as seen from the output folder, with `/`: what paths of the manifest begin
/// with in compose.yaml. Both paths are seen from the current folder; neither has to exist.
pub fn base_between(manifest: &Path, output: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let from = normal(&here.join(output));
    let to = normal(&here.join(manifest.parent().unwrap_or(Path::new(""))));
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down =
        to.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() {
        return ".".to_owned();
    }
    let joined = parts.join("/");
    if joined.starts_with("..") { joined } else { format!("./{joined}") }
}

/// Without `.` and `..`, by words alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_leads_from_the_output_to_the_manifest() {
        let check = |manifest: &str, output: &str, expected: &str| {
            assert_eq!(base_between(manifest.as_ref(), output.as_ref()), expected);
        };
        check("stack.kdl", ".", ".");
        check("stack.kdl", "out", "..");
        check("examples/stack.kdl", "out", "../examples");
        check("examples/stack.kdl", "examples", ".");
        check("/a/b/stack.kdl", "/a/c/out", "../../b");
        check("/a/b/c/stack.kdl", "/a/b", "./c");
        check("/a/./b/../stack.kdl", "/a/out/", "..");
    }
}
