//! What arrives, in which requests.

use super::kit::{PATIENCE, Rig, endpoint, eventually, fate, numbered};
use signals::{Amount, Budget, Courier, Entry, FanOut, Labels, LogBatch, LogStream, Metadata, Permit};
use std::time::Duration;
use testkit::loki_sink::{LokiSink, Mode};
use tokio::time::Instant;

#[tokio::test]
async fn entries_arrive_as_they_were_with_the_headers_of_a_push() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(
        &sink,
        "tenant_id = \"team\"\nheaders = {\"X-Custom\" = \"yes\", \"Content-Type\" = \"no\", \"X-Scope-OrgID\" = \"no\"}",
    ));
    let mut with_metadata = Entry::new(1_700_000_000_123_456_789, "second");
    with_metadata.metadata = Metadata::from_pairs([("trace", "1"), ("trace", "2")]);
    let entries = vec![Entry::new(-1, vec![0xff, 0, b'x']), with_metadata, Entry::new(5, "")];
    let labels = Labels::from_pairs([("job", "a\"b"), ("__path__", "/x")]);
    let batch = LogBatch::new(vec![LogStream { labels, entries }], Permit::none());
    assert_eq!(FanOut::accept(&rig.source, batch).await, Ok(()));

    let got = sink.entries();
    assert_eq!(
        got.iter().map(|entry| entry.ts).collect::<Vec<_>>(),
        [-1, 1_700_000_000_123_456_789, 5]
    );
    assert_eq!(got[0].line.as_ref(), [0xff, 0, b'x']);
    let pair = |value: &str| ("trace".to_owned(), value.to_owned());
    assert_eq!(got[1].metadata, [pair("1"), pair("2")]);
    assert_eq!((&*got[2].labels, &*got[2].tenant), (r#"{job="a\"b"}"#, "team"));

    let request = &sink.requests()[0];
    let header = |name| request.header(name).unwrap_or_default();
    assert_eq!(header("content-type"), "application/x-protobuf");
    assert_eq!(header("content-encoding"), "snappy");
    assert_eq!(
        header("user-agent"),
        format!("Invar/{} ({})", env!("CARGO_PKG_VERSION"), std::env::consts::OS)
    );
    assert_eq!((header("x-scope-orgid"), header("x-custom")), ("team", "yes"));
    assert_eq!(
        request
            .headers
            .iter()
            .filter(|(name, _)| name == "content-type" || name == "x-scope-orgid")
            .count(),
        2
    );

    let host = format!("host=\"{}\",tenant=\"team\"", sink.addr());
    assert_eq!(rig.metric("loki_write_sent_entries_total", &host), 3.0);
    assert_eq!(
        rig.metric("loki_write_sent_bytes_total", &host),
        request.body_bytes as f64
    );
    assert_eq!(
        rig.metric("loki_write_request_duration_seconds_count", "status_code=\"204\""),
        1.0
    );
    for reason in [
        "ingester_error",
        "rate_limited",
        "stream_limited",
        "line_too_long",
        "queue_is_full",
    ] {
        let labels = format!("reason=\"{reason}\"");
        let text = promtext::encode(&rig.registry.gather().families, promtext::Format::Text);
        assert!(
            text.lines()
                .any(|l| l.starts_with("loki_write_dropped_entries_total") && l.contains(&labels)),
            "{reason}"
        );
    }
    assert_eq!(rig.edge().delivered.items, 3);
    rig.assert_balanced();
}

#[tokio::test]
async fn an_empty_batch_has_its_fate_at_once() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, ""));
    assert_eq!(
        FanOut::accept(&rig.source, LogBatch::new(Vec::new(), Permit::none())).await,
        Ok(())
    );
    assert!(sink.requests().is_empty());
}

#[tokio::test]
async fn requests_are_cut_at_their_size() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "batch_size = \"250B\"\nbatch_wait = \"300ms\""));
    let mut offers = Vec::new();
    for _ in 0..10 {
        offers.push(rig.offer(rig.batch("a", &["x".repeat(60), "y".repeat(40)])).await);
    }
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    // 60 + 40 + 60 + 40 fit, the next 60 do not: four entries each.
    let sizes: Vec<usize> = sink.requests().iter().map(|request| request.entries).collect();
    assert_eq!(sizes, [4, 4, 4, 4, 4]);
    rig.assert_balanced();
}

#[tokio::test]
async fn a_line_beyond_the_batch_size_goes_alone() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "batch_size = \"1KiB\""));
    let huge = "x".repeat(3 << 20);
    assert_eq!(rig.send("a", &["before", huge.as_str(), "after"]).await, Ok(()));
    let sizes: Vec<usize> = sink.requests().iter().map(|request| request.entries).collect();
    assert_eq!(sizes, [1, 1, 1]);
    assert_eq!(sink.entries()[1].line.len(), huge.len());
}

#[tokio::test]
async fn entries_are_collected_for_the_batch_wait_and_no_longer() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "batch_wait = \"200ms\""));
    let started = Instant::now();
    let first = rig.offer(rig.batch("a", &["1"])).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second = rig.offer(rig.batch("b", &["2"])).await;
    assert_eq!((fate(first).await, fate(second).await), (Ok(()), Ok(())));
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(sink.requests().len(), 1);
}

#[tokio::test]
async fn nobody_waits_for_memory_while_entries_are_collected() {
    let sink = LokiSink::start();
    let budget = Budget::new(1000);
    let rig = Rig::with_budget(&endpoint(&sink, "batch_wait = \"1h\""), budget.clone());
    let held = rig.offer(rig.batch("a", &["x".repeat(900)])).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(sink.requests().is_empty());
    let permit = tokio::time::timeout(PATIENCE, budget.acquire(500)).await.expect("room");
    assert_eq!((fate(held).await, permit.bytes()), (Ok(()), 500));
}

#[tokio::test]
async fn tenants_get_requests_of_their_own() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "tenant_id = \"default\""));
    let of = |tenant: &str| Labels::from_pairs([("name", "a"), ("__tenant_id__", tenant)]);
    let offers = [
        rig.offer(rig.batch_of(of("one"), &["1"])).await,
        rig.offer(rig.batch_of(of("two"), &["2"])).await,
        rig.offer(rig.batch("a", &["3"])).await,
        rig.offer(rig.batch_of(of("one"), &["4"])).await,
    ];
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    let mut got: Vec<_> = sink
        .entries()
        .into_iter()
        .map(|entry| {
            let line = String::from_utf8_lossy(&entry.line).into_owned();
            (entry.tenant.to_string(), line, entry.labels.to_string())
        })
        .collect();
    got.sort();
    let row = |tenant: &str, line: &str| (tenant.to_owned(), line.to_owned(), "{name=\"a\"}".to_owned());
    assert_eq!(
        got,
        [row("default", "3"), row("one", "1"), row("one", "4"), row("two", "2")]
    );
    assert_eq!(rig.metric("loki_write_sent_entries_total", "tenant=\"one\""), 2.0);
}

#[tokio::test]
async fn external_labels_fill_gaps() {
    let sink = LokiSink::start();
    let config = endpoint(&sink, "") + "external_labels = {\"cluster\" = \"c\", \"name\" = \"default\"}";
    let rig = Rig::new(&config);
    assert_eq!(rig.send("own", &["1"]).await, Ok(()));
    assert_eq!(
        FanOut::accept(&rig.source, rig.batch_of(Labels::empty(), &["2"])).await,
        Ok(())
    );
    let streams: Vec<String> = sink.lines_by_stream().into_keys().collect();
    assert_eq!(
        streams,
        [r#"{cluster="c", name="default"}"#, r#"{cluster="c", name="own"}"#]
    );
}

#[tokio::test]
async fn no_request_has_more_streams_than_allowed_and_none_is_lost_for_it() {
    let sink = LokiSink::start();
    let rig = Rig::new(&(endpoint(&sink, "") + "max_streams = 2"));
    let streams = (0..7).map(|i| LogStream {
        labels: Labels::from_pairs([("name", i.to_string())]),
        entries: vec![Entry::new(0, "x")],
    });
    let batch = LogBatch::new(streams.collect(), Permit::none());
    assert_eq!(FanOut::accept(&rig.source, batch).await, Ok(()));
    assert_eq!(sink.entries().len(), 7);
    assert!(sink.requests().iter().all(|request| request.streams <= 2));
}

#[tokio::test]
async fn a_dead_endpoint_does_not_hold_up_a_live_one() {
    let (live, dead) = (LokiSink::start(), LokiSink::start());
    dead.set_mode(Mode::Refuse);
    let rig = Rig::new(&(endpoint(&live, "") + &endpoint(&dead, "")));
    let mut offers = Vec::new();
    for i in 0..5 {
        offers.push(rig.offer(rig.batch("a", &[i.to_string()])).await);
        eventually("the live one has it", || live.totals().entries > i).await;
    }
    assert!(
        offers.iter().all(|offer| !offer.is_finished()),
        "the dead one has none of it"
    );
    eventually("the failure shows", || rig.health().is_some()).await;
    let message = rig.health().unwrap().message;
    assert!(
        message.contains(&dead.addr().to_string()) && message.contains("cannot be reached"),
        "{message}"
    );
    dead.set_mode(Mode::Ok);
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    assert_eq!(dead.lines_by_stream(), live.lines_by_stream());
    assert_eq!(rig.health(), None);
    assert_eq!(rig.edge().delivered, Amount { items: 5, bytes: 5 });
    rig.assert_balanced();
}

#[tokio::test]
async fn an_entry_that_one_endpoint_refuses_counts_once() {
    let (picky, willing) = (LokiSink::start(), LokiSink::start());
    picky.set_mode(Mode::reject_containing(400, "bad"));
    let rig = Rig::new(&(endpoint(&picky, "") + &endpoint(&willing, "")));
    assert_eq!(rig.send("a", &["good", "bad", "fine"]).await, Ok(()));
    assert_eq!((picky.entries().len(), willing.entries().len()), (2, 3));
    let edge = rig.edge();
    assert_eq!(
        (edge.delivered.items, edge.rejected["ingester_error"]),
        (2, Amount::one(3))
    );
    rig.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shards_send_at_the_same_time_and_keep_the_order_of_streams() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::Slow(Duration::from_millis(10)));
    let rig = Rig::new(&endpoint(
        &sink,
        "batch_size = \"200B\"\nqueue_config {\n min_shards = 4\n}",
    ));
    let mut tasks = Vec::new();
    for stream in 0..8 {
        let name = format!("s{stream}");
        let batches: Vec<LogBatch> = numbered(60).chunks(3).map(|lines| rig.batch(&name, lines)).collect();
        let mut courier = Courier::new(rig.source.clone(), 4);
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
        }));
    }
    for task in tasks {
        tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    }
    let streams = sink.lines_by_stream();
    assert_eq!(streams.len(), 8);
    for (stream, lines) in streams {
        assert_eq!(lines, numbered(60), "{stream}");
    }
    rig.assert_balanced();
}

#[tokio::test]
async fn a_full_queue_drops_only_if_it_is_told_to() {
    let sink = LokiSink::start();
    sink.set_mode(Mode::Refuse);
    let rig = Rig::new(&endpoint(
        &sink,
        "queue_config {\n capacity = \"100B\"\n block_on_overflow = false\n drain_timeout = \"10ms\"\n}",
    ));
    let first = rig.offer(rig.batch("a", &["x".repeat(90)])).await;
    assert_eq!(rig.send("a", &["y".repeat(20)]).await, Ok(()));
    let small = rig.offer(rig.batch("a", &["z".repeat(10)])).await;
    assert_eq!(rig.edge().rejected["queue_is_full"], Amount::one(20));
    assert_eq!(
        rig.metric("loki_write_dropped_entries_total", "reason=\"queue_is_full\""),
        1.0
    );
    sink.set_mode(Mode::Ok);
    assert_eq!((fate(first).await, fate(small).await), (Ok(()), Ok(())));
    assert_eq!(sink.entries().len(), 2);
    // Room again.
    assert_eq!(rig.send("a", &["w".repeat(80)]).await, Ok(()));
    assert_eq!(sink.entries().len(), 3);
}

#[tokio::test]
async fn a_far_endpoint_gets_several_requests_at_a_time_and_keeps_the_order() {
    let sink = LokiSink::start();
    // Each answer takes as long as one from another continent.
    sink.set_mode(Mode::Slow(Duration::from_millis(150)));
    let rig = Rig::new(&endpoint(&sink, "batch_size = \"1KiB\""));
    let mut offers = Vec::new();
    for n in 0..40 {
        for stream in 0..16 {
            let lines = [format!("{n:04} {}", "x".repeat(200))];
            offers.push(rig.offer(rig.batch(&format!("s{stream}"), &lines)).await);
        }
    }
    for offer in offers {
        assert_eq!(fate(offer).await, Ok(()));
    }
    let by_stream = sink.lines_by_stream();
    assert_eq!(by_stream.len(), 16);
    for (stream, lines) in by_stream {
        let numbers: Vec<String> = lines.iter().map(|line| line[..4].to_owned()).collect();
        let expected: Vec<String> = (0..40).map(|n| format!("{n:04}")).collect();
        assert_eq!(numbers, expected, "{stream}");
    }
    // Requests that came while another one waited for its answer.
    let times: Vec<_> = sink.requests().iter().map(|request| request.at).collect();
    let at_once = times.iter().enumerate().map(|(i, first)| {
        let until = *first + Duration::from_millis(140);
        times[i..].iter().take_while(|at| **at < until).count()
    });
    assert!(at_once.max() > Some(2));
    rig.assert_balanced();
}
