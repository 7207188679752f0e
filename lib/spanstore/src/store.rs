//! The store: spans by trace, and the bounds.

use bytes::Bytes;
use host::{Clock, SystemClock};
use otlp_wire::traces::{ResourceSpans, ScopeSpans, Span, resources};
use otlp_wire::write::Writer;
use otlp_wire::{Error, Signal};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What identifies a trace.
pub type TraceId = [u8; 16];

/// What maps and queues spend on a piece; measured roughly and on the safe side.
const OVERHEAD: usize = 200;

/// What a store may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Memory for spans, in bytes; the oldest make room for new ones. At least 1 MiB.
    pub max_bytes: usize,
    /// How long spans are kept after they came, if there is room.
    pub retention: Duration,
    /// Largest push over HTTP, in bytes, compressed or not.
    pub max_push_bytes: usize,
}

impl Default for Config {
    /// 64 MiB, 15 minutes, pushes of 32 MiB.
    fn default() -> Self {
        Config {
            max_bytes: 64 << 20,
            retention: Duration::from_secs(15 * 60),
            max_push_bytes: 32 << 20,
        }
    }
}

/// The store in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Memory that spans take, in bytes.
    pub bytes: u64,
    /// The bound of `bytes`.
    pub max_bytes: u64,
    /// Traces that have spans.
    pub traces: u64,
    /// Spans that are stored.
    pub spans: u64,
    /// Spans taken in since the start.
    pub received_spans: u64,
    /// Spans that were refused: they have no trace id.
    pub rejected_spans: u64,
    /// Spans evicted to keep the bound of memory.
    pub dropped_spans: u64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Spans that were stored.
    pub stored: u64,
    /// Spans without a trace id, which were not.
    pub rejected: u64,
}

/// A bounded store of traces in memory; see the crate's documentation.
pub struct Store {
    config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    traces: HashMap<TraceId, VecDeque<Piece>>,
    /// One entry a piece, in order of arrival: when it came, in nanoseconds since 1970, and its trace.
    order: VecDeque<(i64, TraceId)>,
    state: State,
}

/// The spans of one trace in one request: a request itself.
#[derive(Clone)]
struct Piece {
    request: Bytes,
    spans: u64,
}

impl Piece {
    fn footprint(&self) -> u64 {
        (self.request.len() + OVERHEAD) as u64
    }
}

impl Store {
    /// An empty store.
    pub fn new(config: Config) -> Self {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    /// An empty store with a clock of its own; it tells what is to be forgotten.
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
        self.pruned().state
    }

    /// The traces, without what is too old.
    fn pruned(&self) -> MutexGuard<'_, Inner> {
        let kept = i64::try_from(self.config.retention.as_nanos()).unwrap_or(i64::MAX);
        let horizon = self.clock.now().saturating_sub(kept);
        // Nothing in here panics between two changes that belong together.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        while inner.order.front().is_some_and(|(came, _)| *came < horizon) {
            inner.forget();
        }
        inner
    }

    /// Stores the spans of an `ExportTraceServiceRequest`.
    ///
    /// # Errors
    /// If it is none; then nothing of it is stored.
    pub fn push(&self, request: Bytes) -> Result<Pushed, Error> {
        let (request, _) = otlp_wire::receive(Signal::Traces, request)?;
        let (pieces, rejected) = by_trace(&request);
        let now = self.clock.now();
        let mut inner = self.pruned();
        let mut stored = 0;
        for (id, piece) in pieces {
            stored += piece.spans;
            inner.insert(id, piece, now);
        }
        inner.state.received_spans += stored;
        inner.state.rejected_spans += rejected;
        while inner.state.bytes > self.config.max_bytes as u64 && !inner.order.is_empty() {
            inner.state.dropped_spans += inner.forget();
        }
        Ok(Pushed { stored, rejected })
    }

    /// All spans of a trace, as a request. `None` if there are none.
    pub fn trace(&self, id: &TraceId) -> Option<Bytes> {
        let pieces = self.pruned().traces.get(id)?.clone();
        Some(joined(&pieces))
    }

    /// Traces with what they have, those that got spans last first.
    pub(crate) fn newest(&self) -> Vec<(TraceId, Bytes)> {
        let traces: Vec<(TraceId, VecDeque<Piece>)> = {
            let inner = self.pruned();
            let mut seen = std::collections::HashSet::new();
            let newest = inner.order.iter().rev().filter(|(_, id)| seen.insert(*id));
            newest
                .filter_map(|(_, id)| Some((*id, inner.traces.get(id)?.clone())))
                .collect()
        };
        traces.into_iter().map(|(id, pieces)| (id, joined(&pieces))).collect()
    }
}

/// Requests one after the other are a request.
fn joined(pieces: &VecDeque<Piece>) -> Bytes {
    match pieces {
        pieces if pieces.len() == 1 => pieces[0].request.clone(),
        pieces => pieces.iter().flat_map(|piece| piece.request.iter().copied()).collect(),
    }
}

impl Inner {
    fn insert(&mut self, id: TraceId, piece: Piece, now: i64) {
        let pieces = self.traces.entry(id).or_default();
        self.state.traces += u64::from(pieces.is_empty());
        self.state.spans += piece.spans;
        self.state.bytes += piece.footprint();
        pieces.push_back(piece);
        self.order.push_back((now, id));
    }

    /// Drops the piece that came first; how many spans it had.
    fn forget(&mut self) -> u64 {
        let Some((_, id)) = self.order.pop_front() else {
            return 0;
        };
        let pieces = self.traces.get_mut(&id).expect("a trace stays while it has pieces");
        let piece = pieces.pop_front().expect("the queue has one entry for each piece");
        if pieces.is_empty() {
            self.traces.remove(&id);
            self.state.traces -= 1;
        }
        self.state.spans -= piece.spans;
        self.state.bytes -= piece.footprint();
        piece.spans
    }
}

/// Spans of one trace below one resource and scope.
struct Group<'r> {
    /// Which of the request's resources and scopes it is.
    place: (usize, usize),
    resource: ResourceSpans<'r>,
    scope: ScopeSpans<'r>,
    spans: Vec<Span<'r>>,
}

/// A piece for each trace of a request, in the order in which they begin there, and how many spans have no trace id.
fn by_trace(request: &[u8]) -> (Vec<(TraceId, Piece)>, u64) {
    let mut numbers = HashMap::<TraceId, usize>::new();
    let mut traces: Vec<(TraceId, Vec<Group<'_>>)> = Vec::new();
    let mut rejected = 0;
    for (r, resource) in resources(request).enumerate() {
        for (s, scope) in resource.scopes().enumerate() {
            for span in scope.spans() {
                let Some(id) = span.trace_id else {
                    rejected += 1;
                    continue;
                };
                let number = *numbers.entry(*id).or_insert_with(|| {
                    traces.push((*id, Vec::new()));
                    traces.len() - 1
                });
                let groups = &mut traces[number].1;
                match groups.last_mut() {
                    Some(group) if group.place == (r, s) => group.spans.push(span),
                    _ => groups.push(Group {
                        place: (r, s),
                        resource,
                        scope,
                        spans: vec![span],
                    }),
                }
            }
        }
    }
    let pieces = traces.into_iter().map(|(id, groups)| (id, piece(&groups)));
    (pieces.collect(), rejected)
}

fn piece(groups: &[Group<'_>]) -> Piece {
    let mut out = Writer::new();
    for of_resource in groups.chunk_by(|a, b| a.place.0 == b.place.0) {
        let resource = &of_resource[0].resource;
        out.container(1, |out| {
            if let Some(resource) = resource.resource {
                out.bytes(1, resource.raw());
            }
            for group in of_resource {
                out.container(2, |out| {
                    if let Some(scope) = group.scope.scope {
                        out.bytes(1, scope.raw());
                    }
                    for span in &group.spans {
                        out.bytes(2, span.raw());
                    }
                    group.scope.write(out);
                });
            }
            resource.write(out);
        });
    }
    Piece {
        request: out.finish(),
        spans: groups.iter().map(|group| group.spans.len() as u64).sum(),
    }
}
