//! One process a data folder: a lock file that the kernel releases when its owner ends, however.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::TsdbError;

/// Held as long as the store is open.
#[derive(Debug)]
pub(super) struct Lock {
    // The lock belongs to the open file.
    _file: File,
}

impl Lock {
    /// Takes the lock and leaves our process number in the file.
    pub fn take(path: &Path) -> Result<Self, TsdbError> {
        let io = |what| move |source| TsdbError::Io { what, path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io("open the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Without a number the message is shorter and still right.
                let _ = file.read_to_string(&mut owner);
                let owner = match owner.trim().parse::<u32>() {
                    Ok(number) => format!("process {number}"),
                    Err(_) => "another process".to_owned(),
                };
                return Err(TsdbError::InUse { path: path.to_owned(), owner });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(io("write the lock"))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_owner_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let refused = Lock::take(&path).unwrap_err();
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())));
        drop(first);
        Lock::take(&path).unwrap();
    }
}
