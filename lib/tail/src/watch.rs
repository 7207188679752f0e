//! When to look: signals of the operating system, and polling where there are none.

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Intervals between looks: from `min`, doubling up to `max` as long as nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Intervals between `min` and `max`; at least a millisecond, and `min` is at most `max`.
    pub fn new(min: Duration, max: Duration) -> Self {
        let max = max.max(Duration::from_millis(1));
        let min = min.clamp(Duration::from_millis(1), max);
        Backoff { min, max, next: min }
    }

    /// Something happened: the next interval is the shortest.
    pub fn reset(&mut self) {
        self.next = self.min;
    }

    /// The time to wait now.
    pub fn interval(&mut self) -> Duration {
        let interval = self.next;
        self.next = (interval * 2).min(self.max);
        interval
    }
}

/// What tells about changes in directories.
pub trait Signals: Send {
    /// Begins to report changes of what is directly in `dir`.
    fn watch(&mut self, dir: &Path) -> Result<(), String>;
    /// Ends it.
    fn unwatch(&mut self, dir: &Path);
}

struct Native(RecommendedWatcher);

impl Signals for Native {
    fn watch(&mut self, dir: &Path) -> Result<(), String> {
        self.0
            .watch(dir, RecursiveMode::NonRecursive)
            .map_err(|error| error.to_string())
    }

    fn unwatch(&mut self, dir: &Path) {
        // It fails only if the directory is gone, and then there is nothing to end.
        let _ = self.0.unwatch(dir);
    }
}

/// Called with the path that changed.
type OnChange = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Watched {
    paths: HashMap<PathBuf, Vec<(u64, OnChange)>>,
    /// How many paths are watched in each directory, and whether the system agreed to tell about it.
    dirs: HashMap<PathBuf, (usize, bool)>,
    next: u64,
}

/// Calls back when something happens to a path. Only a hint: where the operating system does not tell (network file systems,
/// too many watches), nothing is called, so the owner polls as well.
#[derive(Clone)]
pub struct Watcher {
    signals: Arc<Mutex<Option<Box<dyn Signals>>>>,
    watched: Arc<Mutex<Watched>>,
}

/// Ends the watching of one path when it is dropped.
pub struct Watch {
    watcher: Watcher,
    paths: Vec<PathBuf>,
    number: u64,
    native: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl Watcher {
    /// A watcher that uses what the operating system offers. If that fails, it never calls back.
    pub fn native() -> Self {
        let watcher = Watcher::silent();
        let watched = watcher.watched.clone();
        let native = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event
                && !event.kind.is_access()
            {
                Watcher::report(&watched, &event.paths);
            }
        });
        if let Ok(native) = native {
            *lock(&watcher.signals) = Some(Box::new(Native(native)));
        }
        watcher
    }

    /// A watcher that gets its signals from `signals`, which passes what it sees to [`Watcher::changed`].
    pub fn with(signals: Box<dyn Signals>) -> Self {
        let watcher = Watcher::silent();
        *lock(&watcher.signals) = Some(signals);
        watcher
    }

    /// A watcher that never calls back.
    pub fn silent() -> Self {
        Watcher {
            signals: Arc::default(),
            watched: Arc::default(),
        }
    }

    fn report(watched: &Mutex<Watched>, paths: &[PathBuf]) {
        let calls: Vec<OnChange> = {
            let watched = lock(watched);
            paths
                .iter()
                .filter_map(|path| watched.paths.get(path))
                .flatten()
                .map(|(_, call)| call.clone())
                .collect()
        };
        for call in calls {
            call();
        }
    }

    /// Something happened to these paths.
    pub fn changed(&self, paths: &[PathBuf]) {
        Watcher::report(&self.watched, paths);
    }

    /// Calls `on_change` whenever something happens to `path` or to what it leads to as a symbolic link, until the answer is dropped.
    /// The callback must not block and must not use the watcher.
    pub fn watch(&self, path: &Path, on_change: impl Fn() + Send + Sync + 'static) -> Watch {
        let on_change: OnChange = Arc::new(on_change);
        let mut paths = vec![path.to_path_buf()];
        // Changes of the file behind a link are signalled in its own directory only.
        paths.extend(std::fs::canonicalize(path).ok().filter(|target| target != path));
        // `watched` is never locked while the system is spoken to: it may be calling back at the moment.
        let mut signals = lock(&self.signals);
        let number = {
            let mut watched = lock(&self.watched);
            watched.next += 1;
            let number = watched.next;
            for path in &paths {
                let calls = watched.paths.entry(path.clone()).or_default();
                calls.push((number, on_change.clone()));
                watched.dirs.entry(dir_of(path).to_path_buf()).or_default().0 += 1;
            }
            number
        };
        let mut native = true;
        for path in &paths {
            let dir = dir_of(path);
            let told = lock(&self.watched).dirs.get(dir).is_some_and(|(_, told)| *told)
                || signals.as_mut().is_some_and(|signals| signals.watch(dir).is_ok());
            if let Some(entry) = lock(&self.watched).dirs.get_mut(dir) {
                entry.1 = told;
            }
            native &= told;
        }
        Watch {
            watcher: self.clone(),
            paths,
            number,
            native,
        }
    }
}

impl Watch {
    /// Whether changes are reported, as far as is known; if not, polling is all there is.
    pub fn is_native(&self) -> bool {
        self.native
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut signals = lock(&self.watcher.signals);
        for path in &self.paths {
            let dir = dir_of(path);
            let last = {
                let mut watched = lock(&self.watcher.watched);
                if let Some(calls) = watched.paths.get_mut(path) {
                    calls.retain(|(number, _)| *number != self.number);
                    if calls.is_empty() {
                        watched.paths.remove(path);
                    }
                }
                match watched.dirs.get_mut(dir) {
                    Some((count, _)) if *count > 1 => {
                        *count -= 1;
                        false
                    }
                    _ => watched.dirs.remove(dir).is_some_and(|(_, told)| told),
                }
            };
            if last && let Some(signals) = &mut *signals {
                signals.unwatch(dir);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl Signals for Recorder {
        fn watch(&mut self, dir: &Path) -> Result<(), String> {
            lock(&self.0).push(format!("watch {}", dir.display()));
            Ok(())
        }

        fn unwatch(&mut self, dir: &Path) {
            lock(&self.0).push(format!("unwatch {}", dir.display()));
        }
    }

    #[test]
    fn a_directory_is_watched_once_and_only_the_path_that_changed_is_told() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let watcher = Watcher::with(Box::new(Recorder(log.clone())));
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let a = watcher.watch(Path::new("/log/a"), move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let b = watcher.watch(Path::new("/log/b"), || ());
        watcher.changed(&[PathBuf::from("/log/a"), PathBuf::from("/log/c")]);
        watcher.changed(&[PathBuf::from("/log/b")]);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        drop(a);
        watcher.changed(&[PathBuf::from("/log/a")]);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        drop(b);
        assert_eq!(*lock(&log), ["watch /log", "unwatch /log"]);
    }

    #[test]
    fn intervals_double_until_something_happens() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let intervals: Vec<u128> = (0..4).map(|_| backoff.interval().as_millis()).collect();
        assert_eq!(intervals, [100, 200, 350, 350]);
        backoff.reset();
        assert_eq!(backoff.interval().as_millis(), 100);
    }
}
