//! The chunk codec: columns of samples to bytes and back, lossless (docs/format/chunk.md).

mod bytes;
pub mod chunk;
pub mod floats;
mod frames;
pub mod histograms;
pub mod times;
mod xor;

pub use bytes::{Damaged, Reader, put_text, put_varint, put_zigzag};
pub use chunk::Values;
pub use floats::Scratch;

/// Samples in one chunk at most; a larger count is damage.
pub const MOST_SAMPLES: usize = 1 << 20;
