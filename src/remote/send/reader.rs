//! The log as rows for one receiver: external labels, relabelling, shards.

use std::io;
use std::sync::Arc;

use hashbrown::HashMap;
use xxhash_rust::xxh3::Xxh3;

use super::encode::{Row, Value};
use super::metrics::{Counters, Reason};
use crate::model::{Labels, LabelsBuilder};
use crate::scrape::config::RemoteWrite;
use crate::scrape::relabel::relabel;
use crate::storage::SeriesId;
use crate::tsdb::{Place, Tail};

/// Labels as they are sent, and a number that says which shard does it.
type Known = (Option<Arc<Labels>>, u64);

/// See the module.
pub struct Reader {
    pub tail: Tail,
    pub config: Arc<RemoteWrite>,
    pub external: Labels,
    pub counters: Arc<Counters>,
    known: HashMap<SeriesId, Known>,
    /// Whose series are known.
    segment: u64,
}

impl Reader {
    pub fn new(
        tail: Tail,
        config: Arc<RemoteWrite>,
        external: Labels,
        counters: Arc<Counters>,
    ) -> Self {
        Self { tail, config, external, counters, known: HashMap::new(), segment: 0 }
    }

    /// Adds what the log has to the shards, until there are `most` rows, or up to a place. Gives how
    /// many rows it added.
    pub fn read(
        &mut self,
        shards: &mut [Vec<Row>],
        most: usize,
        until: Option<Place>,
    ) -> io::Result<usize> {
        let mut rows = 0;
        while rows < most
            && until.is_none_or(|end| self.tail.place() < end)
            && self.tail.advance()?
        {
            if self.segment != self.tail.place().segment {
                self.segment = self.tail.place().segment;
                self.known.clear();
            }
            rows += self.spread(shards);
        }
        Ok(rows)
    }

    /// Spreads the rows of a frame. Every row takes its place, sent or not: places are counted.
    fn spread(&mut self, shards: &mut [Vec<Row>]) -> usize {
        let Self { tail, config, external, counters, known, segment: _ } = self;
        let batch = tail.batch();
        let mut dropped = (0, 0);
        let mut put = |series: SeriesId, time, wanted: bool, value| {
            let (labels, hash) =
                known.entry(series).or_insert_with(|| know(tail, series, external, config));
            if labels.is_none() && wanted {
                let unknown = tail.labels(series).is_none();
                dropped = (dropped.0 + usize::from(!unknown), dropped.1 + usize::from(unknown));
            }
            let shard = (*hash % shards.len() as u64) as usize;
            shards[shard].push(Row { labels: labels.clone().filter(|_| wanted), time, value });
        };
        for row in &batch.floats {
            let value = Value::Float { start: row.start_time, value: row.value };
            put(row.series, row.time, true, value);
        }
        for row in &batch.histograms {
            let (start, value) = (row.start_time, Arc::clone(&row.value));
            put(row.series, row.time, config.histograms, Value::Histogram { start, value });
        }
        for row in &batch.exemplars {
            let value = Value::Exemplar(Arc::new(row.exemplar.clone()));
            put(row.series, row.exemplar.time, config.exemplars, value);
        }
        counters.dropped(Reason::Relabelled, dropped.0);
        counters.dropped(Reason::Unknown, dropped.1);
        batch.floats.len() + batch.histograms.len() + batch.exemplars.len()
    }
}

fn know(tail: &Tail, series: SeriesId, external: &Labels, config: &RemoteWrite) -> Known {
    let Some(labels) = tail.labels(series) else { return (None, 0) };
    let mut hash = Xxh3::new();
    for (name, value) in labels.iter() {
        for text in [name, value] {
            hash.update(text.as_bytes());
            hash.update(&[0xff]);
        }
    }
    let mut sent = labels.to_builder();
    for (name, value) in external.iter().filter(|(name, _)| labels.get(name).is_none()) {
        sent.set(name, value);
    }
    let sent = relabel(sent, &config.relabel).map(LabelsBuilder::build);
    (sent.filter(|labels| !labels.is_empty()).map(Arc::new), hash.digest())
}
