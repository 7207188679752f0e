//! Streams of what passes: live debugging, and rates on the edges of the graph.

use super::routes::Call;
use super::{App, answer};
use crate::controller::ComponentInfo;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use component::CancellationToken;
use futures_util::stream;
use sameorigin::is_here;
use serde::Serialize;
use signals::{Seen, Tap, Watching};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tap::{Item, Pattern, Query, Stream};
use tokio::sync::OwnedSemaphorePermit;

/// What separates parts of the streams that Alloy has too.
const SEPARATOR: &str = "|;|";
/// Streams that may be open at once: each sees every record that it asks for, which has its price for the pipelines, and has a buffer.
pub(super) const MAX_STREAMS: usize = 128;

/// Whether somebody may see what passes: everyone if the configuration says so, and who is on this machine. A page of another site that a
/// browser on this machine shows, also one whose name leads here, is not.
fn may_look(call: &Call) -> bool {
    if call.app.live.is_enabled() {
        return true;
    }
    let peer = call.request.extensions().get::<net::server::Peer>();
    let from_here = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    from_here && is_addressed_here(call.request.headers())
}

/// Whether the headers name this machine. HTTP/2 has no `Host` here, and no browser speaks it without encryption.
fn is_addressed_here(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| value.to_str().unwrap_or_default())
    };
    let origin = text(ORIGIN).and_then(|origin| origin.split_once("://"));
    text(HOST).is_none_or(is_here) && (text(ORIGIN).is_none() || origin.is_some_and(|(_, host)| is_here(host)))
}

const DISABLED: &str = "the live debugging service is disabled for those who are not on the same machine. Check the documentation to \
                        find out how to enable it";

/// Room for one more stream, or what to answer.
fn seat(app: &App) -> Result<OwnedSemaphorePermit, Box<Response<Body>>> {
    app.streams.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{MAX_STREAMS} streams are open, and no more are served at once; close one of them");
        Box::new(answer::error(StatusCode::SERVICE_UNAVAILABLE, message))
    })
}

/// `/api/v0/invar/tap`.
pub(crate) async fn tap(call: Call) -> Response<Body> {
    if !may_look(&call) {
        return answer::error(StatusCode::FORBIDDEN, DISABLED);
    }
    let query = match tap_query(call.request.uri().query().unwrap_or_default()) {
        Ok(query) => query,
        Err(message) => return answer::error(StatusCode::BAD_REQUEST, message),
    };
    let seat = match seat(&call.app) {
        Ok(seat) => seat,
        Err(refusal) => return *refusal,
    };
    let stream = call.app.live.open(query);
    streamed(
        HeaderValue::from_static("application/x-ndjson"),
        records((stream, seat), call.app.stop.clone(), Vec::new, |item, out| {
            let written = match item {
                Item::Record(record) => serde_json::to_writer(&mut *out, &record),
                Item::Missed(missed) => serde_json::to_writer(&mut *out, &Missed { missed }),
            };
            // Writing to memory does not fail, and all of it are texts and numbers.
            if written.is_ok() {
                out.push(b'\n');
            }
        }),
    )
}

#[derive(Serialize)]
struct Missed {
    missed: u64,
}

fn tap_query(text: &str) -> Result<Query, String> {
    let mut query = Query::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        match &*name {
            "pattern" => query.pattern = Pattern::new(&value),
            "where" => query = query.with_filter(&value)?,
            "sample" if !value.is_empty() => {
                let sample = value
                    .parse()
                    .map_err(|_| format!("sample is {value:?}; it should be a number"))?;
                query = query.with_sample(sample)?;
            }
            "beforeAfter" => query.before_after = value == "true",
            _ => {}
        }
    }
    Ok(query)
}

/// `{prefix}/api/v0/web/debug/{id}`.
pub(crate) async fn debug(call: Call) -> Response<Body> {
    let id = call.open.clone();
    if !may_look(&call) {
        return answer::error(StatusCode::INTERNAL_SERVER_ERROR, DISABLED);
    }
    let Some(info) = call.app.component(&id).await else {
        return answer::error(StatusCode::NOT_FOUND, format!("component {id:?} not found"));
    };
    let mut query = Query {
        pattern: Pattern::new(&id),
        before_after: true,
        ..Query::default()
    };
    for (name, value) in url::form_urlencoded::parse(call.request.uri().query().unwrap_or_default().as_bytes()) {
        if name == "sampleProb" {
            let sample = value
                .parse()
                .ok()
                .and_then(|sample| query.clone().with_sample(sample).ok());
            match sample {
                Some(sampled) => query = sampled,
                // No record is what the lowest probability means.
                None if value.parse() == Ok(0.0) => query.sample = f64::MIN_POSITIVE,
                None => return answer::error(StatusCode::BAD_REQUEST, "Invalid sample probability"),
            }
        }
    }
    let seat = match seat(&call.app) {
        Ok(seat) => seat,
        Err(refusal) => return *refusal,
    };
    let stream = call.app.live.open(query);
    let start = targets(&info);
    streamed(
        HeaderValue::from_static(answer::TEXT),
        records(
            (stream, seat),
            call.app.stop.clone(),
            move || start,
            move |item, out| {
                let text = match item {
                    Item::Record(record) => tap::text_line(&id, &record),
                    Item::Missed(missed) => {
                        format!("{missed} records are not shown: they come faster than they are read")
                    }
                };
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(SEPARATOR.as_bytes());
            },
        ),
    )
}

/// What a component that finds targets has found, as the first text of its stream.
fn targets(info: &ComponentInfo) -> Vec<u8> {
    if !info.name.starts_with("discovery.") {
        return Vec::new();
    }
    let Some(exports) = &info.exports else {
        return Vec::new();
    };
    format!("{}{SEPARATOR}", value::body_json(exports)).into_bytes()
}

/// The records of a stream as parts of a body, until it ends with the server.
fn records(
    stream: (Stream, OwnedSemaphorePermit),
    stop: CancellationToken,
    start: impl FnOnce() -> Vec<u8> + Send + 'static,
    write: impl Fn(Item, &mut Vec<u8>) + Send + 'static,
) -> Body {
    let parts = stream::unfold(
        (stream, Some(start), write, stop),
        async |(mut stream, start, write, stop)| {
            let mut out = match start {
                Some(start) => start(),
                None => Vec::new(),
            };
            // An answer that begins at once tells the client that it was understood.
            while out.is_empty() {
                let items = tokio::select! {
                    items = stream.0.next() => items,
                    () = stop.cancelled() => return None,
                };
                for item in items {
                    write(item, &mut out);
                }
            }
            let next = (stream, None, write, stop);
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(out)), next))
        },
    );
    Body::from_stream(parts)
}

fn streamed(content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// `{prefix}/api/v0/web/graph` and `.../graph/{module}`.
pub(crate) async fn graph(call: Call) -> Response<Body> {
    let window = match window(call.request.uri().query().unwrap_or_default()) {
        Some(window) => window,
        None => {
            let message = "Invalid window: must be an integer between 1 and 60";
            return answer::error(StatusCode::BAD_REQUEST, message);
        }
    };
    let seat = match seat(&call.app) {
        Ok(seat) => seat,
        Err(refusal) => return *refusal,
    };
    let counter = Arc::new(Counter {
        module: call.open.clone(),
        counts: Mutex::default(),
    });
    let watching = call.app.ledger.watch(counter.clone());
    streamed(
        HeaderValue::from_static(answer::TEXT),
        rates(counter, (watching, seat), window, call.app.stop.clone()),
    )
}

fn window(query: &str) -> Option<u64> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(name, _)| name == "window") {
        None => Some(5),
        Some((_, value)) => value.parse().ok().filter(|window| (1..=60).contains(window)),
    }
}

type Counts = BTreeMap<(String, String, &'static str), u64>;

/// Counts what passes between the nodes of one module.
struct Counter {
    module: String,
    counts: Mutex<Counts>,
}

impl Counter {
    /// The node of the module that a component is, or is in.
    fn node(&self, id: &str) -> Option<String> {
        let inside = match self.module.as_str() {
            "" => id,
            module => id.strip_prefix(module)?.strip_prefix('/')?,
        };
        let node = inside.split('/').next()?;
        Some(match self.module.as_str() {
            "" => node.to_owned(),
            module => format!("{module}/{node}"),
        })
    }
}

impl Tap for Counter {
    fn wants(&self, from: &str, to: &str) -> bool {
        matches!((self.node(from), self.node(to)), (Some(from), Some(to)) if from != to)
    }

    fn passes(&self, from: &str, to: &str, records: Seen<'_>) {
        let (Some(from), Some(to)) = (self.node(from), self.node(to)) else {
            return;
        };
        let kind = match records {
            Seen::Logs(_) => "loki_log",
            Seen::Metrics(_) => "prometheus_metric",
            Seen::Otlp(otlp) => match otlp.signal {
                signals::Signal::Logs => "otel_log",
                signals::Signal::Metrics => "otel_metric",
                signals::Signal::Traces => "otel_trace",
            },
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((from, to, kind)).or_default() += records.records();
    }
}

/// An element of the stream.
#[derive(Serialize)]
struct Rate {
    #[serde(rename = "componentID")]
    component: String,
    #[serde(rename = "targetComponentIDs")]
    targets: [String; 1],
    r#type: &'static str,
    rate: f64,
}

fn rates(
    counter: Arc<Counter>,
    watching: (Watching, OwnedSemaphorePermit),
    window: u64,
    stop: CancellationToken,
) -> Body {
    let ticks = tokio::time::interval_at(
        tokio::time::Instant::now() + Duration::from_secs(window),
        Duration::from_secs(window),
    );
    let parts = stream::unfold(
        (counter, watching, ticks, stop),
        move |(counter, watching, mut ticks, stop)| async move {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return None,
            }
            let counts = std::mem::take(&mut *counter.counts.lock().unwrap_or_else(PoisonError::into_inner));
            let rates: Vec<Rate> = counts
                .into_iter()
                .map(|((from, to, kind), number)| Rate {
                    component: from,
                    targets: [to],
                    r#type: kind,
                    rate: number as f64 / window as f64,
                })
                .collect();
            let mut out = serde_json::to_vec(&rates).unwrap_or_else(|_| b"[]".to_vec());
            out.extend_from_slice(SEPARATOR.as_bytes());
            let next = (counter, watching, ticks, stop);
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(out)), next))
        },
    );
    Body::from_stream(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_here_is_told_by_name_and_origin() {
        let cases = [
            (None, None, true),
            (Some("127.0.0.1:12345"), None, true),
            (Some("localhost"), None, true),
            (Some("[::1]:1"), None, true),
            (Some("evil.example:12345"), None, false),
            (Some("127.0.0.1:1"), Some("http://127.0.0.1:1"), true),
            (Some("127.0.0.1:1"), Some("http://evil.example"), false),
            (Some("127.0.0.1:1"), Some("null"), false),
            (Some("127.0.0.1.evil.example"), None, false),
        ];
        for (host, origin, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in [(HOST, host), (ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(is_addressed_here(&headers), expected, "{host:?} {origin:?}");
        }
    }

    #[test]
    fn components_in_modules_count_for_the_module() {
        let counter = |module: &str| Counter {
            module: module.to_owned(),
            counts: Mutex::default(),
        };
        assert_eq!(counter("").node("m.x/loki.write.a").as_deref(), Some("m.x"));
        assert_eq!(counter("m.x").node("m.x/n.y/loki.write.a").as_deref(), Some("m.x/n.y"));
        assert_eq!(counter("m.x").node("m.xy/loki.write.a"), None);
        assert!(!counter("").wants("m.x/a.b", "m.x/c.d"));
        assert!(counter("").wants("a.b", "m.x/c.d"));
    }

    #[test]
    fn windows_have_bounds() {
        assert_eq!(window(""), Some(5));
        assert_eq!(window("window=60"), Some(60));
        for bad in ["window=0", "window=61", "window=x", "window=1.5"] {
            assert_eq!(window(bad), None, "{bad}");
        }
    }
}
