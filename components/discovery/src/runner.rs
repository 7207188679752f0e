//! The component around a mechanism.

use crate::board::Board;
use component::Target;
use component::prelude::*;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often targets are exported at most. The first ones are exported at once.
const EXPORT_EVERY: Duration = Duration::from_secs(5);

/// How often targets are exported at most, instead of every 5 seconds. A service, for tests.
pub struct Pace(pub Duration);

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// The targets that were found.
    #[arg]
    pub targets: Vec<Target>,
}

/// A way to find targets, with its arguments.
pub trait Mechanism: Send + Sync + Sized + 'static {
    /// What its block takes.
    type Arguments: Block;
    /// Its metrics; they are registered once in the life of a component.
    type Metrics: Clone + Send + Sync + 'static;

    /// Registers the metrics.
    fn metrics(registry: &promtext::Registry) -> Result<Self::Metrics, promtext::RegisterError>;

    /// Prepares, without effects.
    fn new(cx: &Context<Exports>, args: Self::Arguments, metrics: &Self::Metrics) -> Result<Self>;

    /// See [`Component::check`].
    fn check(args: &Self::Arguments, known: &Known<'_>) -> Vec<Error> {
        let _ = (args, known);
        Vec::new()
    }

    /// Finds targets and keeps the board up to date, until it is dropped. An error is one that it will not recover from.
    fn run(self: Arc<Self>, board: Board) -> impl Future<Output = Result<()>> + Send;
}

/// A component that finds targets by a mechanism.
pub struct Discovered<M: Mechanism> {
    cx: Context<Exports>,
    metrics: M::Metrics,
    state: Mutex<State<M>>,
    changed: Notify,
}

struct State<M> {
    mechanism: Arc<M>,
    /// What it has found, while it runs.
    board: Option<Board>,
}

impl<M: Mechanism> Discovered<M> {
    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Exports what the board holds, whenever that changes.
    async fn export(&self, board: &Board) {
        let pace = self.cx.service::<Pace>().map_or(EXPORT_EVERY, |pace| pace.0);
        let mut last: Option<Instant> = None;
        loop {
            if let Some(last) = last {
                tokio::time::sleep_until(last + pace).await;
            }
            let targets = board.changed().await;
            tracing::debug!(targets = targets.len(), "exporting targets");
            self.cx.export(Exports { targets });
            last = Some(Instant::now());
        }
    }
}

impl<M: Mechanism> Component for Discovered<M> {
    type Arguments = M::Arguments;
    type Exports = Exports;

    fn check(args: &M::Arguments, known: &Known<'_>) -> Vec<Error> {
        M::check(args, known)
    }

    fn build(cx: &Context<Exports>, args: M::Arguments) -> Result<Self> {
        let metrics = M::metrics(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?;
        let mechanism = Arc::new(M::new(cx, args, &metrics)?);
        Ok(Discovered {
            cx: cx.clone(),
            metrics,
            state: Mutex::new(State { mechanism, board: None }),
            changed: Notify::new(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        loop {
            let board = Board::new(self.cx.host().clone());
            let mechanism = {
                let mut state = self.state();
                state.board = Some(board.clone());
                state.mechanism.clone()
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                // What the mechanism before has found stays exported until this one has found something.
                () = self.changed.notified() => {}
                result = mechanism.run(board.clone()) => {
                    result?;
                    // There is nothing more to find, but to export.
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = self.changed.notified() => {}
                        () = self.export(&board) => {}
                    }
                }
                () = self.export(&board) => {}
            }
        }
    }

    fn update(self: Arc<Self>, args: M::Arguments) -> Result<Change> {
        let mechanism = Arc::new(M::new(&self.cx, args, &self.metrics)?);
        Ok(Change::new(move || {
            self.state().mechanism = mechanism;
            self.changed.notify_one();
        }))
    }

    fn health(&self) -> Option<Health> {
        self.state().board.as_ref()?.trouble()
    }
}
