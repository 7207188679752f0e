//! `local.file`

use component::prelude::*;
use notify::{RecursiveMode, Watcher};
use promtext::Gauge;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use value::{Choice, GoDuration, OptionalSecret};

/// The component.
pub const COMPONENT: Registration = Registration::of::<File>("local.file", Stability::GenerallyAvailable);

/// Pause after a file event before the file is read: writers often write in several steps.
const SETTLE: Duration = Duration::from_millis(30);

/// How a change of the file is noticed.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detector {
    /// By events of the file system.
    #[choice("fsnotify")]
    FsNotify,
    /// By looking from time to time.
    #[choice("poll")]
    Poll,
}

/// Exposes the content of a file to other components.
///
/// The file is watched: its content is exported again when it changes. If it cannot be read any more, the component is unhealthy and the last
/// content stays.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = check)]
pub struct Arguments {
    /// Path of the file.
    #[arg]
    pub filename: PathBuf,
    /// How to notice that the file changed: `fsnotify` or `poll`.
    #[arg(default = Detector::FsNotify)]
    pub detector: Detector,
    /// How often to look if `detector` is `poll`; with `fsnotify`, how often to look for changes without an event.
    #[arg(default = GoDuration::minutes(1))]
    pub poll_frequency: GoDuration,
    /// Whether the content is a secret.
    #[arg(default)]
    pub is_secret: bool,
}

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Content of the file.
    #[arg]
    pub content: OptionalSecret,
}

fn check(args: &Arguments) -> Result<(), value::Invalid> {
    Ok(check_frequency(args)?)
}

fn check_frequency(args: &Arguments) -> Result<()> {
    if args.poll_frequency.0 <= 0 {
        return Err(Error::about("poll_frequency", "must be greater than 0"));
    }
    Ok(())
}

/// A `local.file`.
pub struct File {
    cx: Context<Exports>,
    args: Mutex<Arguments>,
    health: Mutex<Health>,
    accessed: Gauge,
    changed: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(cx: &Context<Exports>, args: &Arguments) -> Result<Exports> {
    let content = cx
        .host()
        .fs
        .read(&args.filename)
        .map_err(|error| Error::caused(format!("failed to read file: {}", args.filename.display()), error))?;
    Ok(Exports {
        content: OptionalSecret::new(args.is_secret, content),
    })
}

impl File {
    /// Reads the file and says in health how that went.
    fn refresh(&self) {
        let args = lock(&self.args).clone();
        let now = self.cx.host().clock.now();
        let health = match read(&self.cx, &args) {
            Ok(exports) => {
                self.accessed.set((now / 1_000_000_000) as f64);
                self.cx.export(exports);
                Health::new(HealthState::Healthy, "read file", now)
            }
            Err(error) => {
                tracing::error!(err = %error, "the file cannot be read; its last content stays");
                Health::new(HealthState::Unhealthy, error.to_string(), now)
            }
        };
        *lock(&self.health) = health;
    }

    /// Events of the file's directory: an editor or a ConfigMap replaces the file, so watching the file alone would end with the
    /// first change.
    fn watch(&self, events: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
        let args = lock(&self.args).clone();
        if args.detector == Detector::Poll {
            return None;
        }
        let dir = args
            .filename
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let on_event = move |event: notify::Result<notify::Event>| {
            if !event.is_ok_and(|event| event.kind.is_access()) {
                events.notify_one();
            }
        };
        let watcher = notify::recommended_watcher(on_event).and_then(|mut watcher| {
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(err = %error, "cannot watch for file events; looking every poll_frequency instead");
                None
            }
        }
    }
}

impl Component for File {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        check_frequency(args).err().into_iter().collect()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let exports = read(cx, &args)?;
        let accessed = cx
            .metrics()
            .gauge(
                "local_file_timestamp_last_accessed_unix_seconds",
                "The last successful access in unix seconds",
            )
            .map_err(|error| Error::caused("cannot register metrics", error))?;
        let now = cx.host().clock.now();
        accessed.set((now / 1_000_000_000) as f64);
        cx.export(exports);
        Ok(File {
            cx: cx.clone(),
            args: Mutex::new(args),
            health: Mutex::new(Health::new(HealthState::Healthy, "read file", now)),
            accessed,
            changed: Notify::new(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        loop {
            let events = Arc::new(Notify::new());
            let _watcher = self.watch(events.clone());
            // What changed before the watch began.
            self.refresh();
            loop {
                let period = lock(&self.args).poll_frequency.as_std();
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = self.changed.notified() => break,
                    () = tokio::time::sleep(period) => {}
                    () = events.notified() => tokio::time::sleep(SETTLE).await,
                }
                self.refresh();
            }
        }
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let exports = read(&self.cx, &args)?;
        Ok(Change::new(move || {
            *lock(&self.args) = args;
            *lock(&self.health) = Health::new(HealthState::Healthy, "read file", self.cx.host().clock.now());
            self.cx.export(exports);
            self.changed.notify_one();
        }))
    }

    fn health(&self) -> Option<Health> {
        Some(lock(&self.health).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use component::{ContextParts, Services};
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn context(exported: Arc<AtomicUsize>) -> Context<Exports> {
        Context::new(ContextParts {
            id: Arc::from("local.file.test"),
            data_path: PathBuf::new(),
            host: host::Host::real(),
            budget: component::Budget::unlimited(),
            ledger: component::Ledger::default(),
            metrics: promtext::Registry::new(),
            services: Services::default(),
            stability: Stability::GenerallyAvailable,
            span: tracing::Span::none(),
            exported: Arc::new(move || {
                exported.fetch_add(1, Ordering::SeqCst);
            }),
            inspector: None,
        })
    }

    async fn until(what: &str, mut done: impl FnMut() -> bool) {
        for _ in 0..500 {
            if done() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not within 10 s: {what}");
    }

    #[tokio::test]
    async fn a_replaced_file_is_exported_again_and_a_missing_one_is_unhealthy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "one").unwrap();
        let exported = Arc::new(AtomicUsize::new(0));
        let cx = context(exported.clone());
        let args = Arguments {
            filename: path.clone(),
            is_secret: true,
            ..Arguments::defaults()
        };
        let file = Arc::new(File::build(&cx, args).unwrap());
        assert_eq!(exported.load(Ordering::SeqCst), 1);
        let stop = CancellationToken::new();
        let running = tokio::spawn(file.clone().run(stop.clone()));

        fs::write(dir.path().join("new"), "two").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        until("the new content is exported", || exported.load(Ordering::SeqCst) == 2).await;
        fs::remove_file(&path).unwrap();
        let state = || file.health().map(|health| health.state);
        until("it is unhealthy", || state() == Some(HealthState::Unhealthy)).await;
        fs::write(&path, "three").unwrap();
        until("it recovers", || {
            state() == Some(HealthState::Healthy) && exported.load(Ordering::SeqCst) == 3
        })
        .await;
        stop.cancel();
        running.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_an_error_that_names_it() {
        let args = Arguments {
            filename: "/nonexistent/token".into(),
            ..Arguments::defaults()
        };
        let Err(error) = File::build(&context(Arc::default()), args) else {
            panic!("it should not build")
        };
        assert!(
            error
                .to_string()
                .starts_with("failed to read file: /nonexistent/token: "),
            "{error}"
        );
    }
}
