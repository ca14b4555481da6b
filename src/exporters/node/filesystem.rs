//! Room and inodes of mounted file systems, from `mountinfo` (proc_pid_mountinfo(5)) and statfs(2).
//!
//! statfs hangs when a network file system's server is away. It is therefore asked under a watch: a
//! mount that does not answer is reported as `device_error="mountpoint timeout"`, and exactly one thread
//! goes on waiting for it however many scrapes come by.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::StatFs;

use super::host::Text;
use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::exporters::watched::{self, Gate, Patience};

const LABELS: &[&str] = &["device", "mountpoint", "fstype", "device_error"];
const SIZE: Metric =
    Metric::gauge("node_filesystem_size_bytes", "Size of a file system.").with(LABELS);
const FREE: Metric =
    Metric::gauge("node_filesystem_free_bytes", "Free room of a file system.").with(LABELS);
const AVAILABLE: Metric =
    Metric::gauge("node_filesystem_avail_bytes", "Free room that ordinary users may fill.")
        .with(LABELS);
const FILES: Metric =
    Metric::gauge("node_filesystem_files", "Inodes of a file system.").with(LABELS);
const FILES_FREE: Metric =
    Metric::gauge("node_filesystem_files_free", "Free inodes of a file system.").with(LABELS);
const READ_ONLY: Metric =
    Metric::gauge("node_filesystem_readonly", "Whether a file system is mounted read-only.")
        .with(LABELS);
const DEVICE_ERROR: Metric =
    Metric::gauge("node_filesystem_device_error", "Whether a file system could not be asked.")
        .with(LABELS);
const MOUNT: Metric = Metric::gauge(
    "node_filesystem_mount_info",
    "Device numbers of a mounted file system; always 1.",
)
.with(&["device", "major", "minor", "mountpoint"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "filesystem",
    start: On,
    metrics: &[SIZE, FREE, AVAILABLE, FILES, FILES_FREE, READ_ONLY, DEVICE_ERROR, MOUNT],
    collect,
};

/// After this time in one statfs the other mounts are asked by another thread.
const SLOW: Duration = Duration::from_millis(50);

const TIMEOUT: &str = "mountpoint timeout";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mount {
    device: String,
    point: String,
    kind: String,
    major: String,
    minor: String,
    read_only: bool,
}

/// One gate for each mount point that has been asked.
#[derive(Debug, Default)]
pub(super) struct Watch {
    gates: Mutex<BTreeMap<PathBuf, Arc<Gate>>>,
    /// Mount points that hung in the last scrape, so that the log tells changes.
    hanging: Mutex<BTreeSet<PathBuf>>,
}

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let (text, bound) = mountinfo(host)?;
    let settings = &host.settings;
    let mut mounts = BTreeSet::new();
    for line in text.lines() {
        let mut mount = parse(line, bound).ok_or(CollectError::Malformed("proc/1/mountinfo"))?;
        mount.point = below(&host.rootfs, mount.point);
        if settings.mount_points.takes(&mount.point) && settings.fs_types.takes(&mount.kind) {
            mounts.insert(mount);
        }
    }
    drop(text);
    // The same device at the same place twice is one series.
    let mut mounts: Vec<Mount> = mounts.into_iter().collect();
    mounts.dedup_by(|b, a| a.device == b.device && a.point == b.point && a.kind == b.kind);
    let answers = host.mounts.ask(&host.rootfs, &mounts, settings.mount_timeout);
    for (mount, answer) in mounts.iter().zip(answers) {
        show(mount, answer, out);
    }
    Ok(())
}

/// The text of mountinfo, and whether the mounts in it are those of this container.
fn mountinfo(host: &Host) -> Result<(Text<'_>, bool), CollectError> {
    // In a container the host's first process sees the host's mounts, the exporter's own sees others.
    match host.read("proc/1/mountinfo") {
        Ok(text) => Ok((text, false)),
        // The host's mounts are bound read-only into the container, which says nothing about the host.
        Err(err) if err.is_no_data() => {
            Ok((host.read("proc/self/mountinfo")?, host.rootfs != Path::new("/")))
        }
        Err(err) => Err(err),
    }
}

/// Where file systems of a kind are mounted, as this process reaches them.
pub(super) fn mount_points(host: &Host, kind: &str) -> Result<Vec<PathBuf>, CollectError> {
    let (text, bound) = mountinfo(host)?;
    let mounts = text.lines().filter_map(|line| parse(line, bound));
    let points = mounts.filter(|mount| mount.kind == kind).map(|mount| {
        let point = below(&host.rootfs, mount.point);
        host.rootfs.join(point.trim_start_matches('/'))
    });
    Ok(points.collect())
}

/// A line of mountinfo: id, parent, major:minor, root, mount point, options, optional fields, a dash,
/// type, source, options of the file system.
///
/// A mount that is `bound` into this container is read-only only if its file system is.
fn parse(line: &str, bound: bool) -> Option<Mount> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut fields = mount.split(' ');
    let (major, minor) = fields.nth(2)?.split_once(':')?;
    let point = fields.nth(1)?;
    let options = fields.next()?;
    let mut fields = filesystem.split(' ');
    let (kind, device, super_options) = (fields.next()?, fields.next()?, fields.next());
    let read_only = |options: &str| {
        // ext4 says the second when it went read-only because of errors.
        options.split(',').any(|option| option == "ro" || option == "emergency_ro")
    };
    let read_only = super_options.is_some_and(read_only) || !bound && read_only(options);
    Some(Mount {
        device: unescape(device),
        point: unescape(point),
        kind: kind.to_owned(),
        major: major.to_owned(),
        minor: minor.to_owned(),
        read_only,
    })
}

/// Blanks, tabs, line ends and backslashes are written in octal: `\040`.
fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (code, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        if out.contains(code) {
            out = out.replace(code, plain);
        }
    }
    out
}

/// A mount point as the host sees it, when its root is mounted at `root` in here.
fn below(root: &Path, point: String) -> String {
    let stripped = root.to_str().filter(|root| *root != "/").and_then(|root| {
        let rest = point.strip_prefix(root.trim_end_matches('/'))?;
        match rest.chars().next() {
            None => Some("/".to_owned()),
            Some('/') => Some(rest.to_owned()),
            Some(_) => None,
        }
    });
    stripped.unwrap_or(point)
}

impl Watch {
    fn ask(
        &self,
        root: &Path,
        mounts: &[Mount],
        timeout: Duration,
    ) -> Vec<Result<StatFs, &'static str>> {
        let targets: Vec<(PathBuf, Arc<Gate>)> = {
            let mut gates = self.gates.lock();
            let path = |mount: &Mount| root.join(mount.point.trim_start_matches('/'));
            let targets: Vec<_> = mounts
                .iter()
                .map(|mount| {
                    let path = path(mount);
                    let gate = Arc::clone(gates.entry(path.clone()).or_default());
                    (path, gate)
                })
                .collect();
            gates.retain(|path, gate| {
                gate.occupied().is_some() || targets.iter().any(|(known, _)| known == path)
            });
            targets
        };
        let patience = Patience { slow: SLOW, deadline: timeout };
        let answers = watched::run("node-statfs", targets.len(), patience, move |at| {
            let (path, gate) = &targets[at];
            let Some(_pass) = gate.enter(timeout) else { return Err(TIMEOUT) };
            rustix::fs::statfs(path).map_err(reason)
        });
        let answers: Vec<_> =
            answers.into_iter().map(|answer| answer.unwrap_or(Err(TIMEOUT))).collect();
        self.log(mounts, &answers);
        answers
    }

    /// Says once that a mount hangs, and once that it answers again.
    fn log(&self, mounts: &[Mount], answers: &[Result<StatFs, &'static str>]) {
        let hangs =
            |answer: &Result<StatFs, &str>| answer.as_ref().is_err_and(|err| *err == TIMEOUT);
        let now: BTreeSet<PathBuf> = mounts
            .iter()
            .zip(answers)
            .filter(|(_, answer)| hangs(answer))
            .map(|(mount, _)| PathBuf::from(&mount.point))
            .collect();
        let mut before = self.hanging.lock();
        for point in now.difference(&before) {
            tracing::warn!(mountpoint = %point.display(), "does not answer; one thread waits for it");
        }
        for point in before.difference(&now) {
            tracing::info!(mountpoint = %point.display(), "answers again, or is gone");
        }
        *before = now;
    }
}

/// The reason in words that do not change with the language of the system.
fn reason(err: rustix::io::Errno) -> &'static str {
    use rustix::io::Errno;
    match err {
        Errno::ACCESS => "permission denied",
        Errno::PERM => "operation not permitted",
        Errno::NOENT => "no such file or directory",
        Errno::NOTDIR => "not a directory",
        Errno::STALE => "stale NFS file handle",
        Errno::NOTCONN => "transport endpoint is not connected",
        Errno::IO => "input/output error",
        Errno::TIMEDOUT => "connection timed out",
        Errno::HOSTDOWN => "host is down",
        _ => "statfs failed",
    }
}

fn show(mount: &Mount, answer: Result<StatFs, &'static str>, out: &mut Families) {
    let error = answer.as_ref().err().copied().unwrap_or_default();
    let labels = [&*mount.device, &mount.point, &mount.kind, error];
    out.put(&DEVICE_ERROR, &labels, f64::from(u8::from(!error.is_empty())));
    out.put(&READ_ONLY, &labels, f64::from(u8::from(mount.read_only)));
    let Ok(stat) = answer else { return };
    let block = stat.f_bsize as f64;
    out.put(&SIZE, &labels, stat.f_blocks as f64 * block);
    out.put(&FREE, &labels, stat.f_bfree as f64 * block);
    out.put(&AVAILABLE, &labels, stat.f_bavail as f64 * block);
    out.put(&FILES, &labels, stat.f_files as f64);
    out.put(&FILES_FREE, &labels, stat.f_ffree as f64);
    out.put(&MOUNT, &[&mount.device, &mount.major, &mount.minor, &mount.point], 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn mount_points_are_read_with_their_blanks() {
        let mount = parse(
            "48 45 260:3 / /media/My\\040Disk ro,relatime shared:92 - ext2 /dev/sda3 rw,errors=x",
            false,
        )
        .expect("well-formed");
        assert_eq!(mount.point, "/media/My Disk");
        assert_eq!((&*mount.device, &*mount.kind), ("/dev/sda3", "ext2"));
        assert_eq!((&*mount.major, &*mount.minor), ("260", "3"));
        assert!(mount.read_only);
        assert_eq!(parse("48 45 260:3 /", false), None);
        let bound = |line: &str| parse(line, true).expect("well-formed").read_only;
        assert!(!bound("48 45 260:3 / /host ro,relatime - ext4 /dev/sda3 rw"));
        assert!(bound("48 45 260:3 / /host rw,relatime - ext4 /dev/sda3 rw,emergency_ro"));
    }

    #[test]
    fn mount_points_are_named_as_on_the_host() {
        let name = |point: &str| below(Path::new("/host"), point.to_owned());
        assert_eq!(name("/host"), "/");
        assert_eq!(name("/host/boot"), "/boot");
        assert_eq!(name("/hostile"), "/hostile");
        assert_eq!(below(Path::new("/"), "/boot".to_owned()), "/boot");
    }

    #[test]
    fn a_mount_that_cannot_be_asked_says_why_and_the_others_are_shown() {
        let host = fixture::host_with(|config| config.rootfs = "/".into());
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_filesystem_mount_info{device=\"/dev/vda1\",major=\"254\""));
        assert!(
            samples.contains(
                "node_filesystem_device_error{device=\"/dev/sdz\",\
                 device_error=\"no such file or directory\",fstype=\"xfs\",mountpoint=\"/no such\"} 1"
            ),
            "{samples}"
        );
        assert!(!samples.contains("tracefs") && !samples.contains("/sys"), "{samples}");
        // Mounted at one place twice, a device is shown once; at two places, at each.
        let of_root = |point: &str| {
            let labels = "node_filesystem_mount_info{device=\"/dev/vda1\",";
            let point = format!(",mountpoint=\"{point}\"}} 1");
            samples
                .lines()
                .filter(|line| line.starts_with(labels) && line.ends_with(&point))
                .count()
        };
        assert_eq!((of_root("/"), of_root("/tmp")), (1, 1), "{samples}");
    }

    #[test]
    fn a_mount_that_hangs_is_waited_for_once() {
        let watch = Watch::default();
        let mount = parse("1 1 8:1 / /tmp rw - ext4 /dev/sda1 rw", false).expect("well-formed");
        let mounts = [mount];
        let gate = Arc::clone(watch.gates.lock().entry("/tmp".into()).or_default());
        let stuck = gate.enter(Duration::ZERO);
        let timeout = Duration::from_millis(20);
        for _ in 0..5 {
            let answers = watch.ask(Path::new("/"), &mounts, timeout);
            assert_eq!(answers[0].as_ref().err(), Some(&TIMEOUT));
            assert!(watch.hanging.lock().contains(Path::new("/tmp")));
            // The gate of a stuck mount stays, even when the mount is filtered or taken away.
            watch.ask(Path::new("/"), &[], timeout);
            assert!(watch.gates.lock().contains_key(Path::new("/tmp")));
        }
        drop(stuck);
        assert!(watch.ask(Path::new("/"), &mounts, Duration::from_secs(5))[0].is_ok());
        assert!(watch.hanging.lock().is_empty());
    }
}
