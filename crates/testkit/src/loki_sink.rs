//! A Loki that does what a test tells it to: answer, refuse, fail, hang, lie.
//!
//! [`LokiSink`] is a real HTTP/1.1 server on a free port of loopback with a thread and a runtime of its own, so it works
//! beside any other runtime, with paused time or none. It answers `POST /loki/api/v1/push` in the [`Mode`] set last and
//! keeps what it was sent, or hands it to a [`Watch`] and forgets it. [`serve_blocking`] is the same server as a whole process, which
//! only counts.

mod http;
mod server;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use server::Control;

/// What happens to a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Stored, 204.
    Ok,
    /// Not stored; this status.
    Status {
        /// HTTP status.
        code: u16,
        /// Value of the `Retry-After` header.
        retry_after: Option<String>,
        /// Text of the answer.
        body: String,
    },
    /// Not stored and answered with this status if one of the lines contains these bytes; otherwise stored, 204.
    RejectContaining {
        /// HTTP status.
        code: u16,
        /// What a line must not contain.
        bytes: Bytes,
    },
    /// Not stored and answered with 413 if there are more than so many entries; otherwise stored, 204.
    RejectBeyond {
        /// Most entries of a push.
        entries: usize,
    },
    /// Not stored; read to the end, then the connection is closed.
    Close,
    /// Not stored; read to the end, then nothing, until the client gives up.
    Hang,
    /// Stored and answered with 204 after this time.
    Slow(Duration),
    /// Stored; then the connection is closed without an answer.
    LoseResponse,
    /// The port is closed and so are all connections.
    Refuse,
}

impl Mode {
    /// A plain answer with this status.
    pub fn status(code: u16) -> Self {
        Mode::Status {
            code,
            retry_after: None,
            body: format!("status {code}, as the test wants it"),
        }
    }

    /// Refuses pushes with a line that contains `text`, with this status.
    pub fn reject_containing(code: u16, text: &str) -> Self {
        Mode::RejectContaining {
            code,
            bytes: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    /// An answer with this status and a `Retry-After` in seconds.
    pub fn retry_after(code: u16, seconds: u64) -> Self {
        Mode::Status {
            code,
            retry_after: Some(seconds.to_string()),
            body: format!("come back in {seconds} s"),
        }
    }
}

/// A stored entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `X-Scope-OrgID`; empty without.
    pub tenant: Arc<str>,
    /// Label text as it was sent, `{a="x", b="y"}`; printed in this form if it was sent as JSON.
    pub labels: Arc<str>,
    /// Nanoseconds since 1970.
    pub ts: i64,
    /// The line; any bytes.
    pub line: Bytes,
    /// Structured metadata.
    pub metadata: Vec<(String, String)>,
}

/// A push, whatever became of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was complete.
    pub at: Instant,
    /// `X-Scope-OrgID`; empty without.
    pub tenant: String,
    /// Names in lower case, and values, in the order sent.
    pub headers: Vec<(String, String)>,
    /// Size of the body as sent, in bytes.
    pub body_bytes: usize,
    /// Streams in it.
    pub streams: usize,
    /// Entries in it.
    pub entries: usize,
    /// Whether the entries were stored.
    pub stored: bool,
    /// The status of the answer; `None` if there is none.
    pub status: Option<u16>,
    /// Why the body could not be decoded; such a push is answered with 400.
    pub error: Option<String>,
}

impl Request {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| &value[..])
    }
}

/// Count pushes instead of keeping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountOnly {
    /// Decode one push of so many; only those count in [`Totals::entries`] and [`Totals::line_bytes`]. 1: all, 0: none.
    pub decode_every: u64,
}

/// An entry as it was stored, for a [`Watch`].
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Label text as it was sent.
    pub labels: &'a [u8],
    /// The line; any bytes.
    pub line: &'a [u8],
    /// Whether the client is told. Without an answer it has to send the entry again.
    pub answered: bool,
}

/// Sees every entry that is stored, in order of arrival, on the sink's own thread.
pub type Watch = Box<dyn Fn(Stored<'_>) + Send + Sync>;

/// Counts since the start or the last [`LokiSink::reset`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pushes, whatever became of them.
    pub requests: u64,
    /// Pushes that were stored.
    pub stored_requests: u64,
    /// Bytes of all bodies as sent.
    pub body_bytes: u64,
    /// Pushes that were decoded.
    pub decoded_requests: u64,
    /// Entries stored, of decoded pushes.
    pub entries: u64,
    /// Bytes of their lines.
    pub line_bytes: u64,
}

/// See the module's documentation. Dropping it closes the port and all connections.
pub struct LokiSink {
    shared: Arc<Shared>,
    addr: SocketAddr,
    control: mpsc::UnboundedSender<Control>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    /// `None`: keep everything.
    count_only: Option<CountOnly>,
    /// Sees what is stored instead.
    watch: Option<Watch>,
    state: Mutex<State>,
    requests: AtomicU64,
    /// Something was stored.
    stored: Condvar,
    stored_async: Notify,
}

struct State {
    mode: Mode,
    /// Modes of the next pushes, before `mode` holds again.
    script: VecDeque<Mode>,
    kept_requests: Vec<Request>,
    kept_entries: Vec<Received>,
    totals: Totals,
}

impl Shared {
    fn new(count_only: Option<CountOnly>, watch: Option<Watch>) -> Arc<Self> {
        Arc::new(Shared {
            count_only,
            watch,
            state: Mutex::new(State {
                mode: Mode::Ok,
                script: VecDeque::new(),
                kept_requests: Vec::new(),
                kept_entries: Vec::new(),
                totals: Totals::default(),
            }),
            requests: AtomicU64::new(0),
            stored: Condvar::new(),
            stored_async: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the push that has just come is one of those to decode.
    fn decodes_next(&self) -> bool {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        match self.count_only {
            None => true,
            Some(CountOnly { decode_every }) => decode_every > 0 && number.is_multiple_of(decode_every),
        }
    }

    fn next_mode(&self) -> Mode {
        let mut state = self.lock();
        state.script.pop_front().unwrap_or_else(|| state.mode.clone())
    }

    fn record(&self, request: Request, decoded: bool, entries: Vec<Received>, counted: (u64, u64)) {
        let mut state = self.lock();
        let totals = &mut state.totals;
        totals.requests += 1;
        totals.body_bytes += request.body_bytes as u64;
        totals.decoded_requests += u64::from(decoded);
        if request.stored {
            totals.stored_requests += 1;
            totals.entries += counted.0;
            totals.line_bytes += counted.1;
        }
        if self.count_only.is_none() {
            if request.stored {
                state.kept_entries.extend(entries);
            }
            state.kept_requests.push(request);
        }
        drop(state);
        self.stored.notify_all();
        self.stored_async.notify_waiters();
    }

    fn reset(&self) {
        let mut state = self.lock();
        state.kept_requests.clear();
        state.kept_entries.clear();
        state.totals = Totals::default();
    }

    fn totals(&self) -> Totals {
        self.lock().totals
    }
}

impl LokiSink {
    /// Starts a server that keeps everything, in [`Mode::Ok`].
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start() -> Self {
        Self::start_with(None, None)
    }

    /// Starts a server that only counts, in [`Mode::Ok`].
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start_counting(count: CountOnly) -> Self {
        Self::start_with(Some(count), None)
    }

    /// Starts a server that counts and shows every entry of protobuf pushes that it stores to `watch`, in [`Mode::Ok`]. Its memory does
    /// not grow.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start_watching(watch: Watch) -> Self {
        Self::start_with(Some(CountOnly { decode_every: 1 }), Some(watch))
    }

    fn start_with(count_only: Option<CountOnly>, watch: Option<Watch>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let addr = listener.local_addr().expect("it is bound");
        let shared = Shared::new(count_only, watch);
        let (control, commands) = mpsc::unbounded_channel();
        let serving = shared.clone();
        let thread = std::thread::Builder::new()
            .name("loki-sink".into())
            .spawn(move || server::run(listener, serving, commands).expect("the runtime starts"))
            .expect("a thread starts");
        LokiSink {
            shared,
            addr,
            control,
            thread: Some(thread),
        }
    }

    /// `http://127.0.0.1:<port>`, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where to push to: `http://127.0.0.1:<port>/loki/api/v1/push`.
    pub fn url(&self) -> String {
        self.base_url() + "/loki/api/v1/push"
    }

    /// The address; it stays the same while the port is closed.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What happens to pushes from now on; also forgets what is left of [`LokiSink::next_modes`]. When this returns the
    /// port is closed ([`Mode::Refuse`]) or open (all others).
    ///
    /// # Panics
    /// If the port was taken by someone else while it was closed.
    pub fn set_mode(&self, mode: Mode) {
        let listen = mode != Mode::Refuse;
        {
            let mut state = self.shared.lock();
            state.script.clear();
            state.mode = mode;
        }
        let (done, answer) = std::sync::mpsc::channel();
        self.control
            .send(Control::Listen { listen, done })
            .expect("the server runs as long as the sink");
        answer
            .recv()
            .expect("the server answers")
            .expect("the port is still free");
    }

    /// What happens to the next pushes, one each; after them the mode set last holds again. [`Mode::Refuse`] acts as
    /// [`Mode::Close`] here, as the push has arrived.
    pub fn next_modes(&self, modes: impl IntoIterator<Item = Mode>) {
        self.shared.lock().script.extend(modes);
    }

    /// All entries stored, in order of arrival.
    pub fn entries(&self) -> Vec<Received> {
        self.shared.lock().kept_entries.clone()
    }

    /// The lines stored, by label text, in order of arrival; U+FFFD for what is not UTF-8.
    pub fn lines_by_stream(&self) -> BTreeMap<String, Vec<String>> {
        let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in &self.shared.lock().kept_entries {
            let line = String::from_utf8_lossy(&entry.line).into_owned();
            match streams.get_mut(&*entry.labels) {
                Some(lines) => lines.push(line),
                None => {
                    streams.insert(entry.labels.to_string(), vec![line]);
                }
            }
        }
        streams
    }

    /// All pushes, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().kept_requests.clone()
    }

    /// Counts, in every kind of sink.
    pub fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Forgets everything received; the mode stays.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Blocks this thread until at least `n` entries are stored.
    ///
    /// # Errors
    /// What is there instead, when `timeout` is over.
    pub fn wait_for(&self, n: u64, timeout: Duration) -> Result<(), String> {
        self.wait_until(timeout, &format!("{n} entries"), |totals| totals.entries >= n)
    }

    /// Blocks this thread until at least `n` pushes have come, whatever became of them.
    ///
    /// # Errors
    /// What is there instead, when `timeout` is over.
    pub fn wait_for_requests(&self, n: u64, timeout: Duration) -> Result<(), String> {
        self.wait_until(timeout, &format!("{n} requests"), |totals| totals.requests >= n)
    }

    fn wait_until(&self, timeout: Duration, what: &str, wanted: impl Fn(&Totals) -> bool) -> Result<(), String> {
        let state = self.shared.lock();
        let (state, _) = self
            .shared
            .stored
            .wait_timeout_while(state, timeout, |state| !wanted(&state.totals))
            .unwrap_or_else(PoisonError::into_inner);
        if wanted(&state.totals) {
            return Ok(());
        }
        let last = state
            .kept_requests
            .last()
            .map(|request| (request.status, &request.error));
        Err(format!(
            "no {what} after {timeout:?}: {:?}, mode {:?}, last answer {last:?}",
            state.totals, state.mode
        ))
    }

    /// Waits until at least `n` entries are stored, without blocking the thread; put a timeout around it.
    pub async fn reached(&self, n: u64) {
        loop {
            let stored = self.shared.stored_async.notified();
            let mut stored = std::pin::pin!(stored);
            // From here on no notification is missed.
            stored.as_mut().enable();
            if self.totals().entries >= n {
                return;
            }
            stored.await;
        }
    }
}

impl Drop for LokiSink {
    fn drop(&mut self) {
        // An error means that the server has ended already, by a panic that was printed.
        let stopping = self.control.send(Control::Stop).is_ok();
        if let Some(thread) = self.thread.take()
            && stopping
        {
            let _panicked = thread.join();
        }
    }
}

/// Serves as a process of its own and only counts; returns if the port cannot be bound. `GET /ready` answers when it runs,
/// `GET /stats` gives the [`Totals`] as JSON, `POST /reset` sets them to zero.
///
/// # Errors
/// If `addr` cannot be bound.
pub fn serve_blocking(addr: SocketAddr, count: CountOnly) -> io::Result<()> {
    serve_listener(TcpListener::bind(addr)?, count)
}

/// [`serve_blocking`] on a listener, for a caller that lets the system choose the port and has to tell it to others.
///
/// # Errors
/// If the runtime cannot start.
pub fn serve_listener(listener: TcpListener, count: CountOnly) -> io::Result<()> {
    let (_control, commands) = mpsc::unbounded_channel();
    server::run(listener, Shared::new(Some(count), None), commands)
}

#[cfg(test)]
mod tests;
