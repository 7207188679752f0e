//! The store never grows beyond its bound, and what it drops is the oldest and is counted.

use std::borrow::Cow;

use lokipush::{Entry, PushRequest, Stream, StreamLabels};
use memstore::{Config, Query, Store};

const MIB: usize = 1 << 20;

fn push(store: &Store, label: &str, timestamp: i64, line: &[u8]) {
    let entry = Entry {
        timestamp,
        line: Cow::Borrowed(line),
        metadata: Vec::new(),
    };
    let labels = StreamLabels::Pairs(vec![("s".into(), label.into())]);
    let request = PushRequest {
        streams: vec![Stream {
            labels,
            entries: vec![entry],
        }],
    };
    store.push("", &request).expect("valid");
}

fn check(store: &Store) {
    let state = store.state();
    assert!(state.bytes <= state.max_bytes, "{state:?}");
    assert_eq!(state.received_entries, state.entries + state.dropped_entries);
    let all = store.query("", &Query::new(r#"{s=~".+"}"#).expect("valid"));
    assert_eq!(all.len() as u64, state.streams);
    assert_eq!(
        all.iter().map(|stream| stream.entries.len() as u64).sum::<u64>(),
        state.entries
    );
}

fn small() -> Store {
    Store::new(Config {
        max_bytes: MIB,
        ..Config::default()
    })
}

#[test]
fn the_newest_stay() {
    let store = small();
    let line = [b'x'; 1000];
    for i in 0..5000 {
        push(&store, if i % 2 == 0 { "even" } else { "odd" }, i, &line);
        if i % 500 == 0 {
            check(&store);
        }
    }
    check(&store);
    let kept = store.query("", &Query::new(r#"{s=~".+"}"#).expect("valid"));
    let mut timestamps: Vec<i64> = kept
        .iter()
        .flat_map(|s| s.entries.iter().map(|e| e.timestamp))
        .collect();
    timestamps.sort_unstable();
    // Within the bound nothing is given away: eviction is by chunks, so the bound is used to at least 80 percent.
    assert!(timestamps.len() >= 800, "{}", timestamps.len());
    // No hole beyond the width of a chunk, and the newest is there.
    assert_eq!(timestamps.last(), Some(&4999));
    let span = 5000 - timestamps[0];
    assert!(span - timestamps.len() as i64 <= 2 * 66, "{span} {}", timestamps.len());
}

#[test]
fn a_slow_stream_does_not_lose_its_newest_entries() {
    let store = small();
    let line = [b'x'; 1000];
    for i in 0..5000 {
        push(&store, "fast", i, &line);
        if i % 100 == 99 {
            push(&store, "slow", i, b"tick");
        }
    }
    check(&store);
    let slow = store.query("", &Query::new(r#"{s="slow"}"#).expect("valid"));
    // The fast stream keeps about 1000 entries; so does the slow one keep its ticks of that time.
    assert!(slow[0].entries.len() >= 8, "{}", slow[0].entries.len());
    assert_eq!(slow[0].entries[0].timestamp, 4999);
}

#[test]
fn many_streams_and_large_lines() {
    let store = small();
    for i in 0..10_000 {
        push(&store, &format!("stream-{i}"), i, b"x");
    }
    check(&store);
    let state = store.state();
    assert!(state.streams > 500 && state.streams < 10_000, "{state:?}");
    for i in 0..20 {
        push(&store, "large", i, &vec![b'y'; MIB / 2]);
        check(&store);
    }
    assert_eq!(store.state().streams, 1);
    push(&store, "after", 0, b"z");
    check(&store);
}

#[test]
fn a_query_that_is_running_does_not_see_later_pushes_and_does_not_stop_them() {
    let store = small();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for i in 0..20_000 {
                push(
                    &store,
                    &(i % 3).to_string(),
                    i,
                    b"a line of some length, to fill chunks",
                );
            }
        });
        while !writer.is_finished() {
            for stream in store.query("", &Query::new(r#"{s=~".+"}"#).expect("valid")) {
                // Newest first, and each stream without a hole.
                let timestamps: Vec<i64> = stream.entries.iter().map(|e| e.timestamp).collect();
                assert!(timestamps.windows(2).all(|pair| pair[0] - pair[1] == 3));
            }
        }
        writer.join().expect("no panic");
    });
    check(&store);
}
