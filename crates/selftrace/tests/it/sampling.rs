//! Which traces are kept.

use crate::consumer::World;
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use hyper::Method;
use hyper::header::HeaderMap;
use selftrace::{JaegerRemoteArgs, SamplerArgs, Tracer, TracingArgs};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many of a thousand new traces are kept.
fn kept(tracer: &Tracer, path: &str) -> usize {
    let one = |_: &usize| {
        let request = tracer.start_request(&HeaderMap::new(), &Method::GET, path);
        request.span().context().unwrap().sampled
    };
    (0..1000).filter(one).count()
}

#[tokio::test(start_paused = true)]
async fn fractions_are_kept() {
    let world = World::new();
    // Ids come from a seed, so that the counts are always the same.
    for (fraction, range) in [
        (0.0, 0..=0),
        (0.1, 70..=130),
        (0.5, 450..=550),
        (1.0, 1000..=1000),
        (7.0, 1000..=1000),
    ] {
        world.configure(TracingArgs {
            sampling_fraction: fraction,
            ..TracingArgs::default()
        });
        let kept = kept(&world.tracer, "/");
        assert!(range.contains(&kept), "{kept} for {fraction}");
    }
}

#[test]
fn the_defaults_are_alloys() {
    let args = TracingArgs::default();
    assert_eq!((args.sampling_fraction, args.send_traceparent), (0.1, false));
    assert!(args.write_to.is_empty() && args.sampler.is_none());
    let remote = <JaegerRemoteArgs as value::Block>::defaults();
    assert_eq!(remote.url, "http://127.0.0.1:5778/sampling");
    assert_eq!(
        (remote.max_operations, remote.refresh_interval),
        (256, Duration::from_secs(60))
    );
}

/// A server that answers what it was told, and the questions it was asked.
#[derive(Clone)]
struct Strategies {
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Strategies {
    async fn start() -> (Strategies, String) {
        let server = Strategies {
            answer: Arc::new(Mutex::new((500, String::new()))),
            asked: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sampling?tenant=a", listener.local_addr().unwrap());
        let answering = server.clone();
        let answer = move |uri: Uri| async move {
            answering.asked.lock().unwrap().push(uri.to_string());
            let (status, text) = answering.answer.lock().unwrap().clone();
            (StatusCode::from_u16(status).unwrap(), text)
        };
        let router = Router::new().route("/sampling", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, url)
    }

    /// Answers like this from now on, and waits until it was asked twice more: then the first of these answers holds.
    async fn say(&self, status: u16, text: &str) {
        let before = {
            *self.answer.lock().unwrap() = (status, text.to_owned());
            self.asked.lock().unwrap().len()
        };
        while self.asked.lock().unwrap().len() < before + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn remote(url: &str) -> TracingArgs {
    let remote = JaegerRemoteArgs {
        url: url.to_owned(),
        max_operations: 2,
        refresh_interval: Duration::from_millis(5),
    };
    TracingArgs {
        sampling_fraction: 1.0,
        sampler: Some(SamplerArgs {
            jaeger_remote: Some(remote),
        }),
        ..TracingArgs::default()
    }
}

#[tokio::test]
async fn a_server_says_what_is_kept() {
    let world = World::new();
    let (server, url) = Strategies::start().await;
    world.configure(remote(&url));
    let tracer = &world.tracer;
    server.say(500, "no").await;
    assert_eq!(
        kept(tracer, "/"),
        1000,
        "nobody has said anything yet: the fraction holds"
    );
    assert!(
        server
            .asked
            .lock()
            .unwrap()
            .iter()
            .all(|one| one == "/sampling?tenant=a&service=alloy")
    );
    server
        .say(
            200,
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0}}"#,
        )
        .await;
    assert_eq!(kept(tracer, "/"), 0);
    server
        .say(
            200,
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#,
        )
        .await;
    assert_eq!(kept(tracer, "/"), 1000);
    server.say(200, "nonsense").await;
    assert_eq!(kept(tracer, "/"), 1000, "the last one holds");
    server
        .say(
            503,
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0}}"#,
        )
        .await;
    assert_eq!(kept(tracer, "/"), 1000, "the last one holds");
    server
        .say(
            200,
            r#"{"strategyType":"PROBABILISTIC","operationSampling":{"defaultSamplingProbability":0,"perOperationStrategies":[
                {"operation":"GET /kept","probabilisticSampling":{"samplingRate":1}}]}}"#,
        )
        .await;
    assert_eq!((kept(tracer, "/kept"), kept(tracer, "/other")), (1000, 0));
    server
        .say(
            200,
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":0}}"#,
        )
        .await;
    assert_eq!(kept(tracer, "/"), 0);
    // Another block is another rule; nobody asks the server any more.
    world.configure(TracingArgs {
        sampling_fraction: 1.0,
        ..TracingArgs::default()
    });
    assert_eq!(kept(tracer, "/"), 1000);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let world = World::new();
    let prepare = |args| {
        world
            .tracer
            .policy()
            .prepare(args)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let mut args = remote("not a url");
    let refused = prepare(args.clone()).unwrap_err();
    assert_eq!(refused, "sampler: jaeger_remote: url: relative URL without a base");
    args = remote("ftp://x/");
    let refused = prepare(args).unwrap_err();
    assert_eq!(
        refused,
        "sampler: jaeger_remote: url: must begin with http:// or https://"
    );
    let mut args = remote("http://x/");
    if let Some(remote) = args.sampler.as_mut().and_then(|sampler| sampler.jaeger_remote.as_mut()) {
        remote.refresh_interval = Duration::ZERO;
    }
    let refused = prepare(args).unwrap_err();
    assert_eq!(
        refused,
        "sampler: jaeger_remote: refresh_interval: must be greater than zero"
    );
}
