//! Requests over HTTP, and what answers mean.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use delivery::{Body, HttpSettings, HttpTransport, Outcome, Transport, Verdict};
use host::Host;
use net::{HeaderName, HeaderValue, HttpClientConfig, StatusCode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use value::Block;

type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

#[derive(Clone)]
struct Server {
    answer: Answer,
    seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    assert_eq!(request.method(), "POST");
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    server.seen.lock().unwrap().push((parts.headers, body));
    let (status, headers, text) = server.answer;
    let mut response = (StatusCode::from_u16(status).unwrap(), text).into_response();
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// The outcome of a push that is answered like this, and the request as the server saw it.
async fn push(
    answer: Answer,
    tenant: &str,
    change: impl FnOnce(HttpSettings<'_>) -> HttpSettings<'_>,
) -> (Outcome, HeaderMap, Bytes) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    let seen = Arc::default();
    let server = Server { answer, seen };
    let app = Router::new().fallback(handle).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let custom = [("x-scope-orgid", "mine"), ("content-type", "mine"), ("x-more", "yes")];
    let custom: BTreeMap<String, String> = custom.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let http = HttpClientConfig::defaults();
    let settings = HttpSettings {
        fixed: &[("content-type", "text/plain")],
        ..HttpSettings::new("it", &url, &http, &custom)
    };
    let transport = HttpTransport::new(&change(settings), &Host::real()).unwrap();
    let outcome = transport.push(tenant, Bytes::from_static(b"body").into()).await;
    let (headers, body) = server.seen.lock().unwrap().pop().unwrap();
    (outcome, headers, body)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn headers_that_a_protocol_needs_win_over_configured_ones() {
    let (outcome, headers, body) = push((204, &[], ""), "team", |settings| settings).await;
    assert_eq!(
        (outcome.verdict, outcome.status),
        (Verdict::Delivered, Some(StatusCode::NO_CONTENT))
    );
    assert_eq!(body, "body");
    assert_eq!(text(&headers, "content-type"), ["text/plain"]);
    assert_eq!(text(&headers, "x-scope-orgid"), ["team"]);
    assert_eq!(text(&headers, "x-more"), ["yes"]);
    assert!(text(&headers, "user-agent")[0].starts_with("Invar/"));
    let (_, headers, _) = push((204, &[], ""), "", |settings| settings).await;
    assert_eq!(
        text(&headers, "x-scope-orgid"),
        ["mine"],
        "without a tenant the configured one goes"
    );
}

#[tokio::test]
async fn what_a_body_says_of_itself_becomes_headers() {
    fn unpack(mut body: Body) -> (HeaderMap, Body) {
        let first = body.take_first().unwrap();
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(&[first]).unwrap();
        headers.insert(HeaderName::from_static("content-type"), value);
        (headers, body)
    }
    fn change(settings: HttpSettings<'_>) -> HttpSettings<'_> {
        HttpSettings {
            unpack: Some(unpack),
            ..settings
        }
    }
    let (_, headers, body) = push((204, &[], ""), "", change).await;
    assert_eq!((text(&headers, "content-type"), &body[..]), (vec!["b"], &b"ody"[..]));
}

#[tokio::test]
async fn a_protocol_judges_success_and_has_its_own_statuses() {
    fn judge(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Option<Outcome> {
        let written: u64 = headers.get("written")?.to_str().ok()?.parse().ok()?;
        Some(Outcome {
            status: Some(status),
            message: format!("has written {written}: {}", String::from_utf8_lossy(body)),
            verdict: Verdict::Partly { rejected: 3 - written },
        })
    }
    /// As OTLP has it.
    fn verdict(status: StatusCode) -> Verdict {
        match status.as_u16() {
            200..300 => Verdict::Delivered,
            429 | 502..=504 => Verdict::Later(None),
            _ => Verdict::Refused { too_large: false },
        }
    }
    fn change(settings: HttpSettings<'_>) -> HttpSettings<'_> {
        HttpSettings {
            judge: Some(judge),
            verdict,
            ..settings
        }
    }
    let (outcome, ..) = push((200, &[("written", "2")], "one is old"), "", change).await;
    assert_eq!(outcome.verdict, Verdict::Partly { rejected: 1 });
    assert_eq!(outcome.message, "has written 2: one is old");
    let (outcome, ..) = push((200, &[], ""), "", change).await;
    assert_eq!(outcome.verdict, Verdict::Delivered);
    let (outcome, ..) = push((500, &[("written", "2")], ""), "", change).await;
    assert_eq!(
        outcome.verdict,
        Verdict::Refused { too_large: false },
        "failures are not judged"
    );
    let (outcome, ..) = push((503, &[("retry-after", "7")], "busy"), "", change).await;
    assert_eq!(outcome.verdict, Verdict::Later(Some(Duration::from_secs(7))));
    assert_eq!(outcome.message, "answers 503 Service Unavailable: busy");
}
