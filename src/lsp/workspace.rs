//! Which manifests the open documents belong to, and what is read and found in them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::documents::{Document, Documents};
use super::settings::Wishes;
use crate::check::{self, Levels};
use crate::diag::FileId;
use crate::manifest::decode::Decode as _;
use crate::manifest::tree::{Node, Value};
use crate::manifest::{self, Format, Loaded, ManifestError, Stack, outline, tidied};

/// A manifest whose includes and dashboards are looked at together with it.
#[derive(Debug, Default)]
struct Root {
    /// As it is now, without the findings of rules.
    read: Option<Rc<Loaded>>,
    /// As it was when it was read last without a mistake of syntax: what it names is known from there.
    sound: Option<Rc<Loaded>>,
    /// As it was checked last.
    checked: Option<Rc<Loaded>>,
    /// Whether a text has changed since.
    stale: bool,
    /// Files that it was read from, or that it looked for.
    paths: HashSet<PathBuf>,
}

/// A document and the manifest that it is, or is a part of.
#[derive(Clone, Debug)]
pub struct View {
    /// Its path.
    pub path: PathBuf,
    /// Its notation.
    pub format: Format,
    /// Its text.
    pub text: Rc<str>,
    /// The manifest as it is now.
    pub now: Rc<Loaded>,
    /// The manifest as it was without a mistake of syntax; the same where there is none.
    pub sound: Rc<Loaded>,
}

impl View {
    /// The document among the files of the manifest.
    pub fn file(&self) -> Option<FileId> {
        file_of(&self.now, &self.path)
    }
}

/// The file of this path.
pub fn file_of(loaded: &Loaded, path: &Path) -> Option<FileId> {
    loaded.files.iter().find(|(_, file)| tidied(Path::new(&file.name)) == path).map(|(id, _)| id)
}

/// Everything that is open, and what follows from it.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The open documents.
    pub documents: Documents,
    /// What the user wants.
    wishes: Wishes,
    roots: BTreeMap<PathBuf, Root>,
    /// Open documents that are manifests, or looked like one once: who takes the first line away to
    /// write another one still works at it.
    manifests: BTreeSet<PathBuf>,
    /// The manifests on disk that include a document: who looked once need not at every keystroke.
    around: HashMap<PathBuf, Option<PathBuf>>,
    /// Whether documents may belong to other manifests than before.
    moved: bool,
    /// What is to be told.
    notes: Vec<String>,
    /// What was told since the user wished for something else: once is enough.
    told: HashSet<String>,
}

impl Workspace {
    /// Sets what the user wants; everything is to be checked again.
    pub fn wish(&mut self, wishes: Wishes) {
        self.wishes = wishes;
        self.told.clear();
        self.touch_all();
    }

    /// A text has changed, or another one counts: what was read from it is stale.
    pub fn touch(&mut self, path: &Path) {
        if let Some(document) = self.documents.get(path) {
            if is_manifest(path, document) && self.manifests.insert(path.to_owned()) {
                self.around.clear();
            }
        } else if self.manifests.remove(path) {
            self.around.clear();
        }
        self.moved = true;
        for root in self.roots.values_mut().filter(|root| root.paths.contains(path)) {
            (root.stale, root.read) = (true, None);
        }
    }

    /// Anything may have changed.
    pub fn touch_all(&mut self) {
        self.moved = true;
        self.around.clear();
        for root in self.roots.values_mut() {
            (root.stale, root.read) = (true, None);
        }
    }

    /// What is to be told since the last time.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Finds out which manifests there are.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.moved) {
            return;
        }
        let mut wanted: Vec<PathBuf> = Vec::new();
        let mut covered: HashSet<PathBuf> = HashSet::new();
        // Those that say what stack they are come first: they include, and are not included.
        let (heads, parts): (Vec<PathBuf>, Vec<PathBuf>) =
            self.manifests.iter().cloned().partition(|path| self.has_header(path));
        for mut path in heads.into_iter().chain(parts) {
            if covered.contains(&path) {
                continue;
            }
            if !self.has_header(&path) {
                let known = self.around.get(&path).cloned();
                let whole = known.unwrap_or_else(|| self.includer(&path));
                self.around.insert(path.clone(), whole.clone());
                path = whole.unwrap_or(path);
            }
            let mut included = HashSet::new();
            self.included(&path, &mut included);
            // Of two that include one another the first stays.
            wanted.retain(|other| !included.contains(other));
            covered.extend(included);
            if !wanted.contains(&path) {
                wanted.push(path);
            }
        }
        self.roots.retain(|path, _| wanted.contains(path));
        for path in wanted {
            self.roots.entry(path).or_insert_with(|| Root { stale: true, ..Root::default() });
        }
    }

    fn nodes(&self, path: &Path) -> Vec<Node> {
        let text = self.documents.read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match (text, Format::of(path)) {
            (Some(text), Some(format)) => outline::nodes(&text, FileId(0), format),
            _ => Vec::new(),
        }
    }

    fn has_header(&self, path: &Path) -> bool {
        self.nodes(path).iter().any(|node| node.name.as_str() == "stack")
    }

    /// All files that a manifest includes, directly or not.
    fn included(&self, path: &Path, found: &mut HashSet<PathBuf>) {
        for node in self.nodes(path).iter().filter(|node| node.name.as_str() == "include") {
            for file in node.args.iter().filter_map(Value::text) {
                let file = tidied(&path.parent().unwrap_or(Path::new("")).join(file));
                if file != path && found.insert(file.clone()) {
                    self.included(&file, found);
                }
            }
        }
    }

    /// A manifest on disk, in the folder of this file or the one around it, that includes it.
    fn includer(&self, path: &Path) -> Option<PathBuf> {
        let name = path.file_name()?.to_str()?;
        let folders = path.ancestors().skip(1).take(2);
        folders.filter_map(|folder| std::fs::read_dir(folder).ok()).find_map(|entries| {
            let mut files: Vec<PathBuf> = entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|file| file != path && Format::of(file).is_some())
                .take(200)
                .collect();
            files.sort();
            files.into_iter().find(|file| {
                let small = std::fs::metadata(file).is_ok_and(|data| data.len() < 1 << 20);
                let text = small.then(|| std::fs::read_to_string(file).ok()).flatten();
                let may = text.is_some_and(|text| text.contains("include") && text.contains(name));
                let mut included = HashSet::new();
                may && self.has_header(file) && {
                    self.included(file, &mut included);
                    included.contains(path)
                }
            })
        })
    }

    /// Checks every manifest in which something has changed.
    pub fn check(&mut self) {
        self.settle();
        let levels = self.wishes.levels().unwrap_or_default();
        let mut gone = Vec::new();
        let paths: Vec<PathBuf> = self.roots.keys().cloned().collect();
        for path in paths {
            if !self.roots.get(&path).is_some_and(|root| root.stale) {
                continue;
            }
            let checked = self.load(&path, &levels);
            let Some(root) = self.roots.get_mut(&path) else { continue };
            root.stale = false;
            match checked {
                Some(checked) => {
                    root.paths = paths_of(&checked);
                    let checked = Rc::new(checked);
                    if is_sound(&checked) {
                        root.sound = Some(Rc::clone(&checked));
                    }
                    root.checked = Some(checked);
                }
                None => gone.push(path),
            }
        }
        for path in gone {
            self.roots.remove(&path);
        }
    }

    /// Reads and checks one manifest; `None` when it cannot be read.
    fn load(&mut self, path: &Path, levels: &Levels) -> Option<Loaded> {
        let read = |path: &Path| self.documents.read(path);
        match check::load(path, self.wishes.profile.as_deref(), levels, &read) {
            Ok(loaded) => Some(loaded),
            Err(err @ ManifestError::UnknownProfile { .. }) => {
                let note = format!("{}: {err}; it is shown without a profile", path.display());
                let loaded = check::load(path, None, levels, &read).ok();
                if self.told.insert(note.clone()) {
                    self.notes.push(note);
                }
                loaded
            }
            Err(_) => None,
        }
    }

    /// The checked manifests, with their paths.
    pub fn checked(&self) -> impl Iterator<Item = (&Path, &Rc<Loaded>)> {
        self.roots.iter().filter_map(|(path, root)| Some((path.as_path(), root.checked.as_ref()?)))
    }

    /// The checked manifests that a document belongs to, checked anew where they are stale.
    pub fn checked_for(&mut self, path: &Path) -> Vec<(PathBuf, Rc<Loaded>)> {
        self.check();
        let own = self.checked().filter(|(_, loaded)| file_of(loaded, path).is_some());
        own.map(|(root, loaded)| (root.to_owned(), Rc::clone(loaded))).collect()
    }

    /// The edits of all findings of a manifest, applied: each changed file with its text before and
    /// after. The same as `validate --fix` does.
    pub fn fixed(&self, root: &Path) -> Vec<(PathBuf, String, String)> {
        let levels = self.wishes.levels().unwrap_or_default();
        let load = |read: &check::Read<'_>| match check::load(
            root,
            self.wishes.profile.as_deref(),
            &levels,
            read,
        ) {
            Err(ManifestError::UnknownProfile { .. }) => check::load(root, None, &levels, read),
            other => other,
        };
        match check::fix(&load, &|path| self.documents.read(path)) {
            Ok(fixed) => fixed.changes,
            Err(_) => Vec::new(),
        }
    }

    /// An open document with what is around it; `None` for one that is no part of a manifest.
    pub fn view(&mut self, path: &Path) -> Option<View> {
        self.settle();
        let format = Format::of(path)?;
        let text: Rc<str> = self.documents.get(path)?.text.as_str().into();
        let paths: Vec<PathBuf> = self.roots.keys().cloned().collect();
        for root in paths {
            let Some((now, sound)) = self.read(&root) else { continue };
            if file_of(&now, path).is_some() {
                return Some(View { path: path.to_owned(), format, text, now, sound });
            }
        }
        None
    }

    /// A manifest as it is now, and as it was without a mistake of syntax.
    fn read(&mut self, path: &Path) -> Option<(Rc<Loaded>, Rc<Loaded>)> {
        let known = self.roots.get(path)?.read.clone();
        let now = match known {
            Some(now) => now,
            None => {
                let read = |path: &Path| self.documents.read(path);
                let profile = self.wishes.profile.as_deref();
                let loaded = manifest::load_with(path, profile, &read)
                    .or_else(|_| manifest::load_with(path, None, &read));
                Rc::new(loaded.ok()?)
            }
        };
        let root = self.roots.get_mut(path)?;
        root.read = Some(Rc::clone(&now));
        if root.paths.is_empty() {
            root.paths = paths_of(&now);
        }
        if is_sound(&now) {
            root.sound = Some(Rc::clone(&now));
        }
        let sound = root.sound.clone().unwrap_or_else(|| Rc::clone(&now));
        Some((now, sound))
    }
}

/// Whether the whole text was understood.
fn is_sound(loaded: &Loaded) -> bool {
    loaded.findings.iter().all(|finding| finding.code != manifest::codes::SYNTAX.code)
}

fn paths_of(loaded: &Loaded) -> HashSet<PathBuf> {
    loaded.paths.iter().map(|path| tidied(path)).collect()
}

/// Whether a document is meant to be a manifest: editors send every YAML and JSON file, and other
/// programs use KDL as well.
fn is_manifest(path: &Path, document: &Document) -> bool {
    let Some(format) = Format::of(path) else { return false };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if stem.rsplit('.').next() == Some("stack") || document.language == "stackctl" {
        return true;
    }
    let nodes = outline::nodes(&document.text, FileId(0), format);
    let known = |node: &Node| match format {
        Format::Kdl => {
            let name = node.name.as_str();
            matches!(name, "profile" | "include")
                || outline::shape_of(Stack::shape(), name).is_some()
        }
        // Compose files have networks and volumes, too.
        Format::Yaml | Format::Json => node.name.as_str() == "stack",
    };
    nodes.iter().any(known) || format == Format::Kdl && nodes.is_empty()
}
