//! `why`: which place of the manifest a line of a rendered file comes from, and the other way round.

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::printer::{self, out};
use super::render;
use super::validate::{self, Source};
use crate::diag::{self, Code, Files, Finding, Findings, Severity, Span};
use crate::manifest::{Format as Notation, Loaded, tidied};
use crate::render::{Index, Output};
use crate::sourcemap::{self, FileMap, How, Mark, Origin, messages};

/// Shows what a line of a rendered file comes from, or what a line of the manifest becomes. With `-` it
/// reads what promtool, amtool, Prometheus, Alertmanager, Grafana, Caddy or docker compose said, and shows
/// the manifest's place for each message that speaks of a rendered file.
#[derive(Debug, Args)]
pub struct Why {
    /// `FILE:LINE` or `FILE:LINE:COLUMN`, rendered or of the manifest; `FILE` for all lines of a rendered
    /// file; `-` for messages on the standard input.
    #[arg(value_name = "PLACE", required_unless_present = "stdin")]
    place: Option<String>,
    /// The manifest; known from the output folder when nothing is said.
    #[arg(short, long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The folder that was rendered to; found from FILE or the current folder when nothing is said.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Overlay this profile of the manifest; the one that was rendered when nothing is said.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Read messages of other programs from the standard input, as `-` does.
    #[arg(long, conflicts_with = "place")]
    stdin: bool,
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
}

/// What the answers are shown as; no rule finds it.
const ORIGIN: Code =
    Code { code: "why", name: "origin", severity: Severity::Info, explain: "" };

/// A place as it was asked for.
struct Asked {
    file: PathBuf,
    line: Option<usize>,
    column: Option<usize>,
}

impl Asked {
    /// `FILE`, `FILE:LINE`, `FILE:LINE:COLUMN`; a colon behind is what tools write.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut rest = text.trim_end_matches(':');
        let mut numbers: Vec<usize> = Vec::new();
        while numbers.len() < 2
            && let Some((before, number)) = rest.rsplit_once(':')
            && let Ok(number) = number.trim().parse()
        {
            if number == 0 {
                bail!("`{text}` is no place: lines and columns count from 1");
            }
            numbers.insert(0, number);
            rest = before;
        }
        let file = PathBuf::from(rest);
        Ok(Self { file, line: numbers.first().copied(), column: numbers.get(1).copied() })
    }
}

impl Why {
    /// Exit code 1 if nothing comes from the place.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.place.as_deref().filter(|place| *place != "-");
        let asked = place.map(Asked::parse).transpose()?;
        let desk = Desk::new(&self, asked.as_ref().map(|asked| asked.file.as_path()))?;
        let Some(asked) = asked else {
            return desk.translate(self.format);
        };
        if let Some(path) = desk.output(&asked.file) {
            return match asked.line {
                Some(line) => desk.origin(&path, line, asked.column, self.format),
                None => desk.whole(&path, self.format),
            };
        }
        desk.becomes(&asked, self.format)
    }
}

/// A manifest with what is rendered from it, and the folder it was rendered to.
struct Desk {
    loaded: Loaded,
    outputs: Vec<Output>,
    folder: PathBuf,
}

impl Desk {
    fn new(why: &Why, file: Option<&Path>) -> anyhow::Result<Self> {
        let found = why.output.clone().or_else(|| folder_of(file));
        let index = found.as_deref().map(Index::read).transpose()?.flatten();
        let folder = found.unwrap_or_else(|| PathBuf::from("."));
        let named = index.as_ref().map(|index| manifest_of(index, &folder));
        let itself = file.filter(|file| Notation::of(file).is_some() && file.is_file());
        let manifest = match (&why.manifest, named, itself) {
            (Some(manifest), _, _) => manifest.clone(),
            (None, Some(manifest), _) if manifest.is_file() => manifest,
            (None, None, Some(file)) => file.to_owned(),
            (None, Some(manifest), _) => bail!(
                "`{}` was rendered from `{}`, which is not there; say where it is with `--manifest`",
                folder.display(),
                manifest.display()
            ),
            (None, None, None) => PathBuf::from("stack.kdl"),
        };
        let profile = why.profile.clone().or(index.and_then(|index| index.profile));
        let source = Source {
            manifest: manifest.clone(),
            profile,
            deny: Vec::new(),
            allow: Vec::new(),
            warn: Vec::new(),
        };
        let loaded = source.load().with_context(|| {
            format!("`why` needs the manifest of the rendered files: `{}`", manifest.display())
        })?;
        if loaded.findings.count(Severity::Error) > 0 {
            validate::show(&loaded);
            bail!("the manifest has errors, so it says nothing about rendered files");
        }
        let outputs = render::plan(&loaded, &manifest, &folder)?;
        Ok(Self { loaded, outputs, folder })
    }

    /// The output that a file is: by its path below the folder, as it stands there, or by its name.
    fn output(&self, file: &Path) -> Option<String> {
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
    fn by_name(&self, name: &str) -> Option<String> {
        let paths = self.outputs.iter().map(|output| output.path.as_str());
        messages::file_called(paths, name).map(str::to_owned)
    }

    /// The map of an output as it is on disk, and whether that is what would be rendered.
    fn map(&self, path: &str) -> (FileMap, State) {
        let rendered = self.outputs.iter().find(|output| output.path == path);
        let rendered = rendered.map_or(&[][..], |output| &output.bytes);
        let rendered = String::from_utf8_lossy(rendered).into_owned();
        match std::fs::read_to_string(self.folder.join(path)) {
            Ok(text) if text == rendered => (self.map_of(path, &text), State::AsRendered),
            Ok(text) => (self.map_of(path, &text), State::Differs { rendered }),
            Err(_) => (self.map_of(path, &rendered), State::NotThere),
        }
    }

    fn map_of(&self, path: &str, text: &str) -> FileMap {
        FileMap::new(&self.loaded, path, text)
    }

    fn origin(
        &self,
        path: &str,
        line: usize,
        column: Option<usize>,
        form: Form,
    ) -> anyhow::Result<ExitCode> {
        let (map, state) = self.map(path);
        let Some(text) = map.line(line) else {
            bail!("`{path}` has {} lines, and no line {line}", map.len());
        };
        let marks = map.at(line, column);
        let Some(mark) = marks.last() else {
            bail!("`{path}` line {line} is empty");
        };
        if form == Form::Json {
            let answer = Answer {
                as_rendered: state.line_is_rendered(&map, line),
                place: self.seen(path, line, column, text),
                origin: self.seen_origin(&mark.origin),
                chain: self.chain(&marks).into_iter().map(|link| self.seen_link(link)).collect(),
            };
            writeln!(out(), "{}", serde_json::to_string_pretty(&answer)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(note) = state.note(&map, path, line) {
            printer::note(&note);
        }
        let column = column.map_or_else(String::new, |column| format!(":{column}"));
        let said = format!("{path}:{line}{column}: `{}`", short(text));
        print(&self.finding(ORIGIN.says(said), &marks), &self.loaded.files)?;
        Ok(ExitCode::SUCCESS)
    }

    /// A finding at the place that marks lead to, with the chain of what it is part of.
    fn finding(&self, finding: Finding, marks: &[&Mark]) -> Finding {
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
        let mut help: Vec<String> = self
            .chain(marks)
            .iter()
            .map(|(what, origin)| {
                format!("{what} comes from `{}` ({})", origin.node, self.place(origin.span))
            })
            .collect();
        if let How::Default(key) = &origin.how {
            help.push(format!("say something else with `{key}` in `{node}`"));
        }
        if help.is_empty() { finding } else { finding.help(help.join("\n")) }
    }

    /// What the place is a part of, from the inside to the outside, without the whole file.
    fn chain<'a>(&self, marks: &[&'a Mark]) -> Vec<(&'a str, &'a Origin)> {
        let named = marks.iter().filter_map(|mark| Some((mark.what.as_deref()?, &mark.origin)));
        let mut chain: Vec<(&str, &Origin)> = named.skip(1).collect();
        chain.reverse();
        chain
    }

    fn place(&self, span: Span) -> String {
        let place = self.loaded.files.start(span);
        format!("{}:{}:{}", self.loaded.files.name(span.file), place.line, place.column)
    }

    /// All lines of an output with what they come from; lines of one origin together.
    fn whole(&self, path: &str, form: Form) -> anyhow::Result<ExitCode> {
        let (map, state) = self.map(path);
        let lines = map.by_line();
        if form == Form::Json {
            let answer: Vec<SeenLine> = lines
                .iter()
                .enumerate()
                .filter_map(|(at, mark)| {
                    let text = map.line(at + 1).unwrap_or_default().to_owned();
                    Some(SeenLine { line: at + 1, text, origin: self.seen_origin(&(*mark)?.origin) })
                })
                .collect();
            writeln!(out(), "{}", serde_json::to_string_pretty(&answer)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if let State::Differs { .. } = state {
            printer::note(&format!("`{path}` on disk is not what the manifest renders"));
        }
        let mut groups: Vec<(usize, usize, &Mark)> = Vec::new();
        for (at, mark) in lines.iter().enumerate() {
            let Some(mark) = mark else { continue };
            match groups.last_mut() {
                Some((_, to, last)) if *to == at && last.origin.span == mark.origin.span => {
                    *to = at + 1;
                }
                _ => groups.push((at + 1, at + 1, mark)),
            }
        }
        for (from, to, mark) in groups {
            let lines = if from == to { from.to_string() } else { format!("{from}-{to}") };
            let place = self.place(mark.origin.span);
            writeln!(out(), "{path}:{lines}\t{place}\t{}", mark.origin.node)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Lists what comes from a place of the manifest.
    fn becomes(&self, asked: &Asked, form: Form) -> anyhow::Result<ExitCode> {
        let Loaded { files, tree, .. } = &self.loaded;
        let source = files.iter().find(|(_, source)| is_file(&source.name, &asked.file));
        let Some((id, source)) = source else {
            let known: Vec<&str> = self.outputs.iter().map(|output| output.path.as_str()).collect();
            bail!(
                "`{}` is neither rendered from this manifest nor a part of it; rendered are {}",
                asked.file.display(),
                known.join(", ")
            );
        };
        let Some(line) = asked.line else {
            bail!("say which line of the manifest: `{}:LINE`", asked.file.display());
        };
        let Some(wanted) = sourcemap::asked(tree, files, id, line, asked.column) else {
            bail!("`{}` has no line {line}", source.name);
        };
        let mut found: Vec<SeenRange> = Vec::new();
        for output in &self.outputs {
            let text = String::from_utf8_lossy(&output.bytes);
            let ranges = self.map_of(&output.path, &text).from(wanted);
            found.extend(ranges.into_iter().map(|(from, to)| SeenRange {
                file: output.path.clone(),
                from,
                to,
            }));
        }
        if form == Form::Json {
            writeln!(out(), "{}", serde_json::to_string_pretty(&found)?)?;
        } else {
            for SeenRange { file, from, to } in &found {
                let lines = if from == to { from.to_string() } else { format!("{from}-{to}") };
                writeln!(out(), "{file}:{lines}")?;
            }
            if found.is_empty() {
                printer::note(&format!("nothing is rendered from {}:{line}", source.name));
            }
        }
        Ok(ExitCode::from(u8::from(found.is_empty())))
    }

    /// Passes messages of other programs on, each with the place of the manifest that it is about.
    fn translate(&self, form: Form) -> anyhow::Result<ExitCode> {
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text).context("cannot read the messages")?;
        let text = String::from_utf8_lossy(&text);
        let paths: Vec<&str> = self.outputs.iter().map(|output| output.path.as_str()).collect();
        let mut reader = messages::Reader::new(&paths, |path| self.map(path).0);
        let mut answers = Vec::new();
        for line in text.lines() {
            let said = reader.read(line);
            if form == Form::Json {
                answers.extend(said.iter().filter_map(|said| self.seen_message(said)));
                continue;
            }
            if said.iter().all(|said| said.spot.is_none()) {
                writeln!(out(), "{line}")?;
                continue;
            }
            for said in &said {
                let Some(spot) = &said.spot else {
                    writeln!(out(), "{}", said.text)?;
                    continue;
                };
                let finding = Code { severity: Severity::Error, ..ORIGIN }.says(&said.text);
                let mut finding = self.finding(finding, &spot.marks());
                if let (Some(label), Some(span)) =
                    (&mut finding.label, spot.inside(&self.loaded.files, &said.text))
                {
                    label.span = span;
                }
                let line = spot.map.line(spot.line).unwrap_or_default();
                let place = format!("{}:{}: `{}`", spot.map.path, spot.line, short(line));
                let help = match finding.help.take() {
                    Some(help) => format!("{place}\n{help}"),
                    None => place,
                };
                print(&finding.help(help), &self.loaded.files)?;
            }
        }
        if form == Form::Json {
            writeln!(out(), "{}", serde_json::to_string_pretty(&answers)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn seen(&self, path: &str, line: usize, column: Option<usize>, text: &str) -> Seen {
        Seen { file: path.to_owned(), line, column, text: text.to_owned() }
    }

    fn seen_span(&self, span: Span) -> SeenSpan {
        let files = &self.loaded.files;
        let (start, end) = (files.start(span), files.end(span));
        SeenSpan {
            file: files.name(span.file).to_owned(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: files.text(span).to_owned(),
        }
    }

    fn seen_origin(&self, origin: &Origin) -> SeenOrigin {
        SeenOrigin {
            how: match &origin.how {
                How::Said => "written",
                How::Derived => "derived",
                How::Default(_) => "default",
            },
            setting: match &origin.how {
                How::Default(key) => Some(key.clone()),
                _ => None,
            },
            node: origin.node.clone(),
            place: self.seen_span(origin.span),
            also: origin.also.iter().map(|span| self.seen_span(*span)).collect(),
        }
    }

    fn seen_link(&self, (what, origin): (&str, &Origin)) -> SeenLink {
        SeenLink {
            what: what.to_owned(),
            node: origin.node.clone(),
            place: self.seen_span(origin.span),
        }
    }

    fn seen_message(&self, said: &messages::Said) -> Option<SeenMessage> {
        let spot = said.spot.as_ref()?;
        let marks = spot.marks();
        let mut origin = self.seen_origin(&marks.last()?.origin);
        if let Some(span) = spot.inside(&self.loaded.files, &said.text) {
            origin.place = self.seen_span(span);
        }
        let text = spot.map.line(spot.line).unwrap_or_default();
        Some(SeenMessage {
            message: said.text.clone(),
            place: self.seen(&spot.map.path, spot.line, spot.column, text),
            origin,
        })
    }
}

/// How a file on disk stands to what would be rendered.
enum State {
    AsRendered,
    NotThere,
    Differs { rendered: String },
}

impl State {
    fn line_is_rendered(&self, map: &FileMap, line: usize) -> bool {
        let State::Differs { rendered } = self else { return true };
        let diff = similar::TextDiff::from_lines(rendered.as_str(), &map.text);
        diff.iter_all_changes().any(|change| {
            change.tag() == similar::ChangeTag::Equal && change.new_index() == Some(line - 1)
        })
    }

    fn note(&self, map: &FileMap, path: &str, line: usize) -> Option<String> {
        match self {
            State::AsRendered => None,
            State::NotThere => Some(format!("`{path}` is not on disk; this is what would be rendered")),
            State::Differs { .. } if self.line_is_rendered(map, line) => Some(format!(
                "`{path}` on disk is not what the manifest renders (`stackctl render --diff`), but \
                 for lines like this one"
            )),
            State::Differs { .. } => Some(format!(
                "`{path}` on disk is not what the manifest renders, and this line is none of its \
                 own: changed by hand, or the manifest has changed since (`stackctl render --diff`)"
            )),
        }
    }
}

#[derive(Serialize)]
struct Seen {
    file: String,
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    text: String,
}

#[derive(Serialize)]
struct SeenSpan {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    text: String,
}

#[derive(Serialize)]
struct SeenOrigin {
    how: &'static str,
    /// The setting that would say something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<String>,
    node: String,
    place: SeenSpan,
    also: Vec<SeenSpan>,
}

#[derive(Serialize)]
struct SeenLink {
    what: String,
    node: String,
    place: SeenSpan,
}

#[derive(Serialize)]
struct Answer {
    as_rendered: bool,
    place: Seen,
    origin: SeenOrigin,
    chain: Vec<SeenLink>,
}

#[derive(Serialize)]
struct SeenLine {
    line: usize,
    text: String,
    origin: SeenOrigin,
}

#[derive(Serialize)]
struct SeenRange {
    file: String,
    from: usize,
    to: usize,
}

#[derive(Serialize)]
struct SeenMessage {
    message: String,
    place: Seen,
    origin: SeenOrigin,
}

fn print(finding: &Finding, files: &Files) -> anyhow::Result<()> {
    let findings: Findings = [finding.clone()].into_iter().collect();
    let mut text = String::new();
    diag::print_full(&mut text, &findings, files, printer::color_stdout())?;
    out().write_all(text.as_bytes())?;
    Ok(())
}

fn short(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn is_file(name: &str, file: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).map(|path| tidied(&path)).ok();
    absolute(Path::new(name)) == absolute(file)
}

/// The output folder around a file, or around the current folder.
fn folder_of(file: Option<&Path>) -> Option<PathBuf> {
    let start = file.and_then(Path::parent).filter(|_| file.is_some_and(Path::exists));
    let start = start.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let full = std::path::absolute(&start).ok()?;
    let here = std::env::current_dir().unwrap_or_default();
    let found = tidied(&full).ancestors().find(|path| Index::is_in(path)).map(Path::to_owned)?;
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
