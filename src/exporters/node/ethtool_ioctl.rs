//! Questions to the drivers of network devices by the ioctl `SIOCETHTOOL` (linux/ethtool.h), which there
//! is no other way to ask for their counters.
//!
//! The kernel writes as many names and counters as the driver has at that moment, however long the
//! buffer is that was made for them. So the room for answers is a mapping of its own, and the page behind
//! it is one nobody may touch: an answer that grew beyond the room is refused by the processor, and the
//! call fails with `EFAULT`.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use rustix::ioctl::{Opcode, Updater, ioctl};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

const SIOCETHTOOL: Opcode = 0x8946;
/// Enough for 65,000 names of 32 bytes; memory is only taken for what is written.
pub(super) const ROOM: usize = 2 << 20;
/// A page, however large they are on this machine.
const GUARD: usize = 64 * 1024;

/// What may be asked: reading only, by the numbers `ETHTOOL_G…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// `struct ethtool_drvinfo`.
    Driver = 0x03,
    /// `struct ethtool_gstrings`.
    Names = 0x1b,
    /// `struct ethtool_stats`.
    Counters = 0x1d,
}

/// A socket to ask by, and the room for answers.
#[derive(Debug)]
pub(super) struct Asking {
    socket: OwnedFd,
    room: NonNull<u8>,
}

/// What the ioctl takes: `struct ifreq`, the part of it that counts here.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    data: *mut u8,
    /// The kernel's structure is a union that has longer members.
    rest: [u8; 16],
}

#[allow(unsafe_code)]
impl Asking {
    pub(super) fn new() -> io::Result<Self> {
        let socket =
            socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses is nobody else's.
        let room = unsafe {
            mmap_anonymous(std::ptr::null_mut(), ROOM + GUARD, protection, MapFlags::PRIVATE)?
        };
        let room = NonNull::new(room.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let asking = Self { socket, room };
        // SAFETY: the range is the last part of the mapping that was just made, and nothing refers to it.
        unsafe { mprotect(asking.room.as_ptr().add(ROOM).cast(), GUARD, MprotectFlags::empty())? };
        Ok(asking)
    }

    /// Asks the driver of a device. `more` are the numbers behind that of the question in its structure.
    /// The answer begins with the same numbers; behind it are bytes of earlier ones.
    pub(super) fn ask(
        &mut self,
        device: &str,
        question: Question,
        more: [u32; 2],
    ) -> io::Result<&[u8]> {
        let mut name = [0; libc::IFNAMSIZ];
        // The last byte stays zero. No device has such a name, whatever its folder is called.
        let Some(start) = name.get_mut(..device.len()).filter(|_| device.len() < libc::IFNAMSIZ)
        else {
            return Err(io::ErrorKind::NotFound.into());
        };
        start.copy_from_slice(device.as_bytes());
        // SAFETY: the room is mapped for reading and writing as long as this value lives, it began as
        // zeros, and nobody else has a reference into it: those that are given out borrow this value.
        let room = unsafe { std::slice::from_raw_parts_mut(self.room.as_ptr(), ROOM) };
        let words = [question as u32, more[0], more[1]];
        for (place, word) in room.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        let mut request = Request { name, data: room.as_mut_ptr(), rest: [0; 16] };
        // SAFETY: the kernel reads `struct ifreq`, which is not longer than the request, and the numbers
        // at the start of the room. These questions change nothing; the kernel writes their answers from
        // the start of the room upwards, and cannot write over the page behind it.
        unsafe { ioctl(&self.socket, Updater::<SIOCETHTOOL, Request>::new(&mut request))? };
        Ok(room)
    }
}

#[allow(unsafe_code)]
impl Drop for Asking {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and all references into it have ended with it.
        let done = unsafe { munmap(self.room.as_ptr().cast(), ROOM + GUARD) };
        debug_assert!(done.is_ok(), "{done:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_device_with_a_long_name() {
        let mut asking = Asking::new().expect("a socket and a mapping");
        for name in ["stackctl-none", "a-name-of-sixteen", "a-name-of-16-chr", ""] {
            let answer = asking.ask(name, Question::Driver, [0; 2]);
            assert!(answer.is_err(), "{name}");
        }
        assert!(size_of::<Request>() >= size_of::<libc::ifreq>());
    }

    #[test]
    fn the_page_behind_the_room_cannot_be_written() {
        let asking = Asking::new().expect("a socket and a mapping");
        let maps = std::fs::read_to_string("/proc/self/maps").expect("readable");
        let guard = asking.room.as_ptr().addr() + ROOM;
        let line = maps.lines().find(|line| line.starts_with(&format!("{guard:x}-")));
        assert!(line.is_some_and(|line| line.contains(" ---p ")), "{guard:x}: {maps}");
    }
}
