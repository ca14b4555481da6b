//! The process' own memory.

/// Gives the kernel the whole pages that the allocator holds free (malloc_trim(3)): to be called when
/// much was let go that was taken bit by bit, which leaves holes that nothing else gives back.
#[allow(unsafe_code)]
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim may be called at any time from any thread; it moves nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
