//! `stackctl test`: unit test files of promtool, with promtool's verdicts.

use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use crate::support::{Needs, Test, find_program, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("files_of_promtool_pass_and_fail", Needs::Nothing, files_of_promtool),
    ("verdicts_are_those_of_promtool", Needs::Program("promtool"), verdicts),
    ("reports_are_as_they_were", Needs::Nothing, reports),
    ("coverage_is_asked_for", Needs::Nothing, coverage_is_asked_for),
    ("a_changed_number_changes_both_verdicts", Needs::Program("promtool"), changed_numbers),
];

const FOLDER: &str = "tests/fixtures/ruletest";

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = repository(FOLDER).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder of the repository")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Exit code and output.
fn run(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn ours(file: &Path) -> (Option<i32>, String) {
    run(stackctl().arg("test").arg(file))
}

fn theirs(file: &Path) -> (Option<i32>, String) {
    let program = find_program("promtool").expect("it was looked for");
    run(Command::new(program).args(["test", "rules"]).arg(file))
}

fn files_of_promtool() {
    for (folder, expected) in [("pass", 0), ("newer_pass", 0), ("fail", 1), ("newer_fail", 1)] {
        for file in files(folder) {
            let (code, said) = ours(&file);
            assert_eq!(code, Some(expected), "{}:\n{said}", file.display());
        }
    }
}

fn verdicts() {
    for (folder, expected) in [("pass", 0), ("fail", 1)] {
        for file in files(folder) {
            let (code, said) = theirs(&file);
            assert_eq!(code, Some(expected), "{}:\n{said}", file.display());
        }
    }
}

/// Each number of each passing file is made greater by one: whatever that does, both programs must agree.
fn changed_numbers() {
    let number = Regex::new(r"\d+").expect("a constant expression");
    let mut failed = 0;
    for file in files("pass") {
        let text = std::fs::read_to_string(&file).expect("a text");
        // Beside the others, since rule files are looked for from there.
        let folder =
            tempfile::tempdir_in(repository(FOLDER)).expect("the folder can be written to");
        let changed = folder.path().join("changed.yml");
        for found in number.find_iter(&text) {
            let Ok(value) = found.as_str().parse::<u64>() else { continue };
            let mut other = text.clone();
            other.replace_range(found.range(), &(value + 1).to_string());
            std::fs::write(&changed, &other).expect("written");
            let (expected, their_words) = theirs(&changed);
            let (code, our_words) = ours(&changed);
            let line = text[..found.start()].lines().count();
            assert_eq!(
                code,
                expected,
                "{}:{line}: with {} as {}\n{our_words}\n{their_words}",
                file.display(),
                value,
                value + 1
            );
            failed += u32::from(code == Some(1));
        }
    }
    assert!(failed > 50, "only {failed} changes were noticed");
}

const MANIFEST: &str = "tests/fixtures/ruletest/manifest/stack.kdl";

/// One test that passes, one that fails, an alert without any: every report as it is, but for the times.
/// `BLESS=1` writes them anew.
fn reports() {
    let seconds = Regex::new(r#"(time="|"seconds": )[\d.e-]+"#).expect("a constant expression");
    for (form, file) in
        [("full", "txt"), ("concise", "concise"), ("json", "json"), ("junit", "xml")]
    {
        let mut command = stackctl();
        command.current_dir(repository("")).args(["test", MANIFEST, "--coverage"]);
        let output = command.args(["--format", form]).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{form}");
        let said = String::from_utf8(output.stdout).expect("text");
        let said = seconds.replace_all(&said, "${1}0");
        let path = repository(MANIFEST).with_file_name(format!("report.{file}"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, said.as_bytes()).expect("written");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(said, golden, "{}", path.display());
    }
}

/// Two of three alerts have a test, and the route.
fn coverage_is_asked_for() {
    let asked = |percent: &str| {
        run(stackctl().arg("test").arg(repository(MANIFEST)).args([
            "--filter",
            "dead",
            "--min-coverage",
            percent,
        ]))
    };
    let (code, said) = asked("90");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("and 90 % are wanted"), "{said}");
    assert_eq!(asked("20").0, Some(0), "{}", asked("20").1);
}
