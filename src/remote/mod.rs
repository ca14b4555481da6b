//! Samples from and for other servers: remote write 1.0 and 2.0 are taken, remote read is answered, as
//! their specifications say.

mod fields;
mod histogram;
mod read;
mod receive;

pub use read::{ReadError, ReadLimits, ReadRequest};
pub use receive::{Protocol, Received, Receiver, RemoteError, Written};
