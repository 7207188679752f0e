//! A Loki that refuses, fails, hangs and lies.

use super::kit::{PATIENCE, Rig, endpoint, eventually, fate, numbered};
use component::HealthState;
use signals::{Amount, Courier};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::loki_sink::{LokiSink, Mode};
use tokio::time::Instant;

#[tokio::test]
async fn what_may_succeed_later_is_sent_again() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "remote_timeout = \"100ms\""));
    sink.next_modes([
        Mode::status(500),
        Mode::status(503),
        Mode::status(429),
        Mode::status(408),
        Mode::Close,
        Mode::Hang,
    ]);
    assert_eq!(rig.send("a", &["1", "2"]).await, Ok(()));
    assert_eq!((sink.entries().len(), sink.requests().len()), (2, 7));
    assert_eq!(rig.metric("loki_write_batch_retries_total", ""), 6.0);
    assert_eq!(
        rig.metric("loki_write_request_duration_seconds_count", "status_code=\"-1\""),
        2.0
    );
    assert_eq!(rig.metric("loki_write_dropped_entries_total", ""), 0.0);
    rig.assert_balanced();
}

#[tokio::test]
async fn a_server_says_when_to_come_back() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, ""));
    sink.next_modes([Mode::retry_after(429, 1)]);
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    let requests = sink.requests();
    let pause = requests[1].at - requests[0].at;
    assert!(
        (Duration::from_millis(950)..Duration::from_secs(5)).contains(&pause),
        "{pause:?}"
    );
}

#[tokio::test]
async fn a_lost_answer_repeats_entries_and_loses_none() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, ""));
    sink.next_modes([Mode::LoseResponse]);
    assert_eq!(rig.send("a", &["1", "2"]).await, Ok(()));
    assert_eq!(sink.lines_by_stream()["{name=\"a\"}"], ["1", "2", "1", "2"]);
    assert_eq!(rig.edge().delivered.items, 2);
}

#[tokio::test]
async fn an_endpoint_that_does_not_know_who_asks_holds_entries_and_is_unhealthy() {
    let sink = LokiSink::start();
    for code in [401, 403, 404, 302] {
        sink.set_mode(Mode::status(code));
        // Even a bound on attempts does not drop what only waits for a correction.
        let rig = Rig::new(&endpoint(&sink, "name = \"cloud\"\nmax_backoff_retries = 2"));
        let offer = rig.offer(rig.batch("a", &["1"])).await;
        eventually("several attempts", || {
            rig.metric("loki_write_batch_retries_total", "") > 3.0
        })
        .await;
        let health = rig.health().unwrap();
        assert_eq!(health.state, HealthState::Unhealthy);
        let start = format!("endpoint \"cloud\" answers {code} ");
        assert!(
            health.message.starts_with(&start) && health.message.contains(" (since 20"),
            "{}",
            health.message
        );
        sink.set_mode(Mode::Ok);
        assert_eq!(fate(offer).await, Ok(()));
        assert_eq!(rig.health(), None);
        rig.assert_balanced();
    }
}

#[tokio::test]
async fn bad_entries_are_found_and_the_others_delivered_in_order() {
    for code in [400, 422] {
        let sink = LokiSink::start();
        sink.set_mode(Mode::reject_containing(code, "bad"));
        let rig = Rig::new(&endpoint(&sink, "batch_wait = \"100ms\""));
        let mut offers = Vec::new();
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut bad = 0;
        for batch in 0..9 {
            let stream = format!("s{}", batch % 3);
            let lines: Vec<String> = (0..40)
                .map(|i| match (batch * 40 + i) % 71 {
                    3 => format!("bad {batch} {i}"),
                    _ => format!("good {batch} {i}"),
                })
                .collect();
            bad += lines.iter().filter(|line| line.starts_with("bad")).count() as u64;
            let good = lines.iter().filter(|line| line.starts_with("good")).cloned();
            expected.entry(format!("{{name={stream:?}}}")).or_default().extend(good);
            offers.push(rig.offer(rig.batch(&stream, &lines)).await);
        }
        for offer in offers {
            assert_eq!(fate(offer).await, Ok(()));
        }
        assert_eq!(sink.lines_by_stream(), expected);
        assert_eq!(rig.edge().rejected["ingester_error"].items, bad);
        assert_eq!(
            rig.metric("loki_write_dropped_entries_total", "reason=\"ingester_error\""),
            bad as f64
        );
        assert_eq!(rig.health(), None);
        rig.assert_balanced();
    }
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_not_asked_about_each_entry_for_ever() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::status(400));
    let rig = Rig::new(&endpoint(&sink, ""));
    let mut last = 0;
    for round in 0..4 {
        assert_eq!(rig.send("a", &numbered(3000)).await, Ok(()));
        let asked = sink.requests().len();
        sink.reset();
        assert!(asked <= 1100, "{asked}");
        assert!(round == 0 || asked < last, "{asked} after {last}");
        last = asked;
    }
    assert_eq!(rig.edge().rejected["ingester_error"].items, 12_000);
    rig.assert_balanced();
}

#[tokio::test]
async fn requests_become_smaller_for_a_server_that_finds_them_too_large() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::RejectBeyond { entries: 100 });
    let rig = Rig::new(&endpoint(&sink, ""));
    let line = "x".repeat(1000);
    let lines: Vec<String> = (0..1000).map(|i| format!("{i} {line}")).collect();
    assert_eq!(rig.send("a", &lines).await, Ok(()));
    assert_eq!(sink.lines_by_stream()["{name=\"a\"}"], lines);
    let first = sink.requests().len();
    sink.reset();
    assert_eq!(rig.send("a", &lines).await, Ok(()));
    assert_eq!(sink.lines_by_stream()["{name=\"a\"}"], lines);
    assert!(
        sink.requests().iter().all(|request| request.status == Some(204)),
        "it has learnt the limit"
    );
    assert!(first > sink.requests().len());
    // One entry that is too large by itself is the only one that is given up.
    sink.set_mode(Mode::RejectBeyond { entries: 0 });
    assert_eq!(rig.send("a", &["huge"]).await, Ok(()));
    assert_eq!(rig.edge().rejected["ingester_error"], Amount::one(4));
}

#[tokio::test]
async fn attempts_are_bounded_only_if_someone_says_so() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "max_backoff_retries = 3"));
    sink.set_mode(Mode::status(500));
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    assert_eq!(sink.requests().len(), 3);
    sink.set_mode(Mode::status(429));
    assert_eq!(rig.send("a", &["22"]).await, Ok(()));
    let edge = rig.edge();
    assert_eq!(
        (edge.rejected["ingester_error"], edge.rejected["rate_limited"]),
        (Amount::one(1), Amount::one(2))
    );
    assert_eq!(
        rig.metric("loki_write_dropped_entries_total", "reason=\"rate_limited\""),
        1.0
    );

    let at_once = Rig::new(&endpoint(&sink, "retry_on_http_429 = false"));
    sink.reset();
    assert_eq!(at_once.send("a", &["1"]).await, Ok(()));
    assert_eq!(
        (sink.requests().len(), at_once.edge().rejected["rate_limited"].items),
        (1, 1)
    );

    // Without a bound, and with 0, there is no end.
    for more in ["", "max_backoff_retries = 0"] {
        sink.set_mode(Mode::status(500));
        sink.reset();
        let rig = Rig::new(&endpoint(&sink, more));
        let offer = rig.offer(rig.batch("a", &["1"])).await;
        eventually("requests", || sink.totals().requests >= 15).await;
        assert!(!offer.is_finished());
        sink.set_mode(Mode::Ok);
        assert_eq!(fate(offer).await, Ok(()));
    }
}

#[tokio::test]
async fn an_outage_ends_and_everything_is_there() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::Refuse);
    let rig = Rig::new(&endpoint(&sink, ""));
    let started = Instant::now();
    let mut offers = Vec::new();
    for line in numbered(20) {
        offers.push(rig.offer(rig.batch("a", &[line])).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let health = rig.health().unwrap();
    assert!(
        health.message.contains("cannot be reached") && health.message.contains("refused"),
        "{}",
        health.message
    );
    sink.set_mode(Mode::Ok);
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    assert_eq!(sink.lines_by_stream()["{name=\"a\"}"], numbered(20));
    assert!(started.elapsed() >= Duration::from_millis(300));
    rig.assert_balanced();
}

/// Lines without repetitions, in the order in which they came first.
fn first_times(lines: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    lines
        .iter()
        .filter(|line| seen.insert(line.as_str()))
        .cloned()
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn order_is_kept_under_random_faults() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let sink = LokiSink::start();
        let modes: Vec<Mode> = (0..150)
            .map(|_| match random.u8(0..12) {
                0 => Mode::status(500),
                1 => Mode::status(429),
                2 => Mode::Close,
                3 => Mode::LoseResponse,
                4 => Mode::Slow(Duration::from_millis(random.u64(0..20))),
                5 => Mode::reject_containing(400, "bad"),
                _ => Mode::Ok,
            })
            .collect();
        sink.set_mode(Mode::Ok);
        sink.next_modes(modes);
        let shards = random.u8(1..4);
        let size = random.u32(50..2000);
        let more =
            format!("batch_wait = \"2ms\"\nbatch_size = \"{size}B\"\nqueue_config {{\n min_shards = {shards}\n}}");
        let rig = Rig::new(&endpoint(&sink, &more));
        let mut tasks = Vec::new();
        for source in 0..3 {
            let (mut random, mut number) = (random.fork(), 0);
            let batches: Vec<_> = (0..40)
                .map(|_| {
                    let lines: Vec<String> = (0..random.usize(1..8))
                        .map(|_| {
                            number += 1;
                            format!("line {number}")
                        })
                        .collect();
                    rig.batch(&format!("s{source}"), &lines)
                })
                .collect();
            let mut courier = Courier::new(rig.source.clone(), random.usize(1..6));
            tasks.push(tokio::spawn(async move {
                for batch in batches {
                    while !courier.has_room() {
                        assert_eq!(courier.landed().await.outcome, Ok(()));
                    }
                    courier.send(batch, ()).await;
                }
                while !courier.is_empty() {
                    assert_eq!(courier.landed().await.outcome, Ok(()));
                }
                number
            }));
        }
        let mut counts = Vec::new();
        for task in tasks {
            counts.push(tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap());
        }
        let streams = sink.lines_by_stream();
        for (source, count) in counts.into_iter().enumerate() {
            let expected: Vec<String> = (1..=count).map(|i| format!("line {i}")).collect();
            let lines = &streams[&format!("{{name=\"s{source}\"}}")];
            assert_eq!(first_times(lines), expected, "seed {seed}, stream {source}");
        }
        rig.assert_balanced();
    }
}
