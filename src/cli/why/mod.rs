//! `why`: which place of the manifest a line of a rendered file comes from, and the other way round.

mod desk;
mod seen;

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

pub use self::desk::Wanted;
use self::desk::{Desk, ORIGIN, State, is_file, short};
use self::seen::{Answer, SeenLine, SeenRange};
use super::printer::{self, out};
use crate::diag::{self, Files, Finding, Findings};
use crate::manifest::Loaded;
use crate::sourcemap::{self, Mark, messages};

/// Shows what a line of a rendered file comes from, or what a line of the manifest becomes. With `-` it
/// reads what promtool, amtool, Prometheus, Alertmanager, Grafana, Caddy, docker compose, kubectl or
/// systemd-analyze said, and shows the manifest's place for each message that speaks of a rendered file.
#[derive(Debug, Args)]
pub struct Why {
    /// `FILE:LINE` or `FILE:LINE:COLUMN`, rendered or of the manifest; `FILE` for all lines of a rendered
    /// file; `-` for messages on the standard input.
    #[arg(value_name = "PLACE", required_unless_present = "stdin")]
    place: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
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
        let Some(asked) = place.map(Asked::parse).transpose()? else {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).context("cannot read the messages")?;
            let text = String::from_utf8_lossy(&text);
            let named = messages::named(&text).find(|file| Desk::was_rendered(file));
            return Desk::new(&self.wanted, named.as_deref())?.translate(&text, self.format);
        };
        if asked.file.is_dir() {
            bail!("`{}` is a folder: say a file in it, `FILE:LINE`", asked.file.display());
        }
        let desk = Desk::new(&self.wanted, Some(&asked.file)).map_err(|err| {
            if asked.file.exists() { err } else { err.context(not_there(&asked.file)) }
        })?;
        if let Some(path) = desk.output(&asked.file) {
            return match asked.line {
                Some(line) => desk.origin(&path, line, asked.column, self.format),
                None => desk.whole(&path, self.format),
            };
        }
        desk.becomes(&asked, self.format)
    }
}

impl Desk {
    fn origin(
        &self,
        path: &str,
        line: usize,
        column: Option<usize>,
        form: Form,
    ) -> anyhow::Result<ExitCode> {
        let (map, state) = self.map(path);
        let Some(text) = map.line(line) else {
            bail!("`{path}` has {}, and no line {line}", counted(map.len(), "line"));
        };
        if let Some(column) = column
            && let length = map.length(line)
            && column > length
        {
            bail!("`{path}` line {line} has {}, and no column {column}", counted(length, "column"));
        }
        let marks = map.at(line, column);
        let Some(mark) = marks.last() else {
            bail!("`{path}` line {line} is empty");
        };
        if form == Form::Json {
            let answer = Answer {
                as_rendered: state.line_is_rendered(&map, line),
                place: Self::seen(path, line, column, text),
                origin: self.seen_origin(&mark.origin),
                chain: Self::chain(&marks).into_iter().map(|link| self.seen_link(link)).collect(),
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
                    Some(SeenLine {
                        line: at + 1,
                        text,
                        origin: self.seen_origin(&(*mark)?.origin),
                    })
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
            if !asked.file.exists() {
                let names = self.outputs.iter().map(|output| output.path.as_str());
                let manifest = self.loaded.files.name(crate::diag::FileId(0));
                bail!(
                    "{}, and nothing of that name is rendered from `{manifest}`; rendered are {}",
                    not_there(&asked.file),
                    diag::quoted_list(names)
                );
            }
            let known = self.outputs.iter().map(|output| output.path.as_str());
            bail!(
                "`{}` is neither rendered from this manifest nor a part of it; rendered are {}",
                asked.file.display(),
                diag::quoted_list(known)
            );
        };
        let Some(line) = asked.line else {
            bail!("say which line of the manifest: `{}:LINE`", asked.file.display());
        };
        let Some(range) = source.line(line) else {
            let lines = source.text.lines().count();
            bail!("`{}` has {}, and no line {line}", source.name, counted(lines, "line"));
        };
        let length = source.text[range].chars().count();
        if let Some(column) = asked.column.filter(|column| *column > length) {
            let counted = counted(length, "column");
            bail!("`{}` line {line} has {counted}, and no column {column}", source.name);
        }
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

    /// Shows on stderr what of a text speaks of a rendered file that it names.
    fn explain(&self, text: &str) {
        let paths: Vec<&str> = self.outputs.iter().map(|output| output.path.as_str()).collect();
        let mut reader = messages::Reader::new(&paths, |path| self.map(path).0);
        let mut findings = Findings::default();
        for line in text.lines() {
            let said = reader.read(line);
            // Names alone may be those of the manifest, which has its own findings.
            if reader.has_file() {
                for finding in said.iter().filter_map(|said| self.complaint(said)) {
                    findings.push(finding);
                }
            }
        }
        let mut report = String::new();
        let color = printer::color_stderr();
        if diag::print_full(&mut report, &findings, &self.loaded.files, color).is_ok() {
            let _ = std::io::stderr().write_all(report.as_bytes());
        }
    }

    /// Passes messages of other programs on, each with the place of the manifest that it is about.
    fn translate(&self, text: &str, form: Form) -> anyhow::Result<ExitCode> {
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
                let Some(finding) = self.complaint(said) else {
                    writeln!(out(), "{}", said.text)?;
                    continue;
                };
                print(&finding, &self.loaded.files)?;
            }
        }
        if form == Form::Json {
            writeln!(out(), "{}", serde_json::to_string_pretty(&answers)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn not_there(file: &Path) -> String {
    format!("`{}` is not there", file.display())
}

/// `1 line`, `2 lines`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn print(finding: &Finding, files: &Files) -> anyhow::Result<()> {
    let findings: Findings = [finding.clone()].into_iter().collect();
    let mut text = String::new();
    diag::print_full(&mut text, &findings, files, printer::color_stdout())?;
    out().write_all(text.as_bytes())?;
    Ok(())
}

/// Shows what an error says of rendered files at its place in the manifest, as far as that is in reach.
/// `file` is one of them, where the folder is not told.
pub fn explain(wanted: &Wanted, file: Option<&Path>, error: &str) {
    let known = wanted.output.is_some() || Desk::is_around(file);
    if known && let Ok(desk) = Desk::new(wanted, file) {
        desk.explain(error);
    }
}
