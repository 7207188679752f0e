//! Writer against reader.

use bytes::Bytes;
use lokipush::{Body, Compressor, Encoder, Limits, PushRequest, entry, labels};
use proptest::prelude::*;

type Pairs = Vec<(String, String)>;
type Entries = Vec<(i64, Vec<u8>, Pairs)>;

fn entries() -> impl Strategy<Value = Entries> {
    let pair = (any::<String>(), any::<String>());
    let metadata = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(pair, 0..4)];
    prop::collection::vec(
        (any::<i64>(), prop::collection::vec(any::<u8>(), 0..300), metadata),
        1..20,
    )
}

fn label_set() -> impl Strategy<Value = Pairs> {
    prop::collection::btree_map(any::<String>(), any::<String>(), 0..6).prop_map(|map| map.into_iter().collect())
}

fn pairs(pairs: &Pairs) -> impl Iterator<Item = (&str, &str)> + Clone {
    pairs.iter().map(|(name, value)| (&name[..], &value[..]))
}

proptest! {
    #[test]
    fn requests_come_back_as_they_were(streams in prop::collection::vec((label_set(), entries()), 0..5)) {
        let mut streamed = Encoder::new();
        let mut assembled = Encoder::new();
        for (labels, entries) in &streams {
            let text = labels::text(pairs(labels));
            let mut buffer = Vec::new();
            streamed.begin_stream(&text);
            for (timestamp, line, metadata) in entries {
                streamed.entry(*timestamp, line, pairs(metadata));
                entry::write(&mut buffer, *timestamp, line, pairs(metadata));
            }
            assembled.encoded_stream(&text, &buffer);
        }
        let mut compressor = Compressor::new();
        for encoder in [&mut streamed, &mut assembled] {
            let block = compressor.compress(encoder.finish()).unwrap();
            let body = Bytes::copy_from_slice(block);
            let body = Body::open(body, Some("application/x-protobuf"), Some("snappy"), Limits::default()).unwrap();
            let request = body.decode(Limits::default()).unwrap();
            let read: Vec<(Pairs, Entries)> = request
                .streams
                .iter()
                .map(|stream| {
                    let labels = stream.labels.parse().unwrap().into_owned();
                    let entries = stream.entries.iter().map(|entry| {
                        let metadata = entry.metadata.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
                        (entry.timestamp, entry.line.to_vec(), metadata)
                    });
                    (labels, entries.collect())
                })
                .collect();
            prop_assert_eq!(&read, &streams);
        }
    }

    #[test]
    fn json_says_the_same_as_protobuf(labels in label_set(), timestamp: i64, line: String, metadata in label_set()) {
        let object = |pairs: &Pairs| serde_json::Value::Object(pairs.iter().map(|(n, v)| (n.clone(), v.clone().into())).collect());
        let document = serde_json::json!({"streams": [{
            "stream": object(&labels),
            "values": [[timestamp.to_string(), line, object(&metadata)]],
        }]});
        let document = document.to_string();
        let request = PushRequest::from_json(document.as_bytes(), Limits::default()).unwrap();
        let stream = &request.streams[0];
        prop_assert_eq!(stream.labels.parse().unwrap().into_owned(), labels);
        prop_assert_eq!(stream.entries[0].timestamp, timestamp);
        prop_assert_eq!(&*stream.entries[0].line, line.as_bytes());
        let read: Pairs = stream.entries[0].metadata.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        prop_assert_eq!(read, metadata);
    }

    #[test]
    fn label_text_round_trips(set in label_set()) {
        let text = labels::text(pairs(&set));
        prop_assert_eq!(labels::parse(&text).unwrap(), set);
    }
}

#[test]
fn fields_of_later_versions_are_skipped() {
    // hash (field 3) in front of the entry, `parsed` (field 4) in the entry, labels behind it: 19 bytes
    let stream = [
        &[0x18, 5][..],
        &[0x12, 11, 0x0a, 2, 0x10, 7, 0x12, 1, b'x', 0x22, 2, b'h', b'i'],
        &[0x0a, 2, b'{', b'}'],
    ]
    .concat();
    // Two fields of fixed width that do not exist yet, and the request's `format`.
    let whole = [
        &[0x0a, 33][..],
        &stream,
        &[0x3d, 0, 0, 0, 0, 0x41, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x12, 1, b'f'],
    ]
    .concat();
    let request = PushRequest::from_protobuf(&whole, Limits::default()).expect("valid");
    assert_eq!(request.streams[0].labels.text(), "{}");
    assert_eq!(request.streams[0].entries[0].timestamp, 7);
    assert_eq!(&*request.streams[0].entries[0].line, b"x");
    let cut = [&[0x0a, 22][..], &stream, &[0x3d, 0, 0]].concat();
    let error = PushRequest::from_protobuf(&cut, Limits::default()).expect_err("the fixed field is cut off");
    assert_eq!(
        error.to_string(),
        "malformed protobuf at byte 22: a fixed-width number is cut off"
    );
}

#[test]
fn timestamps_at_the_ends_of_the_range() {
    for timestamp in [i64::MIN, -1, 0, i64::MAX] {
        let mut encoder = Encoder::new();
        encoder.begin_stream("{}");
        encoder.plain_entry(timestamp, b"");
        let request = PushRequest::from_protobuf(encoder.finish(), Limits::default()).expect("valid");
        assert_eq!(request.streams[0].entries[0].timestamp, timestamp);
    }
    // 2^62 seconds
    let message = [
        0x0a, 14, 0x12, 12, 0x0a, 10, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40,
    ];
    let error = PushRequest::from_protobuf(&message, Limits::default()).expect_err("beyond 2262");
    assert_eq!(
        error.to_string(),
        "timestamp 4611686018427387904 s is outside of the years 1677 to 2262"
    );
}
