//! The store as a whole: opening, closing, and what its parts share.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, RwLock};
use tracing::{error, info, warn};

use super::append::{Column, Writer};
use super::disk::{Clock, Disk, Files, SystemClock};
use super::head::{Exemplars, Hand, Registry};
use super::lock::Lock;
use super::log::{Frame, Log, Progress, Syncer};
use super::maintain::Upkeep;
use super::partition::{Cache, Meta, Partition, Shared};
use super::{Config, Settings, TsdbError};
use crate::model::{Labels, Metadata, TimeRange, Timestamp};
use crate::storage::{AppendError, LabelSet, SeriesId, Symbol, Symbols};

/// The sealed partitions at one time, by start and then by age: of samples with the same time the one
/// stored first is read first, and stays.
#[derive(Debug, Default)]
pub(super) struct PartitionSet {
    /// Everything sealed into a partition up to this number lies in one of `all`.
    pub last: u64,
    /// The partitions.
    pub all: Vec<Arc<Partition>>,
}

impl PartitionSet {
    pub fn new(last: u64, mut all: Vec<Arc<Partition>>) -> Self {
        all.sort_by_key(|partition| {
            let Meta { first_window, window, number, .. } = *partition.meta();
            (first_window.saturating_mul(window), number)
        });
        Self { last, all }
    }
}

/// What happened since the store was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub appended: AtomicU64,
    pub rejected: AtomicU64,
    /// Samples taken out of order: floats and histograms, as in the next two.
    pub late: [AtomicU64; 2],
    pub refused_late: [AtomicU64; 2],
    pub too_old: [AtomicU64; 2],
    pub log_failures: AtomicU64,
    pub sealed: AtomicU64,
    pub merged: AtomicU64,
    pub removed: AtomicU64,
    pub damaged_files: AtomicU64,
    pub damaged_frames: AtomicU64,
}

pub(super) struct Inner {
    pub config: Config,
    /// What of the configuration holds now.
    pub settings: RwLock<Settings>,
    /// Length of a window, milliseconds.
    pub window: i64,
    /// `<path>/stackctl/partitions`.
    pub folder: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub symbols: Arc<Symbols>,
    /// Locked before `gate`, never behind it.
    pub registry: RwLock<Registry>,
    /// Held for writing while a batch becomes visible: queries see all of it or nothing.
    pub gate: RwLock<()>,
    pub writer: Mutex<Writer>,
    pub exemplars: Mutex<Exemplars>,
    pub metadata: RwLock<BTreeMap<String, Vec<Metadata>>>,
    pub partitions: RwLock<Arc<PartitionSet>>,
    pub shared: Shared,
    pub progress: Arc<Progress>,
    /// One upkeep at a time.
    pub upkeep: Mutex<Upkeep>,
    pub newest: AtomicI64,
    pub counters: Counters,
}

/// A time series database in a folder; an `Append` and a `Select`.
///
/// Dropping it without [`Tsdb::close`] loses nothing that a killed process would not lose: every
/// acknowledged batch has been written to the log.
pub struct Tsdb {
    pub(super) inner: Arc<Inner>,
    syncer: Mutex<Option<Syncer>>,
    _lock: Lock,
}

/// Figures for `/metrics`; counters count since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Series in memory.
    pub head_series: u64,
    /// Samples stored.
    pub samples_appended: u64,
    /// Samples rejected, for any reason.
    pub samples_rejected: u64,
    /// Samples stored out of order: floats and histograms, as in the next two.
    pub late: [u64; 2],
    /// Samples rejected for being out of order where none may be.
    pub refused_late: [u64; 2],
    /// Samples rejected for being older than the out-of-order window.
    pub too_old: [u64; 2],
    /// Exemplars in memory.
    pub exemplars: u64,
    /// Sealed partitions.
    pub partitions: u64,
    /// Bytes of the sealed partitions.
    pub partition_bytes: u64,
    /// Segments of the log.
    pub log_segments: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Batches refused because the log could not be written.
    pub log_failures: u64,
    /// Failed syncs of the log.
    pub sync_failures: u64,
    /// Windows sealed.
    pub sealed: u64,
    /// Partitions written by merging others.
    pub merged: u64,
    /// Partitions removed by retention.
    pub removed: u64,
    /// Chunks of sealed partitions decoded.
    pub chunks_decoded: u64,
    /// Bytes of decoded blocks kept.
    pub cache_bytes: u64,
    /// Partitions that could not be opened.
    pub damaged_partitions: u64,
    /// Damaged blocks found while reading.
    pub damaged_blocks: u64,
    /// Damaged stretches of the log found while opening, a torn end included.
    pub damaged_frames: u64,
    /// Newest sample; `None` while there is none.
    pub newest: Option<Timestamp>,
    /// How long samples are kept, in seconds; 0 is no limit.
    pub retention_seconds: u64,
    /// Bytes that are kept; 0 is no limit.
    pub retention_bytes: u64,
}

impl Tsdb {
    /// Opens or makes the store of a data folder and replays its log.
    pub fn open(config: Config) -> Result<Self, TsdbError> {
        Self::open_with(config, Arc::new(Files), Arc::new(SystemClock))
    }

    /// The same with another disk under the log and another clock.
    pub fn open_with(
        config: Config,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TsdbError> {
        let window = i64::try_from(config.window.as_millis())
            .ok()
            .filter(|window| (1000..=1 << 40).contains(window))
            .ok_or(TsdbError::Config("the window must be at least a second"))?;
        let root = config.path.join("stackctl");
        let folder = root.join("partitions");
        fs::create_dir_all(&folder).map_err(|source| TsdbError::Io {
            what: "create",
            path: folder.clone(),
            source,
        })?;
        let lock = Lock::take(&root.join("lock"))?;
        let symbols = Arc::new(Symbols::default());
        let shared = Shared {
            cache: Arc::new(Cache::new(config.cache_bytes)),
            symbols: Arc::clone(&symbols),
            damage: Arc::default(),
            decoded: Arc::default(),
        };
        let counters = Counters::default();
        let (partitions, last) = open_partitions(&folder, &shared, &counters)?;
        let mut sealed = BTreeMap::new();
        for meta in partitions.iter().map(|partition| partition.meta()) {
            for &(number, segment) in meta.sealed.iter().filter(|_| meta.window == window) {
                let until = sealed.entry(number).or_insert(segment);
                *until = segment.max(*until);
            }
        }
        let mut replay = Replay {
            window,
            symbols: &symbols,
            sealed: &sealed,
            registry: Registry::default(),
            columns: Vec::new(),
            windows: BTreeSet::new(),
            metadata: BTreeMap::new(),
            exemplars: Exemplars::new(config.exemplars),
            newest: i64::MIN,
            segment: 0,
            numbers: HashMap::new(),
            hand: Hand::default(),
            lost: 0,
        };
        let progress = Arc::new(Progress::default());
        let (mut log, replayed) =
            Log::open(&root, disk, Arc::clone(&progress), |number, frame| {
                replay.frame(number, frame)
            })?;
        log.remove_sealed(&sealed);
        let Replay { registry, columns, windows, metadata, exemplars, mut newest, lost, .. } =
            replay;
        if lost > 0 {
            error!(lost, "rows of the log name series that only damaged frames describe");
        }
        counters.damaged_frames.store(replayed.damaged, Ordering::Relaxed);
        newest = partitions.iter().map(|p| p.meta().newest).fold(newest, i64::max);
        info!(series = registry.len(), frames = replayed.frames, partitions = partitions.len(),
            path = %config.path.display(), "store opened");
        let syncer = Syncer::start(Arc::clone(&progress)).map_err(|source| TsdbError::Io {
            what: "start a thread for",
            path: root,
            source,
        })?;
        let inner = Arc::new(Inner {
            window,
            folder,
            clock,
            symbols,
            registry: RwLock::new(registry),
            gate: RwLock::default(),
            writer: Mutex::new(Writer::new(log, columns, &windows)),
            exemplars: Mutex::new(exemplars),
            metadata: RwLock::new(metadata),
            partitions: RwLock::new(Arc::new(PartitionSet::new(last, partitions))),
            shared,
            progress,
            upkeep: Mutex::new(Upkeep::new(sealed, last + 1)),
            newest: AtomicI64::new(newest),
            counters,
            settings: RwLock::new(config.settings()),
            config,
        });
        Ok(Self { inner, syncer: Mutex::new(Some(syncer)), _lock: lock })
    }

    /// Seals the windows that are over, merges partitions and applies the retention. Blocks for as
    /// long as that takes, while samples go in and queries are answered. To be called about once a
    /// minute; `now` keeps a sample from the future from ageing the others.
    ///
    /// After an error everything that was stored is still there, and the next call tries again.
    pub fn maintain(&self, now: Timestamp) -> Result<super::Maintained, TsdbError> {
        self.inner.maintain(now)
    }

    /// Changes what can change while the store runs; it holds from the next batch and the next
    /// upkeep on.
    pub fn configure(&self, settings: Settings) {
        *self.inner.settings.write() = settings;
        self.inner.exemplars.lock().resize(settings.exemplars);
    }

    /// Syncs the log and refuses further samples. Queries are still answered.
    pub fn close(&self) -> Result<(), TsdbError> {
        self.inner.writer.lock().close();
        // Ends the thread before the last sync: afterwards no one writes and no one syncs.
        drop(self.syncer.lock().take());
        self.inner.progress.sync().map_err(|source| TsdbError::Io {
            what: "sync the log in",
            path: self.inner.config.path.clone(),
            source,
        })
    }

    /// Figures for `/metrics`.
    pub fn metrics(&self) -> Metrics {
        let inner = &*self.inner;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let both = |counters: &[AtomicU64; 2]| counters.each_ref().map(load);
        let settings = *inner.settings.read();
        let (log_segments, log_bytes) = inner.writer.lock().log_size();
        let partitions = inner.partitions();
        let counters = &inner.counters;
        Metrics {
            head_series: inner.registry.read().len() as u64,
            samples_appended: load(&counters.appended),
            samples_rejected: load(&counters.rejected),
            late: both(&counters.late),
            refused_late: both(&counters.refused_late),
            too_old: both(&counters.too_old),
            exemplars: inner.exemplars.lock().len() as u64,
            partitions: partitions.all.len() as u64,
            partition_bytes: partitions.all.iter().map(|partition| partition.bytes()).sum(),
            log_segments,
            log_bytes,
            log_failures: load(&counters.log_failures),
            sync_failures: inner.progress.failures(),
            sealed: load(&counters.sealed),
            merged: load(&counters.merged),
            removed: load(&counters.removed),
            chunks_decoded: load(&inner.shared.decoded),
            cache_bytes: inner.shared.cache.bytes() as u64,
            damaged_partitions: load(&counters.damaged_files),
            damaged_blocks: load(&inner.shared.damage),
            damaged_frames: load(&counters.damaged_frames),
            newest: Some(inner.newest.load(Ordering::Relaxed)).filter(|&time| time != i64::MIN),
            retention_seconds: settings.retention_time.map_or(0, |time| time.as_secs()),
            retention_bytes: settings.retention_size.unwrap_or(0),
        }
    }
}

impl Inner {
    /// The partitions of this moment.
    pub fn partitions(&self) -> Arc<PartitionSet> {
        Arc::clone(&self.partitions.read())
    }

    /// Finds or registers a series.
    pub fn register(&self, labels: &Labels) -> Result<SeriesId, AppendError> {
        let hash = {
            let registry = self.registry.read();
            let hash = registry.hash(labels.iter());
            if let Some(series) = registry.find(hash, labels, &self.symbols) {
                return Ok(SeriesId(series.id.into()));
            }
            hash
        };
        let mut registry = self.registry.write();
        // Another thread may have been faster between the two locks.
        if let Some(series) = registry.find(hash, labels, &self.symbols) {
            return Ok(SeriesId(series.id.into()));
        }
        if let Some(limit) = self.config.series_limit.filter(|&limit| registry.len() >= limit) {
            return Err(AppendError::SeriesLimit { limit });
        }
        let set = LabelSet::intern(labels, |text| self.symbols.intern(text));
        Ok(SeriesId(registry.insert(hash, set).id.into()))
    }

    /// From the oldest to the newest sample in memory.
    pub fn head_range(&self) -> Option<TimeRange> {
        let registry = self.registry.read();
        registry
            .iter()
            .filter_map(|series| series.bounds())
            .reduce(|a, b| TimeRange::new(a.start.min(b.start), a.end.max(b.end)))
    }
}

/// Opens all partitions of a folder; gives them and the largest number in use. Files that were
/// replaced or never finished are removed, damaged ones stay where they are and are left out.
fn open_partitions(
    folder: &Path,
    shared: &Shared,
    counters: &Counters,
) -> Result<(Vec<Arc<Partition>>, u64), TsdbError> {
    let io = |source| TsdbError::Io { what: "read", path: folder.to_owned(), source };
    let (mut partitions, mut last) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            remove(&path, "half-written");
        } else if let Some(number) = Meta::number_in(name) {
            last = last.max(number);
            match Partition::open(&path, shared.clone()) {
                Ok(partition) => partitions.push(Arc::new(partition)),
                Err(err) => {
                    counters.damaged_files.fetch_add(1, Ordering::Relaxed);
                    error!("a partition is left out: {err}");
                }
            }
        }
    }
    let replaced: HashSet<u64> =
        partitions.iter().flat_map(|partition| partition.meta().replaces.clone()).collect();
    partitions.retain(|partition| {
        let keep = !replaced.contains(&partition.meta().number);
        if !keep {
            remove(partition.path(), "replaced");
        }
        keep
    });
    Ok((partitions, last))
}

/// Removes a partition that is of no use any more; what cannot be removed now will be later.
pub(super) fn remove(path: &Path, why: &str) {
    match fs::remove_file(path) {
        Ok(()) => info!(path = %path.display(), "{why} partition removed"),
        Err(err) => warn!(path = %path.display(), "{why} partition cannot be removed: {err}"),
    }
}

/// Builds the head from the log.
struct Replay<'a> {
    window: i64,
    symbols: &'a Symbols,
    sealed: &'a BTreeMap<i64, u64>,
    registry: Registry,
    columns: Vec<Column>,
    windows: BTreeSet<i64>,
    metadata: BTreeMap<String, Vec<Metadata>>,
    exemplars: Exemplars,
    newest: i64,
    segment: u64,
    /// Numbers of the current segment to those of this process.
    numbers: HashMap<SeriesId, u32>,
    hand: Hand,
    lost: u64,
}

impl Replay<'_> {
    fn frame(&mut self, segment: u64, frame: &Frame) -> BTreeSet<i64> {
        if segment != self.segment {
            self.segment = segment;
            self.numbers.clear();
        }
        let strings = frame.series.strings();
        let symbols: Vec<Symbol> = strings.iter().map(|text| self.symbols.intern(text)).collect();
        for (id, places) in frame.series.iter() {
            let text = |place: u32| &*strings[place as usize];
            let hash = self.registry.hash(places.iter().map(|pair| (text(pair.0), text(pair.1))));
            let symbol = |place: u32| symbols[place as usize];
            let pairs = places.iter().map(|pair| (symbol(pair.0), symbol(pair.1)));
            let is_it = |set: &LabelSet| pairs.clone().eq(set.pairs().iter().copied());
            let number = match self.registry.find_by(hash, is_it) {
                Some(series) => series.id,
                None => {
                    let set = LabelSet::from_sorted(pairs.collect::<Arc<[_]>>());
                    self.registry.insert(hash, set).id
                }
            };
            self.numbers.insert(id, number);
        }
        self.columns.resize(self.registry.numbers(), Column::default());
        let mut windows = BTreeSet::new();
        for row in &frame.batch.floats {
            if let Some(number) = self.place(row.series, row.time, &mut windows) {
                let column = &mut self.columns[number as usize];
                if row.time > column.last {
                    (column.last, column.value) = (row.time, row.value.to_bits());
                    column.histogram = false;
                }
                if let Some(series) = self.registry.get(number) {
                    let (start, value) = (row.start_time, row.value);
                    series.push_float(self.window, row.time, start, value, &mut self.hand);
                }
            }
        }
        for row in &frame.batch.histograms {
            if let Some(number) = self.place(row.series, row.time, &mut windows) {
                let column = &mut self.columns[number as usize];
                if row.time > column.last {
                    (column.last, column.histogram) = (row.time, true);
                }
                if let Some(series) = self.registry.get(number) {
                    let (start, value) = (row.start_time, &row.value);
                    let scratch = &mut self.hand.scratch;
                    series.push_histogram(self.window, row.time, start, value, scratch);
                }
            }
        }
        for row in &frame.batch.exemplars {
            if let Some(&number) = self.numbers.get(&row.series) {
                self.exemplars.push(number, &row.exemplar);
            }
        }
        for row in &frame.batch.metadata {
            let known = self.metadata.entry(row.family.clone()).or_default();
            if !known.contains(&row.metadata) {
                known.push(row.metadata.clone());
            }
        }
        self.windows.extend(windows.iter().copied());
        windows
    }

    /// The series of a row, unless its sample lies in a partition already.
    fn place(
        &mut self,
        series: SeriesId,
        time: Timestamp,
        windows: &mut BTreeSet<i64>,
    ) -> Option<u32> {
        let window = time.div_euclid(self.window);
        if self.sealed.get(&window).is_some_and(|&until| until >= self.segment) {
            return None;
        }
        let number = self.numbers.get(&series).copied();
        match number {
            Some(_) => {
                windows.insert(window);
                self.newest = self.newest.max(time);
            }
            None => self.lost += 1,
        }
        number
    }
}
