//! Existing configuration -> a manifest: prometheus.yml, rule files, alertmanager.yml, a compose file,
//! Grafana's provisioning. Rendering the manifest gives the same configuration again; whatever cannot
//! be said in a manifest is named at its place in the source.
//!
//! Each file is read as a tree with places, and its keys are taken one by one ([`source::Fields`]): what
//! nobody took is named, so that nothing is lost in silence. The manifest is written from a tree of its
//! own ([`kdl`]), in an order that depends on nothing but the files.

mod alertmanager;
mod compose;
mod context;
pub(crate) mod find;
mod grafana;
pub mod kdl;
mod limits;
pub(crate) mod overrides;
mod parts;
mod prometheus;
mod reach;
mod rules;
mod source;

use std::collections::HashSet;
use std::io;
use std::path::Path;

use self::compose::Composed;
use self::context::{Context, dotted, join, normal};
use self::find::{Found, Kind};
use self::grafana::Dashboard;
use self::kdl::Node;
pub use self::source::NOT_CARRIED;
use self::source::Notes;
use crate::check::{self, Levels};
use crate::diag::{FileId, Files, Findings, Severity, Span, print_concise};
use crate::manifest::yaml::{Yaml, read_tree};
use crate::manifest::{Format, Stack, parse};
use crate::model::glob_matches;
use crate::render;

/// What an import gives.
#[derive(Debug)]
pub struct Import {
    /// The manifest, in KDL.
    pub manifest: String,
    /// What could not be carried over, at its place in the source.
    pub notes: Findings,
    /// The texts that the notes point into.
    pub files: Files,
    /// Paths of the files that went into the manifest, relative to the folder.
    pub read: Vec<String>,
}

/// Why nothing could be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The folder cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nothing to import.
    #[error(
        "`{0}` has no prometheus.yml, rule file, alertmanager.yml, compose file or Grafana provisioning"
    )]
    Nothing(String),
}

/// Imports everything that lies in a folder.
pub fn import(folder: &Path) -> Result<Import, ImportError> {
    let found = find::all(folder)?;
    if found.is_empty() {
        return Err(ImportError::Nothing(folder.display().to_string()));
    }
    let mut importer = Importer::default();
    for file in found {
        importer.add(folder, file);
    }
    Ok(importer.finish(folder))
}

/// What a compose file comes to in a manifest.
#[derive(Debug, Clone, Default)]
pub struct ComposeFile {
    /// Its path relative to the folder.
    pub path: String,
    /// Networks, volumes and secrets.
    pub places: Vec<Node>,
    /// Its services.
    pub services: Vec<Node>,
    /// Names of services that are parts of a monitoring stack, by their host names in one.
    pub parts: Vec<&'static str>,
    /// What could not be carried over.
    pub lost: usize,
    /// The first mistake in its text or in that of its override, with its place; then it has no services.
    pub broken: Option<String>,
}

/// The services of the compose file that `found` has, if it has one.
pub fn compose_file(found: &[Found]) -> Option<ComposeFile> {
    let Found { path, text, .. } = found.iter().find(|file| file.kind == Kind::Compose)?;
    let mut files = Files::default();
    let mut context = Context { in_containers: true, ..Context::default() };
    let tree = read_tree(text, files.add(path, text), &mut context.notes.0);
    let folder = folder_of(path);
    let above = found
        .iter()
        .filter(|file| file.kind == Kind::Override && folder_of(&file.path) == folder)
        .min_by_key(|file| overrides::rank(&file.path));
    let above = above.and_then(|Found { path, text, .. }| {
        read_tree(text, files.add(path, text), &mut context.notes.0)
    });
    if context.notes.0.count(Severity::Error) > 0 {
        context.notes.0.settle();
        let mut said = String::new();
        let _ = print_concise(&mut said, &context.notes.0, &files);
        let broken = said.lines().find(|line| line.contains(": error[")).map(str::to_owned);
        return Some(ComposeFile { path: path.clone(), broken, ..ComposeFile::default() });
    }
    let mut tree = tree?;
    overrides::settle(&mut tree, &mut context.notes);
    if let Some(above) = above {
        overrides::lay(&mut tree, above);
        overrides::settle(&mut tree, &mut context.notes);
    }
    let composed = compose::read(&tree, folder, &mut context);
    let mut places = composed.places;
    places.extend(context.secrets.iter().map(|(name, source)| secret(name, source)));
    Some(ComposeFile {
        path: path.clone(),
        places,
        services: composed.services,
        parts: composed.parts.keys().map(|kind| kind.host()).collect(),
        lost: context.notes.0.len(),
        broken: None,
    })
}

/// A file that has been read.
struct Document {
    path: String,
    file: FileId,
    tree: Yaml,
}

impl Document {
    fn folder(&self) -> &str {
        folder_of(&self.path)
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[derive(Default)]
struct Importer {
    files: Files,
    context: Context,
    composes: Vec<Document>,
    overrides: Vec<Document>,
    prometheus: Vec<Document>,
    rules: Vec<Document>,
    alertmanager: Vec<Document>,
    datasources: Vec<Document>,
    providers: Vec<Document>,
    dashboards: Vec<Dashboard>,
    read: Vec<String>,
}

impl Importer {
    fn add(&mut self, folder: &Path, found: Found) {
        let Found { path, text, kind } = found;
        if kind == Kind::Dashboard {
            self.dashboards.extend(Dashboard::of(&path, &text));
            self.read.push(path);
            return;
        }
        let file = self.files.add(folder.join(&path).display().to_string(), text);
        let text = self.files.get(file).map_or("", |file| file.text.as_str()).to_owned();
        let Some(tree) = read_tree(&text, file, &mut self.context.notes.0) else { return };
        let documents = match kind {
            Kind::Compose => &mut self.composes,
            Kind::Override => &mut self.overrides,
            Kind::Prometheus => &mut self.prometheus,
            Kind::Rules => &mut self.rules,
            Kind::Alertmanager => &mut self.alertmanager,
            Kind::Datasources => &mut self.datasources,
            Kind::Providers => &mut self.providers,
            Kind::Dashboard => return,
        };
        documents.push(Document { path, file, tree });
    }

    /// The first of several files that only one of can be carried over.
    fn only(&mut self, documents: Vec<Document>, what: &str) -> Option<Document> {
        let mut documents = documents.into_iter();
        let first = documents.next()?;
        for other in documents {
            let place = Span::new(other.file, 0..0);
            self.context.notes.lost(place, &format!("a second {what}, beside `{}`,", first.path));
        }
        self.read.push(first.path.clone());
        Some(first)
    }

    /// Lays what compose would lay over its file; names the others.
    fn lay_overrides(&mut self, compose: Option<&mut Document>) {
        let mut others = std::mem::take(&mut self.overrides);
        others.sort_by_key(|document| overrides::rank(&document.path));
        if let Some(compose) = compose
            && let Some(at) = others.iter().position(|other| other.folder() == compose.folder())
        {
            let Document { path, tree, .. } = others.remove(at);
            overrides::lay(&mut compose.tree, tree);
            overrides::settle(&mut compose.tree, &mut self.context.notes);
            self.read.push(path);
        }
        for other in others {
            let place = Span::new(other.file, 0..0);
            self.context
                .notes
                .lost(place, "this file, which compose does not lay over the one that was read,");
        }
    }

    fn finish(mut self, folder: &Path) -> Import {
        let mut nodes = Vec::new();
        let composes = std::mem::take(&mut self.composes);
        let mut compose = self.only(composes, "compose file");
        if let Some(compose) = &mut compose {
            overrides::settle(&mut compose.tree, &mut self.context.notes);
        }
        self.lay_overrides(compose.as_mut());
        self.context.in_containers = compose.is_some();
        let prometheus = std::mem::take(&mut self.prometheus);
        let prometheus = self.only(prometheus, "prometheus.yml");
        let alertmanager = std::mem::take(&mut self.alertmanager);
        let alertmanager = self.only(alertmanager, "alertmanager.yml");
        for (part, document) in [("prometheus", &prometheus), ("alertmanager", &alertmanager)] {
            if let Some(document) = document {
                self.context.folders.insert(part.to_owned(), document.folder().to_owned());
            }
        }
        let mut composed = compose.as_ref().map_or_else(Composed::default, |document| {
            compose::read(&document.tree, document.folder(), &mut self.context)
        });
        self.context.alertmanager =
            alertmanager.is_some() || composed.parts.contains_key(&parts::Kind::Alertmanager);
        let named = composed.name.clone().or_else(|| folder_name(folder));
        let had: Vec<parts::Kind> = composed.parts.keys().copied().collect();
        nodes.push(
            Node::new("stack")
                .arg(named.unwrap_or_else(|| "stack".to_owned()))
                .prop("manifest", Some(1)),
        );
        nodes.append(&mut composed.places);
        let at_secrets = nodes.len();
        nodes.append(&mut composed.services);
        for kind in [parts::Kind::Node, parts::Kind::Mysql, parts::Kind::Pushgateway] {
            nodes.extend(composed.parts.remove(&kind));
        }
        let mut said = prometheus::Said::default();
        let mut part = composed.parts.remove(&parts::Kind::Prometheus);
        if let Some(document) = &prometheus {
            let node = part.get_or_insert_with(|| parts::Kind::Prometheus.node());
            said = prometheus::read(&document.tree, node, &mut self.context);
        }
        let at_prometheus = nodes.len();
        nodes.extend(part);
        self.rule_groups(&said, &mut nodes);
        let mut part = composed.parts.remove(&parts::Kind::Alertmanager);
        if let Some(document) = &alertmanager {
            let node = part.get_or_insert_with(|| parts::Kind::Alertmanager.node());
            alertmanager::read(&document.tree, node, &mut self.context);
        }
        nodes.extend(part);
        self.grafana(composed.parts.remove(&parts::Kind::Grafana), &mut nodes);
        self.context.name_unused_mounts();
        if let Some(compose) = &compose {
            let place = Span::new(compose.file, 0..0);
            self.context.notes.added(place, &nodes, &had);
        }
        let parts =
            [("prometheus", prometheus.is_some()), ("alertmanager", alertmanager.is_some())];
        let there = parts.into_iter().filter(|(_, there)| *there);
        composed.hosts.extend(there.map(|(name, _)| name.to_owned()));
        let outside = self.context.outside(&composed.hosts);
        nodes.extend(outside.into_iter().map(|host| Node::new("external").arg(host)));
        let secrets: Vec<Node> =
            self.context.secrets.iter().map(|(name, source)| secret(name, source)).collect();
        let at_prometheus = at_prometheus + secrets.len();
        nodes.splice(at_secrets..at_secrets, secrets);
        if prometheus.is_some() {
            jobs(&mut nodes, at_prometheus, said.jobs);
        }
        if !self.context.in_containers && goes_to_localhost(&nodes) {
            nodes.push(
                Node::new("lint")
                    .prop("allow", Some("S105"))
                    .comment("Everything was on one machine: `localhost` means that machine."),
            );
        }
        let Self { files, mut context, mut read, .. } = self;
        context.notes.0.settle();
        read.sort_unstable();
        Import { manifest: kdl::document(&nodes), notes: context.notes.0, files, read }
    }

    fn rule_groups(&mut self, said: &prometheus::Said, nodes: &mut Vec<Node>) {
        let mut names = HashSet::new();
        let mut used = HashSet::new();
        let documents = std::mem::take(&mut self.rules);
        let mut import = |document: &Document, context: &mut Context| {
            nodes.extend(rules::groups(&document.tree, &mut names, &mut context.notes));
        };
        if self.context.folders.contains_key("prometheus") {
            for (pattern, span) in &said.rule_files {
                let path = normal(&self.context.host_path("prometheus", pattern));
                let fitting: Vec<&Document> = documents
                    .iter()
                    .filter(|document| glob_matches(&path, &document.path))
                    .collect();
                if fitting.is_empty() {
                    self.context
                        .notes
                        .lost(*span, &format!("`{pattern}`, which no file here fits,"));
                }
                for document in fitting {
                    if used.insert(document.path.clone()) {
                        import(document, &mut self.context);
                    }
                }
            }
            for document in documents.iter().filter(|document| !used.contains(&document.path)) {
                let place = Span::new(document.file, 0..0);
                self.context
                    .notes
                    .lost(place, "this rule file, which prometheus.yml does not name,");
            }
        } else {
            for document in &documents {
                used.insert(document.path.clone());
                import(document, &mut self.context);
            }
        }
        self.read.extend(used);
    }

    fn grafana(&mut self, part: Option<Node>, nodes: &mut Vec<Node>) {
        let mut part = part;
        for document in std::mem::take(&mut self.datasources) {
            let node = part.get_or_insert_with(|| parts::Kind::Grafana.node());
            grafana::datasources(&document.tree, node, &mut self.context);
            self.read.push(document.path);
        }
        let mut folders = Vec::new();
        for document in std::mem::take(&mut self.providers) {
            folders.extend(grafana::providers(&document.tree, &mut self.context));
            self.read.push(document.path);
        }
        if !self.dashboards.is_empty() {
            let node = part.get_or_insert_with(|| parts::Kind::Grafana.node());
            grafana::dashboards(&self.dashboards, &folders, node);
        }
        nodes.extend(part);
    }
}

fn folder_name(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    Some(folder.file_name()?.to_string_lossy().into_owned())
}

fn secret(name: &str, source: &str) -> Node {
    match source.strip_prefix('$') {
        Some(variable) => Node::new("secret").arg(name).prop("env", Some(variable)),
        None => {
            Node::new("secret").arg(name).prop("file", Some(dotted(&normal(&join("", source)))))
        }
    }
}

impl Notes {
    /// Names the parts of the stack that its compose file does not have.
    fn added(&mut self, compose: Span, nodes: &[Node], had: &[parts::Kind]) {
        for kind in [parts::Kind::Prometheus, parts::Kind::Alertmanager, parts::Kind::Grafana] {
            let host = kind.host();
            if nodes.iter().any(|node| node.name == host) && !had.contains(&kind) {
                let message = format!(
                    "the stack gets a service `{host}`, which the compose file does not have, for the \
                     configuration that is here"
                );
                self.changed(compose, message);
            }
        }
    }
}

/// Whether the lint takes something for lost in its own container.
fn goes_to_localhost(nodes: &[Node]) -> bool {
    let text = kdl::document(nodes);
    let Ok(mut loaded) = parse("stack.kdl", &text, Format::Kdl, None) else { return false };
    check::run(&loaded.stack, &loaded.files, &mut loaded.findings, &Levels::default());
    loaded.findings.iter().any(|finding| finding.code == "S105")
}

/// Adds the jobs: nothing of what follows from the stack, settings where only they differ, and a word
/// for each derived job that was not there.
fn jobs(nodes: &mut [Node], at: usize, said: Vec<prometheus::Job>) {
    let text = kdl::document(nodes);
    let stack = parse("stack.kdl", &text, Format::Kdl, None)
        .ok()
        .filter(|loaded| loaded.findings.count(Severity::Error) == 0)
        .map_or_else(Stack::default, |loaded| loaded.stack);
    let derived: Vec<(String, Option<String>)> = render::jobs(&stack)
        .into_iter()
        .map(|job| {
            let target = match (&job.static_configs[..], job.dns_sd_configs.is_empty()) {
                ([group], true) if group.labels.is_empty() && group.targets.len() == 1 => {
                    group.targets.first().cloned()
                }
                _ => None,
            };
            (job.job_name, target)
        })
        .collect();
    let Some(prometheus) = nodes.get_mut(at) else { return };
    for (name, _) in &derived {
        if !said.iter().any(|job| job.name == *name) {
            prometheus.push(Node::new("scrape").arg(name.as_str()).prop("enabled", Some(false)));
        }
    }
    for job in said {
        let follows = derived
            .iter()
            .any(|(name, target)| *name == job.name && target.is_some() && *target == job.target);
        match (follows, job.settings.is_bare()) {
            (true, true) => {}
            (true, false) => prometheus.push(job.settings),
            (false, _) => prometheus.push(job.node),
        }
    }
}
