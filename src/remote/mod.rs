//! Samples from and for other servers: remote write 1.0 and 2.0 are taken and sent, remote read is
//! answered, as their specifications say.

mod fields;
mod histogram;
mod read;
mod receive;
mod send;

pub use read::{ReadError, ReadLimits, ReadRequest};
pub use receive::{Protocol, Received, Receiver, RemoteError, Written};
pub use send::{SendOptions, Sender};
