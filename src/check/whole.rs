//! A manifest read and checked in one go: what `validate`, the other commands and the editor's server
//! say about it.

use std::collections::HashSet;
use std::path::Path;

use super::levels::Levels;
use super::{UNUSED, idle_places, run};
use crate::diag::{Finding, Span};
use crate::manifest::{self, Loaded, ManifestError};

/// How the bytes of a file are had.
pub type Read<'a> = dyn Fn(&Path) -> std::io::Result<Vec<u8>> + 'a;

/// Reads and checks the manifest at a path, with files read by `read`. Findings are settled: levels are
/// applied, nothing is left to decide but whether one of them is an error.
pub fn load(
    path: &Path,
    profile: Option<&str>,
    levels: &Levels,
    read: &Read<'_>,
) -> Result<Loaded, ManifestError> {
    let mut loaded = manifest::load_with(path, profile, read)?;
    let Loaded { stack, files, findings, .. } = &mut loaded;
    run(stack, files, findings, levels);
    spare_other_profiles(&mut loaded, path, profile, levels, read)?;
    Ok(loaded)
}

/// What seems to be there for nothing, a declaration or an allowance, may be there for the sake of
/// another profile: what any of them needs is no finding.
fn spare_other_profiles(
    loaded: &mut Loaded,
    path: &Path,
    profile: Option<&str>,
    levels: &Levels,
    read: &Read<'_>,
) -> Result<(), ManifestError> {
    let is_unused = |finding: &Finding| UNUSED.contains(&finding.code);
    let names = loaded.profiles.iter().map(|name| Some(name.value.clone()));
    let others = std::iter::once(None).chain(names).filter(|name| name.as_deref() != profile);
    for other in others.collect::<Vec<_>>() {
        if !loaded.findings.iter().any(is_unused) {
            break;
        }
        let mut other = manifest::load_with(path, other.as_deref(), read)?;
        run(&other.stack, &other.files, &mut other.findings, levels);
        let unused: HashSet<Span> =
            other.findings.iter().filter(|one| is_unused(one)).map(Finding::span).collect();
        let Loaded { stack, findings, .. } = loaded;
        let (here, there) = (idle_places(stack), idle_places(&other.stack));
        findings.retain(|finding| {
            let place = finding.span();
            // What only this profile says is not there in the other one.
            let only_here = here.contains(&place) && !there.contains(&place);
            !is_unused(finding) || only_here || unused.contains(&place)
        });
    }
    Ok(())
}
