//! What must hold for any bytes, by the word of the generated code.

use super::model;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, metric};
use otlp_wire::edit::{Verdict, records};
use otlp_wire::{Rope, Signal, json, receive, scan, scan_utf8, split};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use std::num::NonZeroUsize;

/// A request as the generated code has it.
#[derive(Clone, Debug)]
pub enum Decoded {
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Traces(ExportTraceServiceRequest),
}

impl Decoded {
    /// Reads a request.
    pub fn new(signal: Signal, bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Ok(match signal {
            Signal::Logs => Decoded::Logs(Message::decode(bytes)?),
            Signal::Metrics => Decoded::Metrics(Message::decode(bytes)?),
            Signal::Traces => Decoded::Traces(Message::decode(bytes)?),
        })
    }

    /// What views say.
    pub fn of_views(signal: Signal, bytes: &[u8]) -> Self {
        match signal {
            Signal::Logs => Decoded::Logs(model::logs(bytes)),
            Signal::Metrics => Decoded::Metrics(model::metrics(bytes)),
            Signal::Traces => Decoded::Traces(model::traces(bytes)),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        match self {
            Decoded::Logs(request) => request.encode_to_vec(),
            Decoded::Metrics(request) => request.encode_to_vec(),
            Decoded::Traces(request) => request.encode_to_vec(),
        }
    }

    /// Every list of attributes, and every body.
    fn values(&mut self, pairs: &mut impl FnMut(&mut Vec<KeyValue>), value: &mut impl FnMut(&mut Option<AnyValue>)) {
        match self {
            Decoded::Logs(request) => {
                for resource in &mut request.resource_logs {
                    resource.resource.iter_mut().for_each(|one| pairs(&mut one.attributes));
                    for scope in &mut resource.scope_logs {
                        scope.scope.iter_mut().for_each(|one| pairs(&mut one.attributes));
                        for record in &mut scope.log_records {
                            pairs(&mut record.attributes);
                            value(&mut record.body);
                        }
                    }
                }
            }
            Decoded::Traces(request) => {
                for resource in &mut request.resource_spans {
                    resource.resource.iter_mut().for_each(|one| pairs(&mut one.attributes));
                    for scope in &mut resource.scope_spans {
                        scope.scope.iter_mut().for_each(|one| pairs(&mut one.attributes));
                        for span in &mut scope.spans {
                            pairs(&mut span.attributes);
                            span.events.iter_mut().for_each(|one| pairs(&mut one.attributes));
                            span.links.iter_mut().for_each(|one| pairs(&mut one.attributes));
                        }
                    }
                }
            }
            Decoded::Metrics(request) => {
                for resource in &mut request.resource_metrics {
                    resource.resource.iter_mut().for_each(|one| pairs(&mut one.attributes));
                    for scope in &mut resource.scope_metrics {
                        scope.scope.iter_mut().for_each(|one| pairs(&mut one.attributes));
                        for metric in &mut scope.metrics {
                            pairs(&mut metric.metadata);
                            points(metric, &mut |attributes, exemplars| {
                                pairs(attributes);
                                let exemplars = exemplars.iter_mut();
                                exemplars.for_each(|one| pairs(&mut one.filtered_attributes));
                            });
                        }
                    }
                }
            }
        }
    }

    /// Without what views do not tell: an index into the strings of a profile, and whether a value is absent or empty.
    pub fn clean(mut self) -> Self {
        self.values(&mut clean_pairs, &mut |value| value.iter_mut().for_each(clean_value));
        self
    }

    /// Each record alone, with what is around it.
    pub fn records(&self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        match self {
            Decoded::Logs(request) => {
                for resource in &request.resource_logs {
                    for scope in &resource.scope_logs {
                        for record in &scope.log_records {
                            let (mut resource, mut scope) = (resource.clone(), scope.clone());
                            scope.log_records = vec![record.clone()];
                            resource.scope_logs = vec![scope];
                            records.push(resource.encode_to_vec());
                        }
                    }
                }
            }
            Decoded::Traces(request) => {
                for resource in &request.resource_spans {
                    for scope in &resource.scope_spans {
                        for span in &scope.spans {
                            let (mut resource, mut scope) = (resource.clone(), scope.clone());
                            scope.spans = vec![span.clone()];
                            resource.scope_spans = vec![scope];
                            records.push(resource.encode_to_vec());
                        }
                    }
                }
            }
            Decoded::Metrics(request) => {
                for resource in &request.resource_metrics {
                    for scope in &resource.scope_metrics {
                        for metric in &scope.metrics {
                            for metric in alone(metric) {
                                let (mut resource, mut scope) = (resource.clone(), scope.clone());
                                scope.metrics = vec![metric];
                                resource.scope_metrics = vec![scope];
                                records.push(resource.encode_to_vec());
                            }
                        }
                    }
                }
            }
        }
        records
    }
}

fn clean_pairs(pairs: &mut Vec<KeyValue>) {
    for pair in pairs {
        pair.key_strindex = 0;
        clean_value(pair.value.get_or_insert_default());
    }
}

fn clean_value(value: &mut AnyValue) {
    use any_value::Value;
    match &mut value.value {
        Some(Value::StringValueStrindex(_)) => value.value = None,
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(clean_value),
        Some(Value::KvlistValue(map)) => clean_pairs(&mut map.values),
        _ => {}
    }
}

/// Attributes and exemplars of all points.
pub fn points(metric: &mut Metric, each: &mut impl FnMut(&mut Vec<KeyValue>, &mut Vec<Exemplar>)) {
    use metric::Data;
    match &mut metric.data {
        None => {}
        Some(Data::Gauge(data)) => {
            let points = data.data_points.iter_mut();
            points.for_each(|point| each(&mut point.attributes, &mut point.exemplars));
        }
        Some(Data::Sum(data)) => {
            let points = data.data_points.iter_mut();
            points.for_each(|point| each(&mut point.attributes, &mut point.exemplars));
        }
        Some(Data::Histogram(data)) => {
            let points = data.data_points.iter_mut();
            points.for_each(|point| each(&mut point.attributes, &mut point.exemplars));
        }
        Some(Data::ExponentialHistogram(data)) => {
            let points = data.data_points.iter_mut();
            points.for_each(|point| each(&mut point.attributes, &mut point.exemplars));
        }
        Some(Data::Summary(data)) => {
            let points = data.data_points.iter_mut();
            points.for_each(|point| each(&mut point.attributes, &mut Vec::new()));
        }
    }
}

/// A metric for each of its points.
fn alone(metric: &Metric) -> Vec<Metric> {
    use metric::Data;
    macro_rules! alone {
        ($variant:ident, $data:expr) => {
            (0..$data.data_points.len())
                .map(|at| {
                    let mut data = $data.clone();
                    data.data_points = vec![$data.data_points[at].clone()];
                    Metric {
                        data: Some(Data::$variant(data)),
                        ..metric.clone()
                    }
                })
                .collect()
        };
    }
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(data)) => alone!(Gauge, data),
        Some(Data::Sum(data)) => alone!(Sum, data),
        Some(Data::Histogram(data)) => alone!(Histogram, data),
        Some(Data::ExponentialHistogram(data)) => alone!(ExponentialHistogram, data),
        Some(Data::Summary(data)) => alone!(Summary, data),
    }
}

/// Whether two requests mean the same.
fn assert_same(ours: &Decoded, theirs: &Decoded, what: &str) {
    // Not `==`: of which NaN differs from itself.
    assert!(ours.encode() == theirs.encode(), "{what}: {ours:#?}\n{theirs:#?}");
}

/// Whether there is a list of instrumentation libraries, which generated code no longer knows. Its tag may be written in more than one way.
fn has_deprecated(request: &[u8]) -> bool {
    const DEPRECATED: u32 = 1000;
    let resources = fields(request).into_iter().filter(|(number, _)| *number == 1);
    resources
        .flat_map(|(_, content)| fields(content))
        .any(|(number, _)| number == DEPRECATED)
}

/// The fields of a message that are bytes, up to the first that is malformed.
fn fields(mut bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut found = Vec::new();
    while let Ok((number, wire)) = decode_key(&mut bytes) {
        if wire != WireType::LengthDelimited {
            if skip_field(wire, number, &mut bytes, DecodeContext::default()).is_err() {
                break;
            }
            continue;
        }
        let content = decode_varint(&mut bytes).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let Some((content, rest)) = content.ok().and_then(|length| bytes.split_at_checked(length)) else {
            break;
        };
        found.push((number, content));
        bytes = rest;
    }
    found
}

/// Checks everything on a request, or on any bytes. Returns whether it is a request.
pub fn check(signal: Signal, bytes: &[u8]) -> bool {
    let payload = Rope::from(bytes.to_vec());
    let theirs = Decoded::new(signal, bytes);
    let scanned = scan(signal, bytes);
    // Of what is not valid nothing is promised but that it comes to an end.
    if let Err(error) = &scanned {
        assert!(error.at <= bytes.len(), "{error}");
        let _ = (Decoded::of_views(signal, bytes), json::encode(signal, bytes));
        let _ = split(signal, &payload, NonZeroUsize::MIN);
        touch(signal, &payload);
    }
    if has_deprecated(bytes) {
        return scanned.is_ok_and(|_| consistent(signal, bytes));
    }
    match (&theirs, scan_utf8(signal, bytes)) {
        (Ok(_), Ok(_)) => {}
        (Err(theirs), Ok(_)) => assert!(theirs.to_string().contains("recursion limit"), "{theirs}"),
        (Ok(_), Err(ours)) => assert!(ours.reason.contains(" id has neither"), "{ours}"),
        (Err(_), Err(_)) => {}
    }
    if scanned.is_err() {
        return false;
    }
    consistent(signal, bytes);
    let Ok(theirs) = theirs else { return true };
    let theirs = theirs.clean();
    let (received, count) = receive(signal, bytes.to_vec().into()).expect("it was scanned");
    assert_eq!(count, theirs.records().len());
    assert_same(&Decoded::of_views(signal, &received).clean(), &theirs, "views");
    let ours = Decoded::new(signal, &received).expect("what is received is a request");
    assert_same(&ours.clean(), &theirs, "what is received");
    true
}

/// What must hold of valid requests, whether or not generated code reads them.
fn consistent(signal: Signal, bytes: &[u8]) -> bool {
    let (received, count) = receive(signal, bytes.to_vec().into()).expect("it was scanned");
    let again = scan(signal, &received).expect("what is received is valid");
    assert!(again.regular && again.records == count, "{again:?}, {count}");
    let payload = Rope::from(received.clone());
    touch(signal, &payload);

    let all = Decoded::of_views(signal, &received).records();
    assert_eq!(all.len(), count);
    for max in [1, 2, 3, 7] {
        let parts = split(signal, &payload, NonZeroUsize::new(max).expect("not 0"));
        let mut joined = Rope::new();
        for (i, part) in parts.iter().enumerate() {
            let full = i + 1 < parts.len();
            assert!(part.records <= max && (!full || part.records == max), "{i}: {part:?}");
            for segment in part.payload.segments() {
                assert!(scan(signal, segment).is_ok_and(|scan| scan.regular));
            }
            let flat = part.payload.to_bytes();
            assert_eq!(scan(signal, &flat).expect("a part is a request").records, part.records);
            joined.concat(part.payload.clone());
        }
        assert!(
            Decoded::of_views(signal, &joined.to_bytes()).records() == all,
            "in parts of {max}"
        );
    }

    let text = json::encode(signal, &received);
    let (back, records) = json::decode(signal, &text).unwrap_or_else(|error| panic!("{error} in {text:?}"));
    assert_eq!(records, count, "{:?}", String::from_utf8_lossy(&text));
    // Zeros are left out in one of the two, perhaps, and texts repaired; but nothing else changes any more.
    let canonical = |bytes: &[u8]| json::encode(signal, &Decoded::of_views(signal, bytes).clean().encode());
    assert_eq!(
        String::from_utf8_lossy(&canonical(&back)),
        String::from_utf8_lossy(&canonical(&received))
    );
    true
}

/// A key that no attribute has.
fn absent(payload: &Rope) -> Vec<u8> {
    let bytes = payload.to_bytes();
    let is_there = |key: &[u8]| bytes.windows(key.len()).any(|window| window == key);
    let mut keys = (0..).map(|number: u64| format!("no such key {number}").into_bytes());
    keys.find(|key| !is_there(key))
        .expect("there are more keys than places")
}

/// Edits that change nothing share; those that do leave a valid request.
fn touch(signal: Signal, payload: &Rope) {
    // One that a fuzzer cannot have put there.
    let key = absent(payload);
    let same = records(signal, payload, |record, attributes| {
        let _ = (record.kind(), record.resource(), record.scope(), record.metric());
        attributes.get().delete(&key);
        Verdict::Keep
    });
    assert!(!same.changed && same.dropped == 0);
    let pointers = |rope: &Rope| {
        rope.segments()
            .iter()
            .map(|segment| segment.as_ptr())
            .collect::<Vec<_>>()
    };
    assert_eq!(pointers(&same.payload), pointers(payload));
    let valid = payload.segments().iter().all(|segment| scan(signal, segment).is_ok());
    let mut seen = 0;
    let edited = records(signal, payload, |_, attributes| {
        seen += 1;
        let mut attributes = attributes.get();
        attributes.retain(|pair| pair.key.len() % 2 == 0);
        attributes.upsert(b"key", otlp_wire::common::AnyValue::Int(1));
        if seen % 3 == 0 { Verdict::Drop } else { Verdict::Keep }
    });
    assert_eq!(edited.dropped, seen / 3);
    if valid {
        let count = edited.payload.segments().iter().map(|segment| {
            let scan = scan(signal, segment).expect("what was edited is valid");
            scan.records
        });
        assert_eq!(count.sum::<usize>(), seen - seen / 3);
    }
}
