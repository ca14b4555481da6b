//! The built program as the one who is asked: cases are written to it and queried over HTTP.

use std::fmt::Write as _;

use prost::Message;
use stackctl::model::Labels;
use stackctl::promql::series_notation::SeriesValue;
use stackctl::wire::remote::{Histogram, Sample, TimeSeriesV2, WriteRequestV2};

use super::given::Given;
use super::script::Eval;
use super::{Asked, Loaded};
use crate::remote;
use crate::run::Server;
use crate::support;

/// The cases begin in 1970.
const CONFIG: &str = "storage: {tsdb: {out_of_order_time_window: 100d}}\n";

/// A server with the samples of a script.
pub struct Served(Server);

impl From<&Loaded> for Served {
    fn from(loaded: &Loaded) -> Self {
        let server = Server::start(CONFIG, "", &[remote::FLAG]);
        server.is_ready();
        let body = remote::packed(&request(loaded).encode_to_vec());
        let (status, _, answer) = remote::post(server.port, remote::V2, "snappy", &body);
        assert_eq!(status, 204, "{answer}");
        Self(server)
    }
}

fn request(loaded: &Loaded) -> WriteRequestV2 {
    let mut request = WriteRequestV2 { symbols: vec![String::new()], ..WriteRequestV2::default() };
    for (labels, samples) in &loaded.series {
        let mut series = TimeSeriesV2 {
            labels: numbers(labels, &mut request.symbols),
            ..TimeSeriesV2::default()
        };
        for (&timestamp, (value, start_timestamp)) in samples {
            let start_timestamp = *start_timestamp;
            match value {
                SeriesValue::Missing => {}
                SeriesValue::Float(value) => {
                    series.samples.push(Sample { value: *value, timestamp, start_timestamp });
                }
                SeriesValue::Histogram { histogram, .. } => {
                    let histogram = Histogram::from(&**histogram);
                    series.histograms.push(Histogram { timestamp, start_timestamp, ..histogram });
                }
            }
        }
        request.timeseries.push(series);
    }
    request
}

fn numbers(labels: &Labels, symbols: &mut Vec<String>) -> Vec<u32> {
    let mut numbers = Vec::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        numbers.push(symbols.len() as u32);
        symbols.push(text.to_owned());
    }
    numbers
}

impl Asked for Served {
    fn ask(&self, eval: &Eval, (start, end, step): (i64, i64, i64)) -> Result<Given, String> {
        let seconds = |millis: i64| millis as f64 / 1000.0;
        let mut path = String::from("/api/v1/query");
        let _ = match step {
            0 => write!(path, "?time={}", seconds(end)),
            _ => write!(
                path,
                "_range?start={}&end={}&step={}",
                seconds(start),
                seconds(end),
                seconds(step)
            ),
        };
        path.push_str("&query=");
        for byte in eval.expr.bytes() {
            let _ = write!(path, "%{byte:02x}");
        }
        let answer = support::get_json(self.0.port, &path).expect("an answer");
        Given::read(&answer)
    }
}
