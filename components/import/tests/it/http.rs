//! `import.http` against a scripted server. The clock is paused; the server is real.

use crate::kit::{Watch, content, hold, open, pass, texts, until};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as the server saw it.
#[derive(Clone)]
struct Seen {
    line: String,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Step = Box<dyn FnOnce() -> Option<Response> + Send>;

#[derive(Clone, Default)]
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// What is answered, in order; after that, 500.
    script: Arc<Mutex<VecDeque<Step>>>,
}

impl Server {
    async fn start() -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            url: format!("http://{}", listener.local_addr().unwrap()),
            ..Server::default()
        };
        let app = Router::new().fallback(handle).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    fn then(&self, step: impl FnOnce() -> Option<Response> + Send + 'static) {
        self.script.lock().unwrap().push_back(Box::new(step));
    }

    fn answer(&self, status: u16, headers: &'static [(&'static str, &'static str)], text: &'static str) {
        self.then(move || {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            Some(response.body(Body::from(text)).unwrap())
        });
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    server.seen.lock().unwrap().push(Seen {
        line: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let step = server.script.lock().unwrap().pop_front();
    match step.map(|step| step()) {
        Some(Some(response)) => response,
        // Never.
        Some(None) => std::future::pending().await,
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

const DATA: &str = "/nonexistent";

fn import(server: &Server, path: &str, more: &str) -> Arc<dyn component::ImportSource> {
    let arguments = format!("url = \"{}{path}\"\n{more}", server.url);
    open("import.http", &arguments, Path::new(DATA)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_fails_first_and_later_and_recovers() {
    let _hold = hold();
    let server = Server::start().await;
    let import = import(&server, "/modules/m.alloy", "");
    assert!(import.read().is_none());
    server.answer(503, &[], "busy");
    let error = import.clone().fetch().await.unwrap_err().to_string();
    let url = format!("{}/modules/m.alloy", server.url);
    assert_eq!(
        error,
        format!("cannot fetch {url}: the server answers with status 503 Service Unavailable")
    );
    server.answer(200, &[], "one");
    let known = import.clone().fetch().await.unwrap().content;
    assert_eq!(known, content(&[(&url, "one")], &format!("{}/modules/", server.url)));

    let mut watch = Watch::start(import, known);
    let poll = async |count: usize| {
        // A period and its jitter, less than two.
        pass(64).await;
        until("the server is asked", || server.count() == count).await;
    };
    server.answer(200, &[], "one");
    poll(3).await;
    watch.quiet().await;
    server.answer(200, &[], "two");
    poll(4).await;
    assert_eq!(watch.texts().await, ["two"]);
    server.answer(404, &[], "");
    poll(5).await;
    assert!(watch.error().await.ends_with("status 404 Not Found"));
    server.answer(404, &[], "");
    poll(6).await;
    watch.quiet().await;
    server.answer(500, &[], "");
    poll(7).await;
    assert!(watch.error().await.ends_with("status 500 Internal Server Error"));
    server.answer(200, &[], "two");
    poll(8).await;
    assert_eq!(watch.texts().await, ["two"]);
    watch.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up() {
    let _hold = hold();
    let server = Server::start().await;
    let import = import(&server, "/m.alloy", "poll_timeout = \"3s\"");
    server.then(|| None);
    let fetching = tokio::spawn(import.clone().fetch());
    until("the server is asked", || server.count() == 1).await;
    pass(2).await;
    crate::kit::moment().await;
    assert!(!fetching.is_finished());
    pass(2).await;
    let error = fetching.await.unwrap().unwrap_err().to_string();
    assert!(error.ends_with("no answer in time (\"poll_timeout\")"), "{error}");
    // Stopping does not wait for it either.
    server.then(|| None);
    let watch = Watch::start(import, content(&[], ""));
    pass(64).await;
    until("the server is asked", || server.count() == 2).await;
    watch.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_server_calls_unchanged_is_not_sent_again() {
    let _hold = hold();
    let server = Server::start().await;
    let import = import(&server, "/m.alloy", "");
    server.answer(
        200,
        &[("etag", "\"v1\""), ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")],
        "one",
    );
    let known = import.clone().fetch().await.unwrap().content;
    assert_eq!(server.last().header("if-none-match"), "");
    let mut watch = Watch::start(import, known);
    server.answer(304, &[], "");
    pass(64).await;
    until("the server is asked", || server.count() == 2).await;
    assert_eq!(server.last().header("if-none-match"), "\"v1\"");
    assert_eq!(
        server.last().header("if-modified-since"),
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
    watch.quiet().await;
    server.answer(500, &[], "");
    pass(60).await;
    watch.error().await;
    server.answer(304, &[], "");
    pass(64).await;
    assert_eq!(watch.texts().await, ["one"]);
    server.answer(200, &[], "two");
    pass(64).await;
    assert_eq!(watch.texts().await, ["two"]);
    // Without a name there is nothing to ask by.
    server.answer(200, &[], "three");
    pass(64).await;
    assert_eq!(watch.texts().await, ["three"]);
    assert_eq!(server.last().header("if-none-match"), "");
    watch.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_request_is_as_the_arguments_say() {
    let _hold = hold();
    let server = Server::start().await;
    let more = r#"
        method  = "POST"
        body    = "which?"
        headers = { "X-One" = "1", "Accept" = "text/plain" }
        client {
            basic_auth {
                username = "me"
                password = "hunter2"
            }
        }
    "#;
    let import = import(&server, "/a/m.alloy?x=/y", more);
    server.answer(200, &[("etag", "\"v1\"")], "one");
    let fetched = import.clone().fetch().await.unwrap();
    assert_eq!(fetched.content.module_path, format!("{}/a/", server.url));
    let seen = server.last();
    assert_eq!(
        (seen.line.as_str(), seen.body.as_str()),
        ("POST /a/m.alloy?x=/y", "which?")
    );
    assert_eq!((seen.header("x-one"), seen.header("accept")), ("1", "text/plain"));
    assert_eq!(seen.header("authorization"), "Basic bWU6aHVudGVyMg==");
    // What is asked may change something: it is not made conditional.
    server.answer(200, &[], "two");
    assert_eq!(texts(&import.fetch().await.unwrap().content), ["two"]);
    assert_eq!(server.last().header("if-none-match"), "");
}

#[tokio::test]
async fn answers_that_are_no_module_are_errors() {
    let server = Server::start().await;
    let import = import(&server, "/m.alloy", "");
    let mut errors = Vec::new();
    server.then(|| Some(Body::from(vec![b'a', 0xff]).into_response()));
    server.then(|| Some(Body::from(vec![b'a'; (16 << 20) + 1]).into_response()));
    server.then(|| Some(Body::from_stream(broken()).into_response()));
    for _ in 0..3 {
        errors.push(import.clone().fetch().await.unwrap_err().to_string());
    }
    assert!(
        errors[0].ends_with("is not UTF-8 text: byte 1 is wrong"),
        "{}",
        errors[0]
    );
    assert!(errors[1].contains("is larger than 16 MiB"), "{}", errors[1]);
    assert!(errors[2].ends_with("the answer broke off"), "{}", errors[2]);
}

/// The beginning of a body, which breaks off when it has arrived.
fn broken() -> impl futures_util::Stream<Item = Result<&'static str, std::io::Error>> {
    let end = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(std::io::Error::other("gone"))
    };
    stream::iter([Ok("declare")]).chain(stream::once(end))
}

#[test]
fn wrong_arguments_are_named_and_passwords_are_not() {
    let error = |arguments: &str| open("import.http", arguments, Path::new(DATA)).map(|_| ()).unwrap_err();
    assert!(error("url = \"no url\"").starts_with("url: "));
    assert_eq!(
        error("url = \"ftp://me:hunter2@h/\""),
        "url: only http and https are supported"
    );
    assert!(error("url = \"http://h/\"\nmethod = \"A B\"").starts_with("method: "));
    assert!(error("url = \"http://h/\"\nheaders = { \"a b\" = \"\" }").starts_with("headers: "));
    assert!(error("url = \"http://h/\"\npoll_timeout = \"0s\"").contains("must be greater than 0"));
}

#[tokio::test]
async fn a_password_in_the_url_is_used_and_not_shown() {
    let server = Server::start().await;
    let host = server.url.strip_prefix("http://").unwrap();
    let arguments = format!("url = \"http://me:hunter2@{host}/m.alloy\"");
    let import = open("import.http", &arguments, Path::new(DATA)).unwrap();
    server.answer(200, &[], "one");
    let fetched = import.clone().fetch().await.unwrap();
    assert_eq!(fetched.content.files[0].name, format!("{}/m.alloy", server.url));
    assert_eq!(server.last().header("authorization"), "Basic bWU6aHVudGVyMg==");
    let error = import.fetch().await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}
