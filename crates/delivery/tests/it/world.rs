//! A sender between a source of the test and endpoints that are functions.

use crate::samples::{Counted, Lanes, Samples};
use bytes::Bytes;
use component::{BoxFuture, CancellationToken, QueuePolicy};
use delivery::{Body, Destination, Outcome, Sender, Spec, Surroundings, Target, Transport, Verdict};
use host::Host;
use promtext::Registry;
use signals::{Amount, Budget, EdgeSnapshot, FanOut, Ledger};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Answers a push to an endpoint by its key.
pub type Script = Arc<dyn Fn(&str, Bytes) -> BoxFuture<'static, Outcome> + Send + Sync>;

struct Scripted(String, Script);

impl Transport for Scripted {
    fn push<'a>(&'a self, _: &'a str, body: Body) -> BoxFuture<'a, Outcome> {
        (self.1)(&self.0, body.into_bytes())
    }
}

pub fn outcome(verdict: Verdict) -> Outcome {
    Outcome {
        status: None,
        message: "answers as the test wants it".to_owned(),
        verdict,
    }
}

pub fn spec(key: &str) -> Spec {
    Spec {
        key: key.to_owned(),
        name: String::new(),
        address: format!("http://{key}/"),
        title: key.to_owned(),
        host: key.to_owned(),
        tenant: Arc::from(""),
        shards: 2,
        batch_bytes: u64::MAX,
        batch_entries: 10,
        enough: Amount {
            items: u64::MAX,
            bytes: u64::MAX,
        },
        batch_wait: Duration::from_millis(100),
        max_streams: None,
        capacity: u64::MAX,
        block_on_overflow: true,
        drain_timeout: Duration::from_secs(15),
        min_backoff: Duration::from_millis(30),
        max_backoff: Duration::from_secs(5),
        max_retries: None,
        max_elapsed: None,
    }
}

pub fn destination(key: &str, from: u32, script: &Script) -> Destination<Lanes> {
    let scripted = Scripted(key.to_owned(), script.clone());
    Destination {
        target: Target {
            spec: spec(key),
            settings: from,
        },
        connect: Box::new(|_| Ok(Arc::new(scripted))),
    }
}

pub struct World {
    pub out: FanOut<Samples>,
    pub ledger: Ledger,
    pub counted: Arc<Counted>,
    pub sender: Arc<Sender<Lanes>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl World {
    pub fn new(data: &Path, destinations: Vec<Destination<Lanes>>) -> World {
        let ledger = Ledger::default();
        let surroundings = Surroundings {
            id: Arc::from("sink"),
            data_path: data.to_owned(),
            host: Host::real(),
            budget: Budget::new(64 << 20),
            ledger: ledger.clone(),
            registry: Registry::new(),
            span: tracing::Span::none(),
            policy: QueuePolicy::default(),
        };
        let counted = Arc::new(Counted::default());
        let sender = Arc::new(Sender::new(surroundings, counted.clone(), Lanes, destinations).unwrap());
        let out = FanOut::new(&ledger, "source");
        out.set(vec![sender.receiver()]);
        let stop = CancellationToken::new();
        let (ran, stopped) = (sender.clone(), stop.clone());
        let running = tokio::spawn(async move { ran.run(stopped).await.unwrap() });
        World {
            out,
            ledger,
            counted,
            sender,
            stop,
            running,
        }
    }

    /// What the source's way to the sink counted.
    pub fn edge(&self) -> EdgeSnapshot {
        self.ledger.edge("source", "sink").snapshot()
    }

    /// What the sink's way to an endpoint counted.
    pub fn way(&self, key: &str) -> EdgeSnapshot {
        self.ledger.edge("sink", &format!("sink#{key}")).snapshot()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}
