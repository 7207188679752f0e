//! The `logging` block: what Invar says about itself, in the form that Alloy's users parse.
//!
//! The rest of the program logs with `tracing`. A line is `ts`, `level`, `msg`, the fields of the spans it was logged in
//! (`component_path`, `component_id`, `service`), then its own. What is logged before the configuration was read waits
//! and is printed with the configured level and format.

mod format;
mod forward;
mod layer;
mod options;
mod record;

pub use forward::NotForwarded;
pub use layer::LogLayer;
pub(crate) use layer::global_id;
pub use options::{Destination, Format, Level, LoggingArgs};

use component::{Change, LogsReceiver};
use forward::Forwarder;
use host::Clock;
use record::{Record, Severity};
use signals::{Budget, Ledger};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

/// Memory that lines may take while they wait for the configuration, in bytes.
const MAX_EARLY: usize = 4 << 20;

/// The log. Clones share it.
#[derive(Clone)]
pub struct Logging(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    /// Knows how long components work.
    ledger: Ledger,
    /// The least severity that is printed, as a number.
    least: AtomicU8,
    sink: Mutex<Sink>,
    forwarder: Forwarder,
    /// Those who want every line, whatever the configuration says.
    taps: Mutex<Vec<Listener>>,
    tapped: AtomicBool,
}

/// Told of every line, with its line break.
type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// While it lives, somebody gets every line of the log; see [`Logging::tap`].
#[must_use = "it ends at once otherwise"]
pub struct LogTap(Arc<Shared>, Listener);

impl Drop for LogTap {
    fn drop(&mut self) {
        let mut taps = lock(&self.0.taps);
        taps.retain(|other| !Arc::ptr_eq(other, &self.1));
        self.0.tapped.store(!taps.is_empty(), Ordering::Release);
        drop(taps);
        tracing::callsite::rebuild_interest_cache();
    }
}

struct Sink {
    out: Box<dyn Write + Send>,
    format: Format,
    /// Lines that wait for the configuration, until there is one.
    early: Option<Early>,
}

#[derive(Default)]
struct Early {
    records: Vec<Record>,
    bytes: usize,
    dropped: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Logging {
    /// A log that keeps its lines until [`prepare`](Logging::prepare)'s change or [`flush_defaults`](Logging::flush_defaults), and writes
    /// to `out` from then on: standard error in the program.
    pub fn new(clock: Arc<dyn Clock>, out: Box<dyn Write + Send>, ledger: &Ledger, budget: &Budget) -> Self {
        Logging(Arc::new(Shared {
            clock,
            ledger: ledger.clone(),
            least: AtomicU8::new(Severity::Debug as u8),
            sink: Mutex::new(Sink {
                out,
                format: Format::Logfmt,
                early: Some(Early::default()),
            }),
            forwarder: Forwarder::new(ledger.clone(), budget.clone()),
            taps: Mutex::default(),
            tapped: AtomicBool::new(false),
        }))
    }

    /// The layer that puts events of `tracing` into this log.
    pub fn layer(&self) -> LogLayer {
        LogLayer(self.0.clone())
    }

    /// Checks the block. The change prints what waited, and holds for everything after it.
    pub fn prepare(&self, args: LoggingArgs) -> component::Result<Change> {
        if args.destination == Destination::WindowsEventLog && !cfg!(windows) {
            return Err("the log destination \"windows_event_log\" exists only on Windows; use \"stderr\"".into());
        }
        let log = self.clone();
        Ok(Change::new(move || log.apply(&args)))
    }

    /// Makes the block's content hold from now on.
    pub fn apply(&self, args: &LoggingArgs) {
        self.0.forwarder.set(LogsReceiver::present(&args.write_to));
        self.configure(args.level.severity(), args.format);
    }

    /// Prints what still waits for a configuration, with the defaults: on the way out after a configuration was refused.
    pub fn flush_defaults(&self) {
        if lock(&self.0.sink).early.is_some() {
            self.configure(Level::default().severity(), Format::default());
        }
    }

    /// Sends lines to `write_to` until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        self.0.forwarder.run(stop).await;
    }

    /// Lines that did not go to `write_to`, since the start.
    pub fn not_forwarded(&self) -> NotForwarded {
        self.0.forwarder.not_forwarded()
    }

    /// Gives every line to `listener`, also those below the level of the configuration, for as long as what comes back lives.
    pub fn tap(&self, listener: Arc<dyn Fn(&str) + Send + Sync>) -> LogTap {
        let mut taps = lock(&self.0.taps);
        taps.push(listener.clone());
        self.0.tapped.store(true, Ordering::Release);
        drop(taps);
        tracing::callsite::rebuild_interest_cache();
        LogTap(self.0.clone(), listener)
    }

    fn configure(&self, least: Severity, format: Format) {
        {
            let mut sink = lock(&self.0.sink);
            self.0.least.store(least as u8, Ordering::Release);
            sink.format = format;
            if let Some(early) = sink.early.take() {
                for record in early.records.iter().filter(|record| record.severity >= least) {
                    self.0.write(&mut sink, record);
                }
                if early.dropped > 0 {
                    let record = Record {
                        timestamp: self.0.now(),
                        severity: Severity::Warn,
                        message: "lines before the configuration was read did not fit and are missing".to_owned(),
                        pairs: vec![("count", record::FieldValue::Uint(early.dropped))],
                        component: None,
                    };
                    self.0.write(&mut sink, &record);
                }
            }
        }
        // Call sites remember whether anyone listens to them.
        tracing::callsite::rebuild_interest_cache();
    }
}

impl Shared {
    fn now(&self) -> i64 {
        self.clock.now()
    }

    fn is_enabled(&self, severity: Severity) -> bool {
        self.is_printed(severity) || self.tapped.load(Ordering::Acquire)
    }

    /// Whether the configuration wants such lines.
    fn is_printed(&self, severity: Severity) -> bool {
        severity as u8 >= self.least.load(Ordering::Acquire)
    }

    fn tell(&self, record: &Record) {
        if !self.tapped.load(Ordering::Acquire) {
            return;
        }
        let mut line = String::with_capacity(256);
        format::logfmt(&mut line, record);
        let taps = lock(&self.taps).clone();
        for listener in taps {
            listener(&line);
        }
    }

    fn emit(&self, record: Record) {
        self.tell(&record);
        if !self.is_printed(record.severity) {
            return;
        }
        let mut sink = lock(&self.sink);
        match &mut sink.early {
            Some(early) => {
                let size = record.size();
                if early.bytes + size > MAX_EARLY {
                    early.dropped += 1;
                } else {
                    early.bytes += size;
                    early.records.push(record);
                }
            }
            None => self.write(&mut sink, &record),
        }
    }

    fn write(&self, sink: &mut Sink, record: &Record) {
        let mut line = String::with_capacity(256);
        match sink.format {
            Format::Logfmt => format::logfmt(&mut line, record),
            Format::Json => format::json(&mut line, record),
        }
        // There is nowhere left to report a log that cannot be written; the program goes on without it.
        let _ = sink.out.write_all(line.as_bytes()).and_then(|()| sink.out.flush());
        if self.forwarder.is_active() {
            self.forwarder
                .push(record.timestamp, record.severity, record.component.as_deref(), &line);
        }
    }
}
