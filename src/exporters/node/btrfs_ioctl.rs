//! What btrfs tells of its devices by ioctls on a mount point only (linux/btrfs.h): how much of a device
//! is handed out, and the errors that were counted on it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// The kinds of errors, in the order of `enum btrfs_dev_stat_values`.
pub(super) const ERRORS: [&str; 5] = ["write", "read", "flush", "corruption", "generation"];

/// `struct btrfs_ioctl_fs_info_args`, `btrfs_ioctl_dev_info_args` and `btrfs_ioctl_get_dev_stats`.
type FileSystemBytes = [u8; 1024];
type DeviceBytes = [u8; 4096];
type ErrorBytes = [u8; 1032];

const GROUP: u8 = 0x94;
const DEVICE: Opcode = opcode::read_write::<DeviceBytes>(GROUP, 30);
const FILE_SYSTEM: Opcode = opcode::read::<FileSystemBytes>(GROUP, 31);
const DEVICE_ERRORS: Opcode = opcode::read_write::<ErrorBytes>(GROUP, 52);

/// A file system that is mounted.
#[derive(Debug, PartialEq)]
pub(super) struct FileSystem {
    /// As its folder in `/sys/fs/btrfs` is called.
    pub id: String,
    largest_device: u64,
    devices: u64,
}

/// One device of a file system.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Device {
    /// Last part of its path: `sda`. Empty when it is missing.
    pub name: String,
    pub uuid: String,
    pub size_bytes: u64,
    pub used_bytes: u64,
    /// Parallel to [`ERRORS`].
    pub errors: [u64; 5],
}

/// The file system that is mounted at a folder.
pub(super) fn file_system(folder: &Path) -> io::Result<(FileSystem, impl AsFd + use<>)> {
    // Neither a device nor a pipe that something is mounted over is opened by mistake.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    let mut bytes = [0; 1024];
    ask::<FILE_SYSTEM, 1024>(folder.as_fd(), &mut bytes)?;
    Ok((FileSystem::read(&bytes), folder))
}

/// All its devices; `folder` is where it is mounted.
pub(super) fn devices(folder: BorrowedFd<'_>, system: &FileSystem) -> io::Result<Vec<Device>> {
    let mut devices = Vec::new();
    // Numbers begin anywhere and have gaps where devices were taken away.
    for number in 0..=system.largest_device {
        let mut told = [0; 4096];
        told[..8].copy_from_slice(&number.to_ne_bytes());
        match ask::<DEVICE, 4096>(folder, &mut told) {
            Err(Errno::NODEV) => continue,
            other => other?,
        }
        let mut errors = [0; 1032];
        errors[..8].copy_from_slice(&number.to_ne_bytes());
        errors[8..16].copy_from_slice(&(ERRORS.len() as u64).to_ne_bytes());
        ask::<DEVICE_ERRORS, 1032>(folder, &mut errors)?;
        devices.push(Device::read(&told, &errors));
        if devices.len() as u64 == system.devices {
            break;
        }
    }
    Ok(devices)
}

/// One question; the bytes are both it and its answer.
#[allow(unsafe_code)]
fn ask<const CODE: Opcode, const BYTES: usize>(
    folder: BorrowedFd<'_>,
    bytes: &mut [u8; BYTES],
) -> Result<(), Errno> {
    // The length is part of the code, above bit 16 (`_IOC_SIZE`).
    const { assert!((CODE >> 16) as usize & 0x1fff == BYTES) };
    // SAFETY: these calls read and write nothing but as many bytes as their code says, in which there is
    // no pointer, and the buffer is that long. Any other file system knows none of these codes.
    unsafe { ioctl(folder, Updater::<CODE, [u8; BYTES]>::new(bytes)) }
}

impl FileSystem {
    /// The largest device's number, how many there are, and the identity.
    fn read(bytes: &FileSystemBytes) -> Self {
        let id = uuid(&bytes[16..32]);
        Self { id, largest_device: number(bytes, 0), devices: number(bytes, 8) }
    }
}

impl Device {
    /// Of the one: number, UUID, bytes used and bytes in all; the path, ended by a zero, at 3072. Of the
    /// other: number, how many kinds of errors the kernel knows, flags; then the errors.
    fn read(told: &DeviceBytes, errors: &ErrorBytes) -> Self {
        let path = told[3072..].split(|byte| *byte == 0).next().unwrap_or_default();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        Self {
            name: String::from_utf8_lossy(name).into_owned(),
            uuid: uuid(&told[8..24]),
            used_bytes: number(told, 24),
            size_bytes: number(told, 32),
            errors: std::array::from_fn(|at| number(errors, 24 + 8 * at)),
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_ne_bytes)
}

fn uuid(bytes: &[u8]) -> String {
    let number = bytes.try_into().map_or(0, u128::from_be_bytes);
    let hex = format!("{number:032x}");
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(parts: &[(usize, &[u8])]) -> [u8; N] {
        let mut bytes = [0; N];
        for (at, part) in parts {
            bytes[*at..*at + part.len()].copy_from_slice(part);
        }
        bytes
    }

    /// Recorded from a file system over two devices of 300 MiB; the errors are made up.
    #[cfg(target_endian = "little")]
    #[test]
    fn recorded_answers_are_read() {
        let told =
            b"\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\xab\x46\xbd\x04\x4c\x95\x47\xef\xac\xfe\x93\x39\
            \x0f\xe8\xc9\x63\0\x40\0\0\0\x10\0\0\0\x10";
        let system = FileSystem::read(&bytes(&[(0, told)]));
        let id = "ab46bd04-4c95-47ef-acfe-93390fe8c963".to_owned();
        assert_eq!(system, FileSystem { id, largest_device: 2, devices: 2 });
        let told =
            b"\x02\0\0\0\0\0\0\0\xef\x6b\xfd\x74\xac\x09\x4e\x1b\xbb\xea\x28\x34\x5c\x90\xb7\x15\
            \0\0\x80\x02\0\0\0\0\0\0\xc0\x12\0\0\0\0\xab\x46\xbd\x04";
        let errors =
            b"\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\x01";
        let device =
            Device::read(&bytes(&[(0, told), (3072, b"/dev/loop1")]), &bytes(&[(0, errors)]));
        let expected = Device {
            name: "loop1".to_owned(),
            uuid: "ef6bfd74-ac09-4e1b-bbea-28345c90b715".to_owned(),
            size_bytes: 300 << 20,
            used_bytes: 40 << 20,
            errors: [7, 256, 0, 0, 0],
        };
        assert_eq!(device, expected);
        let missing = Device::read(&[0; 4096], &[0; 1032]);
        assert_eq!((&*missing.name, missing.size_bytes), ("", 0));
    }

    #[test]
    fn another_file_system_does_not_know_the_question() {
        let err = file_system(Path::new("/proc")).map(|(system, _)| system);
        assert!(err.is_err(), "{err:?}");
        assert!(file_system(Path::new("/dev/null")).is_err());
    }
}
