//! `diff`: what differs between two stacks, by meaning.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::printer::{self, out};
use super::{usual, validate};
use crate::diag::{Files, Severity};
use crate::diff::{self, Beside, Document, Extent, Model, report};
use crate::import::find;
use crate::manifest::{self, Format as Notation, Loaded, RenderTarget};
use crate::render::{self, Index, Setting, Sources};

/// Compares two stacks by meaning: manifests, or folders of configuration, rendered or not.
#[derive(Debug, Args)]
pub struct Diff {
    /// The first side: a manifest, `MANIFEST@PROFILE`, `REVISION:MANIFEST` of git, or a folder.
    #[arg(value_name = "A")]
    before: String,
    /// The second side.
    #[arg(value_name = "B")]
    after: String,
    /// Overlay this profile on the manifests that name none.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Form of the answer.
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For a comment below a pull request.
    Markdown,
}

impl Diff {
    /// Exit code 0 if both mean the same, 1 if they differ; it is an error if one cannot be read.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let before = Side::of(&self.before, self.profile.as_deref())?;
        let after = Side::of(&self.after, self.profile.as_deref())?;
        let (before_model, before_files) = before.model(&after)?;
        let (after_model, after_files) = after.model(&before)?;
        let changes = diff::changes(&before_model, &after_model);
        let risks = diff::risks(&changes, &after_model);
        let report = report::Report {
            before: &self.before,
            after: &self.after,
            risks: &risks,
            changes: &changes,
            files_before: &before_files,
            files_after: &after_files,
        };
        let text = match self.format {
            Form::Text => report::text(&report, printer::color_stdout()),
            Form::Json => format!("{}\n", serde_json::to_string_pretty(&report::json(&report))?),
            Form::Markdown => report::markdown(&report),
        };
        out().write_all(text.as_bytes())?;
        if self.format == Form::Text && !changes.is_empty() {
            printer::note(&report.summary());
        }
        Ok(ExitCode::from(u8::from(!changes.is_empty())))
    }
}

/// One of the two that are compared.
enum Side {
    Manifest { path: PathBuf, loaded: Box<Loaded>, store: Store },
    Folder { path: PathBuf, documents: Vec<Document>, extent: Extent, target: RenderTarget },
}

impl Side {
    /// What an argument means.
    fn of(said: &str, profile: Option<&str>) -> anyhow::Result<Self> {
        let path = Path::new(said);
        if path.is_dir() {
            return folder(path);
        }
        // A file that is there is meant, whatever its name looks like.
        let (name, profile) = match said.rsplit_once('@') {
            Some((name, profile)) if !path.exists() && Notation::of(Path::new(name)).is_some() => {
                (name, Some(profile))
            }
            _ => (said, profile),
        };
        let (store, name) = match name.split_once(':') {
            Some((revision, name)) if !Path::new(said).exists() && !revision.is_empty() => {
                // git would take it for an option; no revision can be called so.
                if revision.starts_with('-') {
                    bail!("`{revision}` is no revision: none begins with `-`");
                }
                (Store::Git(revision.to_owned()), name)
            }
            _ => (Store::Disk, name),
        };
        let path = PathBuf::from(name);
        if matches!(store, Store::Disk) && !path.exists() {
            bail!("there is no file or folder `{name}`");
        }
        // What the lint thinks of it does not matter, only that all of it can be read.
        let loaded = manifest::load_with(&path, profile, &|path| store.bytes(path))?;
        if loaded.findings.count(Severity::Error) > 0 {
            validate::show(&loaded);
            bail!("`{said}` cannot be read as a whole, so what it means is not certain");
        }
        Ok(Self::Manifest { path, loaded: Box::new(loaded), store })
    }

    /// What it says, as far as the other side can say it, and the texts that places point into.
    fn model(&self, other: &Side) -> anyhow::Result<(Model, Files)> {
        match self {
            Self::Manifest { path, loaded, store } => {
                let (beside, base) = match other {
                    Self::Manifest { .. } => (Beside::Manifest, ".".to_owned()),
                    Self::Folder { path: folder, extent, target, .. } => {
                        let beside = match extent {
                            Extent::Rendered => Beside::Rendered(*target),
                            Extent::Found => Beside::Folder(*target),
                        };
                        (beside, render::base_between(path, folder))
                    }
                };
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                let sources = Stored { store, folder };
                let setting = Setting { base: &base, sources: &sources };
                let model = diff::of_manifest(&loaded.stack, &setting, beside)?;
                Ok((model, loaded.files.clone()))
            }
            Self::Folder { documents, extent, .. } => {
                // Files of other forms are compared where both sides know them.
                let both = match other {
                    Self::Folder { extent: Extent::Found, .. } => Extent::Found,
                    _ => *extent,
                };
                Ok((diff::of_documents(documents, both)?, Files::default()))
            }
        }
    }
}

/// The configuration in a folder: what was rendered into it, else whatever is found.
fn folder(path: &Path) -> anyhow::Result<Side> {
    let shown = path.display();
    if let Some(index) = Index::read(path)? {
        let word = index.target.as_deref().unwrap_or(RenderTarget::Compose.name());
        let target = render::TARGETS.into_iter().find(|target| target.name() == word);
        let target = target.with_context(|| {
            format!("`{shown}` was rendered for `{word}`, which this version does not know")
        })?;
        let mut documents = Vec::new();
        for name in index.outputs.keys() {
            match std::fs::read(path.join(name)) {
                Ok(bytes) => documents.push(Document {
                    path: name.clone(),
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                }),
                // One that is gone is a difference.
                Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
                Err(err) => {
                    return Err(err).with_context(|| format!("cannot read `{shown}/{name}`"));
                }
            }
        }
        let extent = Extent::Rendered;
        return Ok(Side::Folder { path: path.to_owned(), documents, extent, target });
    }
    let found = find::all(path)?;
    let composed = found.iter().any(|file| file.kind == find::Kind::Compose);
    // Beside a compose file they are of another deployment.
    let others = if composed { Vec::new() } else { diff::others(path)? };
    if found.is_empty() && others.is_empty() {
        if let Some(manifest) = usual::all(path).first() {
            bail!(
                "`{shown}` has no rendered configuration; did you mean `{}`?",
                manifest.display()
            );
        }
        bail!(
            "`{shown}` has no prometheus.yml, rule file, alertmanager.yml, compose file, objects of \
             Kubernetes, units of systemd or Grafana provisioning"
        );
    }
    for (kind, what) in [
        (find::Kind::Prometheus, "prometheus.yml"),
        (find::Kind::Alertmanager, "alertmanager.yml"),
        (find::Kind::Compose, "compose file"),
    ] {
        let mut several = found.iter().filter(|file| file.kind == kind).map(|file| &file.path);
        if let Some(first) = several.next() {
            for other in several {
                printer::note(&format!(
                    "{shown}: `{other}` is a second {what} beside `{first}` and is left out"
                ));
            }
        }
    }
    let target = diff::target(&others);
    let found = found.into_iter().map(|file| Document { path: file.path, text: file.text });
    let documents = found.chain(others).collect();
    Ok(Side::Folder { path: path.to_owned(), documents, extent: Extent::Found, target })
}

/// Where a manifest and the files that it names are read.
enum Store {
    Disk,
    /// As they were at a revision.
    Git(String),
}

impl Store {
    fn bytes(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let Self::Git(revision) = self else { return manifest::read_file(path) };
        // Paths begin in the current folder, as those of files do.
        let name = if path.is_absolute() {
            path.display().to_string()
        } else {
            format!("./{}", path.display())
        };
        let shown = Command::new("git").arg("show").arg(format!("{revision}:{name}")).output();
        let shown = shown.map_err(|err| {
            std::io::Error::new(err.kind(), format!("git cannot be started: {err}"))
        })?;
        if shown.status.success() {
            return Ok(shown.stdout);
        }
        let said = String::from_utf8_lossy(&shown.stderr);
        let said = said.lines().next().unwrap_or("it said nothing").trim_start_matches("fatal: ");
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("git: {said}")))
    }
}

/// The files that a manifest names.
struct Stored<'a> {
    store: &'a Store,
    folder: PathBuf,
}

impl Sources for Stored<'_> {
    fn read(&self, path: &str) -> std::io::Result<String> {
        let bytes = self.store.bytes(&self.folder.join(path))?;
        String::from_utf8(bytes)
            .map_err(|err| std::io::Error::new(std::io::ErrorKind::InvalidData, err))
    }
}
