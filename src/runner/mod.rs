//! What `up` is: it builds each part from a `Stack`, watches, reloads and stops it.

pub mod board;
pub mod control;
pub mod door;
pub mod logs;
pub mod orphans;
pub mod place;
pub mod plan;
pub mod ports;
pub mod probe;
pub mod process;
pub mod prometheus;
pub mod simulate;
pub mod supervise;
pub mod up;
