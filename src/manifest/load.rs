//! From a path to a stack: reading files, following includes, choosing a profile.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::decode::{self, Decode};
use super::stack::Stack;
use super::tree::Node;
use super::{codes, kdl, merge, yaml};
use crate::diag::{FileId, Files, Finding, Findings, Span, Spanned, most_similar, quoted_list};

/// A manifest may have this many bytes.
pub const MAX_BYTES: u64 = 16 << 20;

/// A manifest that has been read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What it says, the profile laid over it.
    pub stack: Stack,
    /// The same as nodes: what `stack` was decoded from.
    pub tree: Node,
    /// The texts that all places refer to.
    pub files: Files,
    /// What is wrong with it, in reading order.
    pub findings: Findings,
    /// All files that were read or looked for, to be watched.
    pub paths: Vec<PathBuf>,
    /// Names of the profiles, each once.
    pub profiles: Vec<Spanned<String>>,
    /// Where the profile stands that was laid over it: a profile may be written in several places.
    pub overlay: Vec<Span>,
}

/// Why a manifest could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file's name does not tell its notation.
    #[error("`{}` is not called .kdl, .yaml, .yml or .json", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// There is no profile of the name that was asked for.
    #[error("the stack has no profile `{name}`{}", suggest(.name, .known))]
    UnknownProfile {
        /// The name.
        name: String,
        /// Names of the profiles that there are.
        known: Vec<String>,
    },
}

fn suggest(name: &str, known: &[String]) -> String {
    match most_similar(name, known.iter().map(String::as_str)) {
        Some(near) => format!(": did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; it has {}", quoted_list(known.iter().map(String::as_str))),
    }
}

/// A notation of manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// KDL 2: `.kdl`.
    Kdl,
    /// YAML: `.yaml`, `.yml`.
    Yaml,
    /// JSON: `.json`.
    Json,
}

impl Format {
    /// The notation that a file's name tells; `None` when it tells none.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "kdl" => Some(Format::Kdl),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// Reads a manifest and what it includes. `Err` only when there is nothing to show findings in.
pub fn load(path: &Path, profile: Option<&str>) -> Result<Loaded, ManifestError> {
    load_with(path, profile, &read_file)
}

/// As [`load`], with files read by `read`: an editor gives the texts that are not saved yet.
pub fn load_with(
    path: &Path,
    profile: Option<&str>,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Loaded, ManifestError> {
    let format =
        Format::of(path).ok_or_else(|| ManifestError::UnknownFormat { path: path.into() })?;
    let bytes = match read(path) {
        Err(err) if err.kind() != io::ErrorKind::FileTooLarge => {
            return Err(ManifestError::Read { path: path.into(), source: err });
        }
        other => other,
    };
    let mut loader = Loader { read, loaded: Loaded::default(), chain: Vec::new() };
    loader.loaded.paths.push(path.to_owned());
    let nodes = loader.file(path, &path.display().to_string(), bytes, format);
    loader.finish(nodes, profile)
}

/// Reads a manifest from a text; nothing is read from disk, so `include` is a finding.
pub fn parse(
    name: &str,
    text: &str,
    format: Format,
    profile: Option<&str>,
) -> Result<Loaded, ManifestError> {
    let no_disk =
        |_: &Path| Err(io::Error::new(io::ErrorKind::Unsupported, "only this text is read"));
    let mut loader = Loader { read: &no_disk, loaded: Loaded::default(), chain: Vec::new() };
    let nodes = loader.text(Path::new(name), name, text.to_owned(), format);
    loader.finish(nodes, profile)
}

/// The bytes of a file; `FileTooLarge` when it has more than a manifest may have.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    if size > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // Devices and pipes tell no size: the limit holds for them as well.
    let mut bytes = Vec::with_capacity(size as usize);
    io::Read::read_to_end(&mut io::Read::take(file, MAX_BYTES + 1), &mut bytes)?;
    Ok(bytes)
}

struct Loader<'a> {
    read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    loaded: Loaded,
    /// The files that include one another, from the first to the one being read.
    chain: Vec<PathBuf>,
}

impl Loader<'_> {
    /// Nodes of a file, its includes resolved.
    fn file(
        &mut self,
        path: &Path,
        name: &str,
        bytes: io::Result<Vec<u8>>,
        format: Format,
    ) -> Vec<Node> {
        let too_large = match &bytes {
            Ok(bytes) => bytes.len() as u64 > MAX_BYTES,
            Err(_) => true,
        };
        if too_large {
            let id = self.loaded.files.add(name, "");
            let finding = codes::TOO_LARGE
                .says(format!("`{name}` has more than 16 MB"))
                .at(Span::new(id, 0..0), "")
                .help("a manifest is a text that people write; is this the right file?");
            self.loaded.findings.push(finding);
            return Vec::new();
        }
        match String::from_utf8(bytes.unwrap_or_default()) {
            Ok(text) => self.text(path, name, text, format),
            Err(err) => {
                let valid = err.utf8_error().valid_up_to();
                let byte = err.as_bytes().get(valid).copied().unwrap_or_default();
                // What is readable stays to be shown; the byte itself becomes the sign for it.
                let start = String::from_utf8_lossy(&err.as_bytes()[..valid]).into_owned();
                self.not_text(name, format!("{start}\u{fffd}"), valid, &format!("0x{byte:02x}"));
                Vec::new()
            }
        }
    }

    fn not_text(&mut self, name: &str, text: String, at: usize, byte: &str) {
        let len = text[at..].chars().next().map_or(0, char::len_utf8);
        let id = self.loaded.files.add(name, text);
        let finding = codes::SYNTAX
            .says(format!("`{name}` is not a text in UTF-8"))
            .at(Span::new(id, at..at + len), format!("the byte {byte}"))
            .help("save it in the encoding UTF-8; is this the right file?");
        self.loaded.findings.push(finding);
    }

    fn text(&mut self, path: &Path, name: &str, text: String, format: Format) -> Vec<Node> {
        if text.len() as u64 > MAX_BYTES {
            return self.file(path, name, Err(io::ErrorKind::FileTooLarge.into()), format);
        }
        if let Some(at) = memchr::memchr(0, text.as_bytes()) {
            self.not_text(name, text, at, "0x00");
            return Vec::new();
        }
        let id = self.loaded.files.add(name, text);
        let text = self.loaded.files.get(id).map_or("", |file| file.text.as_str());
        let nodes = match format {
            Format::Kdl => kdl::read(text, id, &mut self.loaded.findings),
            Format::Yaml | Format::Json => yaml::read(text, id, &mut self.loaded.findings),
        };
        self.chain.push(path.to_owned());
        let resolved = self.includes(path, nodes);
        self.chain.pop();
        resolved
    }

    /// Puts the nodes of included files where the `include` stands.
    fn includes(&mut self, path: &Path, nodes: Vec<Node>) -> Vec<Node> {
        let mut all = Vec::with_capacity(nodes.len());
        for node in nodes {
            if node.name.as_str() != "include" {
                all.push(node);
                continue;
            }
            if node.args.is_empty() && !node.damaged {
                let finding = codes::MISSING_SETTING
                    .says("`include` lacks its file")
                    .at(node.name.span, "")
                    .help("write a path relative to this file: `include \"base.kdl\"`");
                self.loaded.findings.push(finding);
            }
            for arg in &node.args {
                match arg.text() {
                    Some(file) => all.extend(self.include(path, file, arg.span)),
                    None => {
                        let finding = codes::WRONG_TYPE
                            .says(format!("`include` takes paths, found {}", arg.describe()))
                            .at(arg.span, "not a path");
                        self.loaded.findings.push(finding);
                    }
                }
            }
        }
        all
    }

    fn include(&mut self, from: &Path, file: &str, place: Span) -> Vec<Node> {
        let path = from.parent().unwrap_or(Path::new("")).join(file);
        let tidy = tidied(&path);
        let known = |other: &PathBuf| tidied(other) == tidy;
        if let Some(at) = self.chain.iter().position(known) {
            let chain: Vec<String> = self.chain[at..]
                .iter()
                .chain([&path])
                .map(|path| format!("`{}`", tidied(path).display()))
                .collect();
            let message = match chain.as_slice() {
                [_, _] => format!("`{file}` includes itself"),
                chain => format!("these files include one another: {}", chain.join(" -> ")),
            };
            self.bad_include(message, place, "closes the circle", "remove one of the includes");
            return Vec::new();
        }
        if self.loaded.paths.iter().any(known) {
            // A file that two others need is read once.
            return Vec::new();
        }
        self.loaded.paths.push(path.clone());
        let Some(format) = Format::of(&path) else {
            self.bad_include(
                format!("`{file}` is not called .kdl, .yaml, .yml or .json"),
                place,
                "unknown notation",
                "rename it, or include another file",
            );
            return Vec::new();
        };
        match (self.read)(&path) {
            Err(err) if err.kind() != io::ErrorKind::FileTooLarge => {
                let reason = match err.kind() {
                    io::ErrorKind::NotFound => "there is no such file".to_owned(),
                    io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
                    _ => err.to_string(),
                };
                self.bad_include(
                    format!("`{file}` cannot be included: {reason}"),
                    place,
                    "",
                    &format!("looked for `{}`", tidy.display()),
                );
                Vec::new()
            }
            bytes => self.file(&path, &tidy.display().to_string(), bytes, format),
        }
    }

    fn bad_include(&mut self, message: String, place: Span, label: &str, help: &str) {
        let finding: Finding = codes::BAD_INCLUDE.says(message).at(place, label).help(help);
        self.loaded.findings.push(finding);
    }

    /// Lays the profile over the rest and decodes it. Profiles that were not asked for are tried as
    /// well, so that their mistakes are found.
    fn finish(mut self, nodes: Vec<Node>, wanted: Option<&str>) -> Result<Loaded, ManifestError> {
        let loaded = &mut self.loaded;
        let mut base = Node::new(Spanned::default(), Span::new(FileId(0), 0..0));
        let mut profiles: Vec<(Spanned<String>, Vec<Node>)> = Vec::new();
        for mut node in nodes {
            if node.name.as_str() != "profile" {
                base.children.push(node);
                continue;
            }
            if node.args.is_empty() {
                if !node.damaged {
                    let finding = codes::MISSING_SETTING
                        .says("`profile` lacks its name")
                        .at(node.name.span, "")
                        .help("write a name behind it: `profile \"prod\" { … }`");
                    loaded.findings.push(finding);
                }
                continue;
            }
            let arg = node.args.remove(0);
            let Some(name) = arg.text() else {
                let finding = codes::WRONG_TYPE
                    .says(format!("the name of a profile is a text, found {}", arg.describe()))
                    .at(arg.span, "not a text");
                loaded.findings.push(finding);
                continue;
            };
            if let Some(extra) = node.args.first().filter(|_| !node.damaged) {
                let finding = codes::WRONG_TYPE
                    .says(format!("profile `{name}` takes nodes, found {}", extra.describe()))
                    .at(extra.span, "not a node")
                    .help("write the parts that it changes inside of it, as in the stack itself");
                loaded.findings.push(finding);
            }
            let name = name.to_owned();
            node.args.clear();
            merge::normalise(&mut node, Stack::shape());
            match profiles.iter_mut().find(|(known, _)| known.value == name) {
                Some((_, nodes)) => nodes.push(node),
                None => profiles.push((Spanned::new(name, arg.span), vec![node])),
            }
        }
        merge::normalise(&mut base, Stack::shape());

        if let Some(name) = wanted
            && !profiles.iter().any(|(known, _)| known.value == name)
        {
            let known = profiles.into_iter().map(|(name, _)| name.value).collect();
            return Err(ManifestError::UnknownProfile { name: name.to_owned(), known });
        }
        if wanted.is_none() {
            loaded.stack = stack(&base, &mut loaded.findings);
        }
        for (name, nodes) in profiles {
            let places: Vec<Span> = nodes.iter().map(|node| node.span).collect();
            let mut findings = Findings::default();
            let mut whole = base.clone();
            for node in nodes {
                merge::overlay(&mut whole, node, Stack::shape(), &mut findings);
            }
            let stack = stack(&whole, &mut findings);
            if wanted == Some(name.as_str()) {
                loaded.stack = stack;
                loaded.tree = whole;
                loaded.overlay = places;
            } else {
                findings
                    .retain(|finding| places.iter().any(|place| place.contains(finding.span())));
            }
            loaded.findings.extend(findings);
            loaded.profiles.push(name);
        }
        if wanted.is_none() {
            loaded.tree = base;
        }
        loaded.findings.settle();
        self.attachments();
        Ok(self.loaded)
    }

    /// Reads the dashboards and metrics pages that exist as files: rules look into them. What cannot be
    /// read is left to a rule as well, since a stack with other dashboards may still be looked at.
    fn attachments(&mut self) {
        let Some(manifest) = self.loaded.paths.first().cloned() else { return };
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let stack = &self.loaded.stack;
        let dashboards = stack.grafana.iter().flat_map(|grafana| &grafana.dashboards);
        let services = stack.services.iter().filter_map(|service| service.metrics.as_ref());
        let exporters = stack.exporters.iter().filter_map(|exporter| exporter.metrics.as_ref());
        let pages = services.chain(exporters).filter_map(|metrics| metrics.from.clone());
        let wanted: Vec<Spanned<String>> =
            dashboards.filter_map(|dashboard| dashboard.from.clone()).chain(pages).collect();
        let mut known: HashMap<PathBuf, Result<FileId, String>> = HashMap::new();
        for from in wanted {
            let path = folder.join(&from.value);
            let file = match known.get(&path) {
                Some(file) => file.clone(),
                None => {
                    self.loaded.paths.push(path.clone());
                    self.attachment(&path)
                }
            };
            self.loaded.files.name_at(from.span, file.clone());
            known.insert(path, file);
        }
    }

    /// The text of a file beside the manifest, or why it cannot be had.
    fn attachment(&mut self, path: &Path) -> Result<FileId, String> {
        let bytes = (self.read)(path).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
            io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            io::ErrorKind::FileTooLarge => "it has more than 16 MB".to_owned(),
            _ => err.to_string(),
        })?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err("it has more than 16 MB".to_owned());
        }
        let text = String::from_utf8(bytes).map_err(|_| "it is not a text in UTF-8".to_owned())?;
        Ok(self.loaded.files.add(tidied(path).display().to_string(), text))
    }
}

fn stack(root: &Node, findings: &mut Findings) -> Stack {
    let stack = decode::block::<Stack>(root, findings).map_or_else(Stack::default, |b| b.value);
    if let Some(version) = stack.header.as_ref().and_then(|header| header.manifest.as_ref())
        && version.value != 1
    {
        let finding = codes::WRONG_TYPE
            .says(format!("version {version} of the manifest language is not known"))
            .at(version.span, "must be 1");
        findings.push(finding);
    }
    stack
}

/// A path without `.` and with `..` resolved where that is possible by its text alone.
pub fn tidied(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(tidy.components().next_back(), Some(Component::Normal(_))) =>
            {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
