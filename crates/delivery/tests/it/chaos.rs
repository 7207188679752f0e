//! Random answers, delays, batches and restarts in simulated time.

use crate::samples::{Sample, batch, parse};
use crate::world::{Script, World, destination, outcome};
use delivery::Verdict;
use signals::EdgeSnapshot;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Short form; `DELIVERY_SEEDS` asks for more, `DELIVERY_SEED` for one.
const SEEDS: u64 = 20;

type Values = BTreeMap<u32, Vec<u64>>;

fn add(values: &mut Values, samples: impl IntoIterator<Item = Sample>) {
    for Sample { series, value } in samples {
        values.entry(series).or_default().push(value);
    }
}

fn is_bad(sample: &Sample) -> bool {
    sample.value % 50 == 7
}

fn dead(edge: &EdgeSnapshot) -> u64 {
    edge.dead_lettered.values().map(|amount| amount.items).sum()
}

async fn chaos(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let data = tempfile::tempdir().unwrap();
    let server = Arc::new(Mutex::new(Values::new()));
    let mood = Mutex::new(fastrand::Rng::with_seed(seed ^ 1));
    // From 0, nothing works, to 10, everything does.
    let health = Arc::new(Mutex::new(10_u32));
    let (to, at) = (server.clone(), health.clone());
    let script: Script = Arc::new(move |_, body| {
        let (server, health) = (to.clone(), *at.lock().unwrap());
        let (fails, delay, how) = {
            let mut rng = mood.lock().unwrap();
            let slow = rng.u32(0..10) == 0;
            let delay = if slow { rng.u64(0..4000) } else { rng.u64(0..200) };
            (rng.u32(0..10) >= health, delay, rng.u32(0..3))
        };
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            if fails {
                return outcome(match how {
                    0 => Verdict::Hold,
                    1 => Verdict::Later(Some(Duration::from_secs(2))),
                    _ => Verdict::Later(None),
                });
            }
            let samples = parse(&body).unwrap();
            assert!(samples.len() <= 10, "{} samples in a request", samples.len());
            if samples.iter().any(is_bad) {
                return outcome(Verdict::Refused { too_large: false });
            }
            add(&mut server.lock().unwrap(), samples);
            outcome(Verdict::Delivered)
        })
    });
    let mut expected = Values::new();
    let (mut value, mut bad, mut letters) = (0_u64, 0_u64, 0_u64);
    for _ in 0..rng.usize(1..4) {
        let world = World::new(data.path(), vec![destination("server", 0, &script)]);
        for _ in 0..rng.usize(1..25) {
            *health.lock().unwrap() = [0, 3, 10, 10][rng.usize(0..4)];
            let mut samples = Vec::new();
            for _ in 0..rng.usize(1..120) {
                value += 1;
                let sample = Sample {
                    series: rng.u32(0..40),
                    value,
                };
                if is_bad(&sample) {
                    bad += 1;
                } else {
                    add(&mut expected, [sample]);
                }
                samples.push((sample.series, sample.value));
            }
            // Several at a time, in their order.
            let cut = rng.usize(0..samples.len() + 1);
            let (first, second) = samples.split_at(cut);
            let sent = tokio::join!(world.out.accept(batch(first)), world.out.accept(batch(second)));
            assert_eq!(sent, (Ok(()), Ok(())));
            tokio::time::sleep(Duration::from_millis(rng.u64(0..6000))).await;
        }
        let ledger = world.ledger.clone();
        world.stop().await;
        let way = ledger.edge("sink", "sink#server").snapshot();
        assert!(way.balances(), "{way:?}");
        letters += dead(&way);
    }
    *health.lock().unwrap() = 10;
    let world = World::new(data.path(), vec![destination("server", 0, &script)]);
    let begin = Instant::now();
    while world.way("server").in_flight().items > 0 || begin.elapsed() < Duration::from_secs(1) {
        assert!(begin.elapsed() < Duration::from_secs(900), "{:?}", world.way("server"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    letters += dead(&world.way("server"));
    world.stop().await;
    assert_eq!(*server.lock().unwrap(), expected);
    assert_eq!(letters, bad);
}

#[test]
fn whatever_the_server_answers_every_sample_has_one_fate() {
    let wanted = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match wanted("DELIVERY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..wanted("DELIVERY_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let run = std::panic::AssertUnwindSafe(|| runtime.block_on(chaos(seed)));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("again with: DELIVERY_SEED={seed} cargo test -p delivery --test it chaos");
            std::panic::resume_unwind(panic);
        }
    }
}
