//! Several manifests in one report: each is checked by itself, then compared with the others.

use std::path::PathBuf;

use super::validate::Source;
use crate::check;
use crate::diag::Findings;
use crate::manifest::{Loaded, Stack};

/// Reads the manifest of `first` and the others with the same profile and levels.
pub fn load(first: &Source, others: &[PathBuf]) -> anyhow::Result<Loaded> {
    let mut all = first.load()?;
    let mut stacks: Vec<(Stack, u32)> = vec![(all.stack.clone(), 0)];
    for path in others {
        let source = Source { manifest: Some(path.clone()), ..first.clone() };
        let Loaded { stack, files, mut findings, paths, .. } = source.load()?;
        let before = all.files.append(files);
        findings.iter_mut().for_each(|finding| finding.shift(before));
        all.findings.extend(findings);
        all.paths.extend(paths);
        stacks.push((stack, before));
    }
    let mut clashes = Findings::default();
    check::compare(&stacks, &mut clashes);
    first.words.levels()?.apply(&mut clashes);
    all.findings.extend(clashes);
    Ok(all)
}
