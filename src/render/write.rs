//! Outputs into a folder: all or nothing, and only what changed.
//!
//! Every new file is written beside its target and synced before the first one is moved into place.
//! Before that the index of what is to come is put down, so that after a crash half-way the files
//! already moved are known as ours. Two renders into one folder wait for each other.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::RenderError;
use super::index::{self, Entry, Found, Index};
use super::output::{Output, sha256};
use crate::manifest::RenderTarget;

/// What becomes of files that were changed by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HandEdits {
    /// Write nothing at all and say which they are.
    #[default]
    Refuse,
    /// Replace them.
    Overwrite,
    /// Leave them, and be content with them until the manifest asks for something else there.
    Adopt,
}

/// How to write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Path of the manifest, for the index.
    pub manifest: String,
    /// Profile, for the index.
    pub profile: Option<String>,
    /// Target, for the index; compose where it is not said.
    pub target: Option<RenderTarget>,
    /// What becomes of files that were changed by hand.
    pub hand_edits: HandEdits,
}

/// What was done; paths below the output folder, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// New or changed.
    pub written: Vec<String>,
    /// Left as they were.
    pub unchanged: usize,
    /// No longer rendered, removed.
    pub removed: Vec<String>,
    /// Changed by hand and left so: adopted, or no longer rendered.
    pub kept: Vec<String>,
}

impl Report {
    /// Whether the folder is as it was before.
    pub fn is_clean(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }
}

/// How a file on disk relates to what is rendered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As rendered, or adopted for this very text.
    Same,
    /// Not there.
    Missing,
    /// As an earlier render left it.
    Stale,
    /// Changed by hand, or never ours.
    Edited,
}

/// Compares one file with what is rendered now; also gives the content on disk.
pub(super) fn state(
    found: &Found,
    dir: &Path,
    output: &Output,
) -> Result<(State, Option<Vec<u8>>), RenderError> {
    let Some(disk) = read(dir, &output.path)? else { return Ok((State::Missing, None)) };
    if disk == output.bytes {
        return Ok((State::Same, Some(disk)));
    }
    let on_disk = sha256(&disk);
    let adopted = found.entry(&output.path).is_some_and(|entry| {
        entry.sha256 == on_disk && entry.adopted_for.as_ref() == Some(&output.sha256())
    });
    let state = match adopted {
        true => State::Same,
        false if found.is_ours(&output.path, &on_disk) => State::Stale,
        false => State::Edited,
    };
    Ok((state, Some(disk)))
}

/// A file below the folder; `None` where there is none.
pub(super) fn read(dir: &Path, path: &str) -> Result<Option<Vec<u8>>, RenderError> {
    let full = dir.join(path);
    match fs::read(&full) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        // A parent that is a file: writing will say so.
        Err(err) if err.kind() == ErrorKind::NotADirectory => Ok(None),
        Err(source) => Err(RenderError::Unreadable { path: full, source }),
    }
}

/// Writes the outputs into the folder and remembers them in its index.
pub fn write(
    outputs: &[Output],
    dir: &Path,
    options: &WriteOptions,
) -> Result<Report, RenderError> {
    sane(outputs)?;
    let mut made = Made::default();
    write_into(outputs, dir, options, &mut made).inspect_err(|_| made.undo())
}

fn write_into(
    outputs: &[Output],
    dir: &Path,
    options: &WriteOptions,
    made: &mut Made,
) -> Result<Report, RenderError> {
    made.folder(dir)?;
    let own = dir.join(index::FOLDER);
    made.folder(&own)?;
    let _lock = lock(&own)?;
    let found = Found::load(dir)?;

    let mut report = Report::default();
    let mut edited = Vec::new();
    let mut changes: Vec<&Output> = Vec::new();
    let mut next = Index {
        manifest: options.manifest.clone(),
        profile: options.profile.clone(),
        target: options
            .target
            .filter(|target| *target != RenderTarget::Compose)
            .map(|target| target.name().to_owned()),
        ..Index::default()
    };
    for output in outputs {
        let rendered = Entry { sha256: output.sha256(), adopted_for: None };
        let (state, disk) = state(&found, dir, output)?;
        let entry = match (state, options.hand_edits) {
            (State::Same, _) if disk.as_ref() == Some(&output.bytes) => {
                report.unchanged += 1;
                rendered
            }
            // Adopted edits are replaced as well when that is asked for.
            (State::Missing | State::Stale, _)
            | (State::Same | State::Edited, HandEdits::Overwrite) => {
                changes.push(output);
                rendered
            }
            (State::Edited, HandEdits::Refuse) => {
                edited.push(output.path.clone());
                continue;
            }
            (State::Same, _) | (State::Edited, HandEdits::Adopt) => {
                report.kept.push(output.path.clone());
                let on_disk = disk.as_deref().map(sha256).unwrap_or_default();
                Entry { sha256: on_disk, adopted_for: Some(rendered.sha256) }
            }
        };
        next.outputs.insert(output.path.clone(), entry);
    }
    if !edited.is_empty() {
        return Err(RenderError::HandEdited { paths: edited });
    }

    let mut orphans = Vec::new();
    for path in found.paths().filter(|path| !next.outputs.contains_key(*path)) {
        let Some(disk) = read(dir, path)? else { continue };
        if options.hand_edits == HandEdits::Overwrite || found.is_ours(path, &sha256(&disk)) {
            orphans.push(path);
        } else {
            report.kept.push(path.to_owned());
        }
    }

    if changes.is_empty() && orphans.is_empty() && found.is(&next) {
        return Ok(report);
    }
    let mut files: Vec<(PathBuf, &[u8])> =
        changes.iter().map(|output| (dir.join(&output.path), output.bytes.as_slice())).collect();
    let mut index_text = serde_json::to_vec_pretty(&next).expect("an index has text keys");
    index_text.push(b'\n');
    files.push((index::next(dir), &index_text));
    let mut staged = stage(&files, made)?;
    // The announcement goes first, the current index follows last.
    let announcement = staged.pop().expect("the index was staged");
    move_into_place(announcement, &files[files.len() - 1].0)?;
    for (file, (target, _)) in staged.into_iter().zip(&files) {
        move_into_place(file, target)?;
    }
    for path in &orphans {
        let full = dir.join(path);
        fs::remove_file(&full).map_err(|source| RenderError::Unwritable { path: full, source })?;
        remove_empty_parents(dir, path);
    }
    index::commit(dir)?;
    sync_folders(&files);

    report.written = changes.iter().map(|output| output.path.clone()).collect();
    report.removed = orphans.into_iter().map(str::to_owned).collect();
    Ok(report)
}

/// Each path once and inside of the folder.
pub(super) fn sane(outputs: &[Output]) -> Result<(), RenderError> {
    let mut paths: Vec<&str> = outputs.iter().map(|output| output.path.as_str()).collect();
    paths.sort_unstable();
    if let Some(pair) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(RenderError::SamePath { path: pair[0].to_owned() });
    }
    match outputs.iter().find(|output| !output.stays_inside()) {
        Some(output) => Err(RenderError::Outside { path: output.path.clone() }),
        None => Ok(()),
    }
}

/// The folders that this render made: they go again when it fails.
#[derive(Debug, Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder and those it lies in.
    fn folder(&mut self, dir: &Path) -> Result<(), RenderError> {
        let missing = dir.ancestors().take_while(|path| {
            !path.as_os_str().is_empty() && matches!(path.try_exists(), Ok(false))
        });
        let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        missing.reverse();
        self.0.append(&mut missing);
        match fs::create_dir_all(dir) {
            Ok(()) => Ok(()),
            Err(_) if dir.exists() && !dir.is_dir() => {
                Err(RenderError::NotAFolder { path: dir.to_owned() })
            }
            Err(source) if source.kind() == ErrorKind::NotADirectory => {
                let file = dir.ancestors().find(|parent| parent.exists() && !parent.is_dir());
                Err(RenderError::NotAFolder { path: file.unwrap_or(dir).to_owned() })
            }
            Err(source) => Err(RenderError::Unwritable { path: dir.to_owned(), source }),
        }
    }

    /// Removes them, innermost first; one with anything in it stays.
    fn undo(&self) {
        for folder in self.0.iter().rev() {
            if folder.ends_with(index::FOLDER) {
                let _ = fs::remove_file(folder.join(LOCK));
            }
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Name of the file in our own folder that renders wait for.
const LOCK: &str = "lock";

/// Waits until no other render works in this folder.
fn lock(own: &Path) -> Result<File, RenderError> {
    let path = own.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| RenderError::Unwritable { path: path.clone(), source })?;
    file.lock().map_err(|source| RenderError::Unwritable { path, source })?;
    Ok(file)
}

/// Writes all files beside their targets and syncs them; those already written vanish on an error.
fn stage(files: &[(PathBuf, &[u8])], made: &mut Made) -> Result<Vec<NamedTempFile>, RenderError> {
    let mut staged = Vec::with_capacity(files.len());
    for (target, bytes) in files {
        let unwritable = |source| RenderError::Unwritable { path: target.clone(), source };
        if target.is_dir() {
            return Err(unwritable(ErrorKind::IsADirectory.into()));
        }
        let parent = target.parent().expect("a target lies in a folder");
        made.folder(parent)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".stackctl-");
        // The temporary file's own default is for its owner alone; containers read as other users.
        #[cfg(unix)]
        let builder = {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o644))
        };
        let mut file = builder.tempfile_in(parent).map_err(unwritable)?;
        file.write_all(bytes).map_err(unwritable)?;
        staged.push(file);
    }
    // Syncing is waiting: together they wait about as long as one.
    std::thread::scope(|scope| {
        let waiting: Vec<_> =
            staged.iter().map(|file| scope.spawn(|| file.as_file().sync_all())).collect();
        waiting.into_iter().zip(files).try_for_each(|(thread, (target, _))| {
            let synced = thread.join().unwrap_or_else(|_| Err(ErrorKind::Other.into()));
            synced.map_err(|source| RenderError::Unwritable { path: target.clone(), source })
        })
    })?;
    Ok(staged)
}

fn move_into_place(file: NamedTempFile, target: &Path) -> Result<(), RenderError> {
    file.persist(target)
        .map(drop)
        .map_err(|err| RenderError::Unwritable { path: target.to_owned(), source: err.error })
}

/// Makes the renames themselves durable. Some file systems cannot sync a folder; the files are safe.
fn sync_folders(files: &[(PathBuf, &[u8])]) {
    let mut folders: Vec<&Path> = files.iter().filter_map(|(path, _)| path.parent()).collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        if let Err(err) = File::open(folder).and_then(|folder| folder.sync_all()) {
            tracing::debug!(folder = %folder.display(), "cannot sync the folder: {err}");
        }
    }
}

fn remove_empty_parents(dir: &Path, path: &str) {
    let mut parent = Path::new(path).parent();
    while let Some(folder) = parent.filter(|folder| !folder.as_os_str().is_empty()) {
        // Fails where something is left inside, which ends the walk.
        if fs::remove_dir(dir.join(folder)).is_err() {
            break;
        }
        parent = folder.parent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> WriteOptions {
        WriteOptions { manifest: "stack.kdl".into(), ..WriteOptions::default() }
    }

    fn with(hand_edits: HandEdits) -> WriteOptions {
        WriteOptions { hand_edits, ..options() }
    }

    fn two() -> Vec<Output> {
        vec![Output::text("a.txt", "a"), Output::text("sub/b.txt", "b")]
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => names.push(path.strip_prefix(dir).unwrap().display().to_string()),
                }
            }
        }
        names.sort();
        names
    }

    #[test]
    fn a_second_render_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/out");
        let first = write(&two(), &out, &options()).unwrap();
        assert_eq!(first.written, ["a.txt", "sub/b.txt"]);
        let before = fs::metadata(out.join(".stackctl/outputs.json")).unwrap().modified().unwrap();
        let second = write(&two(), &out, &options()).unwrap();
        assert!(second.is_clean());
        assert_eq!(second.unchanged, 2);
        let after = fs::metadata(out.join(".stackctl/outputs.json")).unwrap().modified().unwrap();
        assert_eq!(before, after);
        assert_eq!(files(&out), [".stackctl/lock", ".stackctl/outputs.json", "a.txt", "sub/b.txt"]);
    }

    #[test]
    fn only_what_changed_is_written_and_what_is_gone_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        write(&two(), dir.path(), &options()).unwrap();
        let report = write(&[Output::text("a.txt", "A")], dir.path(), &options()).unwrap();
        assert_eq!(report.written, ["a.txt"]);
        assert_eq!(report.removed, ["sub/b.txt"]);
        assert!(!dir.path().join("sub").exists());
        assert_eq!(fs::read_to_string(dir.path().join("a.txt")).unwrap(), "A");
    }

    #[test]
    fn a_hand_edit_stops_everything() {
        let dir = tempfile::tempdir().unwrap();
        write(&two(), dir.path(), &options()).unwrap();
        fs::write(dir.path().join("a.txt"), "mine").unwrap();
        let changed = [Output::text("a.txt", "a"), Output::text("sub/b.txt", "B")];
        let err = write(&changed, dir.path(), &options()).unwrap_err();
        assert!(matches!(&err, RenderError::HandEdited { paths } if paths == &["a.txt"]), "{err}");
        assert_eq!(fs::read_to_string(dir.path().join("sub/b.txt")).unwrap(), "b");
        let report = write(&changed, dir.path(), &with(HandEdits::Overwrite)).unwrap();
        assert_eq!(report.written, ["a.txt", "sub/b.txt"]);
    }

    #[test]
    fn a_render_that_fails_leaves_no_folder_behind() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("sub"), "a file").unwrap();
        let outputs = [Output::text("a/b/c.txt", "c"), Output::text("sub/b.txt", "b")];
        let err = write(&outputs, dir.path(), &options()).unwrap_err();
        assert!(matches!(&err, RenderError::NotAFolder { path } if path.ends_with("sub")), "{err}");
        assert_eq!(files(dir.path()), ["sub"]);
        assert!(!dir.path().join(".stackctl").exists());
        assert!(!dir.path().join("a").exists());
    }

    #[test]
    fn a_file_that_was_there_before_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "mine").unwrap();
        assert!(matches!(
            write(&two(), dir.path(), &options()),
            Err(RenderError::HandEdited { .. })
        ));
        assert_eq!(fs::read_to_string(dir.path().join("a.txt")).unwrap(), "mine");
    }

    #[test]
    fn an_adopted_edit_stays_until_the_manifest_wants_something_else() {
        let dir = tempfile::tempdir().unwrap();
        write(&two(), dir.path(), &options()).unwrap();
        fs::write(dir.path().join("a.txt"), "mine").unwrap();
        let report = write(&two(), dir.path(), &with(HandEdits::Adopt)).unwrap();
        assert_eq!(report.kept, ["a.txt"]);
        assert!(write(&two(), dir.path(), &options()).unwrap().is_clean());
        let changed = [Output::text("a.txt", "A"), Output::text("sub/b.txt", "b")];
        assert!(write(&changed, dir.path(), &options()).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("a.txt")).unwrap(), "mine");
        write(&two(), dir.path(), &with(HandEdits::Overwrite)).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("a.txt")).unwrap(), "a");
    }

    #[test]
    fn an_edited_file_that_is_no_longer_rendered_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        write(&two(), dir.path(), &options()).unwrap();
        fs::write(dir.path().join("a.txt"), "mine").unwrap();
        let report = write(&two()[1..], dir.path(), &options()).unwrap();
        assert_eq!((report.kept, report.removed.len()), (vec!["a.txt".to_owned()], 0));
        assert!(dir.path().join("a.txt").exists());
    }

    #[test]
    fn files_moved_before_a_crash_are_known_as_ours() {
        let dir = tempfile::tempdir().unwrap();
        write(&two(), dir.path(), &options()).unwrap();
        // As a crash after the first rename leaves it: announced, one file moved, index not current.
        let new = Output::text("a.txt", "A");
        let mut announced = Index::default();
        for output in [&new, &Output::text("sub/b.txt", "B")] {
            announced
                .outputs
                .insert(output.path.clone(), Entry { sha256: output.sha256(), adopted_for: None });
        }
        fs::write(index::next(dir.path()), serde_json::to_vec(&announced).unwrap()).unwrap();
        fs::write(dir.path().join("a.txt"), "A").unwrap();
        let third = [Output::text("a.txt", "AA"), Output::text("sub/b.txt", "BB")];
        let report = write(&third, dir.path(), &options()).unwrap();
        assert_eq!(report.written, ["a.txt", "sub/b.txt"]);
        assert!(!index::next(dir.path()).exists());
    }

    #[test]
    fn a_folder_that_is_a_file_is_named_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for out in [file.clone(), file.join("below/it")] {
            let err = write(&two(), &out, &options()).unwrap_err();
            assert_eq!(err.to_string(), format!("{} is not a folder", file.display()));
        }
        assert_eq!(files(dir.path()), ["file"]);
    }

    #[test]
    fn nothing_is_half_written_when_one_target_is_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("out/sub/b.txt/x")).unwrap();
        let out = dir.path().join("out");
        assert!(write(&two(), &out, &options()).is_err());
        assert_eq!(files(&out), [""; 0]);
        assert!(!out.join(".stackctl").exists());
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["../x", "/etc/x", "a/../../x", "", ".stackctl/outputs.json", "a/"] {
            let err = write(&[Output::text(path, "")], dir.path(), &options()).unwrap_err();
            assert!(matches!(err, RenderError::Outside { .. }), "{path}: {err}");
        }
        let twice = [Output::text("a", ""), Output::text("a", "b")];
        assert!(matches!(write(&twice, dir.path(), &options()), Err(RenderError::SamePath { .. })));
    }

    #[test]
    fn a_damaged_index_is_named() {
        let dir = tempfile::tempdir().unwrap();
        write(&two(), dir.path(), &options()).unwrap();
        fs::write(dir.path().join(".stackctl/outputs.json"), "{").unwrap();
        let err = write(&two(), dir.path(), &options()).unwrap_err();
        assert!(matches!(err, RenderError::BrokenIndex { .. }), "{err}");
    }

    #[test]
    fn renders_at_the_same_time_leave_one_whole_result() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let dir = dir.path();
                scope.spawn(move || {
                    let outputs: Vec<_> = (0..5)
                        .map(|file| Output::text(format!("f{file}"), n.to_string()))
                        .collect();
                    write(&outputs, dir, &options()).unwrap();
                });
            }
        });
        let contents: Vec<_> =
            (0..5).map(|n| fs::read_to_string(dir.path().join(format!("f{n}"))).unwrap()).collect();
        assert!(contents.iter().all(|content| content == &contents[0]), "{contents:?}");
        assert_eq!(files(dir.path()).len(), 7);
    }
}
