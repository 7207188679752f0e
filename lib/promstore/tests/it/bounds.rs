//! What is forgotten.

use crate::{NOW, store_with};
use promstore::{Answer, Config, Query, WriteError};
use std::time::Duration;

fn vector(store: &promstore::Store, text: &str, at: i64) -> Vec<f64> {
    match Query::parse(text).expect("it is a query").instant(store, at) {
        Ok(Answer::Vector(samples)) => samples.iter().map(|sample| sample.value).collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_last_minutes_are_kept() {
    let (store, clock) = store_with(Config::default());
    for minute in 0..60 {
        let at = NOW + minute * 60_000;
        clock.set(at * 1_000_000);
        store.append(&[("__name__", "m")], at, minute as f64).expect("it fits");
        if minute == 10 {
            store.append(&[("__name__", "once")], at, 1.0).expect("it fits");
        }
        let kept = (minute + 1).min(21);
        let samples = store.state().samples as i64;
        assert!(
            samples >= (minute + 1).min(16) && samples <= kept + 1,
            "{samples} at {minute}"
        );
    }
    let end = NOW + 59 * 60_000;
    assert_eq!(vector(&store, "min_over_time(m[15m])", end), [45.0]);
    assert_eq!(store.state().series, 1, "a series without samples is forgotten");
    clock.set((end + 3_600_000) * 1_000_000);
    let state = store.state();
    assert_eq!((state.series, state.samples, state.bytes), (0, 0, 0));
}

#[test]
fn memory_is_bounded() {
    let config = Config {
        max_bytes: 1 << 20,
        ..Config::default()
    };
    let (store, _) = store_with(config);
    for i in 0..20_000i64 {
        let number = i.to_string();
        let labels = [("__name__", "m"), ("number", &number[..])];
        store.append(&labels, NOW, i as f64).expect("it fits");
        assert!(store.state().bytes <= 1 << 20);
    }
    let state = store.state();
    assert!(state.series > 1000, "{state:?}");
    assert_eq!(state.dropped_samples + state.samples, 20_000);
    // The newest are there.
    assert_eq!(vector(&store, "max(m)", NOW), [19_999.0]);
}

#[test]
fn samples_out_of_place_are_refused() {
    let (store, _) = store_with(Config {
        retention: Duration::from_secs(60),
        ..Config::default()
    });
    let labels = [("__name__", "m")];
    store.append(&labels, NOW, 1.0).expect("it fits");
    for (at, expect) in [
        (NOW - 1, "before the last one"),
        (NOW - 60_001, "older than what is kept"),
        (NOW + 600_001, "in the future"),
    ] {
        match store.append(&labels, at, 2.0) {
            Err(WriteError::Samples { what, .. }) => assert!(what.contains(expect), "{what}"),
            other => panic!("{at}: {other:?}"),
        }
    }
    assert_eq!(store.state().rejected_samples, 3);
    assert!(matches!(
        store.append(&[("a", "b")], NOW, 1.0),
        Err(WriteError::Labels { .. })
    ));
}

#[test]
fn a_marker_ends_a_series() {
    let (store, _) = store_with(Config::default());
    let labels = [("__name__", "m")];
    store.append(&labels, NOW, 1.0).expect("it fits");
    let stale = f64::from_bits(prommodel::STALE_NAN);
    store.append(&labels, NOW + 1000, stale).expect("it fits");
    assert_eq!(vector(&store, "m", NOW + 999), [1.0]);
    assert!(vector(&store, "m", NOW + 1000).is_empty());
    assert_eq!(vector(&store, "count_over_time(m[1m])", NOW + 1000), [1.0]);
    // Without a marker, after five minutes.
    store.append(&labels, NOW + 2000, 2.0).expect("it fits");
    assert_eq!(vector(&store, "m", NOW + 301_999), [2.0]);
    assert!(vector(&store, "m", NOW + 302_000).is_empty());
}

#[test]
fn a_query_is_bounded() {
    let (store, _) = store_with(Config {
        max_query_samples: 100,
        ..Config::default()
    });
    for i in 0..101 {
        store.append(&[("__name__", "m")], NOW + i, 1.0).expect("it fits");
    }
    let query = Query::parse("count_over_time(m[1m])").expect("it is a query");
    let error = query.instant(&store, NOW + 100).expect_err("too many");
    assert!(!error.bad && error.message.contains("too many samples"), "{error}");
    assert!(query.instant(&store, NOW + 99).is_ok());
}
