//! PromQL: lexer, parser with spans and recovery, functions, and an evaluator over
//! [`crate::storage::Select`].

mod answer;

pub use answer::{Answer, MatrixSeries, QueryError, QueryOptions, QueryStats, Value, VectorSample};
