//! The same edits on the bytes and on the structures.

use crate::oracle::{Decoded, points};
use crate::{SIGNALS, generate};
use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue as TheirValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric;
use otlp_wire::common::AnyValue;
use otlp_wire::edit::{Action, Actions, Kind, Mode, Pair, Verdict, records, resources};
use otlp_wire::write::{Value, Writer, number};
use otlp_wire::{Rope, Signal, scan};

fn key(rng: &mut Rng) -> Box<[u8]> {
    let keys = ["new", "other", generate::KEYS[0], generate::KEYS[1], generate::KEYS[4]];
    keys[rng.usize(0..keys.len())].as_bytes().into()
}

fn action(rng: &mut Rng) -> Action {
    let mode = [Mode::Insert, Mode::Update, Mode::Upsert][rng.usize(0..3)];
    match rng.u8(0..5) {
        0 => Action::Delete(key(rng)),
        1 => {
            let len = rng.usize(0..9);
            Action::DeleteIf(Box::new(move |pair| pair.key.len() == len))
        }
        2 | 3 => {
            let value = match rng.u8(0..4) {
                0 => Value::from(AnyValue::Int(rng.i64(..))),
                1 => Value::from("x".repeat(rng.usize(0..200)).as_str()),
                2 => Value::array([AnyValue::Bool(true), AnyValue::Double(0.5), AnyValue::Empty]),
                _ => Value::map([(b"k".as_slice(), AnyValue::Bytes(b"\0"))]),
            };
            let pair = Pair::new(&key(rng), value.view());
            Action::Set { mode, pair }
        }
        _ => Action::SetFrom {
            mode,
            key: key(rng),
            from: key(rng),
        },
    }
}

/// The value in the structures of generated code.
fn theirs(value: &Value) -> TheirValue {
    let value = match value.view() {
        AnyValue::Empty => None,
        AnyValue::Bool(v) => Some(Any::BoolValue(v)),
        AnyValue::Int(v) => Some(Any::IntValue(v)),
        AnyValue::Double(v) => Some(Any::DoubleValue(v)),
        AnyValue::String(text) => Some(Any::StringValue(
            String::from_utf8(text.to_vec()).expect("texts are UTF-8"),
        )),
        AnyValue::Bytes(bytes) => Some(Any::BytesValue(bytes.to_vec())),
        AnyValue::Array(list) => {
            let values = list.map(|value| theirs(&Value::from(value))).collect();
            Some(Any::ArrayValue(opentelemetry_proto::tonic::common::v1::ArrayValue {
                values,
            }))
        }
        AnyValue::Map(pairs) => {
            let pairs = pairs.iter().map(|pair| KeyValue {
                key: String::from_utf8(pair.key.to_vec()).expect("texts are UTF-8"),
                value: Some(theirs(&Value::from(pair.value()))),
                key_strindex: 0,
            });
            let values = pairs.collect();
            Some(Any::KvlistValue(opentelemetry_proto::tonic::common::v1::KeyValueList {
                values,
            }))
        }
    };
    TheirValue { value }
}

/// What the actions mean.
fn apply(actions: &Actions, pairs: &mut Vec<KeyValue>) {
    let text = |key: &[u8]| String::from_utf8(key.to_vec()).expect("texts are UTF-8");
    let find = |pairs: &[KeyValue], key: &[u8]| pairs.iter().position(|pair| pair.key.as_bytes() == key);
    let set =
        |pairs: &mut Vec<KeyValue>, mode: Mode, key: &[u8], value: Option<TheirValue>| match (find(pairs, key), mode) {
            (Some(at), Mode::Update | Mode::Upsert) => pairs[at].value = value,
            (None, Mode::Insert | Mode::Upsert) => pairs.push(KeyValue {
                key: text(key),
                value,
                key_strindex: 0,
            }),
            _ => {}
        };
    for action in &actions.0 {
        match action {
            Action::Set { mode, pair } => set(pairs, *mode, pair.key(), Some(theirs(&Value::from(pair.value())))),
            Action::SetFrom { mode, key, from } => {
                if let Some(at) = find(pairs, from) {
                    let value = pairs[at].value.clone();
                    set(pairs, *mode, key, value);
                }
            }
            Action::Delete(key) => pairs.retain(|pair| pair.key.as_bytes() != &**key),
            Action::DeleteIf(goes) => pairs.retain(|pair| {
                !goes(otlp_wire::common::KeyValue {
                    key: pair.key.as_bytes(),
                    raw_value: b"",
                })
            }),
            Action::Custom(_) => unreachable!("there are none here"),
        }
    }
}

/// Records that stay and go.
type Tally = (usize, usize);

/// Edits records of the structures: `each` gets attributes and says whether the record stays. Messages that thereby have no record go.
fn edit_theirs(request: &mut Decoded, mut each: impl FnMut(&mut Vec<KeyValue>) -> bool) {
    fn retain<T>(items: &mut Vec<T>, mut edit: impl FnMut(&mut T) -> Tally) -> Tally {
        let mut sum = (0, 0);
        items.retain_mut(|item| {
            let (kept, dropped) = edit(item);
            sum = (sum.0 + kept, sum.1 + dropped);
            kept > 0 || dropped == 0
        });
        sum
    }
    let mut each = |pairs: &mut Vec<KeyValue>| if each(pairs) { (1, 0) } else { (0, 1) };
    match request {
        Decoded::Logs(request) => {
            retain(&mut request.resource_logs, |resource| {
                retain(&mut resource.scope_logs, |scope| {
                    retain(&mut scope.log_records, |record| each(&mut record.attributes))
                })
            });
        }
        Decoded::Traces(request) => {
            retain(&mut request.resource_spans, |resource| {
                retain(&mut resource.scope_spans, |scope| {
                    retain(&mut scope.spans, |span| each(&mut span.attributes))
                })
            });
        }
        Decoded::Metrics(request) => {
            retain(&mut request.resource_metrics, |resource| {
                retain(&mut resource.scope_metrics, |scope| {
                    retain(&mut scope.metrics, |metric| {
                        use metric::Data;
                        match &mut metric.data {
                            None => (0, 0),
                            Some(Data::Gauge(data)) => retain(&mut data.data_points, |one| each(&mut one.attributes)),
                            Some(Data::Sum(data)) => retain(&mut data.data_points, |one| each(&mut one.attributes)),
                            Some(Data::Histogram(data)) => {
                                retain(&mut data.data_points, |one| each(&mut one.attributes))
                            }
                            Some(Data::ExponentialHistogram(data)) => {
                                retain(&mut data.data_points, |one| each(&mut one.attributes))
                            }
                            Some(Data::Summary(data)) => retain(&mut data.data_points, |one| each(&mut one.attributes)),
                        }
                    })
                })
            });
        }
    }
}

#[test]
fn records_are_edited_as_structures_would_be() {
    let mut rng = Rng::with_seed(3);
    let mut changed = 0;
    for round in 0..3_000 {
        let signal = SIGNALS[round % 3];
        let request = generate::request(&mut rng, signal);
        let actions = Actions((0..rng.usize(1..5)).map(|_| action(&mut rng)).collect());
        let (every, dropped) = (rng.usize(1..4), if rng.bool() { usize::MAX } else { rng.usize(1..4) });
        let mut seen = 0;
        let edited = records(signal, &Rope::from(request.clone()), |_, attributes| {
            seen += 1;
            if seen % dropped == 0 {
                return Verdict::Drop;
            }
            if seen % every == 0 {
                actions.apply(&mut attributes.get());
            }
            Verdict::Keep
        });
        let mut theirs = Decoded::new(signal, &request).unwrap();
        let mut seen = 0;
        edit_theirs(&mut theirs, |pairs| {
            seen += 1;
            if seen % every == 0 && seen % dropped != 0 {
                apply(&actions, pairs);
            }
            seen % dropped != 0
        });
        let bytes = edited.payload.to_bytes();
        let ours = Decoded::new(signal, &bytes).unwrap().clean();
        assert!(
            ours.encode() == theirs.clone().clean().encode(),
            "{actions:?}: {ours:#?} {theirs:#?}"
        );
        assert_eq!(edited.dropped, if seen == 0 { 0 } else { seen / dropped });
        assert!(scan(signal, &bytes).is_ok_and(|scan| scan.regular));
        // Lengths are as short as can be.
        assert_eq!(bytes.len(), Decoded::new(signal, &bytes).unwrap().encode().len());
        changed += usize::from(edited.changed);
    }
    assert!(changed > 1_500, "{changed}");
}

#[test]
fn resources_are_edited_as_structures_would_be() {
    let mut rng = Rng::with_seed(4);
    for round in 0..3_000 {
        let signal = SIGNALS[round % 3];
        let request = generate::request(&mut rng, signal);
        let actions = Actions((0..rng.usize(1..4)).map(|_| action(&mut rng)).collect());
        let edited = resources(signal, &Rope::from(request.clone()), |_, attributes| {
            actions.apply(attributes)
        });
        let mut theirs = Decoded::new(signal, &request).unwrap();
        let each = |resource: &mut Option<opentelemetry_proto::tonic::resource::v1::Resource>| {
            let mut edited = resource.clone().unwrap_or_default();
            apply(&actions, &mut edited.attributes);
            if resource.is_some() || !edited.attributes.is_empty() {
                *resource = Some(edited);
            }
        };
        match &mut theirs {
            Decoded::Logs(request) => request.resource_logs.iter_mut().for_each(|one| each(&mut one.resource)),
            Decoded::Traces(request) => request
                .resource_spans
                .iter_mut()
                .for_each(|one| each(&mut one.resource)),
            Decoded::Metrics(request) => request
                .resource_metrics
                .iter_mut()
                .for_each(|one| each(&mut one.resource)),
        }
        let ours = Decoded::new(signal, &edited.payload.to_bytes()).unwrap().clean();
        assert!(
            ours.encode() == theirs.clone().clean().encode(),
            "{actions:?}: {ours:#?} {theirs:#?}"
        );
    }
}

#[test]
fn the_first_of_equal_keys_counts() {
    let mut out = Writer::new();
    out.message(number::RESOURCES, |out| {
        out.message(number::SCOPES, |out| {
            out.message(number::RECORDS, |out| {
                for (key, value) in [("a", 1), ("b", 2), ("a", 3)] {
                    out.attribute(number::LOG_ATTRIBUTES, key.as_bytes(), AnyValue::Int(value));
                }
            });
        });
    });
    let payload = Rope::from(out.finish());
    let log = |payload: &Rope| {
        let bytes = payload.to_bytes();
        let mut all = Vec::new();
        for resource in otlp_wire::logs::resources(&bytes) {
            for scope in resource.scopes() {
                for record in scope.records() {
                    assert!(matches!(
                        record.attributes().get(b"a"),
                        Some(AnyValue::Int(1 | 9)) | None
                    ));
                    all.extend(record.attributes().iter().map(|pair| match pair.value() {
                        AnyValue::Int(v) => (pair.key.to_vec(), v),
                        other => panic!("{other:?}"),
                    }));
                }
            }
        }
        all
    };
    let pairs = |pairs: &[(&str, i64)]| -> Vec<_> {
        let pairs = pairs.iter().map(|(key, value)| (key.as_bytes().to_vec(), *value));
        pairs.collect()
    };
    assert_eq!(log(&payload), pairs(&[("a", 1), ("b", 2), ("a", 3)]));
    let edited = records(Signal::Logs, &payload, |_, attributes| {
        let mut attributes = attributes.get();
        assert!(attributes.update(b"a", AnyValue::Int(9)));
        assert!(!attributes.insert(b"b", AnyValue::Int(8)));
        Verdict::Keep
    });
    assert_eq!(log(&edited.payload), pairs(&[("a", 9), ("b", 2), ("a", 3)]));
    let edited = records(Signal::Logs, &payload, |_, attributes| {
        // All of them: what is deleted must not come back as another value.
        assert!(attributes.get().delete(b"a"));
        assert!(attributes.get().get(b"a").is_none());
        assert!(!attributes.get().update(b"a", AnyValue::Int(1)));
        Verdict::Keep
    });
    assert_eq!(log(&edited.payload), pairs(&[("b", 2)]));
}

#[test]
fn records_know_what_is_around_them() {
    let mut rng = Rng::with_seed(5);
    for _ in 0..300 {
        let mut request = generate::metrics(&mut rng);
        let mut expected = Vec::new();
        for resource in &mut request.resource_metrics {
            for scope in &mut resource.scope_metrics {
                let library = scope.scope.clone().unwrap_or_default().name;
                let dropped = resource.resource.clone().unwrap_or_default().dropped_attributes_count;
                for metric in &mut scope.metrics {
                    let (name, mut count) = (metric.name.clone(), 0);
                    points(metric, &mut |_, _| count += 1);
                    expected.extend(std::iter::repeat_n((dropped, library.clone(), name), count));
                }
            }
        }
        let mut seen = Vec::new();
        let payload = Rope::from(prost::Message::encode_to_vec(&request));
        let edited = records(Signal::Metrics, &payload, |record, _| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let metric = record.metric().expect("a data point is of a metric");
            let dropped = record.resource().dropped_attributes_count;
            seen.push((dropped, text(record.scope().name), text(metric.name)));
            assert!(!matches!(record.kind(), Kind::Log(_) | Kind::Span(_)));
            Verdict::Keep
        });
        assert!(!edited.changed);
        assert_eq!(seen, expected);
    }
}
