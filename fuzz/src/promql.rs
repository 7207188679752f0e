//! Queries of the embedded store of metrics.

use promstore::{Answer, Config, Limits, Query, Store};
use std::sync::LazyLock;
use std::time::Duration;

/// Where samples end, in milliseconds since 1970.
const END: i64 = 1_000_000;

/// A few series of each sort.
static STORE: LazyLock<Store> = LazyLock::new(|| {
    let config = Config {
        // They are as old as the clock is young.
        retention: Duration::MAX,
        ..Config::default()
    };
    let store = Store::new(config);
    for i in 0..40i64 {
        let at = END - 600_000 + i * 15_000;
        for (name, label, value) in [
            ("c", "a", (i % 17) as f64),
            ("c", "b", i as f64 * 1e300),
            ("g", "a", -1.5),
            ("g", "b", if i % 3 == 0 { f64::NAN } else { f64::INFINITY }),
            ("h_bucket", "+Inf", i as f64),
            ("h_bucket", "0.5", i as f64 / 2.0),
        ] {
            let key = if name == "h_bucket" { "le" } else { "l" };
            store
                .append(&[("__name__", name), (key, label)], at, value)
                .expect("it is in order");
        }
    }
    store
});

/// Any text is a query or an error with its place; a query can be evaluated, and over a range gives what it gives at each time of it.
pub fn promql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(error) => {
            assert!(error.bad && !error.message.is_empty());
            return;
        }
    };
    let limits = Limits {
        start: END - 60_000,
        end: END,
        step: 30_000,
    };
    let range = query.range(&STORE, limits);
    let mut found = 0;
    for at in [END - 60_000, END - 30_000, END] {
        match query.instant(&STORE, at) {
            Ok(Answer::Scalar(_)) => found += 1,
            Ok(Answer::Vector(samples)) => found += samples.len(),
            Ok(Answer::Matrix(_)) => {
                assert!(range.is_err());
                return;
            }
            Err(error) => {
                assert!(!error.bad, "{error}");
                assert!(range.is_err());
                return;
            }
        }
    }
    match range {
        Ok(Answer::Matrix(tracks)) => assert_eq!(tracks.iter().map(|track| track.points.len()).sum::<usize>(), found),
        other => panic!("{other:?}"),
    }
}
