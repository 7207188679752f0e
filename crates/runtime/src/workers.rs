//! A bounded pool of workers with one job a key at a time.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Jobs that may wait or run at once, over all keys.
const CAPACITY: usize = 1024;

/// Runs jobs on a fixed number of workers. Of one key at most one job waits and one runs: a job that is submitted while one
/// waits under the same key is the same job. Clones share the pool.
#[derive(Clone)]
pub struct Workers(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    wake: Notify,
    stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct State {
    order: VecDeque<String>,
    waiting: HashMap<String, Job>,
    running: HashMap<String, ()>,
}

/// The pool has as many jobs as it may have; try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Workers {
    /// A pool of `count` workers, at least one. Must be called within a Tokio runtime.
    pub fn new(count: usize) -> Self {
        let workers = Workers(Arc::new(Inner {
            state: Mutex::default(),
            wake: Notify::new(),
            stop: CancellationToken::new(),
            tasks: Mutex::default(),
        }));
        let mut tasks = lock(&workers.0.tasks);
        for _ in 0..count.max(1) {
            tasks.spawn(work(workers.0.clone()));
        }
        drop(tasks);
        workers
    }

    /// Submits a job. It runs on a worker when no other job of its key runs.
    pub fn submit(&self, key: &str, job: impl Future<Output = ()> + Send + 'static) -> Result<(), Full> {
        let mut state = lock(&self.0.state);
        if state.waiting.contains_key(key) {
            return Ok(());
        }
        if state.waiting.len() + state.running.len() >= CAPACITY {
            return Err(Full);
        }
        state.order.push_back(key.to_owned());
        state.waiting.insert(key.to_owned(), Box::pin(job));
        drop(state);
        self.0.wake.notify_one();
        Ok(())
    }

    /// Number of jobs that wait.
    pub fn waiting(&self) -> usize {
        lock(&self.0.state).waiting.len()
    }

    /// Ends the workers; jobs that wait are dropped, jobs that run are finished.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        let mut tasks = std::mem::take(&mut *lock(&self.0.tasks));
        while tasks.join_next().await.is_some() {}
        let dropped = std::mem::take(&mut *lock(&self.0.state));
        drop(dropped);
    }
}

/// The first job whose key is not running.
fn next(state: &mut State) -> Option<(String, Job)> {
    let at = state.order.iter().position(|key| !state.running.contains_key(key))?;
    let key = state.order.remove(at)?;
    let job = state.waiting.remove(&key)?;
    state.running.insert(key.clone(), ());
    Some((key, job))
}

async fn work(pool: Arc<Inner>) {
    loop {
        let taken = next(&mut lock(&pool.state));
        let Some((key, job)) = taken else {
            tokio::select! {
                () = pool.stop.cancelled() => return,
                () = pool.wake.notified() => continue,
            }
        };
        // Others may be runnable as well; a lost wake-up is made up for here.
        pool.wake.notify_one();
        job.await;
        lock(&pool.state).running.remove(&key);
        if pool.stop.is_cancelled() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn one_job_of_a_key_runs_and_one_waits() {
        let pool = Workers::new(4);
        let (runs, at_once, peak) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let submit = || {
            let (runs, at_once, peak) = (runs.clone(), at_once.clone(), peak.clone());
            pool.submit("a", async move {
                peak.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                at_once.fetch_sub(1, Ordering::SeqCst);
                runs.fetch_add(1, Ordering::SeqCst);
            })
        };
        assert_eq!(submit(), Ok(()));
        tokio::time::sleep(Duration::from_millis(10)).await;
        for _ in 0..5 {
            assert_eq!(submit(), Ok(()));
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!((runs.load(Ordering::SeqCst), peak.load(Ordering::SeqCst)), (2, 1));
        pool.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_pool_says_so() {
        let pool = Workers::new(1);
        for i in 0..CAPACITY {
            assert_eq!(pool.submit(&i.to_string(), std::future::pending()), Ok(()));
        }
        assert_eq!(pool.submit("one more", std::future::pending()), Err(Full));
        assert_eq!(pool.submit("5", async {}), Ok(()), "the same key waits already");
    }
}
