//! Reads one file: chunks under permits out, acknowledgements in, positions after them.

use super::args::Reading;
use super::positions::{Key, Position};
use super::shared::Shared;
use super::sharing::Claim;
use component::{BoxFuture, CancellationToken};
use signals::{Courier, Entry, Labels, LogBatch, LogStream, Permit};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tail::{Backoff, Chunk, Follower, Options, State};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Chunks of one file that may wait for their delivery. A stage that holds lines back keeps some of them waiting.
const WINDOW: usize = 16;
/// How often a moved position is handed to the positions file.
const COMMIT: Duration = Duration::from_millis(100);
/// How long a file that is not wanted any more is read to its end.
const DRAIN: Duration = Duration::from_secs(30);
/// How long what is on its way may take to arrive when the component stops. Longer than the default wait of a multiline stage.
const FAREWELL: Duration = Duration::from_secs(5);
/// Pause after a file could not be read; doubles up to [`MAX_RETRY`].
const MIN_RETRY: Duration = Duration::from_millis(500);
const MAX_RETRY: Duration = Duration::from_secs(10);
/// How often a file is looked at whose changes the operating system reports; a safety net.
const WATCHED: Duration = Duration::from_secs(2);
/// What a record costs beside its bytes.
const ENTRY: u64 = size_of::<Entry>() as u64;

/// What others may know and want of a tailer.
pub(super) struct Handle {
    pub(super) key: Key,
    pub(super) labels: Labels,
    pub(super) reading: Reading,
    /// Whether it is read as a member of a cluster.
    pub(super) clustered: bool,
    pub(super) claim: Claim,
    /// Stops at once, as far as that loses nothing.
    pub(super) stop: CancellationToken,
    /// Reads to the end of the file, then stops.
    pub(super) drain: CancellationToken,
    pub(super) offset: Arc<AtomicU64>,
    pub(super) running: Arc<AtomicBool>,
    /// The task that reads it.
    pub(super) task: OnceLock<tokio::task::Id>,
}

/// A tailer at work.
pub(super) struct Tailer {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
    courier: Courier<(u64, u64)>,
    /// Not here while a thread reads.
    follower: Option<Follower>,
    work: Option<JoinHandle<(Follower, Work)>>,
    acquiring: Option<BoxFuture<'static, Permit>>,
    /// Acknowledgements that wait for the follower to come back.
    acks: Vec<(u64, u64)>,
    backoff: Backoff,
    watched: bool,
    look_at: Instant,
    retry: Duration,
    readable: bool,
    moved: bool,
    commit_at: Instant,
    last_time: i64,
    troubled: bool,
}

enum Work {
    Observed(io::Result<bool>),
    Read(io::Result<Option<Chunk>>, Permit),
}

impl Tailer {
    pub(super) fn new(
        shared: Arc<Shared>,
        handle: Arc<Handle>,
        state: Option<State>,
        from_end: bool,
        written_since: Option<i64>,
    ) -> Self {
        let reading = &handle.reading;
        let options = Options {
            encoding: reading.encoding,
            from_end,
            written_since,
            format: reading.format,
            ..Options::default()
        };
        let fs = shared.cx.host().fs.clone();
        let path = PathBuf::from(&handle.key.path);
        let follower = Follower::new(fs, &shared.registry(&handle.key.labels), path, options, state);
        let watch = &reading.watch;
        let backoff = Backoff::new(watch.min_poll_frequency.as_std(), watch.max_poll_frequency.as_std());
        let now = Instant::now();
        Tailer {
            courier: Courier::new(shared.out.clone(), WINDOW),
            follower: Some(follower),
            work: None,
            acquiring: None,
            acks: Vec::new(),
            backoff,
            watched: false,
            look_at: now + reading.delay.as_std(),
            retry: MIN_RETRY,
            readable: false,
            moved: true,
            // At once: a file that is rotated before anyone knows that it was read would not be looked for after a crash.
            commit_at: now,
            last_time: i64::MIN,
            troubled: false,
            shared,
            handle,
        }
    }

    /// Reads until it is told to stop, or until the end of the file if it is told to drain.
    pub(super) async fn run(mut self) {
        self.handle.running.store(true, Ordering::Relaxed);
        self.shared.metrics.active.add(1.0);
        let changed = Arc::new(Notify::new());
        let signal = changed.clone();
        let path = PathBuf::from(&self.handle.key.path);
        let watch = self.shared.watcher.watch(&path, move || signal.notify_one());
        self.watched = watch.is_native();
        let stop = self.handle.stop.clone();
        let drain = self.handle.drain.clone();
        let mut drain_until = None;
        while !stop.is_cancelled() {
            if drain_until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            self.begin_work();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = drain.cancelled(), if drain_until.is_none() => {
                    drain_until = Some(Instant::now() + DRAIN);
                    if let Some(follower) = &mut self.follower {
                        follower.drain();
                    }
                    self.look_at = Instant::now();
                }
                landed = self.courier.landed(), if !self.courier.is_empty() => self.landed(landed),
                done = finished(&mut self.work), if self.work.is_some() => {
                    self.work = None;
                    let Some((mut follower, work)) = done else { break };
                    if drain_until.is_some() {
                        follower.drain();
                    }
                    self.returned(follower, work).await;
                    if drain_until.is_some() && !self.readable && self.work.is_none() && self.courier.is_empty() {
                        break;
                    }
                }
                // Also while it reads or waits for room: a file that is rotated away meanwhile must be opened before it is deleted.
                () = tokio::time::sleep_until(self.look_at), if self.work.is_none() => self.observe(),
                permit = granted(&mut self.acquiring), if self.acquiring.is_some() && self.work.is_none() => {
                    self.acquiring = None;
                    self.read(permit);
                }
                () = changed.notified(), if self.idle() => {
                    self.backoff.reset();
                    self.look_at = Instant::now();
                }
                () = tokio::time::sleep_until(self.commit_at), if self.moved && self.follower.is_some() => self.commit(),
            }
        }
        drop(watch);
        self.finish().await;
        self.handle.running.store(false, Ordering::Relaxed);
        self.shared.metrics.active.add(-1.0);
    }

    /// Nothing to read and nothing being done.
    fn idle(&self) -> bool {
        !self.readable && self.work.is_none() && self.acquiring.is_none()
    }

    /// Asks for memory if there is something to read and room for it on the way.
    fn begin_work(&mut self) {
        if !self.readable || self.work.is_some() || self.acquiring.is_some() || !self.courier.has_room() {
            return;
        }
        let Some(follower) = &self.follower else { return };
        // Half as much again for what a record costs beside its bytes; the rest is given back when the lines are counted.
        let bytes = follower.next_size() as u64 * 3 / 2;
        let budget = self.shared.cx.budget().clone();
        self.acquiring = Some(Box::pin(async move { budget.acquire(bytes).await }));
    }

    fn spawn(&mut self, work: impl FnOnce(&mut Follower) -> Work + Send + 'static) {
        let Some(mut follower) = self.follower.take() else {
            return;
        };
        self.work = Some(tokio::task::spawn_blocking(move || {
            let done = work(&mut follower);
            (follower, done)
        }));
    }

    fn observe(&mut self) {
        let now = self.shared.cx.host().clock.now();
        self.spawn(move |follower| Work::Observed(follower.observe(now)));
    }

    fn read(&mut self, permit: Permit) {
        let now = self.shared.cx.host().clock.now();
        self.spawn(move |follower| Work::Read(follower.next(now), permit));
    }

    fn landed(&mut self, landed: signals::Landed<(u64, u64)>) {
        if let Err(why) = &landed.outcome {
            tracing::error!(path = self.handle.key.path, err = %why, "lines were refused for good");
        }
        match &mut self.follower {
            Some(follower) => follower.ack(landed.tag.0, landed.tag.1),
            None => self.acks.push(landed.tag),
        }
        self.moved = true;
    }

    async fn returned(&mut self, mut follower: Follower, work: Work) {
        for (generation, up_to) in self.acks.drain(..) {
            follower.ack(generation, up_to);
        }
        for event in follower.take_events() {
            tracing::info!(path = self.handle.key.path, "{event}");
        }
        if let Some((read, size)) = follower.progress() {
            self.handle.offset.store(read, Ordering::Relaxed);
            self.shared.metrics.progress(&self.handle.key.path, read, size);
        }
        self.follower = Some(follower);
        match work {
            Work::Observed(Ok(readable)) => {
                self.recovered();
                self.readable = readable;
                if readable {
                    self.backoff.reset();
                }
                self.look_at = Instant::now() + self.interval();
            }
            // Another member may have passed these lines on; what this one has passed on is committed, and it asks when it begins again.
            Work::Read(Ok(Some(_)), _) if !self.handle.claim.holds() => self.handle.stop.cancel(),
            Work::Read(Ok(Some(chunk)), permit) => {
                self.recovered();
                self.send(chunk, permit).await;
            }
            Work::Read(Ok(None), _) => {
                self.recovered();
                self.readable = false;
                self.look_at = Instant::now() + self.interval();
            }
            Work::Observed(Err(error)) | Work::Read(Err(error), _) => self.trouble(&error),
        }
    }

    fn interval(&mut self) -> Duration {
        let interval = self.backoff.interval();
        if self.watched { interval.max(WATCHED) } else { interval }
    }

    fn trouble(&mut self, error: &io::Error) {
        if !self.troubled {
            tracing::error!(path = self.handle.key.path, err = %error, "cannot read the file; trying again");
            self.shared.troubled(&self.handle.key.path, Some(error.to_string()));
        }
        self.troubled = true;
        self.readable = false;
        self.look_at = Instant::now() + self.retry;
        self.retry = (self.retry * 2).min(MAX_RETRY);
    }

    fn recovered(&mut self) {
        if self.troubled {
            tracing::info!(path = self.handle.key.path, "the file can be read again");
            self.shared.troubled(&self.handle.key.path, None);
        }
        self.troubled = false;
        self.retry = MIN_RETRY;
    }

    async fn send(&mut self, chunk: Chunk, mut permit: Permit) {
        // Loki takes lines of one stream with the same time and text for the same line, so times never repeat.
        let mut time = self.shared.cx.host().clock.now().max(self.last_time.saturating_add(1));
        let mut entries = Vec::with_capacity(chunk.data.len() / 128 + 1);
        for line in chunk.lines() {
            entries.push(Entry::new(time, line));
            time += 1;
        }
        self.last_time = time - 1;
        permit.shrink(chunk.data.len() as u64 + entries.len() as u64 * ENTRY);
        self.shared.metrics.lines(&self.handle.key.path, entries.len() as u64);
        let stream = LogStream {
            labels: self.handle.labels.clone(),
            entries,
        };
        self.courier
            .send(LogBatch::new(vec![stream], permit), (chunk.generation, chunk.end))
            .await;
    }

    /// Hands the position to the positions file.
    fn commit(&mut self) {
        self.commit_at = Instant::now() + COMMIT;
        if let Some(follower) = &self.follower
            && let Some(state) = follower.state()
        {
            self.moved = false;
            self.shared
                .positions
                .set(self.handle.key.clone(), Position::State(state));
        }
    }

    /// Waits for what is on its way, as long as that makes sense, and hands over the last position.
    async fn finish(&mut self) {
        if let Some(work) = self.work.take()
            && let Ok((follower, _)) = work.await
        {
            // A chunk that was read and not sent is read again next time.
            self.follower = Some(follower);
        }
        let deadline = Instant::now() + FAREWELL;
        while !self.courier.is_empty() {
            match tokio::time::timeout_at(deadline, self.courier.landed()).await {
                Ok(landed) => self.landed(landed),
                Err(_) => break,
            }
        }
        if let Some(follower) = &mut self.follower {
            for (generation, up_to) in self.acks.drain(..) {
                follower.ack(generation, up_to);
            }
        }
        self.commit();
        self.shared.metrics.forget(&self.handle.key.path);
        self.shared.troubled(&self.handle.key.path, None);
    }
}

async fn finished(work: &mut Option<JoinHandle<(Follower, Work)>>) -> Option<(Follower, Work)> {
    match work {
        // Reading does not panic; if it did, this file's tailer ends and the others go on.
        Some(work) => work.await.ok(),
        None => std::future::pending().await,
    }
}

async fn granted(acquiring: &mut Option<BoxFuture<'static, Permit>>) -> Permit {
    match acquiring {
        Some(acquiring) => acquiring.await,
        None => std::future::pending().await,
    }
}
