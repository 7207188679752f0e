//! On the program's own HTTP server.

use crate::support::{Fake, configuration};
use component::CancellationToken;
use graphql::{Build, GraphQl, Playground};
use services::http::{AuthArgs, BasicArgs, Http, HttpArgs, HttpOptions, HttpState, Limits, Parts};
use signals::{Budget, Ledger};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn exchange(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn both_are_below_the_prefix_and_behind_authentication() {
    let http = Http::bind(HttpOptions {
        listen: "127.0.0.1:0".to_owned(),
        ui_prefix: "/ui".to_owned(),
        ui_dir: None,
        limits: Limits::default(),
    })
    .unwrap();
    let (address, policy) = (http.address(), http.policy());
    let controller = Arc::new(Fake {
        components: configuration(),
        ..Fake::default()
    });
    let ledger = Ledger::default();
    let clock = Arc::new(host::SystemClock);
    let state = HttpState {
        controller: controller.clone(),
        metrics: promtext::Registry::new(),
        live: tap::LiveDebugging::new(&ledger, clock.clone()),
        ledger,
        budget: Budget::new(1 << 20),
        clock,
        cluster: component::Cluster::alone("", ""),
        queue_limit: 0,
        parts: Parts {
            graphql: Some(GraphQl::new(controller, None, Build::default())),
            playground: Some(Playground::new()),
            ..Parts::default()
        },
    };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(http.serve(state, stop.clone()));

    let post = "POST /ui/graphql HTTP/1.1\r\ncontent-type: application/json";
    let query = r#"{"query": "{ components { id } }"}"#;
    let answer = exchange(address, post, query).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(r#"{"id":"local.file.plain"}"#), "{answer}");
    let answer = exchange(address, "GET /ui/graphql?query={alloy{isReady}} HTTP/1.1", "").await;
    assert!(answer.contains(r#"{"data":{"alloy":{"isReady":true}}}"#), "{answer}");
    let answer = exchange(address, "OPTIONS /ui/graphql HTTP/1.1", "").await;
    assert!(answer.to_lowercase().contains("allow: options, get, post"), "{answer}");
    let page = "GET /ui/graphql/playground HTTP/1.1";
    assert!(
        exchange(address, page, "")
            .await
            .contains("<title>Invar: GraphQL</title>")
    );

    let basic = BasicArgs {
        username: "u".to_owned(),
        password: value::Secret::new("p"),
    };
    let auth = AuthArgs {
        basic: Some(basic),
        filter: None,
    };
    let args = HttpArgs {
        auth: Some(auth),
        ..HttpArgs::default()
    };
    policy.prepare(args).unwrap().apply();
    for (head, body) in [(post, query), (page, "")] {
        let answer = exchange(address, head, body).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        let known = format!("{head}\r\nauthorization: Basic dTpw");
        let answer = exchange(address, &known, body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}
