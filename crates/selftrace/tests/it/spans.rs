//! Spans of requests and of work inside.

use crate::consumer::{Got, NOW, World};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use selftrace::TracingArgs;
use std::sync::atomic::Ordering;
use std::time::Duration;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const QUIET: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn headers(parent: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_static(parent));
    headers.insert("tracestate", HeaderValue::from_static("a=1"));
    headers
}

fn all() -> TracingArgs {
    TracingArgs {
        sampling_fraction: 1.0,
        ..TracingArgs::default()
    }
}

fn none() -> TracingArgs {
    TracingArgs {
        sampling_fraction: 0.0,
        ..TracingArgs::default()
    }
}

fn named<'a>(spans: &'a [Got], name: &str) -> &'a Got {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("no span {name} in {spans:#?}"))
}

#[tokio::test(start_paused = true)]
async fn a_request_and_the_work_it_makes_are_one_trace() {
    let world = World::new();
    world.configure(all());
    let tracer = world.tracer.clone();
    let request = tracer.start_request(&HeaderMap::new(), &Method::POST, "/-/reload");
    request
        .scope(async {
            let evaluate = tracer.span("GraphEvaluate");
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut node = evaluate
                .child("EvaluateNode")
                .attr("node_id", "loki.write.a")
                .attr("retries", 2i64);
            node.set("new", true);
            node.fail("no such host");
        })
        .await;
    request.end("/-/reload", StatusCode::INTERNAL_SERVER_ERROR);
    let consumer = world.consumer.clone();
    let spans = world.spans().await;
    assert_eq!(spans.len(), 3);
    let request = named(&spans, "POST /-/reload");
    assert_eq!((request.parent, request.kind, request.flags), (None, 2, 0x101));
    assert_eq!(request.status, (2, String::new()));
    let pairs = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "500"),
        ("http.route", "/-/reload"),
        ("url.path", "/-/reload"),
    ];
    assert_eq!(
        request.attributes,
        pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).into()
    );
    assert_eq!(request.start, NOW as u64);
    assert_eq!(request.end - request.start, 20_000_000);
    let evaluate = named(&spans, "GraphEvaluate");
    assert_eq!((evaluate.parent, evaluate.kind), (Some(request.id), 1));
    let node = named(&spans, "EvaluateNode");
    assert_eq!(node.parent, Some(evaluate.id));
    assert_eq!(node.status, (2, "no such host".to_owned()));
    let pairs = [("new", "true"), ("node_id", "loki.write.a"), ("retries", "2")];
    assert_eq!(node.attributes, pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    assert!(spans.iter().all(|span| span.trace == request.trace));
    let pairs = [
        ("service.name", "alloy"),
        ("service.version", "v1.2.3"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "invar"),
        ("telemetry.sdk.version", "v1.2.3"),
    ];
    assert_eq!(
        *consumer.resource.lock().unwrap(),
        pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).into()
    );
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_traceparent_decides() {
    let world = World::new();
    world.configure(none());
    let tracer = world.tracer.clone();
    // Nobody has decided: the fraction does, and what comes after does the same.
    let dropped = tracer.start_request(&HeaderMap::new(), &Method::GET, "/a");
    assert!(!dropped.span().context().unwrap().sampled);
    drop(dropped.span().child("inside"));
    dropped.end("/a", StatusCode::OK);
    let kept = tracer.start_request(&headers(PARENT), &Method::GET, "/b");
    drop(kept.span().child("inside"));
    kept.end("/b", StatusCode::OK);
    world.configure(all());
    tracer
        .start_request(&headers(QUIET), &Method::GET, "/c")
        .end("/c", StatusCode::OK);
    let spans = world.spans().await;
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["inside", "GET /b"]);
    let kept = named(&spans, "GET /b");
    assert_eq!(kept.trace[..2], [0x4b, 0xf9]);
    assert_eq!(kept.parent.unwrap()[..3], [0x00, 0xf0, 0x67]);
    assert_eq!((kept.flags, kept.state.as_str()), (0x301, "a=1"));
    assert_eq!(kept.status.0, 0);
    let inside = named(&spans, "inside");
    assert_eq!(
        (inside.parent, inside.flags, inside.state.as_str()),
        (Some(kept.id), 0x101, "a=1")
    );
}

#[tokio::test(start_paused = true)]
async fn odd_requests_have_plain_names() {
    let world = World::new();
    world.configure(all());
    let tracer = world.tracer.clone();
    let odd = Method::from_bytes(b"BREW").unwrap();
    tracer
        .start_request(&HeaderMap::new(), &odd, "/pot")
        .end("/{rest}", StatusCode::NOT_IMPLEMENTED);
    tracer
        .start_request(&HeaderMap::new(), &Method::GET, "/nowhere")
        .end("", StatusCode::NOT_FOUND);
    drop(tracer.start_request(&HeaderMap::new(), &Method::PUT, "/long"));
    let spans = world.spans().await;
    assert_eq!(
        named(&spans, "_OTHER /{rest}").attributes["http.request.method"],
        "_OTHER"
    );
    let nowhere = named(&spans, "GET");
    assert_eq!((nowhere.status.0, nowhere.attributes.get("http.route")), (0, None));
    assert_eq!(
        named(&spans, "PUT").status,
        (2, "given up before it was answered".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn without_consumers_there_is_nothing() {
    let world = World::new();
    let tracer = world.tracer.clone();
    let look = |when: &str| {
        let request = tracer.start_request(&headers(PARENT), &Method::GET, "/");
        assert_eq!(request.span().context(), None, "{when}");
        assert_eq!(request.span().traceparent(), None, "{when}");
        assert_eq!(tracer.span("x").child("y").context(), None, "{when}");
        request.end("/", StatusCode::OK);
    };
    look("before a configuration");
    let unheard = TracingArgs {
        send_traceparent: true,
        ..all()
    };
    tracer.policy().prepare(unheard).unwrap().apply();
    look("without write_to");
    world.configure(all());
    assert!(tracer.span("x").context().is_some());
    tracer.policy().prepare(all()).unwrap().apply();
    look("when write_to is gone");
    assert_eq!(world.metric("invar_tracing_spans_total"), 1.0);
    world.stop.cancel();
    world.running.await.unwrap();
    assert_eq!(world.consumer.batches.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_to_others_carry_ids_if_that_is_wanted() {
    let world = World::new();
    let tracer = world.tracer.clone();
    world.configure(all());
    let span = tracer.span("x");
    assert_eq!(
        (span.traceparent(), span.scope(async { tracer.traceparent() }).await),
        (None, None)
    );
    span.end();
    world.configure(TracingArgs {
        send_traceparent: true,
        ..none()
    });
    assert_eq!(tracer.traceparent(), None, "outside of any span");
    let request = tracer.start_request(&headers(PARENT), &Method::GET, "/");
    let sent = request.scope(async { tracer.traceparent() }).await.unwrap();
    let sent = sent.to_str().unwrap();
    assert!(
        sent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && sent.ends_with("-01"),
        "{sent}"
    );
    assert!(!sent.contains("00f067aa0ba902b7"), "it is the request's own id");
    let client = request.span().request("POST");
    assert_ne!(client.traceparent().unwrap(), sent);
    drop(client);
    let quiet = tracer.span("quiet").traceparent().unwrap();
    assert!(quiet.to_str().unwrap().ends_with("-00"));
    request.end("/", StatusCode::OK);
    let spans = world.spans().await;
    assert_eq!((named(&spans, "POST").kind, named(&spans, "x").kind), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn spans_leave_in_batches() {
    let world = World::new();
    world.configure(all());
    let count = || world.consumer.spans.lock().unwrap().len();
    let make = |number| (0..number).for_each(|_| drop(world.tracer.span("x")));
    make(3);
    tokio::time::sleep(Duration::from_millis(4900)).await;
    assert_eq!(count(), 0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(count(), 3);
    make(1030);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(count(), 3 + 1024, "two full batches go at once");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(count(), 3 + 1030);
    assert_eq!(world.consumer.batches.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_down_makes_nobody_wait_and_is_counted() {
    let mut world = World::new();
    world.configure(all());
    world.consumer.down.store(true, Ordering::SeqCst);
    for _ in 0..5000 {
        drop(world.tracer.span("x"));
    }
    assert_eq!(world.metric("invar_tracing_spans_total"), 5000.0);
    let full = "invar_tracing_spans_dropped_total{reason=\"queue_full\"}";
    assert_eq!(world.metric(full), 5000.0 - 2048.0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    // Two batches are on the way; what waits behind them makes room for as many.
    for _ in 0..5000 {
        drop(world.tracer.span("x"));
    }
    assert_eq!(world.metric(full), 10_000.0 - 2048.0 - 1024.0);
    world.consumer.down.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.consumer.spans.lock().unwrap().len(), 2048 + 1024);
    assert_eq!(
        world.metric("invar_tracing_spans_dropped_total{reason=\"refused\"}"),
        0.0
    );
    // What does not arrive before the end is counted too.
    world.consumer.down.store(true, Ordering::SeqCst);
    (0..700).for_each(|_| drop(world.tracer.span("x")));
    world.stop.cancel();
    (&mut world.running).await.unwrap();
    assert_eq!(
        world.metric("invar_tracing_spans_dropped_total{reason=\"refused\"}"),
        700.0
    );
}
