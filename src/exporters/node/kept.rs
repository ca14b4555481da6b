//! Files of procfs and sysfs that stay open from one scrape to the next.
//!
//! The kernel makes up such a file anew when it is read from its start, and of what a scrape costs, opening
//! and closing is a quarter. A file whose device or module is gone cannot be read any longer; then it is
//! opened by its path, as one that was never kept.

use std::fs::File;
use std::path::Path;

use hashbrown::HashMap;
use parking_lot::Mutex;

/// So many stay open; the others are opened each time. A process may often have 1024.
const MOST: usize = 160;
/// A file that so many scrapes have not read is closed.
const UNUSED: u32 = 4;

/// The files, by whatever names them for good.
#[derive(Debug, Default)]
pub(super) struct Kept {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<String, (u32, File)>,
    scrape: u32,
}

impl Kept {
    /// A file to read from its start. Nobody else has it until it is put back: two that read one file at a
    /// time would each get parts of two texts.
    pub(super) fn take(&self, name: &str) -> Option<(String, File)> {
        let (name, (_, file)) = self.state.lock().files.remove_entry(name)?;
        Some((name, file))
    }

    pub(super) fn put(&self, name: String, file: File) {
        let mut state = self.state.lock();
        let scrape = state.scrape;
        if state.files.len() < MOST {
            state.files.insert(name, (scrape, file));
        }
    }

    /// Closes what has not been read for some scrapes.
    pub(super) fn end_of_scrape(&self) {
        let mut state = self.state.lock();
        state.scrape = state.scrape.wrapping_add(1);
        let scrape = state.scrape;
        state.files.retain(|_, (used, _)| scrape.wrapping_sub(*used) <= UNUSED);
    }
}

/// Whether a folder is the kernel's procfs or sysfs, and no copy of one.
pub(super) fn is_made_up(folder: &Path) -> bool {
    const SYSFS: u32 = 0x6265_6572;
    let kind = rustix::fs::statfs(folder).map(|stat| stat.f_type as u32);
    kind.is_ok_and(|kind| kind == rustix::fs::PROC_SUPER_MAGIC as u32 || kind == SYSFS)
}

/// Whether a file of procfs is there for good: not those of the processes that come and go.
pub(super) fn stays(path: &str) -> bool {
    let name = path.strip_prefix("proc/").unwrap_or(path);
    !name.starts_with(|first: char| first.is_ascii_digit()) || name.starts_with("1/")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_kept_file_is_made_up_anew_and_one_not_read_is_closed() {
        let kept = Kept::default();
        let file = File::open("/proc/self/stat").expect("there");
        kept.put("stat".to_owned(), file);
        let read = || {
            let (name, file) = kept.take("stat").expect("it was put back");
            assert!(kept.take("stat").is_none(), "only one may read");
            let mut text = [0; 4096];
            let length = file.read_at(&mut text, 0).expect("readable");
            kept.put(name, file);
            String::from_utf8_lossy(&text[..length]).into_owned()
        };
        let first = read();
        // The text has the process's times and sizes, which this changes.
        let much = vec![1_u8; 64 << 20];
        assert_ne!(first, read(), "{}", much.len());
        for _ in 0..=UNUSED {
            assert!(kept.state.lock().files.contains_key("stat"));
            kept.end_of_scrape();
        }
        assert!(kept.take("stat").is_none());
    }

    #[test]
    fn only_the_kernels_own_are_kept() {
        assert!(is_made_up(Path::new("/proc")) && is_made_up(Path::new("/sys")));
        assert!(!is_made_up(Path::new("/")) && !is_made_up(Path::new("/stackctl-none")));
        assert!(stays("proc/stat") && stays("proc/1/mountinfo") && stays("proc/self/stat"));
        assert!(!stays("proc/12/stat") && !stays("proc/4711/status"));
    }
}
