//! What the ledger, the metrics and the dead letters say of entries.

use crate::samples::{RULE, batch, parse, size};
use crate::world::{Script, World, destination, outcome};
use delivery::Verdict;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn always(verdict: Verdict) -> Script {
    Arc::new(move |_, _| Box::pin(std::future::ready(outcome(verdict))))
}

#[tokio::test(start_paused = true)]
async fn entries_that_an_endpoint_does_not_name_are_counted_and_not_sent_again() {
    let data = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let script: Script = Arc::new(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(outcome(Verdict::Partly { rejected: 2 })))
    });
    let world = World::new(data.path(), vec![destination("a", 0, &script)]);
    // One lane, so one request.
    let sent = world
        .out
        .accept(batch(&[(8, 1), (8, 2), (16, 3), (8, 4), (8, 5)]))
        .await;
    assert_eq!(sent, Ok(()));
    let edge = world.edge();
    assert_eq!((edge.delivered, edge.rejected["refused"]), (size(3), size(2)));
    let way = world.way("a");
    assert_eq!((way.delivered, way.rejected["refused"]), (size(3), size(2)));
    assert_eq!(*world.counted.0.lock().unwrap(), ["dropped 2: refused", "delivered 3"]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(world.sender.pending()[0].1, size(0));
    assert!(!data.path().join("dead-letters").exists());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn more_rejected_than_there_were_are_all() {
    let data = tempfile::tempdir().unwrap();
    let script = always(Verdict::Partly { rejected: 99 });
    let world = World::new(data.path(), vec![destination("a", 0, &script)]);
    assert_eq!(world.out.accept(batch(&[(8, 1), (8, 2)])).await, Ok(()));
    assert_eq!(world.edge().rejected["refused"], size(2));
    assert_eq!(world.way("a").delivered, size(0));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_the_queue_too() {
    let data = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let script: Script = Arc::new(move |_, _| {
        let first = asked.fetch_add(1, Ordering::Relaxed) < 6;
        let verdict = if first {
            Verdict::Later(None)
        } else {
            Verdict::Partly { rejected: 1 }
        };
        Box::pin(std::future::ready(outcome(verdict)))
    });
    let world = World::new(data.path(), vec![destination("a", 0, &script)]);
    assert_eq!(world.out.accept(batch(&[(8, 1), (8, 2), (8, 3)])).await, Ok(()));
    assert!(data.path().join("queue").exists());
    assert_eq!(world.edge().delivered, size(3));
    while world.way("a").in_flight() != size(0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let way = world.way("a");
    assert_eq!((way.delivered, way.rejected["refused"]), (size(2), size(1)));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_no_endpoint_wants_is_filtered_and_what_one_does_not_want_is_not() {
    let data = tempfile::tempdir().unwrap();
    let script = always(Verdict::Delivered);
    let destinations = vec![destination("few", 20, &script), destination("most", 10, &script)];
    let world = World::new(data.path(), destinations);
    let sent = world.out.accept(batch(&[(5, 1), (15, 2), (25, 3)])).await;
    assert_eq!(sent, Ok(()));
    let edge = world.edge();
    assert_eq!((edge.delivered, edge.filtered[RULE]), (size(2), size(1)));
    assert_eq!(world.way("few").delivered, size(1));
    assert_eq!(world.way("most").delivered, size(2));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn bad_entries_are_found_among_lanes_and_counted_once() {
    let data = tempfile::tempdir().unwrap();
    // Both refuse the same samples: those with an odd value.
    let script: Script = Arc::new(|_, body| {
        let bad = parse(&body).unwrap().iter().any(|sample| sample.value % 2 == 1);
        let verdict = if bad {
            Verdict::Refused { too_large: false }
        } else {
            Verdict::Delivered
        };
        Box::pin(std::future::ready(outcome(verdict)))
    });
    let destinations = vec![destination("a", 0, &script), destination("b", 0, &script)];
    let world = World::new(data.path(), destinations);
    let samples: Vec<(u32, u64)> = (0..100).map(|n| (n, if n % 10 == 3 { 1 } else { 2 })).collect();
    assert_eq!(world.out.accept(batch(&samples)).await, Ok(()));
    let edge = world.edge();
    assert_eq!(edge.delivered, size(90));
    assert_eq!(edge.dead_lettered["refused"], size(10));
    for key in ["a", "b"] {
        let way = world.way(key);
        assert_eq!((way.delivered, way.dead_lettered["refused"]), (size(90), size(10)));
    }
    let example = &world.ledger.examples().all()[0];
    assert_eq!((example.line.as_str(), &*example.reason), ("1", "refused"));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_whose_settings_stay_is_kept_and_another_one_takes_over() {
    let data = tempfile::tempdir().unwrap();
    let script = always(Verdict::Delivered);
    let world = World::new(data.path(), vec![destination("a", 0, &script)]);
    assert_eq!(world.out.accept(batch(&[(1, 1)])).await, Ok(()));
    // Not connected again.
    let mut same = destination("a", 0, &script);
    same.connect = Box::new(|_| Err("must not be asked".into()));
    world
        .sender
        .replace(world.sender.plan(vec![same]).unwrap(), crate::samples::Lanes);
    let mut other = destination("a", 1, &script);
    other.connect = Box::new(|_| Err("cannot be reached at all".into()));
    assert!(world.sender.plan(vec![other]).is_err());
    let plan = world.sender.plan(vec![destination("a", 2, &script)]).unwrap();
    world.sender.replace(plan, crate::samples::Lanes);
    assert_eq!(world.out.accept(batch(&[(1, 1), (2, 2)])).await, Ok(()));
    let edge = world.edge();
    assert_eq!((edge.delivered, edge.filtered[RULE]), (size(2), size(1)));
    world.stop().await;
}
