//! `loki.process` as a component: order, custody, held records, pauses, changes.

use crate::harness::{Rig, Step};
use signals::{Amount, Courier, FanOut};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Lets everything that can run do so.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_records_are_counted_once_by_their_rule() {
    let rig = Rig::new(r#"stage.drop { expression = "debug"; drop_counter_reason = "noisy" }"#);
    rig.sink.script([Step::Refuse]);
    let lines = ["debug 1", "info", "debug 2"];
    assert!(rig.send(&lines).await.is_err_and(|why| why.is_retryable()));
    assert_eq!(rig.metric("loki_process_dropped_lines_total{reason=\"noisy\"}"), None);
    assert_eq!(rig.send(&lines).await, Ok(()));
    assert_eq!(rig.sink.lines(), ["info"]);
    assert_eq!(
        rig.metric("loki_process_dropped_lines_total{reason=\"noisy\"}"),
        Some(2.0)
    );
    let edge = rig.edge();
    assert_eq!((edge.entered.items, edge.returned.items), (6, 3));
    assert_eq!(
        (edge.filtered["noisy"], edge.delivered),
        (Amount { items: 2, bytes: 14 }, Amount::one(4))
    );
    assert_eq!((edge.in_flight(), edge.lost), (Amount::default(), Amount::default()));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_goes_back_to_the_sender() {
    let rig = Rig::new("stage.decolorize { }");
    rig.sink.script([Step::RefuseForGood]);
    assert!(rig.send(&["a"]).await.is_err_and(|why| !why.is_retryable()));
    assert_eq!(rig.edge().returned.items, 1);
}

#[tokio::test(start_paused = true)]
async fn malformed_json_has_a_rule_in_the_ledger() {
    let rig = Rig::new(r#"stage.json { expressions = { a = "" }; drop_malformed = true }"#);
    assert_eq!(rig.send(&["{\"a\":1}", "nonsense"]).await, Ok(()));
    assert_eq!(rig.edge().filtered["json_malformed"], Amount::one(8));
    assert_eq!(
        rig.metric("loki_process_dropped_lines_total{reason=\"json_malformed\"}"),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn counters_of_records_never_go_down() {
    let stages = r#"
        stage.regex { expression = "(?P<n>-?\\d+)" }
        stage.metrics { metric.counter { name = "n"; action = "add" } }
    "#;
    let rig = Rig::new(stages);
    assert_eq!(rig.send(&["5", "-3", "2"]).await, Ok(()));
    assert_eq!(rig.metric("loki_process_custom_n{stream_id=\"a\"}"), Some(7.0));
    assert_eq!(
        rig.metric("loki_process_negative_counter_values_total{metric=\"loki_process_custom_n\"}"),
        Some(1.0)
    );
    // Another stage does not reset it.
    rig.update(&format!("{stages}\nstage.decolorize {{ }}"));
    assert_eq!(rig.send(&["1"]).await, Ok(()));
    assert_eq!(rig.metric("loki_process_custom_n{stream_id=\"a\"}"), Some(8.0));
}

#[tokio::test(start_paused = true)]
async fn a_multiline_block_waits_for_its_end_and_its_senders_wait_with_it() {
    let rig = Rig::new(r#"stage.multiline { firstline = "^\\S"; max_wait_time = "5s" }"#);
    let started = Instant::now();
    let first = rig.spawn(&["one", " 1"]);
    settle().await;
    let second = rig.spawn(&[" 2", "two"]);
    settle().await;
    assert_eq!(rig.sink.lines(), ["one\n 1\n 2"]);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert!(!second.is_finished(), "its last line is held");
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(second.await.unwrap(), Ok(()));
    assert!(started.elapsed() >= Duration::from_secs(5) && started.elapsed() < Duration::from_secs(6));
    assert_eq!(rig.sink.lines(), ["one\n 1\n 2", "two"]);
    let edge = rig.edge();
    assert_eq!((edge.delivered, edge.in_flight()), (edge.entered, Amount::default()));
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_held_line_does_not_pin_the_chunk_that_it_came_in() {
    let rig = Rig::new(r#"stage.multiline { firstline = "^S" }"#);
    let filler = "x".repeat(1000);
    let lines: Vec<&str> = std::iter::repeat_n(filler.as_str(), 100).chain(["S"]).collect();
    let sent = rig.spawn(&lines);
    settle().await;
    assert_eq!(rig.sink.lines().len(), 100);
    assert_eq!(rig.budget.used(), 1);
    assert_eq!(sent.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_passed_on_when_the_component_stops() {
    for (stages, lines, expected) in [
        (r#"stage.multiline { firstline = "^S" }"#, &["S", "a"][..], "S\na"),
        (
            "stage.cri { }",
            &["2024-05-06T07:08:09Z stdout P he", "2024-05-06T07:08:09Z stdout P llo"],
            "hello",
        ),
        (
            r#"stage.cri { }; stage.multiline { firstline = "^S"; max_wait_time = "1h" } "#,
            &["2024-05-06T07:08:09Z stdout F S1", "2024-05-06T07:08:09Z stdout P x"],
            "S1\nx",
        ),
    ] {
        let mut rig = Rig::new(stages);
        let sent = rig.spawn(lines);
        settle().await;
        assert!(rig.sink.lines().is_empty());
        rig.stop().await;
        assert_eq!(sent.await.unwrap(), Ok(()));
        assert_eq!(rig.sink.lines(), [expected]);
        let edge = rig.edge();
        assert_eq!((edge.delivered, edge.in_flight()), (edge.entered, Amount::default()));
        // Nobody would pass on what it held now.
        assert!(rig.send(&["late"]).await.is_err_and(|why| why.is_retryable()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_passed_on_before_changed_stages_see_a_record() {
    let rig = Rig::new(
        r#"stage.multiline { firstline = "^S"; max_wait_time = "1h" }; stage.static_labels { values = { v = "1" } }"#,
    );
    let sent = rig.spawn(&["S", "a"]);
    settle().await;
    rig.update(r#"stage.static_labels { values = { v = "2" } }"#);
    let later = rig.spawn(&["S2"]);
    assert_eq!(sent.await.unwrap(), Ok(()));
    assert_eq!(later.await.unwrap(), Ok(()));
    assert_eq!(rig.sink.lines(), ["S\na", "S2"]);
    assert_eq!(
        rig.sink.by_stream().keys().next().unwrap(),
        "{stream_id=\"a\", v=\"1\"}"
    );
}

#[tokio::test(start_paused = true)]
async fn changing_receivers_alone_keeps_what_is_held() {
    let stages = r#"stage.multiline { firstline = "^S"; max_wait_time = "1h" }"#;
    let mut rig = Rig::new(stages);
    let sent = rig.spawn(&["S"]);
    settle().await;
    rig.update(stages);
    settle().await;
    assert!(rig.sink.lines().is_empty());
    rig.stop().await;
    assert_eq!(sent.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_partial_line_whose_rest_never_comes_is_passed_on_after_a_minute() {
    let rig = Rig::new("stage.cri { }");
    let started = Instant::now();
    assert_eq!(rig.send(&["2024-05-06T07:08:09Z stdout P half"]).await, Ok(()));
    assert!(started.elapsed() >= Duration::from_secs(60));
    assert_eq!(rig.sink.lines(), ["half"]);
    assert_eq!(rig.metric("loki_process_cri_partial_lines_flushed_total"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn refused_blocks_go_back_to_all_their_senders_and_come_again_whole() {
    let rig = Rig::new(r#"stage.multiline { firstline = "^S" }"#);
    // The block of the first two batches is refused with the second.
    rig.sink.script([Step::Refuse]);
    let first = rig.spawn(&["S1"]);
    settle().await;
    let second = rig.spawn(&["a", "S2"]);
    settle().await;
    assert!(first.await.unwrap().is_err_and(|why| why.is_retryable()));
    assert!(second.await.unwrap().is_err_and(|why| why.is_retryable()));
    // Nothing of them is left, so offering them again repeats nothing.
    let first = rig.spawn(&["S1"]);
    settle().await;
    let second = rig.spawn(&["a", "S2"]);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!(rig.sink.lines(), ["S1\na", "S2"]);
    assert_eq!(rig.edge().in_flight(), Amount::default());
}

#[tokio::test(start_paused = true)]
async fn an_offer_that_is_taken_back_leaves_nothing_behind() {
    let rig = Rig::new(r#"stage.multiline { firstline = "^S"; max_wait_time = "1h" }"#);
    let sent = rig.spawn(&["S1"]);
    settle().await;
    sent.abort();
    assert!(sent.await.is_err());
    settle().await;
    let again = rig.spawn(&["S1", "S2"]);
    settle().await;
    assert_eq!(rig.sink.lines(), ["S1"]);
    again.abort();
}

#[tokio::test(start_paused = true)]
async fn a_block_that_is_refused_when_it_is_due_goes_back() {
    let rig = Rig::new(r#"stage.multiline { firstline = "^S" }"#);
    rig.sink.script([Step::Refuse]);
    assert!(rig.send(&["S1"]).await.is_err_and(|why| why.is_retryable()));
    assert_eq!(rig.send(&["S1"]).await, Ok(()));
    assert_eq!(rig.sink.lines(), ["S1"]);
}

#[tokio::test(start_paused = true)]
async fn held_records_that_a_later_stage_drops_are_filtered() {
    let rig = Rig::new(
        r#"stage.multiline { firstline = "^S" }; stage.drop { expression = "noise"; drop_counter_reason = "r" }"#,
    );
    let first = rig.spawn(&["S noise"]);
    settle().await;
    let second = rig.spawn(&[" more", "S good"]);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!(rig.sink.lines(), ["S good"]);
    let edge = rig.edge();
    assert_eq!((edge.filtered["r"].items, edge.delivered.items), (2, 1));
    assert_eq!(edge.in_flight(), Amount::default());
    assert_eq!(rig.metric("loki_process_dropped_lines_total{reason=\"r\"}"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_limit_lets_records_wait_in_order_and_passes_on_what_may_go() {
    let rig = Rig::new("stage.limit { rate = 1; burst = 2 }");
    let started = Instant::now();
    let first = rig.spawn(&["1", "2", "3", "4"]);
    settle().await;
    assert_eq!(rig.sink.lines(), ["1", "2"], "what the limit allows does not wait");
    let second = rig.spawn(&["5"]);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(started.elapsed().as_secs(), 2);
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!(started.elapsed().as_secs(), 3);
    assert_eq!(rig.sink.lines(), ["1", "2", "3", "4", "5"]);
    let edge = rig.edge();
    assert_eq!((edge.delivered, edge.in_flight()), (edge.entered, Amount::default()));
}

#[tokio::test(start_paused = true)]
async fn batches_that_wait_when_the_component_stops_go_back_unless_they_were_begun() {
    let mut rig = Rig::new("stage.limit { rate = 0.001; burst = 1 }");
    let begun = rig.spawn(&["1", "2"]);
    settle().await;
    let waiting = rig.spawn(&["3"]);
    settle().await;
    rig.stop().await;
    assert_eq!(begun.await.unwrap(), Ok(()));
    assert!(waiting.await.unwrap().is_err_and(|why| why.is_retryable()));
    assert_eq!(rig.sink.lines(), ["1", "2"]);
    let edge = rig.edge();
    assert_eq!((edge.delivered.items, edge.returned.items, edge.lost.items), (2, 1, 0));

    let mut rig = Rig::new("stage.limit { rate = 0.001; burst = 1 }");
    assert_eq!(rig.send(&["1"]).await, Ok(()));
    let waiting = rig.spawn(&["2"]);
    settle().await;
    rig.stop().await;
    assert!(waiting.await.unwrap().is_err_and(|why| why.is_retryable()));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_stages_does_not_wait_for_the_old_limit() {
    let rig = Rig::new("stage.limit { rate = 0.001; burst = 1 }");
    let started = Instant::now();
    let first = rig.spawn(&["1", "2", "3"]);
    settle().await;
    rig.update("stage.limit { rate = 1; burst = 1 }");
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(rig.send(&["4", "5"]).await, Ok(()));
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(rig.sink.lines(), ["1", "2", "3", "4", "5"]);
}

/// Keeps what an inspected component tells.
#[derive(Default)]
struct Notes(std::sync::Mutex<Vec<String>>);

impl component::Inspector for Notes {
    fn active(&self, _: &str) -> bool {
        true
    }

    fn event(&self, component: &str, stage: &str, event: value::Value) {
        let text = value::to_json(&event);
        self.0.lock().unwrap().push(format!("{component} {stage} {text}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_inspector_sees_what_each_stage_changed() {
    let notes = Arc::new(Notes::default());
    let stages = r#"
        stage.json { expressions = { level = "" } }
        stage.labels { values = { level = "" } }
        stage.decolorize { }
        stage.drop { source = "level"; value = "debug" }
    "#;
    let rig = Rig::inspected(stages, notes.clone());
    assert_eq!(
        rig.send(&["{\"level\":\"info\"}", "{\"level\":\"debug\"}"]).await,
        Ok(())
    );
    let notes = notes.0.lock().unwrap();
    let stages: Vec<&str> = notes.iter().map(|note| note.split(' ').nth(1).unwrap()).collect();
    assert_eq!(
        stages,
        [
            "stage.json",
            "stage.labels",
            "out",
            "stage.json",
            "stage.labels",
            "dropped"
        ]
    );
    assert!(
        notes[0].starts_with("loki.process.test ") && notes[0].contains("\"extracted\""),
        "{}",
        notes[0]
    );
    assert!(!notes[0].contains("\"labels\""), "only what changed: {}", notes[0]);
    assert!(notes[1].contains("\"labels\""), "{}", notes[1]);
    assert!(notes[5].contains("drop_stage"), "{}", notes[5]);
}

/// Stages that may be combined in any order, with the number of records that one incoming line may become part of left to
/// the ledger.
const STAGES: &[&str] = &[
    r#"stage.json { expressions = { level = "", n = "n" } }"#,
    r#"stage.json { expressions = { x = "" }; drop_malformed = true }"#,
    r#"stage.labels { values = { level = "" } }"#,
    r#"stage.drop { expression = "7" }"#,
    r#"stage.drop { source = "level"; value = "debug"; drop_counter_reason = "debug" }"#,
    r#"stage.sampling { rate = 0.7 }"#,
    r#"stage.match { selector = "{stream_id=\"a\"}"; stage.static_labels { values = { m = "1" } }; stage.drop { longer_than = "40B" } }"#,
    r#"stage.match { selector = "{stream_id=\"b\"} |= \"4\""; action = "drop" }"#,
    r#"stage.multiline { firstline = "^\\{"; max_wait_time = "1s"; max_lines = 3 }"#,
    r#"stage.cri { max_partial_lines = 2 }"#,
    r#"stage.limit { rate = 200; burst = 5 }"#,
    r#"stage.limit { rate = 100; burst = 5; drop = true }"#,
    r#"stage.pack { labels = ["level"] }"#,
    r#"stage.tenant { source = "level" }"#,
    r#"stage.template { source = "level"; template = "{{ .Value | ToUpper }}" }"#,
    r#"stage.metrics { metric.counter { name = "c"; match_all = true; action = "inc" } }"#,
];

fn line(random: &mut fastrand::Rng, mark: &str) -> String {
    match random.u8(0..5) {
        0 => format!(
            "{{ \"level\":\"{}\",\"n\":\"{mark}\"}}",
            random.choice(["info", "debug"]).unwrap()
        ),
        1 => format!(
            "2024-05-06T07:08:09Z stdout {} piece {mark}",
            random.choice(["P", "F"]).unwrap()
        ),
        2 => format!("  continued {mark}"),
        3 => format!("{{broken {mark}"),
        _ => format!("plain {mark}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_ledger_balances_over_random_pipelines() {
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let stages: Vec<&str> = (0..random.usize(1..6))
            .map(|_| *random.choice(STAGES).unwrap())
            .collect();
        let mut rig = Rig::new(&stages.join("\n"));
        rig.sink.script((0..40).map(|_| match random.u8(0..10) {
            0..2 => Step::Refuse,
            _ => Step::Take(Duration::from_millis(random.u64(0..30))),
        }));
        let mut senders = Vec::new();
        let mut marks = Vec::new();
        for stream in ["a", "b", "c"] {
            let mut random = random.fork();
            let batches: Vec<_> = (0..10)
                .map(|batch| {
                    let lines = (0..random.usize(1..8)).map(|i| {
                        marks.push(format!("#{stream}.{batch}.{i}#"));
                        line(&mut random, &marks[marks.len() - 1])
                    });
                    let lines: Vec<String> = lines.collect();
                    rig.batch(stream, &lines)
                })
                .collect();
            let source = rig.source.clone();
            senders.push(tokio::spawn(async move {
                let mut courier = Courier::new(source, 4);
                let (mut sent, mut landed) = (0, 0);
                let total = batches.len();
                let mut batches = batches.into_iter();
                while landed < total {
                    if courier.has_room()
                        && let Some(batch) = batches.next()
                    {
                        courier.send(batch, sent).await;
                        sent += 1;
                    } else {
                        assert_eq!(courier.landed().await.outcome, Ok(()));
                        landed += 1;
                    }
                }
            }));
        }
        for sender in senders {
            tokio::time::timeout(Duration::from_secs(3600), sender)
                .await
                .unwrap_or_else(|_| panic!("seed {seed}: stuck: {stages:#?}"))
                .unwrap();
        }
        rig.stop().await;
        let edge = rig.edge();
        assert_eq!(edge.in_flight(), Amount::default(), "seed {seed}: {edge:?} {stages:#?}");
        assert_eq!(edge.lost, Amount::default(), "seed {seed}");
        let filtered: u64 = edge.filtered.values().map(|amount| amount.items).sum();
        assert_eq!(
            edge.entered.items,
            edge.delivered.items + filtered + edge.returned.items,
            "seed {seed}"
        );
        assert_eq!(rig.budget.used(), 0, "seed {seed}");
        // What did not arrive was dropped by a rule.
        let arrived = rig.sink.lines().concat();
        let missing: Vec<&String> = marks.iter().filter(|mark| !arrived.contains(mark.as_str())).collect();
        assert!(
            missing.len() as u64 <= filtered,
            "seed {seed}: {missing:?} of {stages:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_in_each_stream() {
    for (seed, stages) in [
        (
            1,
            r#"stage.regex { expression = "(?P<l>even|odd)" }; stage.labels { values = { l = "" } }"#,
        ),
        (
            2,
            r#"stage.match { selector = "{stream_id=\"a\"} |= \"even\""; stage.static_labels { values = { m = "1" } } }"#,
        ),
        (3, r#"stage.multiline { firstline = "even"; max_wait_time = "20ms" }"#),
        (4, "stage.limit { rate = 500; burst = 3 }"),
        (5, "stage.cri { }"),
    ] {
        let mut rig = Rig::new(stages);
        let mut random = fastrand::Rng::with_seed(seed);
        rig.sink
            .script((0..200).map(|_| Step::Take(Duration::from_millis(random.u64(0..30)))));
        let mut senders = Vec::new();
        for stream in ["a", "b"] {
            let mut number = 0;
            let batches: Vec<_> = (0..40)
                .map(|_| {
                    let lines: Vec<String> = (0..random.usize(1..6))
                        .map(|_| {
                            number += 1;
                            format!("{} {number:05}", if number % 2 == 0 { "even" } else { "odd" })
                        })
                        .collect();
                    rig.batch(stream, &lines)
                })
                .collect();
            let source = rig.source.clone();
            senders.push(tokio::spawn(async move {
                let mut courier = Courier::new(source, 8);
                for batch in batches {
                    while !courier.has_room() {
                        courier.landed().await;
                    }
                    courier.send(batch, ()).await;
                }
                while !courier.is_empty() {
                    assert_eq!(courier.landed().await.outcome, Ok(()));
                }
            }));
        }
        for sender in senders {
            sender.await.unwrap();
        }
        rig.stop().await;
        let mut count = 0;
        for (labels, lines) in rig.sink.by_stream() {
            let numbers: Vec<u32> = lines
                .iter()
                .flat_map(|line| line.split('\n'))
                .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
                .collect();
            count += numbers.len() as u64;
            assert!(numbers.is_sorted(), "{stages}: {labels}: {numbers:?}");
        }
        assert_eq!(count, rig.edge().entered.items, "{stages}");
    }
}

/// What a pipeline makes of lines, by stream.
async fn through(stages: &str, lines: &[Vec<u8>]) -> BTreeMap<String, Vec<String>> {
    let mut rig = Rig::new(stages);
    let sent = rig.spawn(lines);
    settle().await;
    rig.stop().await;
    assert_eq!(sent.await.unwrap(), Ok(()));
    rig.sink.by_stream()
}

#[tokio::test(start_paused = true)]
async fn hostile_lines_pass() {
    let nested = [b"{\"a\":".as_slice(), &b"[".repeat(2_000_000)].concat();
    let closed = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000)).into_bytes();
    let lines = vec![
        vec![b'x'; 10 << 20],
        b"\xff\xfe invalid \xc3".to_vec(),
        b"nul \0 byte {\"a\":\"\0\"}".to_vec(),
        nested,
        closed,
        Vec::new(),
    ];
    let everything = r#"
        stage.json { expressions = { a = "", b = "a[0]", c = "length(keys(@))" }; regex = "." }
        stage.logfmt { mapping = { k = "" }; regex = "." }
        stage.regex { expression = "(?P<first>.)(?P<rest>.*)"; labels_from_groups = true }
        stage.label_keep { values = ["stream_id"] }
        stage.docker { }
        stage.cri { }
        stage.decolorize { }
        stage.template { source = "t"; template = "{{ .Entry | ToUpper }}" }
        stage.replace { expression = "(zzz)"; replace = "y" }
        stage.timestamp { source = "a"; format = "RFC3339" }
        stage.structured_metadata { values = { f = "first" } }
        stage.labels { values = { first = "" } }
        stage.label_drop { values = ["first"] }
        stage.multiline { firstline = "."; max_lines = 1 }
    "#;
    let out = through(everything, &lines).await;
    let out: Vec<&String> = out.values().flatten().collect();
    let expected: Vec<String> = lines
        .iter()
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    assert_eq!(out.len(), expected.len());
    for (i, (got, wanted)) in out.iter().zip(&expected).enumerate() {
        assert!(**got == *wanted, "line {i} changed");
    }
}

#[tokio::test(start_paused = true)]
async fn many_tasks_may_send_at_once() {
    let rig = Arc::new(Rig::new(
        r#"stage.multiline { firstline = "^S"; max_wait_time = "1s" }"#,
    ));
    let tasks: Vec<_> = (0..50)
        .map(|i| {
            let rig = rig.clone();
            tokio::spawn(async move {
                let batch = rig.batch(&format!("s{i}"), &["S", "x"]);
                FanOut::accept(&rig.source, batch).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!(rig.sink.lines().len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn order_is_kept_on_many_threads() {
    for stages in [
        r#"stage.regex { expression = "(?P<l>even|odd)" }; stage.drop { expression = "7$" }"#,
        r#"stage.cri { }; stage.multiline { firstline = "even" }"#,
    ] {
        let mut rig = Rig::new(stages);
        let mut senders = Vec::new();
        for stream in ["a", "b", "c", "d", "e"] {
            let batches: Vec<_> = (0..200)
                .map(|batch| {
                    let lines: Vec<String> = (0..10).map(|i| format!("even {:05}", batch * 10 + i)).collect();
                    rig.batch(stream, &lines)
                })
                .collect();
            let source = rig.source.clone();
            senders.push(tokio::spawn(async move {
                let mut courier = Courier::new(source, 8);
                for batch in batches {
                    while !courier.has_room() {
                        courier.landed().await;
                    }
                    courier.send(batch, ()).await;
                }
                // The last block lands when the component stops.
                tokio::time::timeout(Duration::from_secs(30), async {
                    while !courier.is_empty() {
                        assert_eq!(courier.landed().await.outcome, Ok(()));
                    }
                })
                .await
            }));
        }
        while rig.sink.lines().len() < 5 * 1790 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.stop().await;
        for sender in senders {
            assert!(sender.await.unwrap().is_ok());
        }
        for (labels, lines) in rig.sink.by_stream() {
            assert!(
                lines.is_sorted() && lines.len() >= 1800,
                "{stages}: {labels}: {} lines",
                lines.len()
            );
        }
        assert_eq!(rig.edge().in_flight(), Amount::default());
    }
}

#[test]
fn a_wrong_stage_is_reported_where_it_is() {
    let error = |config: &str| crate::process_vectors::decode(config).map(|_| ()).unwrap_err();
    assert!(error("stage.luhn { }").contains("stage.luhn"));
    let message = error("stage.decolorize { }\nstage.regex {\nexpression = \"(\"\n}");
    // Blocks and attributes are counted in the order of the source: forward_to, decolorize, regex, expression.
    assert!(
        message.contains("missing closing") && message.contains("Place(3)"),
        "{message}"
    );
}
