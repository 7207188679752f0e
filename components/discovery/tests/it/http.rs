//! `discovery.http`

use crate::kit::{Rig, build};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use std::sync::{Arc, Mutex};

type Answer = (StatusCode, &'static str, String);

#[derive(Clone)]
struct Server {
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Server {
    async fn start(body: &str) -> (Server, String) {
        let server = Server {
            answer: Arc::new(Mutex::new((StatusCode::OK, "application/json", body.to_owned()))),
            asked: Arc::default(),
        };
        async fn answer(State(server): State<Server>, headers: HeaderMap) -> impl IntoResponse {
            server.asked.lock().unwrap().push(headers);
            let (status, content_type, body) = server.answer.lock().unwrap().clone();
            (status, [("content-type", content_type)], body)
        }
        let router = Router::new()
            .route("/sd", axum::routing::get(answer))
            .with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        (server, address.to_string())
    }

    fn answers(&self, status: StatusCode, content_type: &'static str, body: &str) {
        *self.answer.lock().unwrap() = (status, content_type, body.to_owned());
    }
}

const ONE: &str = r#"[{"targets": ["one:1"], "labels": {"job": "j"}}]"#;

#[tokio::test]
async fn targets_stay_while_the_server_misbehaves() {
    let (server, address) = Server::start(ONE).await;
    let url = format!("http://u:secret@{address}/sd");
    let rig = Rig::start(
        "discovery.http",
        &format!("url = \"{url}\"\nrefresh_interval = \"50ms\"\nbearer_token = \"t\""),
    );
    let shown = format!("one:1 j http://{address}/sd");
    let labels = ["__address__", "job", "__meta_url"];
    rig.until_lines(&labels, &[&shown]).await;
    let headers = server.asked.lock().unwrap()[0].clone();
    assert_eq!(headers["x-prometheus-refresh-interval-seconds"], "0.05");
    assert_eq!(headers["accept"], "application/json");
    for (status, content_type, body, error) in [
        (StatusCode::SERVICE_UNAVAILABLE, "application/json", "[]", "503"),
        (StatusCode::OK, "text/html", "[]", "content type is \"text/html\""),
        (StatusCode::OK, "application/json", "[{", "EOF"),
        (StatusCode::OK, "application/json", "[null]", "nil target group"),
    ] {
        server.answers(status, content_type, body);
        rig.until_unhealthy(error).await;
        assert_eq!(rig.lines(&labels), [shown.as_str()]);
        assert!(!rig.instance.health().unwrap().message.contains("secret"));
    }
    assert!(rig.metric("prometheus_sd_http_failures_total", &[]).unwrap() >= 4.0);
    let failures = rig.metric("prometheus_sd_refresh_failures_total", &[("mechanism", "http")]);
    assert!(failures.unwrap() >= 4.0);
    server.answers(StatusCode::OK, "application/json; charset=utf-8", "[]");
    rig.until_healthy().await;
    rig.until_lines(&labels, &[]).await;
    rig.end().await;
}

#[tokio::test]
async fn bad_urls_are_refused() {
    for (url, expected) in [("ftp://x/", "scheme"), ("nothing", "is no URL")] {
        let error = build("discovery.http", &format!("url = \"{url}\"")).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
