//! `validate --fix`, and the same in an editor: the edits that findings offer, applied until none is left.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::whole::Read;
use crate::diag::{Files, Finding, Severity, mend};
use crate::manifest::{Loaded, tidied};

/// Rounds of edits; what one round mends may show the next mistake.
const MAX_ROUNDS: usize = 20;

/// What became of a manifest.
pub struct Fixed {
    /// The manifest with all edits, and what is still found in it.
    pub loaded: Loaded,
    /// Each file that is to change: its path, its text before and after.
    pub changes: Vec<(PathBuf, String, String)>,
    /// How many findings were mended.
    pub mended: usize,
    /// Findings whose edits would have made new errors, with their places.
    pub refused: Vec<String>,
}

/// Texts that are not on disk yet, by tidied path.
type Texts = HashMap<PathBuf, String>;

/// Applies the edits in memory; nothing is written. The number of errors never grows: a round that
/// makes new ones is taken back, and its edits are tried one by one. `load` reads and checks the
/// manifest, with files read by what it is given; `read` gives the files as they are now.
pub fn fix<E>(load: &dyn Fn(&Read<'_>) -> Result<Loaded, E>, read: &Read<'_>) -> Result<Fixed, E> {
    let load = |texts: &Texts| {
        load(&|path| match texts.get(&tidied(path)) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => read(path),
        })
    };
    let mut texts = Texts::new();
    let first = load(&texts)?;
    let mut loaded = first.clone();
    let mut refused: HashSet<(&'static str, String)> = HashSet::new();
    let mut said = Vec::new();
    let mut mended = 0;
    for _ in 0..MAX_ROUNDS {
        let Loaded { findings, files, .. } = &loaded;
        let wanted = findings.iter().filter(|finding| !refused.contains(&name(finding)));
        let (edited, applied) = mend(files, wanted);
        if applied.is_empty() {
            break;
        }
        let errors = errors(&loaded);
        let round = with(&texts, files, edited);
        let next = load(&round)?;
        if self::errors(&next) <= errors {
            mended += applied.len();
            (texts, loaded) = (round, next);
            continue;
        }
        // One of them did it: the first that can be applied by itself without harm is, the others come
        // again in the next round.
        let mut better = None;
        for finding in applied {
            let (edited, _) = mend(files, [finding]);
            let alone = with(&texts, files, edited);
            let next = load(&alone)?;
            if self::errors(&next) <= errors {
                better = Some((alone, next));
                break;
            }
            refused.insert(name(finding));
            let place = files.start(finding.span());
            let file = files.name(finding.span().file);
            said.push(format!(
                "{file}:{}:{}: the fix of {} was left out: it would make new errors",
                place.line, place.column, finding.code
            ));
        }
        if let Some((alone, next)) = better {
            mended += 1;
            (texts, loaded) = (alone, next);
        }
    }
    let changes = first
        .files
        .iter()
        .filter_map(|(_, file)| {
            let after = texts.get(&tidied(Path::new(&file.name)))?;
            let changed = *after != file.text;
            changed.then(|| (PathBuf::from(&file.name), file.text.clone(), after.clone()))
        })
        .collect();
    Ok(Fixed { loaded, changes, mended, refused: said })
}

fn name(finding: &Finding) -> (&'static str, String) {
    (finding.code, finding.message.clone())
}

fn errors(loaded: &Loaded) -> usize {
    loaded.findings.count(Severity::Error)
}

fn with(texts: &Texts, files: &Files, edited: Vec<(crate::diag::FileId, String)>) -> Texts {
    let mut texts = texts.clone();
    for (file, text) in edited {
        texts.insert(tidied(Path::new(files.name(file))), text);
    }
    texts
}
