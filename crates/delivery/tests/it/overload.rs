//! An endpoint that answers every request in time, and takes less than comes.

use crate::samples::{Sample, Samples, parse};
use crate::world::{Script, World, destination, outcome};
use delivery::Verdict;
use signals::{Batch, Permit};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn what_somebody_waits_for_goes_to_the_queue_and_not_at_the_pace_of_the_endpoint() {
    const BATCHES: u64 = 400;
    let data = tempfile::tempdir().unwrap();
    let got: Arc<Mutex<Vec<Sample>>> = Arc::default();
    let (server, turn) = (got.clone(), Arc::new(tokio::sync::Mutex::new(())));
    let script: Script = Arc::new(move |_, body| {
        let (server, turn) = (server.clone(), turn.clone());
        Box::pin(async move {
            // One after the other; with all that are sent at a time an answer takes less than a second.
            let _turn = turn.lock().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            server.lock().unwrap().extend(parse(&body).unwrap());
            outcome(Verdict::Delivered)
        })
    });
    let world = World::new(data.path(), vec![destination("a", 0, &script)]);
    let sent = (0..BATCHES).map(|number| {
        let samples = (0..10).map(|value| Sample {
            series: (number % 8) as u32,
            value: number * 10 + value,
        });
        world
            .out
            .accept(Batch::new(Samples(samples.collect()), Permit::none().awaited()))
    });
    for outcome in futures_util::future::join_all(sent).await {
        assert_eq!(outcome, Ok(()));
    }
    let taken = got.lock().unwrap().len() as u64;
    assert!(
        taken < BATCHES * 10 / 2,
        "all was accepted only when {taken} had arrived"
    );
    while (got.lock().unwrap().len() as u64) < BATCHES * 10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for series in 0..8 {
        let got = got.lock().unwrap();
        let values = got.iter().filter(|sample| sample.series == series);
        assert!(values.is_sorted_by_key(|sample| sample.value), "series {series}");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let way = world.way("a");
    assert_eq!((way.in_flight().items, way.lost.items), (0, 0), "{way:?}");
    assert_eq!(got.lock().unwrap().len() as u64, BATCHES * 10, "each came once");
    world.stop().await;
}
