//! The component around something that is asked for again and again.

use component::prelude::*;
use host::Host;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use value::GoDuration;

/// Where a value comes from, with its arguments.
pub trait Remote: Send + Sync + Sized + 'static {
    /// What its block takes.
    type Arguments: Block + Clone + Send;
    /// The value.
    type Exports: Block + Send;
    /// What health says after it was got.
    const GOT: &'static str;

    /// Prepares, without effects.
    fn new(host: &Host, args: Self::Arguments) -> Result<Self>;

    /// How often to ask.
    fn frequency(&self) -> Duration;

    /// Asks, and gives up after the time that its arguments say.
    fn get(&self) -> impl Future<Output = Result<Self::Exports, String>> + Send;

    /// See [`Component::check`].
    fn check(args: &Self::Arguments) -> Vec<Error>;
}

/// Asks within a runtime of its own, on a thread of its own, and waits for that: the value has to be there before anything that
/// refers to it is evaluated.
fn first<R: Remote>(host: &Host, args: &R::Arguments) -> Result<R::Exports> {
    let (host, args) = (host.clone(), args.clone());
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::caused("cannot start to ask", error))?;
        let remote = R::new(&host, args)?;
        runtime
            .block_on(remote.get())
            .map_err(|error| Error::caused("polling failed", error))
    };
    let thread = std::thread::Builder::new().name("first poll".to_owned()).spawn(work);
    let thread = thread.map_err(|error| Error::caused("cannot start to ask", error))?;
    thread
        .join()
        .unwrap_or_else(|_| Err(Error::new("polling failed: it panicked")))
}

/// A component that exports something remote.
pub struct Polled<R: Remote> {
    cx: Context<R::Exports>,
    state: Mutex<State<R>>,
    changed: Notify,
}

struct State<R> {
    remote: Arc<R>,
    polled: Instant,
    health: Health,
}

impl<R: Remote> Polled<R> {
    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn got(cx: &Context<R::Exports>) -> Health {
        Health::new(HealthState::Healthy, R::GOT, cx.host().clock.now())
    }

    fn take(&self, result: Result<R::Exports, String>) {
        let health = match result {
            Ok(exports) => {
                self.cx.export(exports);
                Self::got(&self.cx)
            }
            Err(error) => {
                tracing::error!(err = %error, "polling failed; the last value stays");
                let now = self.cx.host().clock.now();
                Health::new(HealthState::Unhealthy, format!("polling failed: {error}"), now)
            }
        };
        let mut state = self.state();
        state.health = health;
        state.polled = Instant::now();
    }
}

impl<R: Remote> Component for Polled<R> {
    type Arguments = R::Arguments;
    type Exports = R::Exports;

    fn check(args: &R::Arguments, _: &Known<'_>) -> Vec<Error> {
        R::check(args)
    }

    fn build(cx: &Context<R::Exports>, args: R::Arguments) -> Result<Self> {
        let remote = Arc::new(R::new(cx.host(), args.clone())?);
        cx.export(first::<R>(cx.host(), &args)?);
        Ok(Polled {
            cx: cx.clone(),
            state: Mutex::new(State {
                remote,
                polled: Instant::now(),
                health: Self::got(cx),
            }),
            changed: Notify::new(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        loop {
            let (remote, polled) = {
                let state = self.state();
                (state.remote.clone(), state.polled)
            };
            let poll = async {
                tokio::time::sleep_until(polled + remote.frequency()).await;
                remote.get().await
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.changed.notified() => {}
                result = poll => self.take(result),
            }
        }
    }

    fn update(self: Arc<Self>, args: R::Arguments) -> Result<Change> {
        let remote = Arc::new(R::new(self.cx.host(), args.clone())?);
        let exports = first::<R>(self.cx.host(), &args)?;
        Ok(Change::new(move || {
            {
                let mut state = self.state();
                state.remote = remote;
                state.polled = Instant::now();
                state.health = Self::got(&self.cx);
            }
            self.cx.export(exports);
            self.changed.notify_one();
        }))
    }

    fn health(&self) -> Option<Health> {
        Some(self.state().health.clone())
    }
}

/// Refuses durations that are none.
pub(crate) fn check_durations(frequency: GoDuration, timeout: GoDuration) -> Option<Error> {
    let both = [("poll_frequency", frequency), ("poll_timeout", timeout)];
    let wrong = both.into_iter().find(|(_, value)| value.0 <= 0);
    wrong.map(|(name, _)| Error::about(name, "must be greater than 0"))
}
