//! The data contract: order, back-pressure, all-or-nothing fan-out, and records without a fate.

use signals::{
    Accepting, Amount, Budget, Courier, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Permit, Receiver, Refused,
    Sink,
};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

fn batch(lines: &[&str]) -> LogBatch {
    let entries = lines
        .iter()
        .map(|line| Entry::new(0, line.as_bytes().to_vec()))
        .collect();
    let labels = Labels::from_pairs([("job", "test")]);
    LogBatch::new(vec![LogStream { labels, entries }], Permit::none())
}

/// What a scripted sink does with its next batches; afterwards it delivers.
enum Step {
    Deliver(Duration),
    Refuse,
    RefuseForGood,
    Forget,
    Hang,
}

#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Step>>,
    lines: Mutex<Vec<String>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Scripted {
            script: Mutex::new(script.into_iter().collect()),
            ..Scripted::default()
        })
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no test panics while it holds this").clone()
    }
}

impl Sink for Scripted {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            let turn = self.turn.clone().lock_owned().await;
            let step = self
                .script
                .lock()
                .expect("no test panics while it holds this")
                .pop_front()
                .unwrap_or(Step::Deliver(Duration::ZERO));
            let (streams, mut custody) = batch.into_parts();
            match step {
                Step::Deliver(after) => {
                    tokio::time::sleep(after).await;
                    let mut lines = self.lines.lock().expect("no test panics while it holds this");
                    for entry in streams.iter().flat_map(|stream| &stream.entries) {
                        lines.push(String::from_utf8_lossy(&entry.line).into_owned());
                    }
                    custody.deliver_rest();
                    Ok(())
                }
                Step::Refuse => Err(Refused::retry("not now")),
                Step::RefuseForGood => Err(Refused::permanent("bad", "never")),
                Step::Forget => Ok(()),
                Step::Hang => {
                    drop(turn);
                    std::future::pending().await
                }
            }
        })
    }
}

fn fan_out(ledger: &Ledger, sinks: &[(&str, Arc<Scripted>)]) -> Arc<FanOut> {
    let out = FanOut::new(ledger, "source");
    out.set(
        sinks
            .iter()
            .map(|(owner, sink)| Receiver {
                owner: Arc::from(*owner),
                sink: sink.clone(),
            })
            .collect(),
    );
    Arc::new(out)
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_through_delays_and_refusals() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let script: Vec<Step> = (0..60)
            .map(|_| match random.u8(0..10) {
                0..3 => Step::Refuse,
                _ => Step::Deliver(Duration::from_millis(random.u64(0..50))),
            })
            .collect();
        let sink = Scripted::new(script);
        let ledger = Ledger::default();
        let mut courier = Courier::new(fan_out(&ledger, &[("sink", sink.clone())]), 4);
        let mut landed = Vec::new();
        let mut sent = 0;
        while landed.len() < 30 {
            if sent < 30 && courier.has_room() {
                courier.send(batch(&[&format!("line {sent}")]), sent).await;
                sent += 1;
            } else {
                let parcel = courier.landed().await;
                assert_eq!(parcel.outcome, Ok(()));
                landed.push(parcel.tag);
            }
        }
        let expected: Vec<String> = (0..30).map(|i| format!("line {i}")).collect();
        // A refusal hits one batch while those behind it may pass: the sink above breaks the rule that it refuses those
        // too, so only what the courier promises is checked: nothing lost, nothing repeated, landed in order.
        let mut arrived = sink.lines();
        arrived.sort_by_key(|line| line[5..].parse::<u32>().unwrap());
        assert_eq!(arrived, expected, "seed {seed}");
        assert_eq!(landed, (0..30).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_all_that_wait_gets_them_in_order_again() {
    // Four in flight, all refused, several times: the order of arrival is the order of sending.
    let sink = Scripted::new((0..12).map(|_| Step::Refuse));
    let mut courier = Courier::new(fan_out(&Ledger::default(), &[("sink", sink.clone())]), 4);
    for i in 0..4 {
        courier.send(batch(&[&i.to_string()]), i).await;
    }
    assert!(!courier.has_room());
    for i in 0..4 {
        assert_eq!(courier.landed().await.tag, i);
    }
    assert_eq!(sink.lines(), ["0", "1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn who_sends_is_woken_by_what_lands_and_nothing_else() {
    #[derive(Default)]
    struct Counted(AtomicUsize);
    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let second = || Step::Deliver(Duration::from_secs(1));
    let (one, two) = (Scripted::new([second()]), Scripted::new([second()]));
    for sinks in [
        vec![("one", one)],
        vec![("two", two), ("three", Scripted::new([second()]))],
    ] {
        let mut courier = Courier::new(fan_out(&Ledger::default(), &sinks), 4);
        courier.send(batch(&["line"]), ()).await;
        let woken = Arc::<Counted>::default();
        let waker = Waker::from(woken.clone());
        let mut landed = pin!(courier.landed());
        assert!(landed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(woken.0.load(Ordering::SeqCst) > 0);
        assert_eq!(landed.await.outcome, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_stops_the_sender_at_the_budget() {
    let budget = Budget::new(1000);
    let sink = Scripted::new((0..100).map(|_| Step::Deliver(Duration::from_secs(1))));
    let ledger = Ledger::default();
    let mut courier = Courier::new(fan_out(&ledger, &[("sink", sink.clone())]), 64);
    let line = "x".repeat(100);
    let mut landed = 0;
    let mut sent = 0;
    while landed < 50 {
        tokio::select! {
            biased;
            permit = budget.acquire(100), if sent < 50 && courier.has_room() => {
                let labels = Labels::empty();
                let entries = vec![Entry::new(0, line.clone())];
                courier.send(LogBatch::new(vec![LogStream { labels, entries }], permit), sent).await;
                sent += 1;
            }
            parcel = courier.landed() => {
                assert_eq!(parcel.tag, landed);
                landed += 1;
            }
        }
        assert!(sent - landed <= 10, "{} in flight under a budget of 10", sent - landed);
    }
    assert_eq!((budget.peak(), budget.used()), (1000, 0));
    let edge = &ledger.snapshot()[0];
    assert_eq!(edge.entered, Amount { items: 50, bytes: 5000 });
    assert_eq!((edge.delivered, edge.in_flight()), (edge.entered, Amount::default()));
}

#[tokio::test(start_paused = true)]
async fn fan_out_succeeds_when_every_branch_has_and_repeats_nothing() {
    let ledger = Ledger::default();
    let steady = Scripted::new([]);
    let moody = Scripted::new([Step::Refuse, Step::Refuse, Step::Deliver(Duration::from_secs(3))]);
    let out = fan_out(&ledger, &[("steady", steady.clone()), ("moody", moody.clone())]);
    let started = tokio::time::Instant::now();
    assert_eq!(out.accept(batch(&["a", "b"])).await, Ok(()));
    assert!(
        started.elapsed() >= Duration::from_secs(3),
        "resolved before the slow branch had it"
    );
    assert_eq!(steady.lines(), ["a", "b"]);
    assert_eq!(moody.lines(), ["a", "b"]);
    let moody_edge = ledger.edge("source", "moody").snapshot();
    assert_eq!(
        (
            moody_edge.entered.items,
            moody_edge.returned.items,
            moody_edge.delivered.items
        ),
        (6, 4, 2)
    );
    assert_eq!(moody_edge.in_flight(), Amount::default());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_one_branch_refused_is_not_overtaken_there() {
    let ledger = Ledger::default();
    let steady = Scripted::new([]);
    let moody = Scripted::new([Step::Refuse, Step::Refuse]);
    let mut courier = Courier::new(
        fan_out(&ledger, &[("steady", steady.clone()), ("moody", moody.clone())]),
        8,
    );
    for i in 0..5 {
        courier.send(batch(&[&i.to_string()]), i).await;
    }
    assert_eq!(
        steady.lines(),
        ["0", "1", "2", "3", "4"],
        "the other branch does not wait"
    );
    for i in 0..5 {
        assert_eq!(courier.landed().await.tag, i);
    }
    assert_eq!(moody.lines(), ["0", "1", "2", "3", "4"]);
    assert_eq!(ledger.edge("source", "moody").snapshot().in_flight(), Amount::default());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_all_branches_goes_back_whole() {
    let ledger = Ledger::default();
    let first = Scripted::new([Step::Refuse]);
    let second = Scripted::new([Step::RefuseForGood]);
    let out = fan_out(&ledger, &[("first", first.clone()), ("second", second.clone())]);
    assert!(out.accept(batch(&["a"])).await.is_err_and(|why| why.is_retryable()));
    assert!(first.lines().is_empty() && second.lines().is_empty());
    for edge in ledger.snapshot() {
        assert_eq!((edge.entered, edge.returned), (Amount::one(1), Amount::one(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_refuses_for_good_is_accounted_for() {
    let ledger = Ledger::default();
    let good = Scripted::new([]);
    let bad = Scripted::new([Step::RefuseForGood]);
    let out = fan_out(&ledger, &[("good", good.clone()), ("bad", bad)]);
    assert_eq!(out.accept(batch(&["a"])).await, Ok(()));
    let edge = ledger.edge("source", "bad").snapshot();
    assert_eq!(edge.rejected["bad"], Amount::one(1));
    assert_eq!(edge.in_flight(), Amount::default());
}

#[tokio::test]
#[should_panic(expected = "1 have no fate")]
async fn a_batch_dropped_without_a_fate_is_caught() {
    let out = fan_out(&Ledger::default(), &[("sink", Scripted::new([Step::Forget]))]);
    let _ = out.accept(batch(&["a"])).await;
}

#[tokio::test]
async fn an_offer_that_is_taken_back_is_returned_not_lost() {
    let ledger = Ledger::default();
    let out = fan_out(&ledger, &[("sink", Scripted::new([Step::Hang]))]);
    let waited = tokio::time::timeout(Duration::from_millis(10), out.accept(batch(&["a"]))).await;
    assert!(waited.is_err());
    let edge = ledger.edge("source", "sink").snapshot();
    assert_eq!((edge.returned.items, edge.lost.items), (1, 0));
}

#[tokio::test]
async fn filtered_records_are_counted_by_rule() {
    struct Filter;
    impl Sink for Filter {
        fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
            Box::pin(async move {
                let (streams, mut custody) = batch.into_parts();
                for entry in streams.iter().flat_map(|stream| &stream.entries) {
                    match entry.line.as_ref() {
                        b"noise" => custody.filter("noisy", Amount::one(entry.size())),
                        _ => custody.deliver(Amount::one(entry.size())),
                    }
                }
                Ok(())
            })
        }
    }
    let ledger = Ledger::default();
    let out = FanOut::new(&ledger, "a");
    out.set(vec![Receiver {
        owner: Arc::from("b"),
        sink: Arc::new(Filter),
    }]);
    assert_eq!(out.accept(batch(&["noise", "signal", "noise"])).await, Ok(()));
    let edge = ledger.edge("a", "b").snapshot();
    assert_eq!(edge.filtered["noisy"], Amount { items: 2, bytes: 10 });
    assert_eq!(edge.delivered, Amount { items: 1, bytes: 6 });
    assert_eq!(edge.in_flight(), Amount::default());
}

#[tokio::test]
async fn records_without_a_receiver_are_counted() {
    let ledger = Ledger::default();
    let out = FanOut::new(&ledger, "a");
    assert_eq!(out.accept(batch(&["x"])).await, Ok(()));
    assert_eq!(ledger.edge("a", "").snapshot().filtered["no_receiver"], Amount::one(1));
}
