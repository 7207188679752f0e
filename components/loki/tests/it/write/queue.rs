//! The queue on disk: what an endpoint does not take in time is accepted, kept, and sent later in its order.

use super::kit::{Rig, endpoint, eventually, fate, numbered};
use component::HealthState;
use signals::EdgeSnapshot;
use std::path::Path;
use std::time::Duration;
use testkit::loki_sink::{LokiSink, Mode};
use tokio::time::Instant;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn queue_of(data: &Path) -> bool {
    data.join("queue").exists()
}

fn way(rig: &Rig, sink: &LokiSink) -> EdgeSnapshot {
    rig.ledger
        .edge("loki.write.test", &format!("loki.write.test#{}", sink.url()))
        .snapshot()
}

/// The queue on disk says that nothing waits.
async fn drained(rig: &Rig, sink: &LokiSink) {
    eventually("the queue is empty", || way(rig, sink).in_flight().items == 0).await;
}

fn lines(sink: &LokiSink, stream: &str) -> Vec<String> {
    sink.lines_by_stream()
        .remove(&format!("{{name=\"{stream}\"}}"))
        .unwrap_or_default()
}

#[tokio::test]
async fn a_healthy_endpoint_costs_no_disk() {
    let (sink, data) = (LokiSink::start(), folder());
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    assert_eq!(rig.send("a", &numbered(1000)).await, Ok(()));
    assert_eq!(way(&rig, &sink).delivered.items, 1000);
    rig.stop().await;
    assert!(!queue_of(data.path()) && !data.path().join("dead-letters").exists());
}

#[tokio::test]
async fn a_dead_endpoint_does_not_hold_up_its_source_and_gets_everything_in_order() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    let started = Instant::now();
    for n in 0..20 {
        let batch: Vec<String> = (0..50).map(|i| format!("{}", n * 50 + i)).collect();
        assert_eq!(rig.send(["a", "b"][n % 2], &batch).await, Ok(()));
    }
    assert!(started.elapsed() < Duration::from_secs(20), "only the first one waits");
    assert!(queue_of(data.path()));
    assert_eq!(rig.budget.used(), 0, "what is on disk takes no memory");
    assert_eq!(rig.edge().delivered.items, 1000);
    assert_eq!(
        (way(&rig, &sink).entered.items, way(&rig, &sink).in_flight().items),
        (1000, 1000)
    );
    let health = rig.health().unwrap();
    assert_eq!(health.state, HealthState::Healthy);
    assert!(health.message.contains("503"), "{}", health.message);
    sink.set_mode(Mode::Ok);
    drained(&rig, &sink).await;
    for (stream, first) in [("a", 0), ("b", 50)] {
        let got = lines(&sink, stream);
        let expected: Vec<String> = (0..10)
            .flat_map(|n| (0..50).map(move |i| format!("{}", n * 100 + first + i)))
            .collect();
        assert_eq!(got, expected);
    }
    // Then the way is direct again.
    assert_eq!(rig.send("a", &["direct"]).await, Ok(()));
    assert_eq!(way(&rig, &sink).delivered.items, 1001);
    rig.stop().await;
    rig.assert_balanced();
}

#[tokio::test]
async fn after_a_restart_everything_is_sent_once() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::Refuse);
    {
        let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
        assert_eq!(rig.send("a", &numbered(100)).await, Ok(()));
        rig.stop().await;
    }
    sink.set_mode(Mode::Ok);
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    eventually("the backlog is sent", || sink.totals().entries == 100).await;
    assert_eq!(rig.send("a", &["new"]).await, Ok(()));
    drained(&rig, &sink).await;
    assert_eq!(way(&rig, &sink).entered.items, 101);
    rig.stop().await;
    let mut all = numbered(100);
    all.push("new".to_owned());
    assert_eq!(lines(&sink, "a"), all);
    // Nothing comes again after a clean stop.
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    assert_eq!(rig.send("b", &["x"]).await, Ok(()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(sink.totals().entries, 102);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_in_flight_at_a_stop_goes_to_the_queue() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::status(500));
    let mut rig = Rig::queued(
        &endpoint(&sink, "min_backoff_period = \"1m\"\nmax_backoff_period = \"1m\""),
        data.path(),
    );
    let offers = [
        rig.offer(rig.batch("a", &["1", "2"])).await,
        rig.offer(rig.batch("b", &["3"])).await,
    ];
    rig.stop().await;
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    rig.assert_balanced();
    sink.set_mode(Mode::Ok);
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    eventually("it is sent", || sink.totals().entries == 3).await;
    assert_eq!(lines(&sink, "a"), ["1", "2"]);
    rig.stop().await;
}

#[tokio::test]
async fn a_slow_endpoint_gets_each_entry_once() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::Slow(Duration::from_millis(1500)));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    let started = Instant::now();
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    assert!(
        started.elapsed() < Duration::from_millis(1450),
        "accepted before the endpoint has answered"
    );
    assert_eq!(rig.send("a", &["2"]).await, Ok(()));
    drained(&rig, &sink).await;
    assert_eq!(
        lines(&sink, "a"),
        ["1", "2"],
        "the attempt that was stored was not repeated"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_without_a_backlog_goes_straight_while_another_waits() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::Slow(Duration::from_millis(1300)));
    let mut rig = Rig::queued(&endpoint(&sink, "queue_config {\n min_shards = 4\n}"), data.path());
    for n in 0..6 {
        assert_eq!(rig.send("a", &[format!("a{n}")]).await, Ok(()));
    }
    drained(&rig, &sink).await;
    assert_eq!(lines(&sink, "a"), ["a0", "a1", "a2", "a3", "a4", "a5"]);
    rig.stop().await;
}

#[tokio::test]
async fn one_dead_endpoint_does_not_delay_a_live_one() {
    let (dead, live, data) = (LokiSink::start(), LokiSink::start(), folder());
    dead.set_mode(Mode::Hang);
    let config = format!(
        "{}{}",
        endpoint(&dead, "remote_timeout = \"300ms\""),
        endpoint(&live, "")
    );
    let mut rig = Rig::queued(&config, data.path());
    let mut slowest = Duration::ZERO;
    for n in 0..40_u64 {
        let sent = Instant::now();
        let offer = rig.offer(rig.batch("a", &[n.to_string()])).await;
        eventually("it arrives", || live.totals().entries > n).await;
        slowest = slowest.max(sent.elapsed());
        assert_eq!(fate(offer).await, Ok(()));
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert_eq!(dead.totals().entries, 0);
    dead.set_mode(Mode::Ok);
    drained(&rig, &dead).await;
    let expected: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!((lines(&live, "a"), lines(&dead, "a")), (expected.clone(), expected));
    rig.stop().await;
}

#[tokio::test]
async fn refused_entries_are_dead_letters_and_the_others_arrive() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::reject_containing(400, "bad"));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    let mut sent = numbered(1000);
    sent[17] = "bad 17".to_owned();
    sent[801] = "bad 801".to_owned();
    assert_eq!(rig.send("a", &sent).await, Ok(()));
    let edge = rig.edge();
    assert_eq!(
        (edge.delivered.items, edge.dead_lettered["ingester_error"].items),
        (998, 2)
    );
    assert_eq!(way(&rig, &sink).dead_lettered["ingester_error"].items, 2);
    rig.stop().await;
    rig.assert_balanced();
    let mut letters = Vec::new();
    wal::Inspect::new(std::sync::Arc::new(wal::RealDisk), &data.path().join("dead-letters"))
        .records(0, |record| {
            letters.push(serde_json::from_slice::<serde_json::Value>(&record.payload).unwrap());
            true
        })
        .unwrap();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0]["line"], "bad 17");
    assert_eq!(letters[0]["status"], 400);
    assert_eq!(letters[0]["stream"], "{name=\"a\"}");
    let example = &rig.ledger.examples().all()[0];
    assert!(example.message.contains("400"), "{example:?}");
}

#[tokio::test]
async fn refused_entries_of_the_queue_are_dead_letters_too() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    let mut sent = numbered(500);
    sent[250] = "bad".to_owned();
    assert_eq!(rig.send("a", &sent).await, Ok(()));
    sink.set_mode(Mode::reject_containing(400, "bad"));
    drained(&rig, &sink).await;
    let edge = way(&rig, &sink);
    assert_eq!(
        (edge.delivered.items, edge.dead_lettered["ingester_error"].items),
        (499, 1)
    );
    sent.remove(250);
    assert_eq!(lines(&sink, "a"), sent);
    rig.stop().await;
}

#[tokio::test]
async fn credentials_that_are_refused_hold_entries_in_the_queue() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::status(401));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    eventually("it says so", || {
        rig.health()
            .is_some_and(|health| health.state == HealthState::Unhealthy && health.message.contains("401"))
    })
    .await;
    sink.set_mode(Mode::Ok);
    drained(&rig, &sink).await;
    assert_eq!(lines(&sink, "a"), ["1"]);
    // Said after the entries are acknowledged.
    eventually("it is healthy again", || {
        rig.health().is_none_or(|health| health.state == HealthState::Healthy)
    })
    .await;
    rig.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_changes_its_address_takes_its_backlog_along() {
    let (old, new, data) = (LokiSink::start(), LokiSink::start(), folder());
    old.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&endpoint(&old, ""), data.path());
    assert_eq!(rig.send("a", &["1", "2"]).await, Ok(()));
    rig.update(&endpoint(&new, ""));
    assert_eq!(rig.send("a", &["3"]).await, Ok(()));
    eventually("the new one has all", || new.totals().entries == 3).await;
    assert_eq!(lines(&new, "a"), ["1", "2", "3"]);
    rig.stop().await;
    assert_eq!(old.totals().entries, 0);
}

#[tokio::test]
async fn an_address_that_changes_with_a_restart_takes_the_backlog_along() {
    let (old, new, data) = (LokiSink::start(), LokiSink::start(), folder());
    old.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&endpoint(&old, ""), data.path());
    assert_eq!(rig.send("a", &["1", "2"]).await, Ok(()));
    rig.stop().await;
    let mut rig = Rig::queued(&endpoint(&new, ""), data.path());
    eventually("the new one has all", || new.totals().entries == 2).await;
    rig.stop().await;
}

#[tokio::test]
async fn what_is_queued_for_an_endpoint_that_is_removed_is_counted() {
    let (stays, goes, data) = (LokiSink::start(), LokiSink::start(), folder());
    goes.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&format!("{}{}", endpoint(&stays, ""), endpoint(&goes, "")), data.path());
    assert_eq!(rig.send("a", &["1", "2"]).await, Ok(()));
    rig.update(&endpoint(&stays, ""));
    eventually("it is given up", || {
        way(&rig, &goes)
            .rejected
            .get("endpoint_removed")
            .is_some_and(|amount| amount.items == 2)
    })
    .await;
    assert_eq!(way(&rig, &goes).in_flight().items, 0);
    assert_eq!(rig.send("a", &["3"]).await, Ok(()));
    assert_eq!(lines(&stays, "a"), ["1", "2", "3"]);
    rig.stop().await;
}

#[tokio::test]
async fn a_queue_that_cannot_be_made_makes_sources_wait_and_loses_nothing() {
    let (sink, data) = (LokiSink::start(), folder());
    std::fs::write(data.path().join("queue"), "in the way").unwrap();
    sink.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    let offer = rig.offer(rig.batch("a", &["1"])).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!offer.is_finished());
    sink.set_mode(Mode::Ok);
    assert_eq!(fate(offer).await, Ok(()));
    assert_eq!(lines(&sink, "a"), ["1"]);
    rig.stop().await;
    rig.assert_balanced();
}

#[tokio::test]
async fn a_crash_repeats_only_what_was_delivered_a_moment_before() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    assert_eq!(rig.send("a", &numbered(100)).await, Ok(()));
    sink.set_mode(Mode::Ok);
    drained(&rig, &sink).await;
    // The cursors are saved meanwhile.
    eventually("the queue is empty on disk", || {
        let cursors = wal::Inspect::new(std::sync::Arc::new(wal::RealDisk), &data.path().join("queue")).cursors();
        cursors.is_ok_and(|cursors| cursors.iter().all(|cursor| cursor.depth.records == 0))
    })
    .await;
    rig.kill().await;
    drop(rig);
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    assert_eq!(rig.send("b", &["x"]).await, Ok(()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(sink.totals().entries, 101);
    rig.stop().await;
}

#[tokio::test]
async fn damage_is_counted() {
    let (sink, data) = (LokiSink::start(), folder());
    sink.set_mode(Mode::status(503));
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    assert_eq!(rig.send("a", &numbered(100)).await, Ok(()));
    assert_eq!(rig.send("b", &numbered(50)).await, Ok(()));
    rig.stop().await;
    let queue = data.path().join("queue");
    let segment = std::fs::read_dir(&queue)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "seg"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    // In the payload of the first record.
    bytes[200] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    sink.set_mode(Mode::Ok);
    let mut rig = Rig::queued(&endpoint(&sink, ""), data.path());
    eventually("it is counted", || way(&rig, &sink).expired.contains_key("damaged")).await;
    drained(&rig, &sink).await;
    let way = way(&rig, &sink);
    assert_eq!((way.expired["damaged"].items, way.delivered.items), (100, 50));
    assert_eq!((lines(&sink, "a").len(), lines(&sink, "b").len()), (0, 50));
    rig.stop().await;
}
