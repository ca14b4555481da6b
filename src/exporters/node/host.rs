//! The host as the collectors see it: the roots of its file systems, reading with reused buffers, and
//! what has to be remembered from one scrape to the next.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags};

use super::config::{Config, Settings};
use super::kept::{self, Kept};
use super::recent::Recent;
use super::{cpu, filesystem, netlink, ntp, perf, timex};
use crate::exporters::flags::FlagError;

/// Why a collector has nothing, or not everything, to show.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A file could not be read; where the kernel lacks a feature it does not exist.
    #[error("reading {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not look as its documentation says.
    #[error("{0} does not have the expected form")]
    Malformed(&'static str),
    /// A system call failed.
    #[error("{call}: {source}")]
    Call {
        /// Which one.
        call: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is there, and there is nothing in it to show.
    #[error("{0} is empty")]
    Nothing(&'static str),
    /// Something in particular.
    #[error("{0}")]
    Other(String),
    /// An earlier collection still hangs, so that none was begun.
    #[error("an earlier collection has not come back yet")]
    Hanging,
}

impl CollectError {
    /// Whether the host simply does not have, or does not show, what the collector reads.
    pub fn is_no_data(&self) -> bool {
        match self {
            Self::Read { source, .. } | Self::Call { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            }
            Self::Nothing(_) => true,
            _ => false,
        }
    }
}

/// One host.
#[derive(Debug)]
pub struct Host {
    procfs: PathBuf,
    sysfs: PathBuf,
    pub(super) rootfs: PathBuf,
    udev: PathBuf,
    pub(super) settings: Settings,
    pub(super) cpus: Mutex<cpu::Seen>,
    pub(super) mounts: filesystem::Watch,
    pub(super) clock: timex::Overflows,
    pub(super) leap_midnight: ntp::LeapMidnight,
    pub(super) perf: perf::Counters,
    buffers: Mutex<Vec<Vec<u8>>>,
    /// Whether files of procfs and of sysfs can stay open.
    keeps_proc: bool,
    keeps_sys: bool,
    kept: Kept,
    stat: Recent<String>,
    links: Recent<Vec<Vec<u8>>>,
}

impl Host {
    /// Where sysfs is read.
    pub(super) fn sysfs(&self) -> &Path {
        &self.sysfs
    }

    /// A host below the configured roots; fails on a regular expression that does not parse and on
    /// filters that exclude each other.
    pub fn new(config: &Config) -> Result<Self, FlagError> {
        Ok(Self {
            procfs: config.procfs.clone(),
            sysfs: config.sysfs.clone(),
            rootfs: config.rootfs.clone(),
            udev: config.udev.clone(),
            settings: Settings::new(config)?,
            cpus: Mutex::default(),
            mounts: filesystem::Watch::default(),
            clock: timex::Overflows::default(),
            leap_midnight: ntp::LeapMidnight::default(),
            perf: perf::Counters::default(),
            buffers: Mutex::default(),
            keeps_proc: kept::is_made_up(&config.procfs),
            keeps_sys: kept::is_made_up(&config.sysfs),
            kept: Kept::default(),
            stat: Recent::default(),
            links: Recent::default(),
        })
    }

    /// Where `proc/…`, `sys/…`, `root/…` or `udev/…` is.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        let (root, rest) = path.split_once('/').unwrap_or((path, ""));
        let root = match root {
            "proc" => &self.procfs,
            "sys" => &self.sysfs,
            "udev" => &self.udev,
            _ => &self.rootfs,
        };
        root.join(rest)
    }

    /// The text of a file; broken UTF-8 becomes U+FFFD.
    pub(super) fn read(&self, path: &str) -> Result<Text<'_>, CollectError> {
        let keeps = path.starts_with("proc/") && self.keeps_proc && kept::stays(path);
        let whole = || self.path(path);
        let text = if keeps {
            self.read_kept(path, || File::open(whole()), read_all)
        } else {
            File::open(whole()).and_then(|file| self.read_open(&file, read_all))
        };
        text.map_err(|source| CollectError::Read { path: whole(), source })
    }

    /// Reads a file that may be open already, and leaves it open. It goes by a name that no other file
    /// ever has.
    fn read_kept(
        &self,
        name: &str,
        open: impl FnOnce() -> io::Result<File>,
        read: Reader,
    ) -> io::Result<Text<'_>> {
        // That there is no value is an answer as well: the loopback device has no speed.
        let answers = |text: &io::Result<Text<'_>>| {
            text.as_ref().map_or_else(|err| err.kind() == io::ErrorKind::InvalidInput, |_| true)
        };
        if let Some((name, file)) = self.kept.take(name) {
            let text = self.read_open(&file, read);
            if answers(&text) {
                self.kept.put(name, file);
                return text;
            }
        }
        let file = open()?;
        let text = self.read_open(&file, read);
        if answers(&text) {
            self.kept.put(name.to_owned(), file);
        }
        text
    }

    fn read_open(&self, file: &File, read: Reader) -> io::Result<Text<'_>> {
        let mut buffer = self.buffers.lock().pop().unwrap_or_default();
        if let Err(err) = read(file, &mut buffer) {
            buffer.clear();
            self.buffers.lock().push(buffer);
            return Err(err);
        }
        let text = String::from_utf8(buffer)
            .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned());
        Ok(Text { text, host: self })
    }

    /// `/proc/stat`, which more than one collector shows parts of and which is long where there are many
    /// CPUs: read once a scrape.
    pub(super) fn stat(&self) -> Result<Arc<String>, CollectError> {
        self.stat.get(|| self.read("proc/stat").map(|text| text.to_owned()))
    }

    /// What the kernel says of all network devices, message by message for [`netlink::Link::read`]: asked
    /// once a scrape.
    pub(super) fn links(&self) -> io::Result<Arc<Vec<Vec<u8>>>> {
        self.links.get(|| {
            let mut messages = Vec::new();
            netlink::dump(netlink::GET_LINKS, &[0; 16], |message| {
                messages.push(message.to_owned());
            })?;
            Ok(messages)
        })
    }

    /// Names of all network devices by their numbers.
    pub(super) fn device_names(&self) -> Result<BTreeMap<u32, String>, CollectError> {
        let messages =
            self.links().map_err(|source| CollectError::Call { call: "netlink", source })?;
        let links = messages.iter().filter_map(|message| netlink::Link::read(message));
        Ok(links.map(|link| (link.index, link.name)).collect())
    }

    /// Forgets what was read for one scrape only.
    pub(super) fn end_of_scrape(&self) {
        self.stat.forget();
        self.links.forget();
        self.kept.end_of_scrape();
    }

    /// The text of a file that need not exist.
    pub(super) fn read_if_any(&self, path: &str) -> Result<Option<Text<'_>>, CollectError> {
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(CollectError::Read { source, .. }) if is_missing(&source) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// The content of a one-line file without blanks around it; `None` when it cannot be read, which
    /// attributes of devices often cannot.
    pub(super) fn line(&self, path: &str) -> Option<String> {
        self.read(path).ok().map(|text| text.trim().to_owned())
    }

    /// The number in a one-line file, decimal or `0x…`; `None` when there is none.
    pub(super) fn number(&self, path: &str) -> Option<f64> {
        number(&self.read(path).ok()?)
    }

    /// A folder whose files are read by their names: the path to it is walked once.
    pub(super) fn folder(&self, path: &str) -> Option<Folder<'_>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(self.path(path), flags, Mode::empty()).ok()?;
        Some(Folder { handle, host: self })
    }

    /// The content of a one-line attribute of a network device without blanks around it; `None` when it
    /// cannot be read. Devices are renamed, and their numbers are not.
    pub(super) fn link_line(&self, device: &str, index: u32, file: &str) -> Option<String> {
        let path = format!("sys/class/net/{device}/{file}");
        let open = || File::open(self.path(&path));
        let text = if self.keeps_sys {
            self.read_kept(&format!("{path}#{index}"), open, read_attribute)
        } else {
            open().and_then(|file| self.read_open(&file, read_attribute))
        };
        text.ok().map(|text| text.trim().to_owned())
    }

    /// Names in a folder, sorted.
    pub(super) fn list(&self, path: &str) -> Result<Vec<String>, CollectError> {
        let path = self.path(path);
        let read = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&path)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            names.sort_unstable();
            Ok(names)
        };
        read().map_err(|source| CollectError::Read { path: path.clone(), source })
    }

    /// Names in a folder that begin with `prefix`, sorted; none where there is no such folder.
    pub(super) fn list_if_any(
        &self,
        path: &str,
        prefix: &str,
    ) -> Result<Vec<String>, CollectError> {
        match self.list(path) {
            Ok(mut names) => {
                names.retain(|name| name.starts_with(prefix));
                Ok(names)
            }
            Err(CollectError::Read { source, .. }) if is_missing(&source) => Ok(Vec::new()),
            Err(err) => Err(err),
        }
    }
}

/// Nothing has that path, or a file stands where a folder is looked for.
fn is_missing(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Fills a buffer with the whole of a file.
type Reader = fn(&File, &mut Vec<u8>) -> io::Result<()>;

/// An attribute of sysfs comes in one piece of at most a page: no second read asks for more.
fn read_attribute(file: &File, buffer: &mut Vec<u8>) -> io::Result<()> {
    if buffer.len() < 4096 {
        buffer.resize(buffer.capacity().max(4096), 0);
    }
    let length = read_at(file, buffer, 0)?;
    buffer.truncate(length);
    Ok(())
}

fn read_all(file: &File, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut filled = 0;
    // The kernel makes these files up as they are read and tells no length, so nothing is asked.
    loop {
        if buffer.len() < filled + 1024 {
            buffer.resize((filled + 4096).max(buffer.capacity()), 0);
        }
        match read_at(file, &mut buffer[filled..], filled) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    buffer.truncate(filled);
    Ok(())
}

/// From a place in the file, or what comes next where there are no places: in a pipe.
fn read_at(mut file: &File, buffer: &mut [u8], place: usize) -> io::Result<usize> {
    match file.read_at(buffer, place as u64) {
        Err(err) if err.raw_os_error() == Some(libc::ESPIPE) => io::Read::read(&mut file, buffer),
        other => other,
    }
}

/// A folder of attributes, as sysfs has for each device.
#[derive(Debug)]
pub(super) struct Folder<'a> {
    handle: OwnedFd,
    host: &'a Host,
}

impl Folder<'_> {
    fn read(&self, name: &str) -> Option<Text<'_>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.handle, name, flags, Mode::empty());
        self.host.read_open(&File::from(file.ok()?), read_attribute).ok()
    }

    /// The content of a one-line file without blanks around it; `None` when it cannot be read.
    pub(super) fn line(&self, name: &str) -> Option<String> {
        self.read(name).map(|text| text.trim().to_owned())
    }

    /// The number in a one-line file, decimal or `0x…`; `None` when there is none.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        number(&self.read(name)?)
    }

    /// The whole text of an attribute of several lines; `None` when it cannot be read.
    pub(super) fn text(&self, name: &str) -> Option<Text<'_>> {
        self.read(name)
    }
}

/// A name as metrics have them: whatever is not a letter, a digit, `_` or `:` becomes `_`.
pub(super) fn metric_name(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' })
        .collect()
}

/// Decimal or `0x…`.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|value| value as f64),
        None => text.parse().ok(),
    }
}

/// A file's text; its buffer goes back to the host.
#[derive(Debug)]
pub(super) struct Text<'a> {
    text: String,
    host: &'a Host,
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.text).into_bytes();
        // A rare large file does not keep its room for good.
        if buffer.capacity() <= 256 * 1024 {
            buffer.clear();
            self.host.buffers.lock().push(buffer);
        }
    }
}

/// The next blank-separated field as a number.
pub(super) fn next<'a, T: FromStr>(fields: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    fields.next()?.parse().ok()
}

/// Blank-separated decimal numbers; `None` if one of them is something else.
pub(super) fn numbers(text: &str) -> Option<Vec<f64>> {
    text.split_ascii_whitespace().map(|field| field.parse().ok()).collect()
}

/// A list of CPUs as the kernel writes it: `0-3,8`.
pub(super) fn cpu_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for range in text.trim().split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last.checked_sub(first)? > 65_536 {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// What tests need: the fixture trees and a check of a collector's exposition.
#[cfg(test)]
pub(super) mod fixture {
    use std::path::Path;

    use super::*;
    use crate::catalogue::{Families, write_text};

    /// A host whose files are a small tree of our own.
    pub(in super::super) fn host() -> Host {
        host_with(|_| {})
    }

    /// The same with other settings.
    pub(in super::super) fn host_with(change: impl FnOnce(&mut Config)) -> Host {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host");
        let mut config = Config {
            procfs: root.join("proc"),
            sysfs: root.join("sys"),
            rootfs: root.join("root"),
            udev: root.join("udev"),
            ..Config::default()
        };
        change(&mut config);
        Host::new(&config).expect("the default settings are well-formed")
    }

    /// The samples a collector exposes, as text without the comments.
    pub(in super::super) fn samples(collector: &super::super::Collector, host: &Host) -> String {
        let mut families = Families::default();
        (collector.collect)(host, &mut families).expect("the fixture is complete");
        for (name, _) in families.iter() {
            assert!(
                collector.metrics.iter().any(|metric| metric.covers(name)),
                "{name} is not declared by {}",
                collector.name
            );
        }
        let mut text = String::new();
        write_text(&families, &mut text);
        text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
    }

    #[test]
    fn buffers_are_used_again() {
        let host = host();
        for _ in 0..3 {
            assert!(host.read("proc/loadavg").expect("it is there").starts_with("0.21"));
            assert!(host.read("proc/none").is_err_and(|err| err.is_no_data()));
        }
        assert_eq!(host.buffers.lock().len(), 1);
    }

    #[test]
    fn cpu_lists_are_ranges() {
        assert_eq!(cpu_list("0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!(cpu_list("\n"), Some(vec![]));
        assert_eq!(cpu_list("3-1"), None);
        assert_eq!(cpu_list("x"), None);
    }
}
