//! Every rule has a folder `golden/RULE-NAME/` with manifests that break it, in KDL and in YAML, and
//! `findings.txt` with what `validate` says of them.

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

use crate::support::{repository, stackctl};

/// One trial for each folder, and one that asks whether every rule has one.
pub fn trials() -> Vec<Trial> {
    let folders: Vec<PathBuf> = std::fs::read_dir(repository("golden"))
        .expect("golden/ is part of the repository")
        .flatten()
        .map(|entry| entry.path())
        // Folders without it belong to the renderers.
        .filter(|folder| folder.join("findings.txt").is_file())
        .collect();
    let mut trials: Vec<Trial> = folders
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Trial::test(format!("rules::{name}"), move || check(&folder, &name))
        })
        .collect();
    trials.push(Trial::test("rules::every_rule_has_a_golden_case", || {
        let missing: Vec<String> = rules()
            .into_iter()
            .filter(|(_, name)| !repository("golden").join(name).join("findings.txt").is_file())
            .map(|(code, name)| format!("{code} {name}"))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("no case for {missing:?}").into()) }
    }));
    trials
}

/// Codes and names as `stackctl explain` lists them.
fn rules() -> Vec<(String, String)> {
    let output = stackctl().arg("explain").output().expect("the binary runs");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
        })
        .collect()
}

fn manifests(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let names = ["stack.kdl", "stack.yaml"].map(|name| folder.join(name));
    names.into_iter().filter(|path| path.is_file())
}

fn check(folder: &Path, name: &str) -> Result<(), Failed> {
    let mut found = String::new();
    for manifest in manifests(folder) {
        let file = manifest.file_name().unwrap_or_default();
        let output = stackctl()
            .args(["--quiet", "validate", "--format", "concise"])
            .arg(file)
            .current_dir(folder)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        // A blessed mistake must not pass: the rule of the folder's name has to be among them.
        if let Some((code, _)) = rules().iter().find(|(_, rule)| rule == name)
            && !text.contains(&format!("[{code}]"))
        {
            return Err(format!("{code} is not found in {}:\n{text}", manifest.display()).into());
        }
        let errors = text.contains(": error[");
        if output.status.code() != Some(i32::from(errors)) {
            return Err(format!("exit code {:?} with\n{text}", output.status.code()).into());
        }
        found.push_str(&text);
    }
    let golden = folder.join("findings.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(golden, found)?;
        return Ok(());
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(&expected, &found);
    Err(format!("{}\n{}", golden.display(), diff.unified_diff()).into())
}
