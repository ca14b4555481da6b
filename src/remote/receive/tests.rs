use std::sync::Arc;

use prost::Message;

use super::*;
use crate::model::TimeRange;
use crate::storage::{Columns, MemoryStore, QuerySymbols, Select};
use crate::wire::remote::{Label, MetricMetadata, Sample, TimeSeries, WriteRequest};

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |&(name, value): &(&str, &str)| Label { name: name.into(), value: value.into() };
    let sample = |&(timestamp, value): &(i64, f64)| Sample { value, timestamp, start_timestamp: 0 };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(sample).collect(),
        ..TimeSeries::default()
    }
}

fn packed(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

fn request(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    packed(&WriteRequest { timeseries, metadata: Vec::new() }.encode_to_vec())
}

fn receiver() -> (Receiver, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    (Receiver::new(Arc::clone(&store) as Arc<dyn Append>), store)
}

/// All samples of the store, by labels.
fn stored(store: &MemoryStore) -> Vec<(String, Vec<i64>, Vec<f64>)> {
    let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
    let set = store.select(&[], TimeRange::ALL, &symbols).unwrap();
    let mut columns = Columns::default();
    let mut found: Vec<_> = (0..set.len())
        .map(|index| {
            set.read(index, TimeRange::ALL, &mut columns).unwrap();
            let labels = set.labels(index).to_labels(&symbols).to_string();
            (labels, columns.times.clone(), columns.values.clone())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

const UP: &[(&str, &str)] = &[("__name__", "up"), ("job", "api")];

#[test]
fn samples_of_version_1_are_stored_and_series_are_recognised() {
    let (receiver, store) = receiver();
    for time in [10, 20] {
        let body =
            request(vec![series(UP, &[(time, 1.0)]), series(&[("__name__", "x")], &[(time, 2.0)])]);
        let received = receiver.receive(Protocol::V1, &body).unwrap();
        assert_eq!(received.written.samples, 2);
        assert_eq!(received.problem, None);
    }
    let stored = stored(&store);
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0], (r#"up{job="api"}"#.to_owned(), vec![10, 20], vec![1.0, 1.0]));
}

#[test]
fn labels_in_any_order_and_behind_the_samples_are_those_of_the_same_series() {
    let (receiver, store) = receiver();
    receiver.receive(Protocol::V1, &request(vec![series(UP, &[(10, 1.0)])])).unwrap();
    let turned = series(&[("job", "api"), ("__name__", "up")], &[(20, 2.0)]);
    receiver.receive(Protocol::V1, &request(vec![turned])).unwrap();
    // Samples first: each field with its number and length, as a message may have them.
    let (labels, samples) =
        (series(UP, &[]).encode_to_vec(), series(&[], &[(30, 3.0)]).encode_to_vec());
    let mut message = Vec::new();
    prost::encoding::bytes::encode(1, &[samples, labels].concat(), &mut message);
    receiver.receive(Protocol::V1, &packed(&message)).unwrap();
    assert_eq!(stored(&store)[0].1, [10, 20, 30]);
    assert_eq!(stored(&store).len(), 1);
}

#[test]
fn one_sample_out_of_order_rejects_a_request_of_version_1() {
    let (receiver, store) = receiver();
    receiver.receive(Protocol::V1, &request(vec![series(UP, &[(20, 1.0)])])).unwrap();
    let other = &[("__name__", "x")];
    let body = request(vec![series(other, &[(30, 1.0)]), series(UP, &[(10, 1.0)])]);
    let received = receiver.receive(Protocol::V1, &body).unwrap();
    assert_eq!(received.written, Written::default());
    let problem = received.problem.unwrap();
    assert_eq!(problem, r#"out of order sample for series up{job="api"}"#);
    assert!(stored(&store).iter().all(|(labels, times, _)| labels != "x" || times.is_empty()));
    // An exact repetition is welcome.
    let again = receiver.receive(Protocol::V1, &request(vec![series(UP, &[(20, 1.0)])])).unwrap();
    assert_eq!((again.written.samples, again.problem), (1, None));
}

#[test]
fn series_without_a_name_are_left_out() {
    let (receiver, store) = receiver();
    let body = request(vec![series(&[("job", "api")], &[(10, 1.0)]), series(UP, &[(10, 1.0)])]);
    let received = receiver.receive(Protocol::V1, &body).unwrap();
    assert_eq!((received.written.samples, received.problem), (1, None));
    assert_eq!(stored(&store).len(), 1);
}

#[test]
fn metadata_of_version_1_is_stored() {
    let (receiver, store) = receiver();
    let metadata = MetricMetadata {
        kind: 1,
        family: "jobs_total".into(),
        help: "Jobs.".into(),
        unit: String::new(),
    };
    let message = WriteRequest { timeseries: Vec::new(), metadata: vec![metadata] };
    receiver.receive(Protocol::V1, &packed(&message.encode_to_vec())).unwrap();
    assert_eq!(store.metadata(Some("jobs_total"))[0].metadata[0].help, "Jobs.");
}

/// A request of version 2.0, made field by field.
fn version_2(series: &[(&[u32], i64, f64, &[u8])], symbols: &[&str]) -> Vec<u8> {
    use prost::encoding::{bytes, double, int64, string, uint32};
    let mut request = Vec::new();
    for symbol in symbols {
        string::encode(4, &(*symbol).to_owned(), &mut request);
    }
    for (refs, time, value, metadata) in series {
        let (mut message, mut sample) = (Vec::new(), Vec::new());
        uint32::encode_packed(1, refs, &mut message);
        double::encode(1, value, &mut sample);
        int64::encode(2, time, &mut sample);
        int64::encode(3, &5, &mut sample);
        bytes::encode(2, &sample, &mut message);
        bytes::encode(5, &metadata.to_vec(), &mut message);
        bytes::encode(5, &message, &mut request);
    }
    packed(&request)
}

#[test]
fn version_2_stores_what_it_can_and_says_what_it_could_not() {
    let (receiver, store) = receiver();
    let symbols = ["", "__name__", "jobs_total", "job", "api", "Jobs."];
    // Counter, help is symbol 5.
    let metadata: &[u8] = &[0x08, 1, 0x18, 5];
    let body = version_2(&[(&[1, 2, 3, 4], 20, 1.0, metadata)], &symbols);
    let received = receiver.receive(Protocol::V2, &body).unwrap();
    assert_eq!((received.written.samples, received.problem), (1, None));
    let body = version_2(
        &[(&[1, 2, 3, 4], 10, 1.0, &[]), (&[1, 2], 10, 7.0, &[]), (&[3, 4], 10, 7.0, &[])],
        &symbols,
    );
    let received = receiver.receive(Protocol::V2, &body).unwrap();
    assert_eq!(received.written.samples, 1);
    let problem = received.problem.unwrap();
    assert!(problem.starts_with("out of order sample for series jobs_total"), "{problem}");
    assert_eq!(store.metadata(Some("jobs_total"))[0].metadata[0].help, "Jobs.");
    assert_eq!(stored(&store)[0].1, [10]);
}

#[test]
fn broken_requests_store_nothing() {
    let (receiver, store) = receiver();
    let message = WriteRequest { timeseries: vec![series(UP, &[(1, 1.0)])], metadata: Vec::new() };
    let message = message.encode_to_vec();
    let cut = packed(&message[..message.len() - 3]);
    for body in [&b"no snappy"[..], &cut, &packed(&[0x0a, 0x7f])] {
        for protocol in [Protocol::V1, Protocol::V2] {
            let result = receiver.receive(protocol, body);
            let is_harmless = protocol == Protocol::V2
                && result.as_ref().is_ok_and(|r| r.written == Written::default());
            assert!(is_harmless || matches!(result, Err(RemoteError::Malformed(_))), "{result:?}");
        }
    }
    // A reference beyond the table of symbols.
    let body = version_2(&[(&[1, 9], 10, 1.0, &[])], &["", "__name__"]);
    assert!(matches!(receiver.receive(Protocol::V2, &body), Err(RemoteError::Malformed(_))));
    assert_eq!(stored(&store).len(), 0);
}

#[test]
fn content_types_name_the_version() {
    let of = Protocol::from_content_type;
    assert_eq!(of("application/x-protobuf"), Some(Protocol::V1));
    assert_eq!(of("application/x-protobuf; proto=prometheus.WriteRequest"), Some(Protocol::V1));
    let second = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(of(second), Some(Protocol::V2));
    assert_eq!(of("application/x-protobuf;proto=other"), None);
    assert_eq!(of("application/json"), None);
}
