//! `loki.relabel` between a source and a sink of the test.

use crate::harness::{Step, Taker};
use component::{CancellationToken, ContextParts, Instance, LogsReceiver, Prepared, RelabelRules, Services, Stability};
use host::Host;
use loki::relabel::{COMPONENT, Exports};
use promtext::Registry;
use signals::{Budget, EdgeSnapshot, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Receiver, Refused};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use value::{Capsule, FromValue, Value};

struct Rig {
    instance: Arc<dyn Instance>,
    sink: Arc<Taker>,
    source: Arc<FanOut>,
    ledger: Ledger,
    registry: Registry,
    budget: Budget,
    exported: Arc<AtomicUsize>,
}

fn block(config: &str, receiver: &Value) -> value::Body {
    let text = format!("loki.relabel \"test\" {{\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let mut body = eval::unevaluated_body(file.body.blocks().next().unwrap()).body;
    body.items.push(value::Item::Attr {
        name: "forward_to".to_owned(),
        value: Ok(Some(Value::array(vec![receiver.clone()]))),
        place: value::Place(u32::MAX),
    });
    body
}

fn receiver(sink: &Arc<Taker>) -> Value {
    Value::Capsule(Capsule::new(LogsReceiver(Some(Receiver {
        owner: Arc::from("sink"),
        sink: sink.clone(),
    }))))
}

fn build(config: &str) -> Result<Rig, String> {
    let (ledger, registry, sink) = (Ledger::default(), Registry::new(), Arc::new(Taker::default()));
    let (budget, exported) = (Budget::new(1 << 20), Arc::new(AtomicUsize::new(0)));
    let count = exported.clone();
    let parts = ContextParts {
        id: Arc::from("loki.relabel.test"),
        data_path: "/nonexistent".into(),
        host: Host::real(),
        budget: budget.clone(),
        ledger: ledger.clone(),
        metrics: registry.clone(),
        services: Services::default(),
        stability: Stability::GenerallyAvailable,
        span: tracing::Span::none(),
        exported: Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }),
        inspector: None,
    };
    let instance = match COMPONENT.build(parts, &block(config, &receiver(&sink))) {
        Ok(instance) => instance,
        Err(component::BuildError::Decode(error)) => return Err(error.to_string()),
        Err(component::BuildError::Component(error)) => return Err(error.to_string()),
    };
    let source = FanOut::new(&ledger, "source");
    source.set(exports(&instance).receiver.0.into_iter().collect());
    Ok(Rig {
        instance,
        sink,
        source: Arc::new(source),
        ledger,
        registry,
        budget,
        exported,
    })
}

fn exports(instance: &Arc<dyn Instance>) -> Exports {
    Exports::from_value(&instance.exports()).unwrap()
}

impl Rig {
    fn new(config: &str) -> Rig {
        build(config).unwrap_or_else(|error| panic!("{error}"))
    }

    fn update(&self, config: &str) {
        match self.instance.clone().prepare(&block(config, &receiver(&self.sink))) {
            Ok(Prepared::Changed(change)) => change.apply(),
            Ok(Prepared::Unchanged) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// A batch of streams, each with labels and lines.
    fn batch(&self, streams: &[(&[(&str, &str)], &[&str])]) -> LogBatch {
        let mut bytes = 0;
        let streams = streams.iter().map(|(labels, lines)| {
            bytes += lines.iter().map(|line| line.len() as u64).sum::<u64>();
            LogStream {
                labels: Labels::from_pairs(labels.iter().copied()),
                entries: lines
                    .iter()
                    .map(|line| Entry::new(0, line.as_bytes().to_vec()))
                    .collect(),
            }
        });
        let streams = streams.collect();
        LogBatch::new(streams, self.budget.force(bytes))
    }

    async fn send(&self, streams: &[(&[(&str, &str)], &[&str])]) -> Result<(), Refused> {
        FanOut::accept(&self.source, self.batch(streams)).await
    }

    fn edge(&self) -> EdgeSnapshot {
        self.ledger.edge("source", "loki.relabel.test").snapshot()
    }

    fn metric(&self, name: &str) -> f64 {
        let text = promtext::encode(&self.registry.gather().families, promtext::Format::Text);
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        found.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }
}

const DROP_DEBUG: &str = r#"
rule {
  source_labels = ["level"]
  regex         = "debug|trace"
  action        = "drop"
}
rule {
  regex  = "pod|level"
  action = "labeldrop"
}"#;

#[test]
fn arguments_are_alloys() {
    let schemas = ((COMPONENT.arguments)(), (COMPONENT.exports)());
    if let Some(differences) = testkit::schema::differences(COMPONENT.name, schemas.0, schemas.1) {
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

#[tokio::test]
async fn streams_with_the_same_labels_merge_in_their_order_and_dropped_ones_are_counted() {
    let rig = Rig::new(DROP_DEBUG);
    rig.send(&[
        (&[("app", "a"), ("pod", "1")], &["a1", "a2"]),
        (&[("app", "a"), ("level", "debug")], &["d1", "d2", "d3"]),
        (&[("app", "b"), ("pod", "1")], &["b1"]),
        (&[("app", "a"), ("pod", "2")], &["a3"]),
        (&[("app", "a")], &["a4"]),
    ])
    .await
    .unwrap();
    let streams = rig.sink.by_stream();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams["{app=\"a\"}"], ["a1", "a2", "a3", "a4"]);
    assert_eq!(streams["{app=\"b\"}"], ["b1"]);
    assert_eq!(
        rig.sink.lines(),
        ["a1", "a2", "a3", "a4", "b1"],
        "merged into one stream"
    );
    let edge = rig.edge();
    assert_eq!((edge.entered.items, edge.delivered.items), (8, 5));
    assert_eq!(edge.filtered["relabel"].items, 3);
    assert_eq!(edge.in_flight().bytes, 0, "{edge:?}");
    assert_eq!(rig.budget.used(), 0);
    assert_eq!(rig.metric("loki_relabel_entries_processed"), 8.0);
    assert_eq!(rig.metric("loki_relabel_entries_written"), 5.0);
    assert_eq!(rig.metric("loki_relabel_cache_misses"), 5.0);
    assert_eq!(rig.metric("loki_relabel_cache_hits"), 3.0);
    assert_eq!(rig.metric("loki_relabel_cache_size"), 5.0);
}

#[tokio::test]
async fn what_has_no_labels_is_dropped_and_empty_values_are_none() {
    let rig = Rig::new("");
    rig.send(&[
        (&[], &["nobody"]),
        (&[("empty", "")], &["neither"]),
        (&[("a", "1"), ("empty", "")], &["x"]),
        (&[("__meta", "kept")], &["y"]),
    ])
    .await
    .unwrap();
    let streams = rig.sink.by_stream();
    assert_eq!(streams.keys().collect::<Vec<_>>(), ["{__meta=\"kept\"}", "{a=\"1\"}"]);
    assert_eq!(rig.edge().filtered["relabel"].items, 2);
    // A batch of which nothing is left goes nowhere and is settled.
    rig.send(&[(&[], &["nobody"])]).await.unwrap();
    assert_eq!(rig.edge().in_flight().items, 0);
    assert_eq!(rig.sink.lines().len(), 2);
}

#[tokio::test]
async fn a_refusal_hands_back_the_whole_batch() {
    let rig = Rig::new(DROP_DEBUG);
    rig.sink.script([Step::Refuse, Step::RefuseForGood]);
    let streams: &[(&[(&str, &str)], &[&str])] = &[(&[("app", "a")], &["x"]), (&[("level", "debug")], &["d"])];
    assert!(rig.send(streams).await.is_err_and(|why| why.is_retryable()));
    assert!(rig.send(streams).await.is_err_and(|why| !why.is_retryable()));
    let edge = rig.edge();
    assert_eq!((edge.returned.items, edge.filtered.len()), (4, 0), "{edge:?}");
    assert_eq!(rig.metric("loki_relabel_entries_processed"), 0.0);
    rig.send(streams).await.unwrap();
    assert_eq!(rig.sink.lines(), ["x"]);
    assert_eq!(rig.edge().filtered["relabel"].items, 1);
    assert_eq!(rig.metric("loki_relabel_entries_processed"), 2.0);
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn batches_keep_their_order() {
    let rig = Rig::new(DROP_DEBUG);
    rig.sink
        .script((0..20).map(|n| Step::Take(Duration::from_millis(20 - n))));
    let mut flights = Vec::new();
    for n in 0..20 {
        let line = format!("{n}");
        let batch = rig.batch(&[(&[("app", "a"), ("pod", &line)], &[&line])]);
        let source = rig.source.clone();
        let mut flight = Box::pin(async move { FanOut::accept(&source, batch).await });
        assert!(futures_util::poll!(&mut flight).is_pending());
        flights.push(flight);
    }
    // The last one first: places were taken at the first poll.
    flights.reverse();
    for outcome in futures_util::future::join_all(flights).await {
        outcome.unwrap();
    }
    let expect: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(rig.sink.lines(), expect);
}

#[tokio::test]
async fn other_rules_hold_at_once_and_are_exported() {
    let rig = Rig::new(DROP_DEBUG);
    let before = exports(&rig.instance).rules;
    assert_eq!(before.blocks().len(), 2);
    let stream: &[(&[(&str, &str)], &[&str])] = &[(&[("app", "a"), ("pod", "1")], &["x"])];
    rig.send(stream).await.unwrap();
    rig.update("rule {\n target_label = \"env\"\n replacement = \"prod\"\n}");
    assert_eq!(rig.exported.load(Ordering::SeqCst), 2);
    let after = exports(&rig.instance).rules;
    assert_ne!(after, before);
    rig.send(stream).await.unwrap();
    let streams = rig.sink.by_stream();
    assert_eq!(
        streams.keys().collect::<Vec<_>>(),
        ["{app=\"a\", env=\"prod\", pod=\"1\"}", "{app=\"a\"}"]
    );
    // The same rules again, and a smaller cache: nothing to tell anyone.
    rig.update("max_cache_size = 1\nrule {\n target_label = \"env\"\n replacement = \"prod\"\n}");
    assert_eq!(rig.exported.load(Ordering::SeqCst), 2);
    for n in 0..3 {
        let pod = n.to_string();
        rig.send(&[(&[("pod", &pod)], &["y"])]).await.unwrap();
    }
    assert_eq!(rig.metric("loki_relabel_cache_size"), 1.0);
    // What the rules give is what a component gets that takes them.
    let same = RelabelRules::from_value(&after.to_value()).unwrap();
    assert_eq!(same, after);
    let mut edit = Labels::from_pairs([("a", "1")]).edit();
    assert!(same.apply(&mut edit, &mut same.scratch()));
    assert_eq!(edit.build().to_string(), "{a=\"1\", env=\"prod\"}");
}

#[tokio::test]
async fn it_runs_until_it_is_stopped() {
    let rig = Rig::new("");
    let stop = CancellationToken::new();
    let running = tokio::spawn(rig.instance.clone().run(stop.clone()));
    rig.send(&[(&[("a", "1")], &["x"])]).await.unwrap();
    assert!(!running.is_finished());
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[test]
fn rules_that_make_no_sense_are_errors_that_name_the_argument() {
    let check = |config: &str, expect: &str| {
        let error = build(config)
            .err()
            .unwrap_or_else(|| panic!("it is accepted: {config}"));
        assert!(error.contains(expect), "{error}");
    };
    // The argument stands where the error is shown; one that is missing is named.
    check("max_cache_size = 0", " must be greater than 0");
    check("rule { }", "\"target_label\" must be set for action replace");
    check(
        "rule {\n target_label = \"a\"\n action = \"hashmod\"\n}",
        "\"modulus\" must be greater than 0 for action hashmod",
    );
    check(
        "rule {\n action = \"keep\"\n regex = \"(\"\n}",
        " is no regular expression: ",
    );
    check("rule {\n action = \"Keep\"\n}", "Keep");
    check(
        "rule {\n action = \"labeldrop\"\n source_labels = [\"a\"]\n}",
        " has no meaning for action labeldrop, which takes regex",
    );
    // A name that the rule could never set is accepted, as by Alloy.
    assert!(build("rule {\n target_label = \"a.b\"\n}").is_ok());
}
