//! Every rule has a folder `golden/rules/RULE-NAME/`:
//!
//! - `stack.kdl` and `stack.yaml` break it, and `findings.txt` is what `validate` says: the findings of
//!   this rule, and the errors of others, so that a mistake is seen to make one finding and not five;
//! - `quiet.kdl` and `quiet.yaml` come close to it and are well: no rule says anything, but for those
//!   that miss what a small case leaves out ([`LEFT_OUT`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libtest_mimic::{Failed, Trial};

use crate::support::{repository, stackctl};

/// Mistakes that one notation alone allows.
const ONE_NOTATION: [&str; 1] = ["bare-duration"];

/// What another command than `validate` says.
const ELSEWHERE: [&str; 3] = ["generated-file-edited", "target-cannot-carry", "target-differs"];

/// Rules that ask for a part of a stack which a small case has no use for: a volume of Prometheus, an
/// Alertmanager, a test of each alert.
const LEFT_OUT: [&str; 3] = ["S702", "S420", "S421"];

/// One trial for each folder, and one that asks whether every rule has one.
pub fn trials() -> Vec<Trial> {
    let folders: Vec<PathBuf> = std::fs::read_dir(repository("golden/rules"))
        .expect("golden/rules/ is part of the repository")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let all = folders.clone();
    let mut trials: Vec<Trial> = folders
        .into_iter()
        .flat_map(|folder| {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (quiet, quiet_name) = (folder.clone(), name.clone());
            [
                Trial::test(format!("rules::{name}"), move || fires(&folder, &name)),
                Trial::test(format!("rules::{quiet_name}::quiet"), move || {
                    stays_silent(&quiet, &quiet_name)
                }),
            ]
        })
        .collect();
    trials.push(Trial::test("rules::every_rule_has_a_golden_case", || {
        let missing: Vec<String> = RULES
            .iter()
            .filter(|(_, name)| !ELSEWHERE.contains(&name.as_str()))
            .filter(|(_, name)| !repository("golden/rules").join(name).is_dir())
            .map(|(code, name)| format!("{code} {name}"))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("no case for {missing:?}").into()) }
    }));
    trials.push(Trial::test("rules::every_fix_is_still_offered", move || fixes(&all)));
    trials
}

/// Codes and names as `stackctl explain` lists them.
static RULES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let output = stackctl().arg("explain").output().expect("the binary runs");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
        })
        .collect()
});

/// The code of the rule that the folder is named after; `None` for a case that is no rule's own.
fn code_of(name: &str) -> Option<&'static str> {
    RULES.iter().find(|(_, rule)| rule == name).map(|(code, _)| code.as_str())
}

fn validate(folder: &Path, manifest: &str) -> Result<String, Failed> {
    let output = stackctl()
        .args(["--quiet", "validate", "--format", "concise", manifest])
        .current_dir(folder)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let errors = text.contains(": error[");
    if output.status.code() != Some(i32::from(errors)) {
        return Err(format!("exit code {:?} with\n{text}", output.status.code()).into());
    }
    Ok(text)
}

/// Which rules offer a fix in the cases, and in which notations: a line each, by code.
fn fixes(folders: &[PathBuf]) -> Result<(), Failed> {
    let mut offered: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for folder in folders {
        for (manifest, notation) in [("stack.kdl", "KDL"), ("stack.yaml", "YAML")] {
            let arguments = ["--quiet", "validate", "--format", "json", manifest];
            let output = stackctl().args(arguments).current_dir(folder).output()?;
            let found: Vec<serde_json::Value> =
                serde_json::from_slice(&output.stdout).unwrap_or_default();
            for finding in found.iter().filter(|finding| !finding["fix"].is_null()) {
                let word = |key: &str| finding[key].as_str().unwrap_or_default();
                let rule = format!("{} {}", word("code"), word("name"));
                offered.entry(rule).or_default().insert(notation);
            }
        }
    }
    let line = |(rule, notations): (&String, &BTreeSet<&str>)| {
        let notations: Vec<&str> = notations.iter().copied().collect();
        format!("{rule}: {}\n", notations.join(", "))
    };
    golden(&repository("golden/fixes.txt"), &offered.iter().map(line).collect::<String>())
}

/// Compares with a golden file, or writes it.
fn golden(path: &Path, found: &str) -> Result<(), Failed> {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, found)?;
        return Ok(());
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(expected.as_str(), found);
    Err(format!("{}\n{}", path.display(), diff.unified_diff()).into())
}

fn fires(folder: &Path, name: &str) -> Result<(), Failed> {
    let code = code_of(name);
    let own = |line: &str| code.is_none_or(|code| line.contains(&format!("[{code}]")));
    let mut found = String::new();
    for manifest in ["stack.kdl", "stack.yaml"] {
        if ONE_NOTATION.contains(&name) && !folder.join(manifest).is_file() {
            continue;
        }
        let text = validate(folder, manifest)?;
        // A blessed mistake must not pass: the rule of the folder's name has to be among them.
        if !text.lines().any(own) {
            return Err(format!("{code:?} is not found in {manifest}:\n{text}").into());
        }
        for line in text.lines().filter(|line| own(line) || line.contains(": error[")) {
            found.push_str(line);
            found.push('\n');
        }
    }
    golden(&folder.join("findings.txt"), &found)
}

fn stays_silent(folder: &Path, name: &str) -> Result<(), Failed> {
    let Some(code) = code_of(name) else { return Ok(()) };
    for manifest in ["quiet.kdl", "quiet.yaml"] {
        if ONE_NOTATION.contains(&name) && !folder.join(manifest).is_file() {
            continue;
        }
        let text = validate(folder, manifest)?;
        let is = |line: &str, code: &str| line.contains(&format!("[{code}]: "));
        let left_out = |line: &str| LEFT_OUT.iter().any(|other| *other != code && is(line, other));
        let loud: Vec<&str> = text.lines().filter(|line| !left_out(line)).collect();
        if !loud.is_empty() {
            return Err(format!("{manifest} is not quiet:\n{}", loud.join("\n")).into());
        }
    }
    Ok(())
}
