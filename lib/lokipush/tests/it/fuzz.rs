//! Random and damaged input: an error or a request, never a panic, and never more memory than the limits allow.

use bytes::Bytes;
use lokipush::{Body, Compressor, Encoder, Limits, PushRequest, labels};
use proptest::prelude::*;

fn read_everything(bytes: &[u8]) {
    let limits = Limits {
        max_bytes: 1 << 20,
        max_entries: 1000,
    };
    for request in [
        PushRequest::from_protobuf(bytes, limits),
        PushRequest::from_json(bytes, limits),
    ]
    .into_iter()
    .flatten()
    {
        assert!(request.entry_count() <= limits.max_entries);
        for stream in &request.streams {
            if let Ok(pairs) = stream.labels.parse() {
                assert!(pairs.is_sorted());
            }
        }
    }
    for kind in ["application/json", "application/x-protobuf"] {
        for encoding in ["", "gzip", "deflate", "snappy"] {
            if let Ok(body) = Body::open(Bytes::copy_from_slice(bytes), Some(kind), Some(encoding), limits) {
                assert!(body.bytes().len() <= limits.max_bytes);
                if let Ok(request) = body.decode(limits) {
                    assert!(request.entry_count() <= limits.max_entries);
                }
            }
        }
    }
    if let Ok(pairs) = labels::parse(bytes) {
        assert!(pairs.is_sorted());
    }
}

fn valid_message() -> Vec<u8> {
    let mut encoder = Encoder::new();
    for stream in 0..3 {
        encoder.begin_stream("{app=\"api\", env=\"pr\\nod\"}");
        for i in 0..4 {
            encoder.entry(
                i * 1_000_000_007 + stream,
                b"a line of text",
                [("trace_id", "4bf92f"), ("n", "")],
            );
        }
    }
    encoder.into_bytes()
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        read_everything(&bytes);
    }

    #[test]
    fn damaged_messages(at in 0usize..400, byte: u8, cut in 0usize..400) {
        let mut message = valid_message();
        let len = message.len();
        message[at % len] = byte;
        read_everything(&message);
        message.truncate(cut % len);
        read_everything(&message);
    }

    #[test]
    fn damaged_blocks(at in 0usize..400, byte: u8) {
        let mut compressor = Compressor::new();
        let mut block = compressor.compress(&valid_message()).unwrap().to_vec();
        let len = block.len();
        block[at % len] = byte;
        read_everything(&block);
    }

    #[test]
    fn damaged_json(at in 0usize..400, byte: u8) {
        let mut document = br#"{"streams":[{"stream":{"a":"b"},"values":[["1","x\u00e9",{"k":"v"}],null]},null]}"#.to_vec();
        let len = document.len();
        document[at % len] = byte;
        read_everything(&document);
    }

    #[test]
    fn label_like_text(text in r#"[a-c{}=",'`\\ x0-9#\n]{0,40}"#) {
        read_everything(text.as_bytes());
    }
}

#[test]
fn every_prefix_of_a_message_is_read_or_refused() {
    let message = valid_message();
    let whole = PushRequest::from_protobuf(&message, Limits::default())
        .expect("valid")
        .entry_count();
    assert_eq!(whole, 12);
    for end in 0..message.len() {
        if let Ok(request) = PushRequest::from_protobuf(&message[..end], Limits::default()) {
            assert_eq!(
                request.entry_count() % 4,
                0,
                "cut at {end}: a message ends only between streams"
            );
        }
    }
}
