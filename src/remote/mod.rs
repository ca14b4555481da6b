//! Samples from other servers: remote write 1.0 and 2.0, as their specifications say.

mod fields;
mod histogram;
mod receive;

pub use receive::{Protocol, Received, Receiver, RemoteError, Written};
