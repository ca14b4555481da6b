//! What the lint knows of metrics: a manifest with mistakes that are marked where they stand, and nothing
//! else to find.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};

use crate::support::{repository, stackctl};

/// The rules that ask what exists.
const RULES: [&str; 13] = [
    "S210", "S303", "S304", "S305", "S307", "S308", "S309", "S310", "S311", "S321", "S326", "S403",
    "S407",
];

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("known::each_planted_fault_is_found_at_its_character", planted)]
}

fn planted() -> Result<(), Failed> {
    let folder = repository("tests/fixtures/lint");
    let text = std::fs::read_to_string(folder.join("planted.kdl"))?;
    let output = stackctl()
        .args(["--quiet", "validate", "--format", "concise", "planted.kdl"])
        .current_dir(&folder)
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let found: BTreeSet<String> = said.lines().filter_map(place).collect();
    let wanted = marks(&text);
    if wanted.len() < 27 {
        return Err(format!("only {} faults are marked", wanted.len()).into());
    }
    let missing: Vec<_> = wanted.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&wanted).collect();
    if missing.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    Err(format!("not found: {missing:?}\nfound besides: {surplus:?}\n{said}").into())
}

/// `12:5 S303` of `planted.kdl:12:5: error[S303]: …`, for the rules that are meant.
fn place(line: &str) -> Option<String> {
    let mut parts = line.splitn(4, ':').skip(1);
    let (row, column, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, rest) = rest.split_once('[')?;
    let (code, _) = rest.split_once(']')?;
    RULES.contains(&code).then(|| format!("{row}:{column} {code}"))
}

/// The same for the marks `// ^ S303`, each under the character that is at fault.
fn marks(text: &str) -> BTreeSet<String> {
    let marked = |(row, line): (usize, &str)| {
        let (front, code) = line.split_once('^')?;
        // Rows count from 1, and the mark stands one row below.
        front
            .trim_start()
            .starts_with("//")
            .then(|| format!("{row}:{} {}", front.chars().count() + 1, code.trim()))
    };
    text.lines().enumerate().filter_map(marked).collect()
}
