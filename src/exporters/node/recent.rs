//! What several collectors of one scrape read, and which is dear to make: the first reads it, the others
//! take what it has read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Older than this, it is read again: collectors that hung meanwhile do not show what was.
const FRESH: Duration = Duration::from_millis(100);

/// One thing of that kind. It is forgotten when a scrape ends.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Recent<T> {
    /// What is there, or what `read` gives. Whoever comes while it is read reads as well: one that hangs
    /// holds nobody up.
    pub(super) fn get<E>(&self, read: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some((_, known)) = self.0.lock().as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(Arc::clone(known));
        }
        let at = Instant::now();
        let made = Arc::new(read()?);
        *self.0.lock() = Some((at, Arc::clone(&made)));
        Ok(made)
    }

    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_once_until_it_is_forgotten() {
        let recent = Recent::default();
        let mut read = 0;
        let mut get = |fails: bool| {
            recent.get(|| {
                read += 1;
                if fails { Err("no") } else { Ok(read) }
            })
        };
        assert_eq!(get(true), Err("no"));
        assert_eq!((get(false), get(true)), (Ok(Arc::new(2)), Ok(Arc::new(2))));
        recent.forget();
        assert_eq!(recent.get(|| Ok::<_, ()>(7)), Ok(Arc::new(7)));
    }
}
