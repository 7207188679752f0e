//! Runs nodes: starts them in order, watches them, stops them in order.

use component::{CancellationToken, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// After this long a task that was told to stop is reported, again and again.
const SLOW_STOP: Duration = Duration::from_secs(60);

/// Told how a node ended: `Err` with the reason, or `Ok` for a clean end.
pub type OnExit = Arc<dyn Fn(&str, Result<(), String>) + Send + Sync>;

/// The running nodes.
pub struct Scheduler {
    tasks: Mutex<HashMap<String, Task>>,
    deadline: Option<Duration>,
    on_exit: OnExit,
}

struct Task {
    stop: CancellationToken,
    done: JoinHandle<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Scheduler {
    /// A scheduler that waits at most `deadline` for a node to stop; `None` waits for ever.
    pub fn new(deadline: Option<Duration>, on_exit: OnExit) -> Self {
        Scheduler {
            tasks: Mutex::default(),
            deadline,
            on_exit,
        }
    }

    /// Starts a node unless it runs. A panic in it ends that node alone.
    pub fn start<F>(&self, id: &str, run: impl FnOnce(CancellationToken) -> F, span: tracing::Span)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut tasks = lock(&self.tasks);
        if tasks.get(id).is_some_and(|task| !task.done.is_finished()) {
            return;
        }
        let stop = CancellationToken::new();
        let work = tokio::spawn(run(stop.clone()).instrument(span.clone()));
        let (name, on_exit) = (id.to_owned(), self.on_exit.clone());
        let watch = async move {
            let outcome = match work.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(join) => Err(panic_text(join)),
            };
            match &outcome {
                Ok(()) => tracing::info!(node = name, "node exited without error"),
                Err(error) => tracing::error!(node = name, err = error, "node exited with error"),
            }
            on_exit(&name, outcome);
        };
        let done = tokio::spawn(watch.instrument(span));
        tasks.insert(id.to_owned(), Task { stop, done });
    }

    /// Whether a node runs.
    pub fn is_running(&self, id: &str) -> bool {
        lock(&self.tasks).get(id).is_some_and(|task| !task.done.is_finished())
    }

    /// Stops nodes one after the other, each when the one before has ended: give dependants first.
    pub async fn stop(&self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            let Some(task) = lock(&self.tasks).remove(&id) else {
                continue;
            };
            task.stop.cancel();
            self.wait(&id, task.done).await;
        }
    }

    async fn wait(&self, id: &str, done: JoinHandle<()>) {
        let abort = done.abort_handle();
        let mut done = done;
        let started = tokio::time::Instant::now();
        loop {
            let patience = match self.deadline {
                Some(deadline) => SLOW_STOP.min(deadline.saturating_sub(started.elapsed())),
                None => SLOW_STOP,
            };
            if tokio::time::timeout(patience, &mut done).await.is_ok() {
                return;
            }
            if self.deadline.is_some_and(|deadline| started.elapsed() >= deadline) {
                abort.abort();
                let error = "task shutdown deadline exceeded";
                tracing::error!(node = id, err = error, "node exited with error");
                (self.on_exit)(id, Err(error.to_owned()));
                return;
            }
            tracing::warn!(node = id, "task shutdown is taking longer than expected");
        }
    }
}

fn panic_text(join: tokio::task::JoinError) -> String {
    match join.try_into_panic() {
        Ok(payload) => {
            let text = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned());
            format!("panic: {}", text.as_deref().unwrap_or("no message"))
        }
        Err(_) => "the task was cancelled".to_owned(),
    }
}
