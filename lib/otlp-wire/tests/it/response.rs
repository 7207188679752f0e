//! What servers answer.

use crate::mutate;
use fastrand::Rng;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use otlp_wire::Signal;
use otlp_wire::response::{PartialSuccess, Status};
use prost::Message;
use std::time::Duration;

#[test]
fn partial_success_is_that_of_generated_code() {
    for (rejected, message) in [(0, ""), (0, "careful"), (7, ""), (-1, "é\""), (i64::MAX, "x")] {
        let theirs = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: rejected,
                error_message: message.to_owned(),
            }),
        };
        let ours = PartialSuccess {
            rejected,
            message: message.to_owned(),
        };
        assert_eq!(ours.encode(), theirs.encode_to_vec());
        let said = Some(ours).filter(|_| (rejected, message) != (0, ""));
        assert_eq!(PartialSuccess::decode(&theirs.encode_to_vec()), Ok(said));
    }
    assert_eq!(
        PartialSuccess::decode(&ExportLogsServiceResponse::default().encode_to_vec()),
        Ok(None)
    );
    let error = PartialSuccess::decode(b"\x0a\x02\x0a\x00").unwrap_err();
    assert!(error.at <= 4 && error.reason.contains("type"), "{error}");
    assert!(PartialSuccess::decode(b"\x08\x01").is_err());
    assert!(PartialSuccess::decode(b"<html>").is_err());
    let warning = PartialSuccess {
        rejected: 3,
        message: "\"no\"".to_owned(),
    };
    assert_eq!(
        warning.encode_json(Signal::Logs),
        r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"\"no\""}}"#
    );
    assert!(warning.encode_json(Signal::Metrics).contains("rejectedDataPoints"));
    assert!(warning.encode_json(Signal::Traces).contains("rejectedSpans"));
}

#[test]
fn statuses_come_back() {
    let delays = [
        None,
        Some(Duration::ZERO),
        Some(Duration::from_millis(1500)),
        Some(Duration::from_secs(30)),
    ];
    for delay in delays {
        for (code, message) in [(0, ""), (14, "try again"), (-1, "é")] {
            let status = Status {
                code,
                message: message.to_owned(),
                retry_delay: delay,
            };
            assert_eq!(Status::decode(&status.encode()), Ok(status));
        }
    }
    // As protoc writes code 8 with a detail of another type, then one with a delay of 1.000000002 s.
    let mut bytes = b"\x08\x08\x1a\x05\x0a\x03x/y".to_vec();
    let kind = b"type.googleapis.com/google.rpc.RetryInfo";
    bytes.extend([0x1a, kind.len() as u8 + 10, 0x0a, kind.len() as u8]);
    bytes.extend(kind);
    bytes.extend(b"\x12\x06\x0a\x04\x08\x01\x10\x02");
    let status = Status::decode(&bytes).unwrap();
    assert_eq!((status.code, status.retry_delay), (8, Some(Duration::new(1, 2))));
    assert_eq!(
        status.encode_json(),
        concat!(
            r#"{"code":8,"message":"","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","#,
            r#""retryDelay":"1.000000002s"}]}"#
        )
    );
    assert!(Status::decode(b"\x12").is_err() && Status::decode(b"\x10\x00").is_err());
    let mut rng = Rng::with_seed(2);
    for _ in 0..5_000 {
        let mut damaged = bytes.clone();
        mutate::bytes(&mut rng, &mut damaged);
        let _ = (Status::decode(&damaged), PartialSuccess::decode(&damaged));
    }
}
