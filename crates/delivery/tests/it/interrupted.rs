//! Records of the queue that are sorted out when the component stops.

use crate::samples::{Sample, batch, parse};
use crate::world::{Script, World, destination, outcome};
use delivery::Verdict;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Down,
    /// Refuses what is bad and does not answer to single samples.
    Picky,
    Well,
}

const BAD: u64 = 13;

#[tokio::test(start_paused = true)]
async fn what_is_left_of_interrupted_records_survives_several_stops() {
    let data = tempfile::tempdir().unwrap();
    let got: Arc<Mutex<BTreeMap<(u32, u64), u32>>> = Arc::default();
    let mood = Arc::new(Mutex::new(Mood::Down));
    let (server, now) = (got.clone(), mood.clone());
    let script: Script = Arc::new(move |_, body| {
        let (server, mood) = (server.clone(), *now.lock().unwrap());
        Box::pin(async move {
            let samples = parse(&body).unwrap();
            let verdict = match mood {
                Mood::Down => Verdict::Later(None),
                Mood::Picky if samples.iter().any(|sample| sample.value == BAD) => {
                    Verdict::Refused { too_large: false }
                }
                Mood::Picky if samples.len() == 1 => std::future::pending().await,
                Mood::Picky | Mood::Well => {
                    for Sample { series, value } in samples {
                        *server.lock().unwrap().entry((series, value)).or_default() += 1;
                    }
                    Verdict::Delivered
                }
            };
            outcome(verdict)
        })
    });
    let world = World::new(data.path(), vec![destination("a", 0, &script)]);
    // Enough that is good for the lane to send several at a time, then records with one bad sample each.
    for number in 0..40_u32 {
        let sent = world.out.accept(batch(&[(number % 8, 1), (number % 8, 2)])).await;
        assert_eq!(sent, Ok(()));
    }
    for series in 100..104 {
        let samples = [(series, 1), (series, 2), (series, BAD), (series, 3)];
        assert_eq!(world.out.accept(batch(&samples)).await, Ok(()));
    }
    *mood.lock().unwrap() = Mood::Picky;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let taken = |series: u32| got.lock().unwrap().get(&(series, 1)).copied();
    assert_eq!(
        [100, 101, 102, 103].map(taken),
        [Some(1); 4],
        "all are being sorted out"
    );
    world.stop().await;
    *mood.lock().unwrap() = Mood::Down;
    for _ in 0..2 {
        let world = World::new(data.path(), vec![destination("a", 0, &script)]);
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.stop().await;
    }
    *mood.lock().unwrap() = Mood::Well;
    let world = World::new(data.path(), vec![destination("a", 0, &script)]);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let way = world.way("a");
    assert_eq!(way.in_flight().items, 0, "{way:?}");
    world.stop().await;
    for series in 100..104 {
        for value in [1, 2, 3] {
            assert_eq!(got.lock().unwrap().get(&(series, value)), Some(&1), "{series} {value}");
        }
    }
}
