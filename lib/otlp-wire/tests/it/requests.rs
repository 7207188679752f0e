//! Requests: the scan, views, splitting, and what is written.

use crate::oracle::{Decoded, check};
use crate::{SIGNALS, generate};
use bytes::Bytes;
use fastrand::Rng;
use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use otlp_wire::metrics::Data;
use otlp_wire::write::{Writer, number};
use otlp_wire::{Rope, Signal, receive, scan, scan_utf8, split, split_at};
use protowire::{push_bytes, push_message};
use std::num::NonZeroUsize;

#[test]
fn requests_are_read_cut_and_joined_as_generated_code_would() {
    let mut rng = Rng::with_seed(1);
    for round in 0..3_000 {
        let signal = SIGNALS[round % 3];
        let request = generate::request(&mut rng, signal);
        let scan = otlp_wire::scan(signal, &request).expect("generated code writes requests");
        assert!(scan.regular);
        assert_eq!(scan.records, Decoded::new(signal, &request).unwrap().records().len());
        assert!(check(signal, &request));
    }
}

/// What is wrong, and where.
fn refused(signal: Signal, request: &[u8]) -> (usize, &'static str) {
    let error = scan(signal, request).expect_err("the request is malformed");
    assert_eq!(receive(signal, request.to_vec().into()), Err(error));
    (error.at, error.reason)
}

/// A log record, in a scope and a resource: what is in it begins at byte 6.
fn log(record: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_message(&mut out, 1, |out| {
        push_message(out, 2, |out| push_bytes(out, 2, record))
    });
    out
}

#[test]
fn errors_say_where() {
    let logs = |record: &[u8]| refused(Signal::Logs, &log(record));
    assert_eq!(logs(b"\x12\x00"), (6, "a field has another type than OTLP gives to it"));
    assert_eq!(
        logs(b"\x10\x01\x4a\x01x"),
        (8, "a trace id has neither 16 bytes nor none")
    );
    assert_eq!(
        logs(b"\x52\x10aaaaaaaaaaaaaaaa"),
        (6, "a span id has neither 8 bytes nor none")
    );
    assert_eq!(logs(b"\x09\x01\x02"), (9, "a fixed-width number is cut off"));
    assert_eq!(logs(b"\x10\x01\x10"), (9, "a number is cut off"));
    assert_eq!(
        logs(b"\x32\x04\x0a\x01a"),
        (8, "a field is longer than the message around it")
    );
    assert_eq!(
        logs(b"\x32\x02\x0a\x01"),
        (10, "a field is longer than the message around it")
    );
    assert_eq!(logs(b"\x00\x01"), (7, "field number 0"));
    assert_eq!(logs(b"\x7c"), (7, "unknown wire type"));
    let deep = (0..200).fold(Vec::new(), |inner: Vec<u8>, _| {
        let mut out = Vec::new();
        push_message(&mut out, 5, |out| push_bytes(out, 1, &inner));
        out
    });
    let mut record = Vec::new();
    push_bytes(&mut record, 5, &deep);
    let (_, reason) = logs(&record);
    assert_eq!(reason, "messages are nested too deeply");
}

#[test]
fn texts_may_be_checked() {
    let request = log(b"\x1a\x02a\xff");
    assert!(scan(Signal::Logs, &request).is_ok());
    let error = scan_utf8(Signal::Logs, &request).unwrap_err();
    assert_eq!((error.at, error.reason), (9, "a text is not UTF-8"));
    let (bytes, _) = receive(Signal::Logs, request.clone().into()).unwrap();
    assert_eq!(bytes, request);
    for bad in [
        &b"\x32\x09\x0a\x01\xff\x12\x04\x0a\x02ab"[..],
        b"\x32\x09\x0a\x01a\x12\x04\x0a\x02\xffb",
        b"\x2a\x03\x0a\x01\xff",
    ] {
        assert!(scan(Signal::Logs, &log(bad)).is_ok());
        assert!(scan_utf8(Signal::Logs, &log(bad)).is_err());
    }
}

#[test]
fn of_data_of_two_kinds_the_last_counts() {
    let mut request = Vec::new();
    push_message(&mut request, 1, |out| {
        push_message(out, 2, |out| {
            push_message(out, 2, |out| {
                // A gauge with two points and a sum with one.
                push_message(out, 5, |out| {
                    (0..2).for_each(|_| push_bytes(out, 1, b"\x31\x01\0\0\0\0\0\0\0"))
                });
                push_message(out, 7, |out| push_bytes(out, 1, b"\x31\x02\0\0\0\0\0\0\0"));
            });
        });
    });
    assert_eq!(scan(Signal::Metrics, &request).unwrap().records, 3);
    let (received, records) = receive(Signal::Metrics, request.clone().into()).unwrap();
    assert_eq!(records, 1);
    assert_eq!(scan(Signal::Metrics, &received).unwrap().records, 1);
    assert!(check(Signal::Metrics, &request));
}

#[test]
fn deprecated_lists_of_libraries_are_scopes_if_there_are_none() {
    let scope = |name: &[u8], records: usize| {
        let mut out = Vec::new();
        push_message(&mut out, 1, |out| push_bytes(out, 1, name));
        (0..records).for_each(|_| push_bytes(&mut out, 2, b"\x10\x01"));
        out
    };
    let names = |request: &[u8]| -> Vec<Vec<u8>> {
        let resources = otlp_wire::logs::resources(request);
        let scopes = resources.flat_map(|resource| resource.scopes());
        scopes.map(|scope| scope.scope.unwrap().name.to_vec()).collect()
    };
    for (both, expected, count) in [
        (false, &[b"old".to_vec(), b"older".to_vec()][..], 5),
        (true, &[b"new".to_vec()], 1),
    ] {
        let mut request = Vec::new();
        push_message(&mut request, 1, |out| {
            push_bytes(out, 1000, &scope(b"old", 2));
            if both {
                push_bytes(out, 2, &scope(b"new", 1));
            }
            push_bytes(out, 1000, &scope(b"older", 3));
        });
        let scan = scan(Signal::Logs, &request).unwrap();
        assert_eq!((scan.records, scan.regular), (count, false));
        let (received, records) = receive(Signal::Logs, request.into()).unwrap();
        assert_eq!(records, count);
        assert_eq!(names(&received), expected);
    }
    let mut bad = Vec::new();
    push_message(&mut bad, 1, |out| push_bytes(out, 1000, b"\x12\x01\x10"));
    assert!(scan(Signal::Logs, &bad).is_err());
    assert!(!check(Signal::Logs, &bad));
    // The tag in four bytes instead of two.
    let mut bad = Vec::new();
    push_message(&mut bad, 1, |out| out.extend(b"\xc2\xbe\x80\x00\x03\x12\x01\x10"));
    assert!(scan(Signal::Logs, &bad).is_err());
    assert!(!check(Signal::Logs, &bad));
}

#[test]
fn what_is_whole_is_shared() {
    let one = Bytes::from([log(b"\x10\x01"), log(b"\x10\x02")].concat());
    let payload: Rope = [one.clone(), one.clone()].into_iter().collect();
    let parts = split(Signal::Logs, &payload, NonZeroUsize::new(3).unwrap());
    assert_eq!(parts.iter().map(|part| part.records).collect::<Vec<_>>(), [3, 1]);
    let first = parts[0].payload.segments();
    assert_eq!((first[0].as_ptr(), first[1].as_ptr()), (one.as_ptr(), one.as_ptr()));
    assert_eq!(parts[1].payload.segments()[0], log(b"\x10\x02"));
    let (head, tail) = split_at(Signal::Logs, &payload, 0);
    assert_eq!((head.records, tail.records), (0, 4));
    let (head, tail) = split_at(Signal::Logs, &payload, 1);
    assert_eq!((head.records, tail.records), (1, 3));
    let (head, tail) = split_at(Signal::Logs, &payload, 9);
    assert_eq!((head.records, tail.records, tail.payload.len()), (4, 0, 0));
    assert!(split(Signal::Logs, &Rope::new(), NonZeroUsize::MIN).is_empty());
}

#[test]
fn views_are_written_as_they_were_read() {
    let mut rng = Rng::with_seed(11);
    for _ in 0..1_000 {
        let request = prost::Message::encode_to_vec(&generate::traces(&mut rng));
        let mut out = Writer::new();
        for resource in otlp_wire::traces::resources(&request) {
            out.container(number::RESOURCES, |out| {
                resource.write(out);
                for scope in resource.scopes() {
                    out.container(number::SCOPES, |out| {
                        scope.write(out);
                        for span in scope.spans() {
                            out.message(number::RECORDS, |out| {
                                span.write(out);
                                out.attributes(number::SPAN_ATTRIBUTES, span.attributes());
                                span.events().for_each(|event| {
                                    out.message(number::SPAN_EVENTS, |out| {
                                        event.write(out);
                                        out.attributes(number::EVENT_ATTRIBUTES, event.attributes());
                                    });
                                });
                                span.links().for_each(|link| {
                                    out.message(number::SPAN_LINKS, |out| {
                                        link.write(out);
                                        out.attributes(number::LINK_ATTRIBUTES, link.attributes());
                                    });
                                });
                            });
                        }
                    });
                }
            });
        }
        let mut theirs: opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest =
            prost::Message::decode(request.as_slice()).unwrap();
        for resource in &mut theirs.resource_spans {
            resource.resource = None;
            resource.scope_spans.iter_mut().for_each(|scope| scope.scope = None);
        }
        let ours = Decoded::new(Signal::Traces, &out.finish()).unwrap().clean();
        assert!(ours.encode() == Decoded::Traces(theirs).clean().encode(), "{ours:#?}");
    }
    for _ in 0..1_000 {
        let request = prost::Message::encode_to_vec(&generate::metrics(&mut rng));
        for resource in otlp_wire::metrics::resources(&request) {
            for metric in resource.scopes().flat_map(|scope| scope.metrics()) {
                let Some(Data::ExponentialHistogram(histogram)) = metric.data() else {
                    continue;
                };
                for point in histogram.points() {
                    let mut out = Writer::new();
                    point.write(&mut out);
                    out.attributes(number::EXPONENTIAL_ATTRIBUTES, point.attributes());
                    let mut theirs: ExponentialHistogramDataPoint = prost::Message::decode(point.raw()).unwrap();
                    theirs.exemplars.clear();
                    theirs.attributes.clear();
                    let mut ours: ExponentialHistogramDataPoint = prost::Message::decode(out.finish()).unwrap();
                    assert_eq!(ours.attributes.len(), point.attributes().iter().count());
                    ours.attributes.clear();
                    assert_eq!(
                        prost::Message::encode_to_vec(&ours),
                        prost::Message::encode_to_vec(&theirs)
                    );
                }
            }
        }
    }
}

#[test]
fn views_and_payloads_can_be_sent_to_other_threads() {
    fn sent<T: Send + Sync>() {}
    sent::<(otlp_wire::logs::LogRecord<'_>, otlp_wire::traces::Span<'_>, Data<'_>)>();
    sent::<(Rope, otlp_wire::common::AnyValue<'_>, otlp_wire::edit::Actions, Writer)>();
}
