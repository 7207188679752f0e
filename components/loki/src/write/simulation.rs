//! Long outages in simulated time: servers that are a function, a clock that jumps.

use super::args::EndpointArgs;
use super::destination::spec;
use super::metrics::Metrics;
use super::push::Push;
use bytes::Bytes;
use component::{BoxFuture, CancellationToken, QueuePolicy};
use delivery::{Body, Destination, Outcome, Sender, Spec, Surroundings, Target, Transport, Verdict};
use host::Host;
use promtext::Registry;
use signals::{Amount, Budget, Entry, FanOut, Labels, Ledger, LogBatch, LogStream};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use value::Block;

/// Answers a push to an endpoint by its key.
type Script = Arc<dyn Fn(&str, Bytes) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// The way to an endpoint that a script answers for.
struct Scripted {
    key: String,
    script: Script,
}

impl Transport for Scripted {
    fn push<'a>(&'a self, _: &'a str, body: Body) -> BoxFuture<'a, Outcome> {
        (self.script)(&self.key, body.into_bytes())
    }
}

fn outcome(verdict: Verdict) -> Outcome {
    Outcome {
        status: None,
        message: "answers as the test wants it".to_owned(),
        verdict,
    }
}

/// What a server has: lines by stream, and when the last one came.
#[derive(Default)]
struct Server {
    lines: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Server {
    fn take(&self, body: &[u8]) {
        let message = lokipush::decompress(body, usize::MAX).unwrap();
        let request = lokipush::PushRequest::from_protobuf(&message, Default::default()).unwrap();
        let mut lines = self.lines.lock().unwrap();
        for stream in request.streams {
            let into = lines.entry(stream.labels.text().into_owned()).or_default();
            into.extend(
                stream
                    .entries
                    .iter()
                    .map(|entry| String::from_utf8_lossy(&entry.line).into_owned()),
            );
        }
    }

    fn count(&self) -> usize {
        self.lines.lock().unwrap().values().map(Vec::len).sum()
    }
}

struct World {
    out: FanOut,
    ledger: Ledger,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl World {
    fn new(data: &Path, names: &[&str], script: Script) -> World {
        let (ledger, registry) = (Ledger::default(), Registry::new());
        let metrics = Metrics::new(&registry).unwrap();
        let surroundings = Surroundings {
            id: Arc::from("loki.write.x"),
            data_path: data.to_owned(),
            host: Host::real(),
            budget: Budget::new(64 << 20),
            ledger: ledger.clone(),
            registry,
            span: tracing::Span::none(),
            policy: QueuePolicy::default(),
        };
        let destinations = names.iter().map(|name| {
            let args = EndpointArgs {
                url: format!("http://{name}/"),
                ..EndpointArgs::defaults()
            };
            let key = (*name).to_owned();
            let scripted = Scripted {
                key: key.clone(),
                script: script.clone(),
            };
            Destination {
                target: Target {
                    spec: Spec {
                        key,
                        ..spec(&args, None)
                    },
                    settings: args,
                },
                connect: Box::new(|_| Ok(Arc::new(scripted))),
            }
        });
        let push = Push::new(BTreeMap::new());
        let sender = Sender::new(surroundings, metrics, push, destinations.collect()).unwrap();
        let out = FanOut::new(&ledger, "source");
        out.set(vec![sender.receiver()]);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = tokio::spawn(async move { sender.run(stopped).await.unwrap() });
        World {
            out,
            ledger,
            stop,
            running,
        }
    }

    async fn send(&self, stream: &str, lines: &[String]) {
        let stream = LogStream {
            labels: Labels::from_pairs([("name", stream)]),
            entries: lines
                .iter()
                .map(|line| Entry::new(1, line.clone().into_bytes()))
                .collect(),
        };
        let batch = LogBatch::new(vec![stream], signals::Permit::none());
        assert_eq!(self.out.accept(batch).await, Ok(()));
    }

    fn waiting(&self, name: &str) -> Amount {
        let edge = self.ledger.edge("loki.write.x", &format!("loki.write.x#{name}"));
        edge.snapshot().in_flight()
    }
}

/// Thirty minutes in which one of two endpoints does not answer: the other one is never more than two seconds behind.
async fn half_an_hour(dead_answer: fn() -> BoxFuture<'static, Outcome>) {
    const MINUTES: u64 = 30;
    let data = tempfile::tempdir().unwrap();
    let (live, dead) = (Arc::new(Server::default()), Arc::new(Server::default()));
    let begin = Instant::now();
    let (to_live, to_dead) = (live.clone(), dead.clone());
    let script: Script = Arc::new(move |key, body| {
        let server = if key == "live" { &to_live } else { &to_dead }.clone();
        if key == "dead" && begin.elapsed() < Duration::from_secs(60 * MINUTES) {
            return dead_answer();
        }
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            server.take(&body);
            outcome(Verdict::Delivered)
        })
    });
    let world = World::new(data.path(), &["live", "dead"], script);
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut total, mut worst) = (0, Duration::ZERO);
    while begin.elapsed() < Duration::from_secs(60 * MINUTES) {
        let name = ["a", "b", "c"][total % 3];
        let lines: Vec<String> = (0..10).map(|i| format!("{total} {i}")).collect();
        sent.entry(format!("{{name=\"{name}\"}}"))
            .or_default()
            .extend(lines.clone());
        total += 1;
        let started = Instant::now();
        let arrived = async {
            while live.count() < total * 10 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            worst = worst.max(started.elapsed());
        };
        tokio::join!(world.send(name, &lines), arrived);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    assert!(total > 200, "{total} batches in half an hour");
    assert!(worst < Duration::from_secs(2), "the live one was {worst:?} behind");
    assert_eq!((live.count(), dead.count()), (total * 10, 0));
    assert_eq!(world.waiting("dead").items, total as u64 * 10);
    // The longest back-off is five minutes.
    let back = Instant::now();
    while dead.count() < total * 10 {
        assert!(
            back.elapsed() < Duration::from_secs(600),
            "{} of {}",
            dead.count(),
            total * 10
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(*dead.lines.lock().unwrap(), sent);
    assert_eq!(*live.lines.lock().unwrap(), sent);
    assert_eq!((world.waiting("dead").items, world.waiting("live").items), (0, 0));
    world.stop.cancel();
    world.running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_never_delays_a_live_one() {
    half_an_hour(|| Box::pin(std::future::ready(outcome(Verdict::Later(None))))).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_never_delays_a_live_one() {
    half_an_hour(|| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            outcome(Verdict::Later(None))
        })
    })
    .await;
}

/// Short form; `WRITE_SEEDS` asks for more, `WRITE_SEED` for one.
const SEEDS: u64 = 60;

/// Random answers, delays, batches and clean restarts: every line arrives once and in its order, or is a dead letter.
async fn chaos(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let data = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::default());
    let mood = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed ^ 1)));
    // From 0, nothing works, to 10, everything does.
    let health = Arc::new(Mutex::new(10_u32));
    let (to, at) = (server.clone(), health.clone());
    let script: Script = Arc::new(move |_, body| {
        let (server, health) = (to.clone(), *at.lock().unwrap());
        let (fails, delay, how) = {
            let mut rng = mood.lock().unwrap();
            let slow = rng.u32(0..10) == 0;
            let delay = if slow { rng.u64(0..4000) } else { rng.u64(0..60) };
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
            let plain = lokipush::decompress(&body, usize::MAX).unwrap();
            if plain.windows(3).any(|window| window == b"bad") {
                return outcome(Verdict::Refused { too_large: false });
            }
            server.take(&body);
            outcome(Verdict::Delivered)
        })
    });
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut sent, mut bad) = (0_u64, 0_u64);
    let mut letters = 0;
    for _ in 0..rng.usize(1..4) {
        let world = World::new(data.path(), &["server"], script.clone());
        for _ in 0..rng.usize(1..30) {
            *health.lock().unwrap() = [0, 3, 10, 10][rng.usize(0..4)];
            let mut batches: Vec<(&str, Vec<String>)> = Vec::new();
            for name in ["a", "b", "c"] {
                if rng.bool() {
                    let mut lines = Vec::new();
                    for _ in 0..rng.usize(1..20) {
                        sent += 1;
                        if rng.u32(0..60) == 0 {
                            bad += 1;
                            lines.push(format!("bad {sent}"));
                        } else {
                            lines.push(format!("line {sent}"));
                        }
                    }
                    let good = lines.iter().filter(|line| !line.starts_with("bad")).cloned();
                    expected.entry(format!("{{name=\"{name}\"}}")).or_default().extend(good);
                    batches.push((name, lines));
                }
            }
            futures_util::future::join_all(batches.iter().map(|(name, lines)| world.send(name, lines))).await;
            tokio::time::sleep(Duration::from_millis(rng.u64(0..8000))).await;
        }
        world.stop.cancel();
        world.running.await.unwrap();
        let edge = world.ledger.edge("loki.write.x", "loki.write.x#server").snapshot();
        assert!(edge.balances(), "{edge:?}");
        letters += edge.dead_lettered.values().map(|amount| amount.items).sum::<u64>();
    }
    *health.lock().unwrap() = 10;
    let world = World::new(data.path(), &["server"], script);
    let begin = Instant::now();
    while world.waiting("server").items > 0 || begin.elapsed() < Duration::from_secs(1) {
        assert!(
            begin.elapsed() < Duration::from_secs(900),
            "{:?} wait",
            world.waiting("server")
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let edge = world.ledger.edge("loki.write.x", "loki.write.x#server").snapshot();
    letters += edge.dead_lettered.values().map(|amount| amount.items).sum::<u64>();
    world.stop.cancel();
    world.running.await.unwrap();
    expected.retain(|_, lines| !lines.is_empty());
    let got = server.lines.lock().unwrap();
    for (stream, expected) in &expected {
        let got = got.get(stream).map(Vec::as_slice).unwrap_or_default();
        let at = (0..expected.len().max(got.len())).find(|&at| got.get(at) != expected.get(at));
        let near = |lines: &[String], at: usize| {
            lines[at.saturating_sub(3).min(lines.len())..(at + 5).min(lines.len())].to_vec()
        };
        if let Some(at) = at {
            panic!(
                "{stream}, {} of {} lines: got {:?}, expected {:?}",
                got.len(),
                expected.len(),
                near(got, at),
                near(expected, at)
            );
        }
    }
    assert_eq!(letters, bad);
}

#[test]
fn whatever_the_server_answers_every_line_has_one_fate() {
    let wanted = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match wanted("WRITE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..wanted("WRITE_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let run = std::panic::AssertUnwindSafe(|| runtime.block_on(chaos(seed)));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("again with: WRITE_SEED={seed} cargo test -p loki --lib simulation");
            std::panic::resume_unwind(panic);
        }
    }
}
