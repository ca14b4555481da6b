//! The receiving end of remote write: a request's bytes become one batch.

mod known;
mod labels;
mod v1;
mod v2;

use std::sync::Arc;

use parking_lot::Mutex;
use tracing::warn;

use self::known::Known;
use self::labels::{Invalid, checked};
use super::fields::Malformed;
use crate::model::Labels;
use crate::storage::{Append, AppendError, Batch, Outcome, Reject, SeriesId};

/// Most bytes of an unpacked request: some hundred thousand samples.
const LARGEST: usize = 256 << 20;
/// Unpacked requests above this are not kept for the next one.
const WORTH_KEEPING: usize = 4 << 20;

/// Which message a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `prometheus.WriteRequest`: a rejected sample rejects the request.
    V1,
    /// `io.prometheus.write.v2.Request`: what can be stored is stored.
    V2,
}

impl Protocol {
    /// Reads a content type; `None` for one that is no remote write.
    pub fn from_content_type(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        let message = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("proto").then_some(value.trim_matches('"'))
        });
        match message {
            None | Some("prometheus.WriteRequest") => Some(Self::V1),
            Some("io.prometheus.write.v2.Request") => Some(Self::V2),
            Some(_) => None,
        }
    }
}

/// How much of a request was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Float samples.
    pub samples: usize,
    /// Native histograms.
    pub histograms: usize,
    /// Exemplars.
    pub exemplars: usize,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// What was stored.
    pub written: Written,
    /// Why not all of it; sending it again would not help.
    pub problem: Option<String>,
}

/// Nothing of a request was stored.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The bytes are not what their header says; sending them again would not help.
    #[error("{0}")]
    Malformed(String),
    /// The store cannot take samples now.
    #[error(transparent)]
    Store(#[from] AppendError),
}

impl From<Malformed> for RemoteError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.to_string())
    }
}

/// One series of a request, in the order of the request.
struct Pending {
    /// Hash of the labels as they were written.
    key: u128,
    /// Where the message of the series lies in the request.
    start: usize,
    end: usize,
}

/// A request that was read; `SeriesId` in the batch is the place in `pending`.
#[derive(Default)]
struct Work {
    bytes: Vec<u8>,
    pending: Vec<Pending>,
    batch: Batch,
    ids: Vec<Result<SeriesId, Invalid>>,
    /// Hashes of the symbols of 2.0, and where each lies.
    symbols: v2::Symbols,
}

impl Work {
    fn clear(&mut self) {
        let Self { bytes, pending, batch, ids, symbols } = self;
        bytes.clear();
        pending.clear();
        batch.clear();
        ids.clear();
        symbols.clear();
    }
}

/// Takes remote write requests for a store. Series that were seen before are known by a hash of their
/// labels' bytes, so that a steady sender costs no look at a single label.
pub struct Receiver {
    store: Arc<dyn Append>,
    known: Mutex<Known>,
    /// Buffers of requests that have ended.
    idle: Mutex<Vec<Work>>,
    /// Of the keys: nobody outside can make up labels that share one.
    seed: u64,
}

impl Receiver {
    /// For a store.
    pub fn new(store: Arc<dyn Append>) -> Self {
        let (known, idle) = (Mutex::default(), Mutex::default());
        Self { store, known, idle, seed: fastrand::u64(..) }
    }

    /// Stores a request, packed with Snappy. Blocks on the store's log.
    pub fn receive(&self, protocol: Protocol, packed: &[u8]) -> Result<Received, RemoteError> {
        let mut work = self.idle.lock().pop().unwrap_or_default();
        let received = self.take(protocol, packed, &mut work);
        if work.bytes.capacity() <= WORTH_KEEPING {
            work.clear();
            self.idle.lock().push(work);
        }
        received
    }

    fn take(
        &self,
        protocol: Protocol,
        packed: &[u8],
        work: &mut Work,
    ) -> Result<Received, RemoteError> {
        unpack(packed, &mut work.bytes)?;
        match protocol {
            Protocol::V1 => v1::read(work, self.seed)?,
            Protocol::V2 => v2::read(work, self.seed)?,
        }
        self.identify(protocol, work)?;
        let problem = place(work).map(|(at, invalid)| {
            let labels = labels_of(protocol, work, at).unwrap_or_default();
            format!("{invalid} in {}", shown(&labels))
        });
        let mut received = match protocol {
            Protocol::V1 => self.store_whole(work),
            Protocol::V2 => self.store_parts(work),
        }?;
        if let Some(problem) = problem {
            match protocol {
                // Version 1 has no words for a part that was left out.
                Protocol::V1 => warn!("series left out of a remote write request: {problem}"),
                Protocol::V2 => received.problem = received.problem.or(Some(problem)),
            }
        }
        Ok(received)
    }

    /// Finds the id of each series, registering those that are new.
    fn identify(&self, protocol: Protocol, work: &mut Work) -> Result<(), RemoteError> {
        let mut unknown = Vec::new();
        {
            let mut known = self.known.lock();
            known.turn();
            for (at, pending) in work.pending.iter().enumerate() {
                let id = known.get(pending.key);
                if id.is_none() {
                    unknown.push(at);
                }
                work.ids.push(id.ok_or(Invalid::NoName));
            }
        }
        self.register(protocol, work, &unknown)
    }

    fn register(
        &self,
        protocol: Protocol,
        work: &mut Work,
        places: &[usize],
    ) -> Result<(), RemoteError> {
        let mut registered = Vec::with_capacity(places.len());
        let mut described = Vec::new();
        for &at in places {
            let pairs = labels_of(protocol, work, at)?;
            work.ids[at] = match checked(&pairs) {
                Ok(labels) => {
                    if protocol == Protocol::V2 {
                        described.extend(v2::metadata(work, at, labels.metric_name())?);
                    }
                    let id = self.store.register(&labels)?;
                    registered.push((work.pending[at].key, id));
                    Ok(id)
                }
                Err(invalid) => Err(invalid),
            };
        }
        work.batch.metadata.append(&mut described);
        let mut known = self.known.lock();
        for (key, id) in registered {
            known.insert(key, id);
        }
        Ok(())
    }

    /// All samples, or none.
    fn store_whole(&self, work: &mut Work) -> Result<Received, RemoteError> {
        work.batch.whole = true;
        let mut outcome = self.store.append(&work.batch)?;
        if self.renew(Protocol::V1, work, &outcome)? {
            outcome = self.store.append(&work.batch)?;
        }
        let problem = first_problem(Protocol::V1, work, &outcome);
        let written = if problem.is_some() { Written::default() } else { all_of(&work.batch) };
        Ok(Received { written, problem })
    }

    /// Each sample that can be stored.
    fn store_parts(&self, work: &mut Work) -> Result<Received, RemoteError> {
        let mut outcome = self.store.append(&work.batch)?;
        if self.renew(Protocol::V2, work, &outcome)? {
            // Those that were stored count as stored again.
            outcome = self.store.append(&work.batch)?;
        }
        let mut written = all_of(&work.batch);
        written.samples -= outcome.rejected_floats.len();
        written.histograms -= outcome.rejected_histograms.len();
        Ok(Received { written, problem: first_problem(Protocol::V2, work, &outcome) })
    }

    /// Registers series again that the store has forgotten; tells whether there were any.
    fn renew(
        &self,
        protocol: Protocol,
        work: &mut Work,
        outcome: &Outcome,
    ) -> Result<bool, RemoteError> {
        let mut gone: Vec<SeriesId> = rejected(&work.batch, outcome)
            .filter_map(|(id, reason)| (reason == Reject::UnknownSeries).then_some(id))
            .collect();
        if gone.is_empty() {
            return Ok(false);
        }
        gone.sort_unstable();
        gone.dedup();
        let is_gone = |id: &SeriesId| gone.binary_search(id).is_ok();
        let before = work.ids.clone();
        let places: Vec<usize> =
            (0..before.len()).filter(|&at| before[at].as_ref().is_ok_and(is_gone)).collect();
        self.register(protocol, work, &places)?;
        let new: std::collections::HashMap<SeriesId, SeriesId> =
            places.iter().filter_map(|&at| Some((before[at].ok()?, work.ids[at].ok()?))).collect();
        let Batch { floats, histograms, exemplars, .. } = &mut work.batch;
        let floats = floats.iter_mut().map(|row| &mut row.series);
        let histograms = histograms.iter_mut().map(|row| &mut row.series);
        let exemplars = exemplars.iter_mut().map(|row| &mut row.series);
        for id in floats.chain(histograms).chain(exemplars) {
            *id = new.get(id).copied().unwrap_or(*id);
        }
        Ok(true)
    }
}

fn unpack(packed: &[u8], into: &mut Vec<u8>) -> Result<(), RemoteError> {
    let malformed = |err: snap::Error| RemoteError::Malformed(format!("snappy: {err}"));
    let length = snap::raw::decompress_len(packed).map_err(malformed)?;
    if length > LARGEST {
        let why = format!("the request has {length} bytes unpacked, more than {LARGEST}");
        return Err(RemoteError::Malformed(why));
    }
    into.resize(length, 0);
    let written = snap::raw::Decoder::new().decompress(packed, into).map_err(malformed)?;
    into.truncate(written);
    Ok(())
}

/// Puts the ids of the series into the rows, and leaves out rows of series with invalid labels; gives
/// the first of these.
fn place(work: &mut Work) -> Option<(usize, Invalid)> {
    let Work { batch, ids, .. } = work;
    let Batch { floats, histograms, exemplars, .. } = batch;
    let valid = |id: &mut SeriesId| match ids[id.0 as usize] {
        Ok(known) => {
            *id = known;
            true
        }
        Err(_) => false,
    };
    floats.retain_mut(|row| valid(&mut row.series));
    histograms.retain_mut(|row| valid(&mut row.series));
    exemplars.retain_mut(|row| valid(&mut row.series));
    ids.iter().enumerate().find_map(|(at, id)| id.err().map(|invalid| (at, invalid)))
}

fn labels_of(protocol: Protocol, work: &Work, at: usize) -> Result<Vec<(&str, &str)>, Malformed> {
    match protocol {
        Protocol::V1 => v1::labels(work, at),
        Protocol::V2 => v2::labels(work, at),
    }
}

fn shown(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn all_of(batch: &Batch) -> Written {
    Written {
        samples: batch.floats.len(),
        histograms: batch.histograms.len(),
        exemplars: batch.exemplars.len(),
    }
}

fn rejected<'a>(
    batch: &'a Batch,
    outcome: &'a Outcome,
) -> impl Iterator<Item = (SeriesId, Reject)> + 'a {
    let floats = outcome.rejected_floats.iter();
    let floats = floats.map(|&(row, reason)| (batch.floats[row as usize].series, reason));
    let histograms = outcome.rejected_histograms.iter();
    floats.chain(histograms.map(|&(row, reason)| (batch.histograms[row as usize].series, reason)))
}

/// The first rejected sample in words; the words are those that senders of the reference program log.
fn first_problem(protocol: Protocol, work: &Work, outcome: &Outcome) -> Option<String> {
    let (id, reason) = rejected(&work.batch, outcome).next()?;
    let why = match reason {
        Reject::OutOfOrder => "out of order sample",
        Reject::DuplicateTimestamp => "duplicate sample for timestamp",
        Reject::TooOld => "too old sample",
        Reject::TooFarInFuture => "out of bounds",
        Reject::UnknownSeries => "unknown series",
        Reject::Invalid => "invalid histogram or timestamp",
    };
    let at = work.ids.iter().position(|known| *known == Ok(id))?;
    let labels = labels_of(protocol, work, at).unwrap_or_default();
    let count = outcome.rejected_floats.len() + outcome.rejected_histograms.len();
    let others = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    Some(format!("{why} for series {}{others}", shown(&labels)))
}

#[cfg(test)]
mod tests;
