//! `otelcol.receiver.otlp` and clients that do as they like.

use crate::kit::{Rig, bodies, logs};
use otelcol::receiver::otlp::COMPONENT;
use otlp_wire::response::Status;
use reqwest::header::HeaderMap;
use signals::{Budget, Refused, Signal};
use std::io::Write;

const CONFIG: &str = "http { endpoint = \"127.0.0.1:0\" }\ngrpc { endpoint = \"127.0.0.1:0\" }\noutput { logs = [] }";
const PROTOBUF: &str = "application/x-protobuf";

async fn post(rig: &Rig, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = client()
        .post(format!("http://{}{path}", rig.address("http")))
        .body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A unary call; `grpc-status` and `grpc-message`, and the details.
async fn call(rig: &Rig, service: &str, encoding: Option<&str>, message: Vec<u8>) -> (i32, String, Option<Status>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let mut body = vec![u8::from(encoding.is_some())];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    let mut request = client
        .post(format!(
            "http://{}/opentelemetry.proto.collector.{service}/Export",
            rig.address("grpc")
        ))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body);
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = |name: &str| {
        answer
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    // Where all is well the status is in the trailers, which reqwest does not show.
    let status = text("grpc-status").map_or(0, |status| status.parse().unwrap());
    let details = text("grpc-status-details-bin").map(|details| {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
            .decode(details)
            .unwrap();
        Status::decode(&bytes).unwrap()
    });
    (status, text("grpc-message").unwrap_or_default(), details)
}

const LOGS: &str = "logs.v1.LogsService";

#[tokio::test]
async fn a_success_means_that_it_arrived() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let (status, headers, body) = post(&rig, "/v1/logs", &[("content-type", PROTOBUF)], logs(0, 2)).await;
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap(), body),
        (200, PROTOBUF, vec![])
    );
    let json = otlp_wire::json::encode(Signal::Logs, &logs(2, 1));
    let (status, _, body) = post(
        &rig,
        "/v1/logs",
        &[("content-type", "application/json; charset=utf-8")],
        json,
    )
    .await;
    assert_eq!((status, body), (200, b"{\"partialSuccess\":{}}".to_vec()));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&logs(3, 1)).unwrap();
    let gzip = gzip.finish().unwrap();
    let headers = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    assert_eq!(post(&rig, "/v1/logs", &headers, gzip.clone()).await.0, 200);
    assert_eq!(call(&rig, LOGS, None, logs(4, 1)).await.0, 0);
    assert_eq!(call(&rig, LOGS, Some("gzip"), gzip).await.0, 0);
    assert_eq!(
        bodies(&rig.sink),
        ["line 0", "line 1", "line 2", "line 3", "line 4", "line 3"]
    );
    // Nothing is forwarded of nothing.
    assert_eq!(
        post(&rig, "/v1/logs", &[("content-type", PROTOBUF)], vec![]).await.0,
        200
    );
    assert_eq!(call(&rig, LOGS, None, vec![]).await.0, 0);
    assert_eq!(rig.sink.sizes().len(), 5);
    rig.stop().await;
    assert_eq!(
        rig.budget.used(),
        rig.sink.taken.lock().unwrap().iter().map(|_| 0).sum::<u64>()
    );
    let metrics = promtext::encode(&rig.registry.gather().families, promtext::Format::Text);
    let line = "otelcol_receiver_accepted_log_records_total{receiver=\"otlp/otelcol.receiver.otlp.test\",transport=\"http\"} 4";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn what_is_wrong_is_refused_as_it_should_be() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let kind = [("content-type", PROTOBUF)];
    let (status, headers, body) = post(&rig, "/v1/logs", &kind, b"\x0a\x05no".to_vec()).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (400, PROTOBUF));
    assert_eq!(Status::decode(&body).unwrap().code, 3);
    let (status, _, body) = post(&rig, "/v1/logs", &[("content-type", "application/json")], b"{".to_vec()).await;
    assert_eq!(status, 400);
    assert!(body.starts_with(b"{\"code\":3,"), "{}", String::from_utf8_lossy(&body));
    assert_eq!(
        post(&rig, "/v1/logs", &[("content-type", "text/plain")], logs(0, 1))
            .await
            .0,
        415
    );
    assert_eq!(post(&rig, "/v1/traces", &kind, vec![]).await.0, 404);
    assert_eq!(post(&rig, "/other", &kind, vec![]).await.0, 404);
    let odd = [("content-type", PROTOBUF), ("content-encoding", "br")];
    assert_eq!(post(&rig, "/v1/logs", &odd, logs(0, 1)).await.0, 400);
    let get = client()
        .get(format!("http://{}/v1/logs", rig.address("http")))
        .send()
        .await
        .unwrap();
    assert_eq!(get.status().as_u16(), 405);
    assert_eq!(call(&rig, LOGS, None, b"\x0a\x05no".to_vec()).await.0, 3);
    let (status, message, _) = call(&rig, "trace.v1.TraceService", None, vec![]).await;
    assert_eq!(status, 12);
    assert!(
        message.starts_with("unknown service opentelemetry.proto.collector.trace.v1.TraceService"),
        "{message}"
    );
    assert_eq!(call(&rig, LOGS, Some("br"), vec![]).await.0, 12);
    let (status, message, _) = call(&rig, LOGS, None, vec![0; (4 << 20) + 1]).await;
    assert_eq!(
        (status, message.contains("received message larger than max")),
        (8, true),
        "{message}"
    );
    // A bomb: a few kilobytes that would be much more than is allowed.
    let bomb = zstd::encode_all([0u8; 1 << 16].repeat(1024).as_slice(), 1).unwrap();
    let headers = [("content-type", PROTOBUF), ("content-encoding", "zstd")];
    assert_eq!(post(&rig, "/v1/logs", &headers, bomb).await.0, 413);
    assert!(rig.sink.sizes().is_empty());
    rig.stop().await;
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test]
async fn a_refusal_of_what_is_behind_comes_back_to_the_client() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let kind = [("content-type", PROTOBUF)];
    rig.sink.refuse([
        Refused::retry("busy"),
        Refused::permanent("bad", "never"),
        Refused::retry("busy"),
        Refused::permanent("bad", "never"),
    ]);
    let (status, _, body) = post(&rig, "/v1/logs", &kind, logs(0, 1)).await;
    assert_eq!((status, Status::decode(&body).unwrap().message.as_str()), (503, "busy"));
    assert_eq!(post(&rig, "/v1/logs", &kind, logs(0, 1)).await.0, 500);
    assert_eq!(call(&rig, LOGS, None, logs(0, 1)).await.0, 14);
    assert_eq!(call(&rig, LOGS, None, logs(0, 1)).await.0, 13);
    rig.stop().await;
}

#[tokio::test]
async fn without_memory_clients_come_back_later() {
    let mut rig = Rig::with(&COMPONENT, CONFIG, Budget::new(1 << 20), None);
    let held = rig.budget.try_acquire(1 << 20).unwrap();
    let (status, headers, _) = post(&rig, "/v1/logs", &[("content-type", PROTOBUF)], logs(0, 1)).await;
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (503, "1"));
    let (status, _, details) = call(&rig, LOGS, None, logs(0, 1)).await;
    assert_eq!(status, 14);
    assert_eq!(details.unwrap().retry_delay.unwrap().as_secs(), 1);
    drop(held);
    assert_eq!(call(&rig, LOGS, None, logs(0, 1)).await.0, 0);
    rig.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_the_port() {
    let mut rig = Rig::new(&COMPONENT, CONFIG);
    let (http, grpc) = (rig.address("http"), rig.address("grpc"));
    let config = "http { endpoint = \"127.0.0.1:0\"\n logs_url_path = \"/mine\" }\noutput { logs = [] }";
    rig.update(config).unwrap();
    assert_eq!(rig.address("http"), http);
    let kind = [("content-type", PROTOBUF)];
    for _ in 0..200 {
        if post(&rig, "/mine", &kind, logs(0, 1)).await.0 == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(bodies(&rig.sink), ["line 0"]);
    // The other server is gone.
    for _ in 0..500 {
        if std::net::TcpStream::connect(grpc).is_err() {
            rig.stop().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the gRPC server still listens");
}

#[tokio::test]
async fn only_those_who_may_can_send() {
    let basic = Rig::new(&otelcol::auth::basic::COMPONENT, "htpasswd { inline = \"u:p\" }");
    let handler = basic.handler();
    let mut rig = Rig::with(&COMPONENT, CONFIG, Budget::new(1 << 26), Some(&handler));
    let kind = ("content-type", PROTOBUF);
    assert_eq!(post(&rig, "/v1/logs", &[kind], logs(0, 1)).await.0, 401);
    assert_eq!(call(&rig, LOGS, None, logs(0, 1)).await.0, 16);
    let right = [kind, ("authorization", "Basic dTpw")];
    assert_eq!(post(&rig, "/v1/logs", &right, logs(0, 1)).await.0, 200);
    rig.stop().await;
}

#[tokio::test]
async fn both_servers_encrypt() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let tls = format!("tls {{\n cert_file = {cert:?}\n key_file = {key:?}\n min_version = \"1.3\"\n}}");
    let server = |name: &str| format!("{name} {{\n endpoint = \"127.0.0.1:0\"\n {tls}\n}}");
    let config = format!("{}\n{}\noutput {{ logs = [] }}", server("http"), server("grpc"));
    let mut rig = Rig::new(&COMPONENT, &config);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trusted = reqwest::Certificate::from_pem(own.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([trusted])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/v1/logs", rig.address("http").port());
    let answer = client
        .post(url)
        .header("content-type", PROTOBUF)
        .body(logs(0, 1))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let service = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let url = format!("https://localhost:{}{service}", rig.address("grpc").port());
    let mut body = vec![0];
    body.extend(u32::try_from(logs(1, 1).len()).unwrap().to_be_bytes());
    body.extend(logs(1, 1));
    let answer = client
        .post(url)
        .header("content-type", "application/grpc")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, reqwest::Version::HTTP_2)
    );
    assert!(answer.headers().get("grpc-status").is_none());
    assert_eq!(bodies(&rig.sink), ["line 0", "line 1"]);
    rig.stop().await;
}
