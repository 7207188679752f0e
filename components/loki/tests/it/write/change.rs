//! Stopping, changing and cancelling while entries are on their way.

use super::kit::{PATIENCE, Rig, endpoint, endpoint_at, eventually, fate, numbered};
use signals::{Courier, FanOut};
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::loki_sink::{LokiSink, Mode};
use tokio::time::Instant;

#[tokio::test]
async fn stopping_sends_what_was_collected() {
    let sink = LokiSink::start();
    let mut rig = Rig::new(&endpoint(&sink, "batch_wait = \"1h\""));
    let offers = [
        rig.offer(rig.batch("a", &["1"])).await,
        rig.offer(rig.batch("b", &["2"])).await,
    ];
    rig.stop().await;
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    assert_eq!(sink.entries().len(), 2);
    let refused = rig.send("a", &["late"]).await;
    assert!(refused.is_err_and(|why| why.is_retryable()));
    rig.assert_balanced();
}

#[tokio::test]
async fn stopping_during_an_outage_hands_everything_back() {
    for mode in [
        Mode::Refuse,
        Mode::status(401),
        Mode::Hang,
        Mode::retry_after(503, 3600),
    ] {
        let sink = LokiSink::start();
        sink.set_mode(mode);
        let mut rig = Rig::new(&endpoint(&sink, "queue_config {\n drain_timeout = \"200ms\"\n}"));
        let mut offers = Vec::new();
        for line in numbered(5) {
            offers.push(rig.offer(rig.batch("a", &[line])).await);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let started = Instant::now();
        rig.stop().await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        for offer in offers {
            assert!(fate(offer).await.is_err_and(|why| why.is_retryable()));
        }
        let edge = rig.edge();
        assert_eq!((edge.returned.items, edge.delivered.items, edge.lost.items), (5, 0, 0));
        rig.assert_balanced();
    }
}

#[tokio::test]
async fn stopping_tries_at_once_instead_of_waiting_out_a_pause() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::retry_after(503, 3600));
    let mut rig = Rig::new(&endpoint(&sink, ""));
    let offer = rig.offer(rig.batch("a", &["1"])).await;
    eventually("requests", || sink.totals().requests >= 1).await;
    sink.set_mode(Mode::Ok);
    rig.stop().await;
    assert_eq!(fate(offer).await, Ok(()));
}

#[tokio::test]
async fn a_component_that_ends_without_stopping_hands_everything_back() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::Hang);
    let mut rig = Rig::new(&endpoint(&sink, ""));
    let first = rig.offer(rig.batch("a", &["1"])).await;
    eventually("requests", || sink.totals().requests >= 1).await;
    let second = rig.offer(rig.batch("a", &["2"])).await;
    rig.kill().await;
    for offer in [first, second] {
        assert!(fate(offer).await.is_err_and(|why| why.is_retryable()));
    }
    assert!(rig.send("a", &["3"]).await.is_err());
    eventually("the memory is free", || rig.budget.used() == 0).await;
}

#[tokio::test]
async fn an_offer_that_is_taken_back_is_not_sent_later() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::Refuse);
    let rig = Rig::new(&endpoint(&sink, ""));
    let kept = rig.offer(rig.batch("a", &["kept"])).await;
    let taken_back = rig.offer(rig.batch("a", &["taken back"])).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    taken_back.abort();
    assert!(taken_back.await.is_err());
    sink.set_mode(Mode::Ok);
    assert_eq!(fate(kept).await, Ok(()));
    assert_eq!(rig.send("a", &["after"]).await, Ok(()));
    assert_eq!(sink.lines_by_stream()["{name=\"a\"}"], ["kept", "after"]);
    assert_eq!(rig.edge().returned.items, 1);
    rig.assert_balanced();
}

#[tokio::test]
async fn another_address_takes_over_what_the_old_one_did_not_get() {
    let (dead, live) = (LokiSink::start(), LokiSink::start());
    dead.set_mode(Mode::Refuse);
    let rig = Rig::new(&endpoint(
        &dead,
        "max_backoff_period = \"1h\"\nmin_backoff_period = \"1h\"",
    ));
    let mut offers = Vec::new();
    for line in numbered(6) {
        offers.push(rig.offer(rig.batch("a", &[line])).await);
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    rig.update(&endpoint(&live, "queue_config {\n min_shards = 3\n}"));
    offers.push(rig.offer(rig.batch("a", &["line 6"])).await);
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    assert_eq!(live.lines_by_stream()["{name=\"a\"}"], numbered(7));
    assert_eq!(rig.health(), None);
    rig.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_during_traffic_lose_nothing_and_keep_the_order() {
    let sinks = [LokiSink::start(), LokiSink::start()];
    for sink in &sinks {
        sink.set_mode(Mode::Slow(Duration::from_millis(3)));
    }
    let config = |i: usize| {
        let shards = 1 + i % 3;
        let more = format!("batch_wait = \"5ms\"\nbatch_size = \"300B\"\nqueue_config {{\n min_shards = {shards}\n}}");
        endpoint(&sinks[i % 2], &more)
    };
    let rig = Rig::new(&config(0));
    let batches: Vec<_> = numbered(900).chunks(3).map(|lines| rig.batch("a", lines)).collect();
    let mut courier = Courier::new(rig.source.clone(), 8);
    let sending = tokio::spawn(async move {
        for batch in batches {
            while !courier.has_room() {
                assert_eq!(courier.landed().await.outcome, Ok(()));
            }
            courier.send(batch, ()).await;
        }
        while !courier.is_empty() {
            assert_eq!(courier.landed().await.outcome, Ok(()));
        }
    });
    let mut changes = 0;
    while !sending.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        changes += 1;
        rig.update(&config(changes));
    }
    tokio::time::timeout(PATIENCE, sending).await.unwrap().unwrap();
    assert!(changes > 5, "{changes} changes");
    // Nothing failed, so nothing was repeated: put in the order of their arrival, the requests are the file.
    let mut requests: Vec<_> = sinks
        .iter()
        .flat_map(|sink| sink.requests())
        .map(|r| (r.at, r.entries))
        .collect();
    requests.sort();
    assert_eq!(requests.iter().map(|(_, entries)| entries).sum::<usize>(), 900);
    let mut lines: Vec<String> = sinks
        .iter()
        .flat_map(|sink| sink.entries())
        .map(|e| String::from_utf8_lossy(&e.line).into_owned())
        .collect();
    for sink in &sinks {
        let numbers: Vec<u32> = sink
            .entries()
            .iter()
            .map(|e| String::from_utf8_lossy(&e.line)[5..].parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
    lines.sort_by_key(|line| line[5..].parse::<u32>().unwrap());
    assert_eq!(lines, numbered(900));
    rig.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_during_faults_lose_nothing() {
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let sinks = [LokiSink::start(), LokiSink::start()];
        let rig = Rig::new(&endpoint(&sinks[0], ""));
        let batches: Vec<_> = numbered(400).chunks(4).map(|lines| rig.batch("a", lines)).collect();
        let mut courier = Courier::new(rig.source.clone(), 6);
        let sending = tokio::spawn(async move {
            for batch in batches {
                while !courier.has_room() {
                    assert_eq!(courier.landed().await.outcome, Ok(()));
                }
                courier.send(batch, ()).await;
            }
            while !courier.is_empty() {
                assert_eq!(courier.landed().await.outcome, Ok(()));
            }
        });
        let mut changes = 0;
        while !sending.is_finished() {
            for sink in &sinks {
                let modes = (0..6).map(|_| match random.u8(0..6) {
                    0 => Mode::status(500),
                    1 => Mode::Close,
                    2 => Mode::LoseResponse,
                    3 => Mode::status(404),
                    4 => Mode::Slow(Duration::from_millis(5)),
                    _ => Mode::Ok,
                });
                sink.next_modes(modes);
            }
            tokio::time::sleep(Duration::from_millis(random.u64(1..30))).await;
            // After a while the configuration settles, so that there is an end.
            changes += 1;
            let (shards, target) = (
                1 + random.usize(0..3),
                if changes < 40 { random.usize(0..2) } else { 0 },
            );
            let more = format!("batch_wait = \"3ms\"\nqueue_config {{\n min_shards = {shards}\n}}");
            rig.update(&endpoint(&sinks[target], &more));
        }
        tokio::time::timeout(PATIENCE, sending).await.unwrap().unwrap();
        let arrived: BTreeSet<String> = sinks
            .iter()
            .flat_map(|sink| sink.lines_by_stream().into_values().flatten())
            .collect();
        assert_eq!(arrived, numbered(400).into_iter().collect(), "seed {seed}");
        rig.assert_balanced();
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_change_notices_nothing() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "batch_wait = \"300ms\""));
    let offer = rig.offer(rig.batch("a", &["1"])).await;
    rig.update(&(endpoint(&sink, "batch_wait = \"300ms\"") + "external_labels = {\"x\" = \"y\"}"));
    let second = rig.offer(rig.batch("a", &["2"])).await;
    assert_eq!((fate(offer).await, fate(second).await), (Ok(()), Ok(())));
    assert_eq!(sink.requests().len(), 1, "collected in the same request");
    let streams: Vec<String> = sink.lines_by_stream().into_keys().collect();
    assert_eq!(streams, [r#"{name="a", x="y"}"#, r#"{name="a"}"#]);
}

#[tokio::test]
async fn an_endpoint_that_is_removed_gets_its_drain_time() {
    let (stays, goes, dead) = (LokiSink::start(), LokiSink::start(), LokiSink::start());
    dead.set_mode(Mode::Refuse);
    let quick = "queue_config {\n drain_timeout = \"100ms\"\n}";
    let all = [
        endpoint(&stays, ""),
        endpoint(&goes, "batch_wait = \"1h\""),
        endpoint(&dead, quick),
    ]
    .concat();
    let rig = Rig::new(&all);
    let offer = rig.offer(rig.batch("a", &["1", "2"])).await;
    rig.update(&endpoint(&stays, ""));
    assert_eq!(fate(offer).await, Ok(()), "the others have it");
    assert_eq!((stays.entries().len(), goes.entries().len()), (2, 2));
    assert_eq!(rig.edge().rejected["endpoint_removed"].items, 2);
    assert_eq!(
        rig.metric("loki_write_dropped_entries_total", "reason=\"endpoint_removed\""),
        2.0
    );
    assert_eq!(rig.send("a", &["3"]).await, Ok(()));
    assert_eq!(goes.entries().len(), 2);
    rig.assert_balanced();
}

#[tokio::test]
async fn a_change_that_cannot_be_made_changes_nothing() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, ""));
    let broken = endpoint_at("https://loki/push", "tls_config {\n ca_pem = \"nonsense\"\n}");
    let text = format!("loki.write \"test\" {{\n{broken}\n}}\n");
    let (file, _) = syntax::parse("test.alloy", text.as_bytes());
    let body = eval::unevaluated_body(file.body.blocks().next().unwrap()).body;
    assert!(rig.instance.clone().prepare(&body).is_err());
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    assert_eq!(sink.entries().len(), 1);
}

#[tokio::test]
async fn entries_that_come_before_it_runs_wait_for_it() {
    let sink = LokiSink::start();
    let mut rig = Rig::new(&endpoint(&sink, ""));
    // On this runtime the component's task has not run yet.
    let source = rig.source.clone();
    let mut accept = Box::pin(FanOut::accept(&source, rig.batch("a", &["early"])));
    assert!(futures_util::poll!(&mut accept).is_pending());
    assert_eq!(tokio::time::timeout(PATIENCE, accept).await.unwrap(), Ok(()));
    rig.stop().await;
}
