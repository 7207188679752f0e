//! The store: tenants, streams, chunks, and the bound.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use host::{Clock, SystemClock};
use lokipush::{LabelError, Labels, PushRequest};

use crate::chunk::{self, Chunk};
use crate::live::{Subscriber, Subscription};
use crate::query::{Candidate, FoundStream, Query, QueryError};
use crate::selector::Selector;

/// What a store may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Memory for logs, in bytes; the oldest chunks make room for new ones. At least 1 MiB.
    pub max_bytes: usize,
    /// Most entries that one query over HTTP may ask for.
    pub max_query_entries: usize,
    /// Largest push body over HTTP, in bytes, compressed or not.
    pub max_push_bytes: usize,
}

impl Default for Config {
    /// 64 MiB of logs, 5,000 entries a query (as Loki), pushes of 32 MiB.
    fn default() -> Self {
        Config {
            max_bytes: 64 << 20,
            max_query_entries: 5000,
            max_push_bytes: 32 << 20,
        }
    }
}

/// The store in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Memory that logs and labels take, in bytes.
    pub bytes: u64,
    /// The bound of `bytes`.
    pub max_bytes: u64,
    /// Entries that are stored.
    pub entries: u64,
    /// Streams that have entries.
    pub streams: u64,
    /// Tenants that have streams.
    pub tenants: u64,
    /// Entries taken in since the start, duplicates not counted.
    pub received_entries: u64,
    /// Entries not stored because they repeated the one before.
    pub duplicate_entries: u64,
    /// Entries evicted to keep the bound.
    pub dropped_entries: u64,
    /// Memory freed by that, in bytes.
    pub dropped_bytes: u64,
}

/// Why a push was refused; then nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// Label text that does not parse.
    #[error("stream \"{stream}\": {error}")]
    Labels {
        /// The text.
        stream: String,
        /// What is wrong with it.
        error: LabelError,
    },
    /// A stream without any label.
    #[error("stream \"{stream}\" has no labels: at least one with a value is required")]
    NoLabels {
        /// Its label text.
        stream: String,
    },
    /// An entry that the store has no room for.
    #[error("stream \"{stream}\": an entry of {size} bytes does not fit, the limit is {limit}")]
    TooLong {
        /// Label text.
        stream: String,
        /// Size of line and metadata in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// A bounded log store in memory; see the crate's documentation.
pub struct Store {
    config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tenants: BTreeMap<Arc<str>, Tenant>,
    /// One entry a chunk, in order of creation: the front is evicted first.
    order: VecDeque<(Arc<str>, u64)>,
    subscribers: Vec<Weak<Subscriber>>,
    next_stream: u64,
    next_chunk: u64,
    /// By how many bytes entries have made the store grow since the start.
    intake: u64,
    state: State,
}

#[derive(Default)]
struct Tenant {
    ids: HashMap<Arc<Labels>, u64>,
    streams: HashMap<u64, Stream>,
}

struct Stream {
    labels: Arc<Labels>,
    /// Oldest first; only the last one grows.
    chunks: VecDeque<Arc<Chunk>>,
}

impl Stream {
    /// Labels, and what maps and queues spend on a stream; measured roughly and on the safe side.
    fn overhead(labels: &Labels) -> usize {
        400 + labels
            .iter()
            .map(|(name, value)| 64 + name.len() + value.len())
            .sum::<usize>()
    }
}

impl Store {
    /// An empty store.
    pub fn new(config: Config) -> Self {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    /// An empty store with a clock of its own; it tells what "the last hour" is.
    pub fn with_clock(mut config: Config, clock: Arc<dyn Clock>) -> Self {
        config.max_bytes = config.max_bytes.max(1 << 20);
        let state = State {
            max_bytes: config.max_bytes as u64,
            ..State::default()
        };
        Store {
            config,
            clock,
            inner: Mutex::new(Inner {
                state,
                ..Inner::default()
            }),
        }
    }

    /// What the store may use.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The store in numbers.
    pub fn state(&self) -> State {
        self.lock().state
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the entries of a request, all of them or none. `tenant` is empty if there is none. Labels with an empty value
    /// are as good as absent. An entry equal to the one before it in its stream is counted and not stored again.
    ///
    /// # Errors
    /// Labels that do not parse or are missing, or an entry that is too long.
    pub fn push(&self, tenant: &str, request: &PushRequest<'_>) -> Result<(), PushError> {
        // Half of the bound, so that one entry cannot push everything else out; offsets have 32 bits.
        let limit = (self.config.max_bytes / 2).min(u32::MAX as usize / 2);
        let mut checked = Vec::with_capacity(request.streams.len());
        for stream in &request.streams {
            let text = || stream.labels.text().into_owned();
            let labels = stream
                .labels
                .parse()
                .map_err(|error| PushError::Labels { stream: text(), error })?;
            let mut labels = labels.into_owned();
            labels.retain(|(_, value)| !value.is_empty());
            if labels.is_empty() {
                return Err(PushError::NoLabels { stream: text() });
            }
            let size = stream
                .entries
                .iter()
                .map(Chunk::cost)
                .max()
                .unwrap_or(0)
                .max(Stream::overhead(&labels));
            if size > limit {
                return Err(PushError::TooLong {
                    stream: text(),
                    size,
                    limit,
                });
            }
            checked.push((labels, &stream.entries));
        }

        let mut inner = self.lock();
        let inner = &mut *inner;
        let subscribers: Vec<_> = inner.subscribers.iter().filter_map(Weak::upgrade).collect();
        let tenant: Arc<str> = match inner.tenants.get_key_value(tenant) {
            Some((known, _)) => known.clone(),
            None => tenant.into(),
        };
        for (labels, entries) in checked {
            if entries.is_empty() {
                continue;
            }
            let (id, labels) = inner.intern(&tenant, labels);
            let listening: Vec<_> = subscribers
                .iter()
                .filter(|s| s.wants_stream(&tenant, &labels))
                .collect();
            for entry in entries {
                if inner.append(&tenant, id, &labels, entry, self.config.max_bytes) {
                    for subscriber in &listening {
                        subscriber.offer(&tenant, &labels, entry);
                    }
                }
            }
        }
        Ok(())
    }

    /// Entries that `query` asks for. Streams are in order of their labels.
    pub fn query(&self, tenant: &str, query: &Query) -> Vec<FoundStream> {
        let candidates = self.lock().candidates(tenant, query);
        query.run(candidates)
    }

    /// Follows new entries of one tenant or (`None`) of all, those that `query` selects or (`None`) all.
    ///
    /// # Errors
    /// Text that is not a stream selector with line filters.
    pub fn subscribe(&self, tenant: Option<&str>, query: Option<&str>) -> Result<Subscription, QueryError> {
        let selector = query.map(Selector::parse).transpose()?;
        let subscriber = Subscriber::new(tenant.map(str::to_owned), selector);
        self.lock().enlist(&subscriber);
        Ok(Subscription(subscriber))
    }

    /// What `query` finds now, and a subscription to what comes after: together each entry once.
    pub(crate) fn query_and_follow(&self, tenant: &str, query: &Query) -> (Vec<FoundStream>, Subscription) {
        let subscriber = Subscriber::new(Some(tenant.to_owned()), Some(query.selector.clone()));
        let candidates = {
            let mut inner = self.lock();
            inner.enlist(&subscriber);
            inner.candidates(tenant, query)
        };
        (query.run(candidates), Subscription(subscriber))
    }

    /// Label sets of the streams that have entries between `start` and `end` (nanoseconds since 1970, `end` included) and
    /// that one of `selectors` takes; all if there is none.
    pub(crate) fn series(&self, tenant: &str, selectors: &[Selector], start: i64, end: i64) -> BTreeSet<Arc<Labels>> {
        let inner = self.lock();
        let streams = inner
            .tenants
            .get(tenant)
            .into_iter()
            .flat_map(|tenant| tenant.streams.values());
        streams
            .filter(|stream| stream.chunks.iter().any(|chunk| chunk.min <= end && chunk.max >= start))
            .filter(|stream| selectors.is_empty() || selectors.iter().any(|s| s.matches_labels(&stream.labels)))
            .map(|stream| stream.labels.clone())
            .collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        for subscriber in self.lock().subscribers.iter().filter_map(Weak::upgrade) {
            subscriber.close();
        }
    }
}

impl Inner {
    fn enlist(&mut self, subscriber: &Arc<Subscriber>) {
        self.subscribers.retain(|old| old.strong_count() > 0);
        self.subscribers.push(Arc::downgrade(subscriber));
    }

    fn intern(&mut self, tenant: &Arc<str>, labels: Labels) -> (u64, Arc<Labels>) {
        let known = self.tenants.get(tenant).and_then(|t| t.ids.get_key_value(&labels));
        if let Some((labels, id)) = known {
            return (*id, labels.clone());
        }
        self.next_stream += 1;
        (self.next_stream, Arc::new(labels))
    }

    /// Appends one entry and evicts what is too much then; `false` for a duplicate. The stream may have been evicted by the
    /// entry before, so it is looked up each time.
    fn append(
        &mut self,
        tenant: &Arc<str>,
        id: u64,
        labels: &Arc<Labels>,
        entry: &lokipush::Entry<'_>,
        max_bytes: usize,
    ) -> bool {
        let before = self.state.bytes;
        let streams = self.tenants.entry(tenant.clone()).or_insert_with(|| {
            self.state.tenants += 1;
            Tenant::default()
        });
        let stream = streams.streams.entry(id).or_insert_with(|| {
            streams.ids.insert(labels.clone(), id);
            self.state.streams += 1;
            self.state.bytes += Stream::overhead(labels) as u64;
            Stream {
                labels: labels.clone(),
                chunks: VecDeque::new(),
            }
        });
        if stream.chunks.back().is_some_and(|chunk| chunk.ends_with(entry)) {
            self.state.duplicate_entries += 1;
            return false;
        }

        let cost = Chunk::cost(entry);
        // A chunk is closed by size, or when much was taken in since it was opened: otherwise a slow stream would keep one
        // chunk open so long that its newest entries were evicted together with the oldest.
        let stale = (max_bytes / 16) as u64;
        let fits = |chunk: &Arc<Chunk>| chunk.has_room(cost) && self.intake - chunk.born <= stale;
        let mut bytes = self.state.bytes as usize;
        if !stream.chunks.back().is_some_and(fits) {
            if let Some(full) = stream.chunks.back_mut() {
                bytes -= full.footprint();
                Arc::make_mut(full).seal();
                bytes += full.footprint();
            }
            let chunk = Chunk::new(self.next_chunk, self.intake);
            self.next_chunk += 1;
            bytes += chunk.footprint();
            stream.chunks.push_back(Arc::new(chunk));
            self.order.push_back((tenant.clone(), id));
        }
        let chunk = stream.chunks.back_mut().expect("one was added if there was none");
        bytes -= chunk.footprint();
        // Copies the chunk if a query is reading it.
        Arc::make_mut(chunk).push(entry);
        bytes += chunk.footprint();

        self.intake += (bytes as u64).saturating_sub(before);
        self.state.bytes = bytes as u64;
        self.state.entries += 1;
        self.state.received_entries += 1;
        while self.state.bytes > max_bytes as u64 && self.order.len() > 1 {
            self.evict();
        }
        true
    }

    /// Drops the chunk that was created first.
    fn evict(&mut self) {
        let Some((name, id)) = self.order.pop_front() else {
            return;
        };
        let tenant = self
            .tenants
            .get_mut(&name)
            .expect("a tenant stays while it has streams");
        let stream = tenant.streams.get_mut(&id).expect("a stream stays while it has chunks");
        let chunk = stream
            .chunks
            .pop_front()
            .expect("the queue has one entry for each chunk");
        let mut freed = chunk.footprint();
        self.state.entries -= chunk.len() as u64;
        self.state.dropped_entries += chunk.len() as u64;
        if stream.chunks.is_empty() {
            freed += Stream::overhead(&stream.labels);
            tenant.ids.remove(&stream.labels);
            tenant.streams.remove(&id);
            self.state.streams -= 1;
            if tenant.streams.is_empty() {
                self.tenants.remove(&name);
                self.state.tenants -= 1;
            }
        }
        self.state.bytes -= freed as u64;
        self.state.dropped_bytes += freed as u64;
    }

    fn candidates(&self, tenant: &str, query: &Query) -> Vec<Candidate> {
        let streams = self
            .tenants
            .get(tenant)
            .into_iter()
            .flat_map(|tenant| tenant.streams.values());
        streams
            .filter(|stream| query.selector.matches_labels(&stream.labels))
            .flat_map(|stream| stream.chunks.iter().map(|chunk| (&stream.labels, chunk)))
            .filter(|(_, chunk)| query.covers(chunk))
            .map(|(labels, chunk)| Candidate {
                labels: labels.clone(),
                chunk: chunk.clone(),
            })
            .collect()
    }
}

const _: () = assert!(chunk::TARGET < 1 << 20, "the smallest store holds several chunks");
