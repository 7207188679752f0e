//! The server's thread: listener, connections, and what each mode does.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lokipush::{Body, Format, Limits, proto};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::http::{Connection, Incoming};
use super::{Mode, Received, Request, Shared, Stored};

/// What the owner of a sink asks its thread for.
pub(super) enum Control {
    /// Open or close the port, and say when it is done.
    Listen {
        listen: bool,
        done: std::sync::mpsc::Sender<io::Result<()>>,
    },
    Stop,
}

/// Serves on this thread until it is told to stop; without an owner that could, for ever.
pub(super) fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut commands: mpsc::UnboundedReceiver<Control>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let mut listener = Some(tokio::net::TcpListener::from_std(listener)?);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Control::Listen { listen: false, done }) => {
                        listener = None;
                        connections.shutdown().await;
                        // An error means that nobody waits any more; nor in the next arm.
                        let _gone = done.send(Ok(()));
                    }
                    Some(Control::Listen { listen: true, done }) => {
                        let opened = match listener {
                            Some(_) => Ok(()),
                            None => reopen(addr).await.map(|new| listener = Some(new)),
                        };
                        let _gone = done.send(opened);
                    }
                    Some(Control::Stop) | None => return Ok(()),
                },
                accepted = accept(listener.as_ref()) => {
                    // A connection that broke before it was accepted is the client's affair.
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(serve(Connection::new(stream), shared.clone()));
                    }
                }
                // Frees what ended connections leave behind.
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    })
}

/// Opens the port again. An outgoing connection of anybody may have taken it for a moment.
async fn reopen(addr: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let mut attempts = 50;
    loop {
        match tokio::net::TcpListener::bind(addr).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => attempts -= 1,
            other => return other,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn accept(listener: Option<&tokio::net::TcpListener>) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Answers the requests of one connection. An error is a client that went away or does not speak HTTP: the connection ends.
async fn serve(mut connection: Connection, shared: Arc<Shared>) -> io::Result<()> {
    while let Some(request) = connection.request().await? {
        let last = request.last;
        let goes_on = match (&request.method[..], &request.path[..]) {
            ("POST", "/loki/api/v1/push") => push(&mut connection, &shared, request).await?,
            ("GET", "/ready") => answer(&mut connection, 200, "ready\n").await?,
            ("GET", "/stats") => answer(&mut connection, 200, &stats(&shared)).await?,
            ("POST", "/reset") => {
                shared.reset();
                answer(&mut connection, 204, "").await?
            }
            (method, path) => answer(&mut connection, 404, &format!("there is no {method} {path}\n")).await?,
        };
        if last || !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

async fn answer(connection: &mut Connection, status: u16, body: &str) -> io::Result<bool> {
    connection.answer(status, "", body).await?;
    Ok(true)
}

fn stats(shared: &Shared) -> String {
    let totals = shared.totals();
    serde_json::json!({
        "requests": totals.requests,
        "stored_requests": totals.stored_requests,
        "body_bytes": totals.body_bytes,
        "decoded_requests": totals.decoded_requests,
        "entries": totals.entries,
        "line_bytes": totals.line_bytes,
    })
    .to_string()
}

/// What is in a push.
#[derive(Default)]
struct Content {
    decoded: bool,
    error: Option<String>,
    streams: usize,
    entries: usize,
    line_bytes: usize,
    kept: Vec<Received>,
    /// What is counted, to be walked over again; nothing of it is kept.
    counted: Option<Body>,
}

impl Content {
    /// Whether a line holds these bytes.
    fn holds(&self, bytes: &[u8]) -> bool {
        let holds = |line: &[u8]| line.windows(bytes.len().max(1)).any(|window| window == bytes);
        let mut found = self.kept.iter().any(|entry| holds(&entry.line));
        self.each_counted(|_, line| found |= holds(line));
        found
    }

    /// Calls `see` with the labels and the line of every entry that is only counted.
    fn each_counted(&self, mut see: impl FnMut(&[u8], &[u8])) {
        let Some(body) = &self.counted else { return };
        // It was walked over before without an error.
        for stream in proto::Streams::new(body.bytes()).flatten() {
            for entry in stream.entries().flatten() {
                see(stream.labels, entry.line);
            }
        }
    }
}

/// Treats one push as the mode wants; `false` if the connection is to be closed.
async fn push(connection: &mut Connection, shared: &Shared, incoming: Incoming) -> io::Result<bool> {
    let mode = shared.next_mode();
    let content = if shared.decodes_next() {
        decode(&incoming, shared.count_only.is_some())
    } else {
        Content::default()
    };
    let mut request = Request {
        at: Instant::now(),
        tenant: incoming.header("x-scope-orgid").unwrap_or("").to_owned(),
        body_bytes: incoming.body.len(),
        headers: incoming.headers,
        streams: content.streams,
        entries: content.entries,
        stored: false,
        status: None,
        error: content.error.clone(),
    };
    let counted = (content.entries as u64, content.line_bytes as u64);
    let (status, retry_after, text) = match mode {
        _ if content.error.is_some() => (Some(400), None, content.error.clone().unwrap_or_default()),
        Mode::Ok => (Some(204), None, String::new()),
        Mode::Slow(time) => {
            tokio::time::sleep(time).await;
            (Some(204), None, String::new())
        }
        Mode::Status {
            code,
            retry_after,
            body,
        } => (Some(code), retry_after, body),
        Mode::RejectContaining { code, bytes } => match content.holds(&bytes) {
            true => (Some(code), None, "a line is not acceptable".to_owned()),
            false => (Some(204), None, String::new()),
        },
        Mode::RejectBeyond { entries } => match content.entries > entries {
            true => (Some(413), None, format!("more than {entries} entries")),
            false => (Some(204), None, String::new()),
        },
        Mode::LoseResponse => {
            request.stored = true;
            (None, None, String::new())
        }
        Mode::Close | Mode::Refuse => (None, None, String::new()),
        Mode::Hang => {
            shared.record(request, content.decoded, Vec::new(), counted);
            connection.until_gone().await;
            return Ok(false);
        }
    };
    request.status = status;
    request.stored |= status.is_some_and(|status| (200..300).contains(&status));
    if let Some(watch) = shared.watch.as_ref().filter(|_| request.stored) {
        let answered = status.is_some();
        content.each_counted(|labels, line| watch(Stored { labels, line, answered }));
    }
    // Before the answer: who has seen the answer finds the entries.
    shared.record(request, content.decoded, content.kept, counted);
    let Some(status) = status else {
        return Ok(false);
    };
    let extra = retry_after
        .map(|value| format!("Retry-After: {value}\r\n"))
        .unwrap_or_default();
    connection.answer(status, &extra, &text).await?;
    Ok(true)
}

fn decode(incoming: &Incoming, count_only: bool) -> Content {
    let mut content = Content {
        decoded: true,
        ..Content::default()
    };
    if let Err(error) = read(incoming, count_only, &mut content) {
        content = Content {
            decoded: true,
            error: Some(error.to_string()),
            ..Content::default()
        };
    }
    content
}

fn read(incoming: &Incoming, count_only: bool, content: &mut Content) -> Result<(), lokipush::Error> {
    let limits = Limits {
        max_bytes: 1 << 30,
        max_entries: usize::MAX,
    };
    let kind = incoming.header("content-type");
    let body = Body::open(incoming.body.clone(), kind, incoming.header("content-encoding"), limits)?;
    if count_only && body.format() == Format::Protobuf {
        for stream in proto::Streams::new(body.bytes()) {
            content.streams += 1;
            for entry in stream?.entries() {
                content.entries += 1;
                content.line_bytes += entry?.line.len();
            }
        }
        content.counted = Some(body);
        return Ok(());
    }
    let tenant: Arc<str> = incoming.header("x-scope-orgid").unwrap_or("").into();
    let request = body.decode(limits)?;
    content.streams = request.streams.len();
    for stream in &request.streams {
        let labels: Arc<str> = stream.labels.text().into();
        for entry in &stream.entries {
            content.entries += 1;
            content.line_bytes += entry.line.len();
            if count_only {
                continue;
            }
            content.kept.push(Received {
                tenant: tenant.clone(),
                labels: labels.clone(),
                ts: entry.timestamp,
                line: match &entry.line {
                    std::borrow::Cow::Borrowed(line) => body.bytes().slice_ref(line),
                    std::borrow::Cow::Owned(line) => Bytes::copy_from_slice(line),
                },
                metadata: entry
                    .metadata
                    .iter()
                    .map(|(n, v)| (n.to_string(), v.to_string()))
                    .collect(),
            });
        }
    }
    Ok(())
}
