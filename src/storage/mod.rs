//! The two traits between the engines: [`Append`] takes samples in, [`Select`] gives them back as
//! decoded columns. There is no disk in here; `tsdb` is one implementation, [`memory`] another.

mod append;
mod memory;
mod select;
mod symbols;

pub use append::{
    Append, AppendError, Batch, ExemplarRow, FloatRow, HistogramRow, MetadataRow, Outcome, Reject,
    SeriesId,
};
pub use memory::MemoryStore;
pub use select::{
    Columns, ExemplarSeries, FamilyMetadata, Select, SelectError, SeriesSet, StoreStats,
};
pub use symbols::{LabelSet, QuerySymbols, Symbol, Symbols};
