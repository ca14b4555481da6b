//! A manifest beside what was rendered from it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::cli::{printer, usual};
use crate::diag::{Code, Finding, Severity, Span};
use crate::manifest::RenderTarget;
use crate::manifest::{self, Format as Notation, Loaded, tidied};
use crate::render::{self, Beside, Index, Output, Setting, TARGETS};
use crate::sourcemap::{FileMap, How, Mark, Origin, messages};

/// What the answers are shown as; no rule finds it.
pub const ORIGIN: Code =
    Code { code: "why", name: "origin", severity: Severity::Info, explain: "" };

/// Which manifest and folder; what is not said is found.
#[derive(Debug, Clone, Default, Args)]
pub struct Wanted {
    /// The manifest; known from the output folder when nothing is said.
    #[arg(short, long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The folder that was rendered to; found from FILE or the current folder when nothing is said.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Overlay this profile of the manifest; the one that was rendered when nothing is said.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// A manifest with what is rendered from it, and the folder it was rendered to.
pub struct Desk {
    pub loaded: Loaded,
    pub outputs: Vec<Output>,
    pub folder: PathBuf,
    /// The profile that was laid over the manifest.
    profile: Option<String>,
}

impl Desk {
    /// Finds the folder and the manifest, where they are not said, from a file and the current folder.
    pub fn new(wanted: &Wanted, file: Option<&Path>) -> anyhow::Result<Self> {
        let found = wanted.output.clone().or_else(|| folder_of(file));
        let index = found.as_deref().map(Index::read).transpose()?.flatten();
        let folder = found.unwrap_or_else(|| PathBuf::from("."));
        let named = index.as_ref().map(|index| manifest_of(index, &folder));
        let itself = file.filter(|file| is_manifest(file));
        let path = match (&wanted.manifest, named, itself) {
            (Some(manifest), _, _) => manifest.clone(),
            (None, Some(manifest), _) if manifest.is_file() => manifest,
            (None, None, Some(file)) => file.to_owned(),
            (None, Some(manifest), _) => bail!(
                "`{}` was rendered from `{}`, which is not there; say where it is with `--manifest`",
                folder.display(),
                manifest.display()
            ),
            (None, None, None) => usual::here()?,
        };
        let profile =
            wanted.profile.clone().or(index.as_ref().and_then(|index| index.profile.clone()));
        // What rules say does not matter here: whoever asks may be looking for the mistake.
        let loaded = manifest::load(&path, profile.as_deref()).with_context(|| {
            format!("`why` needs the manifest of the rendered files: `{}`", path.display())
        })?;
        if loaded.findings.count(Severity::Error) > 0 {
            printer::note("the manifest cannot be read in full: `stackctl validate` says why");
        }
        let base = render::base_between(&path, &folder);
        let sources = Beside(path.parent().unwrap_or(Path::new("")).to_owned());
        let target = match &index {
            // Where the index says no target it was compose.
            Some(index) => TARGETS
                .into_iter()
                .find(|target| index.target.as_deref() == Some(target.name()))
                .unwrap_or(RenderTarget::Compose),
            None => render::target_of(&loaded.stack),
        };
        let setting = Setting { base: &base, sources: &sources };
        let mut outputs = render::plan_for(&loaded.stack, &setting, target)?;
        // What only an older rendering has is explained as it stands there.
        for path in index.iter().flat_map(|index| index.outputs.keys()) {
            if outputs.iter().all(|output| output.path != *path)
                && let Ok(text) = std::fs::read_to_string(folder.join(path))
            {
                outputs.push(Output::text(path, text));
            }
        }
        Ok(Self { loaded, outputs, folder, profile })
    }

    /// Whether a file lies in a folder that was rendered to.
    pub fn is_around(file: Option<&Path>) -> bool {
        folder_of(file).is_some()
    }

    /// Whether a file that somebody names lies in a folder that was rendered to.
    pub fn was_rendered(file: &Path) -> bool {
        let mut above = file.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        above.any(Index::is_in)
    }

    /// The output that a file is: by its path below the folder, as it stands there, or by its name.
    pub fn output(&self, file: &Path) -> Option<String> {
        let is = |path: &str| {
            let here = std::path::absolute(file).map(|path| tidied(&path)).ok();
            let there = std::path::absolute(self.folder.join(path)).map(|path| tidied(&path)).ok();
            tidied(file) == Path::new(path) || here == there
        };
        let sources = || self.loaded.files.iter().any(|(_, source)| is_file(&source.name, file));
        let exact = self.outputs.iter().find(|output| is(&output.path));
        let exact = exact.map(|output| output.path.clone());
        exact.or_else(|| if sources() { None } else { self.by_name(&file.to_string_lossy()) })
    }

    /// The one output whose path ends like this.
    pub fn by_name(&self, name: &str) -> Option<String> {
        let paths = self.outputs.iter().map(|output| output.path.as_str());
        messages::file_called(paths, name).map(str::to_owned)
    }

    /// The map of an output as it is on disk, and whether that is what would be rendered.
    pub fn map(&self, path: &str) -> (FileMap, State) {
        let (text, state) = self.on_disk(path);
        (self.map_of(path, &text), state)
    }

    /// Whether an output is on disk what would be rendered.
    pub fn state(&self, path: &str) -> State {
        self.on_disk(path).1
    }

    fn on_disk(&self, path: &str) -> (String, State) {
        let rendered = self.outputs.iter().find(|output| output.path == path);
        let rendered = rendered.map_or(&[][..], |output| &output.bytes);
        let rendered = String::from_utf8_lossy(rendered).into_owned();
        match std::fs::read_to_string(self.folder.join(path)) {
            Ok(text) if text == rendered => (text, State::AsRendered),
            Ok(text) => (text, State::Differs { rendered }),
            Err(_) => (rendered, State::NotThere),
        }
    }

    pub fn map_of(&self, path: &str, text: &str) -> FileMap {
        FileMap::new(&self.loaded, path, text)
    }

    /// A finding at the place that marks lead to, with the chain of what it is part of.
    pub fn finding(&self, finding: Finding, marks: &[&Mark]) -> Finding {
        let Some(mark) = marks.last() else { return finding };
        let origin = &mark.origin;
        let node = &origin.node;
        let label = match &origin.how {
            How::Said => "written here".to_owned(),
            How::Derived if node.is_empty() => "derived from this".to_owned(),
            How::Derived => format!("derived from `{node}`"),
            How::Default(_) => "nothing is said here: a default".to_owned(),
        };
        let mut finding = finding.at(origin.span, label);
        for span in &origin.also {
            finding = finding.also(*span, "has a part in it");
        }
        let mut help: Vec<String> = Self::chain(marks)
            .iter()
            .map(|(what, origin)| {
                format!("{what} comes from `{}` ({})", origin.node, self.place(origin.span))
            })
            .collect();
        help.extend(self.overlay(origin.span).map(|name| format!("profile `{name}` says so")));
        if let How::Default(key) = &origin.how {
            help.push(format!("say something else with `{key}` in `{node}`"));
        }
        if help.is_empty() { finding } else { finding.help(help.join("\n")) }
    }

    /// The profile that a place belongs to, if it was laid over the manifest.
    pub fn overlay(&self, place: Span) -> Option<&str> {
        let inside = self.loaded.overlay.iter().any(|profile| profile.contains(place));
        self.profile.as_deref().filter(|_| inside)
    }

    /// What a program said, as a finding at the manifest's place; `None` if it speaks of no rendered file.
    pub fn complaint(&self, said: &messages::Said) -> Option<Finding> {
        let spot = said.spot.as_ref()?;
        let finding = Code { severity: Severity::Error, ..ORIGIN }.says(&said.text);
        let mut finding = self.finding(finding, &spot.marks());
        if let (Some(label), Some(span)) =
            (&mut finding.label, spot.inside(&self.loaded.files, &said.text))
        {
            label.span = span;
        }
        let line = spot.map.line(spot.line).unwrap_or_default();
        let path = &spot.map.path;
        let state = self.state(path);
        let mut help = if spot.whole {
            vec![path.clone()]
        } else {
            vec![format!("{path}:{}: `{}`", spot.line, short(line))]
        };
        help.extend(state.advice(&spot.map, path, spot.line, spot.whole));
        help.extend(finding.help.take());
        Some(finding.help(help.join("\n")))
    }

    /// What the place is a part of, from the inside to the outside, without the whole file.
    pub fn chain<'a>(marks: &[&'a Mark]) -> Vec<(&'a str, &'a Origin)> {
        let named = marks.iter().filter_map(|mark| Some((mark.what.as_deref()?, &mark.origin)));
        let mut chain: Vec<(&str, &Origin)> = named.skip(1).collect();
        chain.reverse();
        chain
    }

    pub fn place(&self, span: Span) -> String {
        let place = self.loaded.files.start(span);
        format!("{}:{}:{}", self.loaded.files.name(span.file), place.line, place.column)
    }
}

/// Cuts a long text.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// How a file on disk stands to what would be rendered.
pub enum State {
    AsRendered,
    NotThere,
    Differs { rendered: String },
}

impl State {
    pub fn line_is_rendered(&self, map: &FileMap, line: usize) -> bool {
        let State::Differs { rendered } = self else { return true };
        let diff = similar::TextDiff::from_lines(rendered.as_str(), &map.text);
        diff.iter_all_changes().any(|change| {
            change.tag() == similar::ChangeTag::Equal && change.new_index() == Some(line - 1)
        })
    }

    /// Whether a place is as it would be rendered.
    pub fn is_rendered(&self, map: &FileMap, line: usize, whole: bool) -> bool {
        match self {
            State::AsRendered => true,
            State::NotThere => false,
            State::Differs { .. } => !whole && self.line_is_rendered(map, line),
        }
    }

    pub fn note(&self, map: &FileMap, path: &str, line: usize) -> Option<String> {
        match self {
            State::AsRendered => None,
            State::NotThere => {
                Some(format!("`{path}` is not on disk; this is what would be rendered"))
            }
            State::Differs { .. } if self.line_is_rendered(map, line) => Some(format!(
                "`{path}` on disk is not what the manifest renders (`stackctl render --diff`), but \
                 for lines like this one"
            )),
            State::Differs { .. } => Some(Self::changed(path)),
        }
    }

    /// What else there is to know of a place that a message speaks of: of the file as a whole, or of a
    /// line in it.
    fn advice(&self, map: &FileMap, path: &str, line: usize, whole: bool) -> Option<String> {
        match self {
            State::NotThere => {
                Some(format!("`{path}` is not on disk: `stackctl render` writes it"))
            }
            State::Differs { .. } if whole || !self.line_is_rendered(map, line) => {
                Some(Self::changed(path))
            }
            _ => None,
        }
    }

    fn changed(path: &str) -> String {
        format!(
            "`{path}` on disk is not what the manifest renders, and this line is none of its \
                 own: changed by hand, or the manifest has changed since (`stackctl render --diff`)"
        )
    }
}

pub fn is_file(name: &str, file: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).map(|path| tidied(&path)).ok();
    absolute(Path::new(name)) == absolute(file)
}

/// Whether a file is a manifest: a rendered one may be YAML or JSON as well.
fn is_manifest(file: &Path) -> bool {
    let reads = || {
        let loaded = manifest::load(file, None);
        loaded.is_ok_and(|loaded| loaded.findings.count(Severity::Error) == 0)
    };
    file.is_file()
        && match Notation::of(file) {
            Some(Notation::Kdl) => true,
            Some(Notation::Yaml | Notation::Json) => reads(),
            None => false,
        }
}

/// The output folder around a file, or else around the current folder.
fn folder_of(file: Option<&Path>) -> Option<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let around =
        |path: &Path| tidied(path).ancestors().find(|path| Index::is_in(path)).map(Path::to_owned);
    // A file that is missed may have its folder all the same.
    let parent = file.and_then(Path::parent).filter(|parent| here.join(parent).is_dir());
    let found = parent.and_then(|parent| around(&here.join(parent))).or_else(|| around(&here))?;
    // Short in messages, where that is possible.
    Some(match found.strip_prefix(&here) {
        Ok(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        Ok(below) => below.to_owned(),
        Err(_) => found,
    })
}

/// The manifest that an index names: as seen from the current folder, or from one above the output.
fn manifest_of(index: &Index, folder: &Path) -> PathBuf {
    let named = PathBuf::from(&index.manifest);
    if named.is_file() {
        return named;
    }
    let full = std::path::absolute(folder).unwrap_or_default();
    let above = full.ancestors().map(|path| path.join(&named)).find(|path| path.is_file());
    above.unwrap_or(named)
}
