//! Live debugging: records as they pass through a running graph, on any edge of it, shown to those who ask.
//!
//! While nobody asks, a batch costs the test of one flag on each edge ([`signals::Tap`]). Who asks is served from a bounded buffer:
//! what does not fit is counted and not shown, so a slow reader slows no pipeline. What is shown passes [`signals::redact`] first.

mod pattern;
mod query;
mod record;
mod stream;
mod text;
mod walk;

pub use pattern::Pattern;
pub use query::Query;
pub use record::{Moment, Record};
pub use stream::{Item, Stream};
pub use text::line as text_line;

use component::{Change, Inspector};
use host::Clock;
use signals::Ledger;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use value::{Block, Value};

/// Arguments of the `livedebugging` block.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    /// Whether live debugging answers to those who are not on this machine. Those who are on it need no permission.
    #[arg(default = false)]
    pub enabled: bool,
}

/// The service. Also the [`Inspector`] of the process: it hears of stages when somebody wants to see them.
pub struct LiveDebugging {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    enabled: Arc<AtomicBool>,
    /// Streams that want stages; so many are open.
    open: AtomicUsize,
    stages: Mutex<Vec<Weak<stream::Shared>>>,
}

impl LiveDebugging {
    /// A service that shows what passes through the edges of `ledger`.
    pub fn new(ledger: &Ledger, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(LiveDebugging {
            ledger: ledger.clone(),
            clock,
            enabled: Arc::default(),
            open: AtomicUsize::new(0),
            stages: Mutex::default(),
        })
    }

    /// Checks the block.
    pub fn prepare(&self, args: Arguments) -> Change {
        let enabled = self.enabled.clone();
        Change::new(move || enabled.store(args.enabled, Ordering::SeqCst))
    }

    /// Whether the configuration allows it to everyone who may use the API.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::SeqCst)
    }

    /// Starts to look. What comes back yields records until it is dropped.
    pub fn open(self: &Arc<Self>, query: Query) -> Stream {
        let wants_stages = query.before_after;
        let stream = Stream::new(self, query, self.clock.clone());
        if wants_stages {
            self.lock().push(Arc::downgrade(stream.shared()));
            self.open.fetch_add(1, Ordering::SeqCst);
        }
        stream
    }

    pub(crate) fn closed(&self) {
        self.lock().retain(|stream| stream.strong_count() > 0);
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<stream::Shared>>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn interested(&self, component: &str) -> Vec<Arc<stream::Shared>> {
        let streams = self.lock();
        let streams = streams.iter().filter_map(Weak::upgrade);
        streams
            .filter(|stream| stream.query().pattern.matches_component(component))
            .collect()
    }
}

impl Inspector for LiveDebugging {
    fn active(&self, component: &str) -> bool {
        self.open.load(Ordering::Relaxed) > 0 && !self.interested(component).is_empty()
    }

    fn wants_before(&self) -> bool {
        true
    }

    fn event(&self, component: &str, stage: &str, event: Value) {
        for stream in self.interested(component) {
            stream.stage(component, stage, &event);
        }
    }
}
