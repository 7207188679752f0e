//! `loki.source.file`

mod args;
mod metrics;
mod positions;
mod shared;
mod sharing;
mod tailer;

pub use args::{Arguments, OnPositionsError};

use component::Target;
use component::prelude::*;
use glob::Pattern;
use host::FileKind;
use metrics::Metrics;
use positions::{Key, Position, Saved};
use shared::{Shared, Store};
use sharing::Sharing;
use signals::Labels;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tailer::{Handle, Tailer};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use value::{Object, Seg};

/// The component.
pub const COMPONENT: Registration = Registration::of::<File>("loki.source.file", Stability::GenerallyAvailable);

const PATH: &str = "__path__";
const EXCLUDE: &str = "__path_exclude__";
/// How often the positions file is written if anything changed: what was delivered since then is read again after a crash.
const SAVE: Duration = Duration::from_millis(250);
/// How soon it is written after a file got its first position.
const SAVE_NEW: Duration = Duration::from_millis(20);
/// How long after the start targets are waited for whose files may have been followed before, without a position.
const LATE: Duration = Duration::from_secs(60);
/// Nanoseconds by which the times of files may lag behind the clock: the coarsest ones of file systems.
const TICK: i64 = 2_000_000_000;
/// On a slow disk it is written less often, so that writing takes at most this part of the time.
const SAVE_SHARE: u32 = 20;
/// How often positions of files that are gone are looked for.
const PRUNE: Duration = Duration::from_secs(60);

/// A `loki.source.file`.
pub struct File {
    shared: Arc<Shared>,
    args: Mutex<Arguments>,
    changed: Notify,
    /// What was written to files since then may have been followed without a position; known once it runs, for a while.
    unsaved_since: Mutex<Option<i64>>,
    tailers: Mutex<BTreeMap<Key, Arc<Handle>>>,
    sharing: Sharing,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is to be read.
struct Wanted {
    key: Key,
    labels: Labels,
}

fn wanted(path: &str, target: &Target) -> Wanted {
    let mut labels = target.edit();
    labels.retain(|name, _| !name.starts_with("__"));
    let plain = labels.clone().build();
    labels.set("filename", path);
    Wanted {
        key: Key {
            path: path.to_owned(),
            // Without the file's name, as Alloy has it.
            labels: plain.to_string(),
        },
        labels: labels.build(),
    }
}

/// The files that the targets stand for now.
fn files(cx: &Context<()>, args: &Arguments) -> Vec<Wanted> {
    let mut found = Vec::new();
    let oldest = cx
        .host()
        .clock
        .now()
        .saturating_sub(args.file_match.ignore_older_than.0);
    for target in &args.targets {
        let Some(path) = target.get(PATH).filter(|path| !path.is_empty()) else {
            continue;
        };
        if !args.file_match.enabled {
            found.push(wanted(path, target));
            continue;
        }
        let exclude = target
            .get(EXCLUDE)
            .filter(|text| !text.is_empty())
            .and_then(|text| Pattern::new(text).ok());
        let Ok(pattern) = Pattern::new(path) else { continue };
        let mut unreadable = |dir: &Path, error: std::io::Error| {
            tracing::warn!(path = %dir.display(), err = %error, "cannot look for files in a directory");
        };
        for path in pattern.expand(&*cx.host().fs, &mut unreadable) {
            let path = std::path::absolute(&path).unwrap_or(path);
            let excluded = exclude.as_ref().is_some_and(|exclude| exclude.matches(&path));
            let fresh = cx.host().fs.meta(&path).is_ok_and(|meta| {
                let old = args.file_match.ignore_older_than.0 != 0 && meta.modified < oldest;
                meta.kind != FileKind::Dir && !old
            });
            if fresh && !excluded {
                found.push(wanted(&path.to_string_lossy(), target));
            }
        }
    }
    found
}

/// Checks the patterns, so that one that is malformed is an error of the configuration.
fn check_patterns(args: &Arguments) -> Vec<Error> {
    let mut found = Vec::new();
    if !args.file_match.enabled {
        return found;
    }
    for (number, target) in args.targets.iter().enumerate() {
        for name in [PATH, EXCLUDE] {
            if let Some(Err(error)) = target
                .get(name)
                .filter(|text| !text.is_empty())
                .map(|text| Pattern::new(text))
            {
                let at = [Seg::Index(number), Seg::Field(name.to_owned())];
                found.push(Error::about("targets", error.to_string()).at(at));
            }
        }
    }
    found
}

/// Reads the positions file. One that is broken is put aside, said so, and every file is treated as one whose position cannot
/// be read.
fn load_positions(cx: &Context<()>, args: &Arguments) -> Result<(Store, bool)> {
    let fs = &*cx.host().fs;
    let path = cx.data_path().join("positions.yml");
    let mut broken = false;
    let mut saved = match positions::load(fs, &path) {
        Ok(saved) => saved,
        Err(error) => {
            broken = true;
            let aside = put_aside(cx, &path);
            tracing::error!(path = %path.display(), err = error, kept = %aside, "the positions file cannot be read");
            Saved::default()
        }
    };
    let mut imported = false;
    let legacy = &args.legacy_positions_file;
    if saved.positions.is_empty() && !broken && !legacy.as_os_str().is_empty() {
        match positions::load_legacy(fs, legacy) {
            Ok(found) => {
                imported = !found.is_empty();
                tracing::info!(path = %legacy.display(), files = found.len(), "imported positions");
                saved.positions = found;
            }
            Err(error) => {
                tracing::error!(path = %legacy.display(), err = error, "the legacy positions file cannot be read");
            }
        }
    }
    Ok((Store::new(path, saved, imported), broken))
}

fn put_aside(cx: &Context<()>, path: &Path) -> String {
    let aside = path.with_extension(format!("yml.corrupt-{}", cx.host().clock.now() / 1_000_000_000));
    let fs = &cx.host().fs;
    match fs.read(path).and_then(|text| fs.write_atomic(&aside, &text, 0o600)) {
        Ok(()) => aside.display().to_string(),
        Err(error) => format!("nowhere: {error}"),
    }
}

impl File {
    /// Starts and stops tailers so that the files that are wanted are read.
    fn sync(self: &Arc<Self>, tasks: &mut JoinSet<Key>, broken: bool) {
        let args = lock(&self.args).clone();
        let clustered = args.clustering.enabled;
        let reading = args.reading();
        let mut wanted: BTreeMap<Key, Labels> = BTreeMap::new();
        for one in files(&self.shared.cx, &args) {
            wanted.entry(one.key).or_insert(one.labels);
        }
        // Files that another member reads are let go of at once, and not read to their end first.
        let mut elsewhere = BTreeSet::new();
        if clustered {
            let ours = |key: &Key| self.sharing.is_ours(key);
            elsewhere = wanted.keys().filter(|key| !ours(key)).cloned().collect();
            wanted.retain(|key, _| !elsewhere.contains(key));
        }
        self.sharing.tidy(|key| wanted.contains_key(key));
        let mut tailers = lock(&self.tailers);
        for (key, handle) in tailers.iter() {
            match wanted.get(key) {
                Some(_) if handle.reading == reading && handle.clustered == clustered => {}
                // It starts again, as it is to be read now, when it has stopped.
                Some(_) => handle.stop.cancel(),
                None if elsewhere.contains(key) => handle.stop.cancel(),
                // The same file under other labels: its new tailer goes on where this one stops.
                None if wanted.keys().any(|other| other.path == key.path) => handle.stop.cancel(),
                None => handle.drain.cancel(),
            }
        }
        let busy: BTreeSet<String> = tailers.keys().map(|key| key.path.clone()).collect();
        for (key, labels) in wanted {
            let stopping = |handle: &Arc<Handle>| handle.stop.is_cancelled() || handle.drain.is_cancelled();
            if tailers.contains_key(&key)
                || tailers
                    .iter()
                    .any(|(other, handle)| other.path == key.path && stopping(handle))
            {
                continue;
            }
            let taken = |other: &Key| tailers.contains_key(other);
            let (state, from_end) = match self.shared.positions.find(&key, &taken) {
                Some(Position::State(state)) => (Some(state), false),
                None if !broken || busy.contains(&key.path) => (None, args.tail_from_end),
                _ => match args.on_positions_file_error {
                    OnPositionsError::Beginning => (None, false),
                    OnPositionsError::End => (None, true),
                    OnPositionsError::Skip => {
                        let message = "its position cannot be read, and on_positions_file_error is \"skip\"";
                        tracing::error!(path = key.path, "the file is left alone: {message}");
                        self.shared.troubled(&key.path, Some(message.to_owned()));
                        continue;
                    }
                },
            };
            let handle = Arc::new(Handle {
                key: key.clone(),
                labels,
                reading: reading.clone(),
                clustered,
                claim: match clustered {
                    true => self.sharing.claim(&key),
                    false => sharing::Claim::default(),
                },
                stop: CancellationToken::new(),
                drain: CancellationToken::new(),
                offset: Arc::new(AtomicU64::new(0)),
                running: Arc::new(AtomicBool::new(false)),
                task: OnceLock::new(),
            });
            // From the end nothing is wanted of what was written before.
            let written_since = if from_end { None } else { *lock(&self.unsaved_since) };
            let (this, ours) = (self.clone(), handle.clone());
            let ended = key.clone();
            let span = self.shared.cx.span().clone();
            let task = tasks.spawn(tracing::Instrument::instrument(
                async move {
                    let given = match clustered {
                        true => this.sharing.taken_over(this.shared.cx.id(), &ended).await,
                        false => None,
                    };
                    let from_end = from_end && given.is_none();
                    let state = given.or(state);
                    Tailer::new(this.shared.clone(), ours, state, from_end, written_since)
                        .run()
                        .await;
                    ended
                },
                span,
            ));
            // The handle is new.
            let _ = handle.task.set(task.id());
            tailers.insert(key, handle);
        }
    }

    /// A reader has ended without saying which file it read.
    fn lost(&self, error: &JoinError) {
        lock(&self.tailers).retain(|_, handle| handle.task.get() != Some(&error.id()));
    }

    /// Forgets positions of files that are gone and that nobody reads.
    fn prune(&self) {
        let reading: BTreeSet<String> = lock(&self.tailers).keys().map(|key| key.path.clone()).collect();
        let fs = self.shared.cx.host().fs.clone();
        let gone = |path: &str| {
            fs.meta(Path::new(path))
                .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        };
        self.shared
            .positions
            .retain(|key| reading.contains(&key.path) || !gone(&key.path));
        self.shared.expire();
    }

    /// Notes that every file that is followed has a position, if that is so, and if none of an earlier run can be missing.
    fn note_complete(&self) {
        let now = self.shared.cx.host().clock.now();
        let tailers = lock(&self.tailers);
        if lock(&self.unsaved_since).is_none() && tailers.keys().all(|key| self.shared.positions.has(key)) {
            self.shared.positions.complete(now);
        }
    }

    /// Tells the cluster where this process has got to: what is new, or everything again.
    fn tell(&self, again: bool) {
        if lock(&self.args).clustering.enabled {
            self.sharing
                .tell(self.shared.cx.id(), &self.shared.positions.all(), again);
        }
    }

    async fn save(&self) {
        self.note_complete();
        let shared = self.shared.clone();
        let saved = tokio::task::spawn_blocking(move || shared.positions.save(&*shared.cx.host().fs)).await;
        let error = match saved {
            Ok(Ok(())) => {
                self.tell(false);
                return self.shared.troubled("positions.yml", None);
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(
            err = error,
            "cannot write the positions file; after a restart lines would be read again"
        );
        self.shared.troubled("positions.yml", Some(error));
    }
}

impl Component for File {
    type Arguments = Arguments;
    type Exports = ();

    const STATE: &'static [&'static str] = &["positions of files"];

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        args.caveats()
    }

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        let mut found = args::problems(args);
        found.extend(check_patterns(args));
        found
    }

    fn build(cx: &Context<()>, args: Arguments) -> Result<Self> {
        component::first::<Error>(check_patterns(&args))?;
        let metrics = Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?;
        // The positions are read when it runs: a configuration that is only checked touches no file.
        let store = Store::new(PathBuf::new(), Saved::default(), false);
        let shared = Arc::new(Shared::new(cx.clone(), metrics, store));
        shared.out.set(LogsReceiver::present(&args.forward_to));
        Ok(File {
            shared,
            args: Mutex::new(args),
            changed: Notify::new(),
            unsaved_since: Mutex::default(),
            tailers: Mutex::default(),
            sharing: Sharing::new(cx.service()),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let args = lock(&self.args).clone();
        let (store, broken) = load_positions(&self.shared.cx, &args)?;
        self.shared.positions.adopt(store);
        for (key, position) in self.shared.positions.all() {
            if let Position::State(state) = position {
                self.shared.registry(&key.labels).seed(Path::new(&key.path), &state);
            }
        }
        let complete_at = self.shared.positions.complete_at();
        let since = complete_at.unwrap_or_else(|| self.shared.cx.host().clock.now());
        if complete_at.is_none() {
            // Before any file is followed. Whatever is written to one from here on is found, also in a file that was rotated before it was
            // found, or before its first position was on disk and a crash.
            self.shared.positions.complete(since);
            self.shared.positions.touch();
            self.save().await;
        }
        *lock(&self.unsaved_since) = Some(since.saturating_sub(TICK));
        let mut tasks = JoinSet::new();
        let late = tokio::time::sleep(LATE);
        tokio::pin!(late);
        let mut save_at = tokio::time::Instant::now() + SAVE;
        // After a save it rests, if a file waits for its first position at least as long as the save took.
        let mut rest_until = tokio::time::Instant::now();
        let mut prune = tokio::time::interval(PRUNE);
        let offer = self.sharing.offer(&self);
        let mut members = self.sharing.members();
        let mut look = tokio::time::interval(sharing::LOOK);
        self.sync(&mut tasks, broken);
        loop {
            let clustered = lock(&self.args).clustering.enabled;
            let period = lock(&self.args).file_match.sync_period.as_std();
            let globbing = lock(&self.args).file_match.enabled;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.changed.notified() => self.sync(&mut tasks, broken),
                () = component::owners_changed(&mut members), if clustered => {
                    self.sync(&mut tasks, broken);
                    // Others would be next now.
                    self.tell(true);
                }
                _ = look.tick(), if clustered => self.sync(&mut tasks, broken),
                () = self.shared.positions.added.notified() => {
                    save_at = save_at.min(rest_until.max(tokio::time::Instant::now() + SAVE_NEW));
                }
                () = &mut late, if !late.is_elapsed() => *lock(&self.unsaved_since) = None,
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                    match ended {
                        Ok(key) => drop(lock(&self.tailers).remove(&key)),
                        Err(error) => {
                            tracing::error!(err = %error, "a file's reader ended unexpectedly; it is started again");
                            self.lost(&error);
                        }
                    }
                    self.sync(&mut tasks, broken);
                }
                () = tokio::time::sleep(period), if globbing => self.sync(&mut tasks, broken),
                () = tokio::time::sleep_until(save_at) => {
                    let started = tokio::time::Instant::now();
                    self.save().await;
                    let now = tokio::time::Instant::now();
                    rest_until = now + started.elapsed();
                    save_at = now + SAVE.max(started.elapsed() * SAVE_SHARE);
                }
                _ = prune.tick() => {
                    self.prune();
                    self.shared.positions.touch();
                }
            }
        }
        for handle in lock(&self.tailers).values() {
            handle.stop.cancel();
        }
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(key) => drop(lock(&self.tailers).remove(&key)),
                // Others may wait for it.
                Err(error) => self.lost(&error),
            }
        }
        self.shared.positions.touch();
        self.save().await;
        drop(offer);
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        component::first::<Error>(check_patterns(&args))?;
        Ok(Change::new(move || {
            self.shared.out.set(LogsReceiver::present(&args.forward_to));
            *lock(&self.args) = args;
            self.changed.notify_one();
        }))
    }

    fn health(&self) -> Option<Health> {
        let (first, count) = self.shared.trouble()?;
        let message = match count {
            1 => first,
            _ => format!("{first} (and {} more)", count - 1),
        };
        Some(Health::new(
            HealthState::Unhealthy,
            message,
            self.shared.cx.host().clock.now(),
        ))
    }

    fn debug_info(&self) -> Option<Value> {
        let tailers = lock(&self.tailers);
        let targets = tailers.values().map(|handle| {
            let labels = handle
                .labels
                .iter()
                .map(|(name, value)| (name.clone(), Value::string(value.as_str())));
            let mut info = Object::ordered();
            info.insert("path", Value::string(&handle.key.path));
            info.insert("labels", Value::object(labels.collect::<Object>()));
            info.insert("is_running", Value::Bool(handle.running.load(Ordering::Relaxed)));
            info.insert("read_offset", Value::int(handle.offset.load(Ordering::Relaxed) as i64));
            Value::object(info)
        });
        let mut info = Object::ordered();
        info.insert("targets_info", Value::array(targets.collect()));
        Some(Value::object(info))
    }
}

#[cfg(test)]
mod tests;
