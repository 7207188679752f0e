//! The component between HTTP clients and a sink of the test.

use super::*;
use component::{Budget, ContextParts, Ledger, Services};
use prommodel::Kind;
use remotewrite::v1::EncodedLabels;
use remotewrite::{Sample, v1, v2};
use signals::{Accepting, MetricBatch, Metrics, Receiver, Refused, Sink};
use std::sync::Mutex;

/// Takes batches, or refuses them.
#[derive(Default)]
struct Taker {
    refuse: Mutex<Option<Refused>>,
    taken: Mutex<Vec<Metrics>>,
}

impl Sink<Metrics> for Taker {
    fn accept(self: Arc<Self>, batch: MetricBatch) -> Accepting {
        Box::pin(async move {
            if let Some(refused) = self.refuse.lock().unwrap().clone() {
                return Err(refused);
            }
            let (metrics, mut custody) = batch.into_parts();
            self.taken.lock().unwrap().push(metrics);
            custody.deliver_rest();
            Ok(())
        })
    }
}

struct Rig {
    sink: Arc<Taker>,
    budget: Budget,
    url: String,
    client: reqwest::Client,
    component: Arc<ReceiveHttp>,
    stop: CancellationToken,
}

impl Rig {
    fn new(change: impl FnOnce(&mut Arguments)) -> Rig {
        // Another test may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sink = Arc::new(Taker::default());
        let budget = Budget::new(1 << 20);
        let cx = Context::new(ContextParts {
            id: "prometheus.receive_http.x".into(),
            data_path: Default::default(),
            host: host::Host::real(),
            budget: budget.clone(),
            ledger: Ledger::default(),
            metrics: promtext::Registry::new(),
            services: Services::default(),
            stability: Stability::Experimental,
            span: tracing::Span::none(),
            exported: Arc::new(|| {}),
            inspector: None,
        });
        let mut args = Arguments::defaults();
        args.http.listen_address = "127.0.0.1".to_owned();
        args.http.listen_port = 0;
        args.forward_to = vec![MetricsReceiver(Some(Receiver {
            owner: Arc::from("sink"),
            sink: sink.clone(),
        }))];
        change(&mut args);
        let component = Arc::new(ReceiveHttp::build(&cx, args).unwrap());
        let url = format!("http://{}/api/v1/metrics/write", component.server.address().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(component.clone().run(stop.clone()));
        Rig {
            sink,
            budget,
            url,
            client: reqwest::Client::new(),
            component,
            stop,
        }
    }

    fn request(&self, message: &[u8]) -> reqwest::RequestBuilder {
        let body = snap::raw::Encoder::new().compress_vec(message).unwrap();
        self.client.post(&self.url).body(body)
    }

    async fn push(&self, message: &[u8]) -> (u16, String) {
        answer(self.request(message)).await
    }

    async fn push_v2(&self, message: &[u8]) -> reqwest::Response {
        let request = self
            .request(message)
            .header("content-type", remotewrite::V2_CONTENT_TYPE);
        request.header("content-encoding", "snappy").send().await.unwrap()
    }

    /// `series value@timestamp` of everything that was taken.
    fn samples(&self) -> Vec<String> {
        let taken = self.sink.taken.lock().unwrap();
        let samples = taken.iter().flat_map(|metrics| &metrics.samples);
        samples
            .map(|one| format!("{} {}@{}", one.series, one.value, one.timestamp))
            .collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn sample(value: f64, timestamp: i64) -> Sample {
    Sample {
        value,
        timestamp,
        start_timestamp: 0,
    }
}

fn message(series: &[&[(&str, &str)]]) -> Vec<u8> {
    let mut writer = v1::Writer::default();
    for (i, labels) in series.iter().enumerate() {
        writer.sample(&EncodedLabels::new(labels.iter().copied()), sample(i as f64, 1000));
    }
    writer.message().to_vec()
}

fn written(answer: &reqwest::Response) -> [String; 3] {
    ["samples", "histograms", "exemplars"].map(|what| {
        let name = format!("x-prometheus-remote-write-{what}-written");
        answer.headers()[&name].to_str().unwrap().to_owned()
    })
}

#[tokio::test]
async fn samples_arrive_and_the_answer_comes_afterwards() {
    let rig = Rig::new(|_| {});
    let good = message(&[
        &[("__name__", "up"), ("b", "2"), ("a", "1")],
        &[("__name__", "x"), ("empty", "")],
    ]);
    let answer = rig
        .request(&good)
        .header("content-type", "application/x-protobuf")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(written(&answer), ["0", "0", "0"], "1.0 has no use for them");
    assert_eq!(answer.text().await.unwrap(), "");
    assert_eq!(rig.samples(), ["up{a=\"1\", b=\"2\"} 0@1000", "x{} 1@1000"]);
    assert_eq!(rig.component.shared.forwarded.get(), 2.0);
    rig.sink.taken.lock().unwrap().clear();
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test]
async fn invalid_series_are_left_out_and_told() {
    let rig = Rig::new(|_| {});
    let mixed = message(&[
        &[("__name__", "a")],
        &[("job", "x")],
        &[("__name__", "b"), ("l", "1"), ("l", "2")],
        &[("__name__", "c")],
    ]);
    let (status, text) = rig.push(&mixed).await;
    assert_eq!(status, 400);
    assert_eq!(
        text,
        "2 series or samples are invalid and were left out; the first: {job=\"x\"}: it has no name\n"
    );
    assert_eq!(rig.samples(), ["a{} 0@1000", "c{} 3@1000"]);
    assert_eq!(rig.component.shared.invalid_labels.get(), 2.0);
    let mut late = v1::Writer::default();
    late.sample(&EncodedLabels::new([("__name__", "late")]), sample(1.0, i64::MAX));
    let (status, text) = rig.push(late.message()).await;
    assert!(status == 400 && text.contains("too far in the future"), "{text}");
}

#[tokio::test]
async fn what_is_not_remote_write_is_refused_by_status() {
    let rig = Rig::new(|_| {});
    let good = message(&[&[("__name__", "a")]]);
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-type", "application/x-protobuf;proto=unknown"),
        ("content-type", remotewrite::V2_CONTENT_TYPE),
        ("content-encoding", "gzip"),
    ] {
        let (status, text) = answer(rig.request(&good).header(name, value)).await;
        assert_eq!(status, 415, "{name}: {value}: {text}");
    }
    let v1_by_name = "application/x-protobuf; proto=prometheus.WriteRequest";
    assert_eq!(
        answer(rig.request(&good).header("content-type", v1_by_name)).await.0,
        204
    );
    let plain = |body: Vec<u8>| answer(rig.client.post(&rig.url).body(body));
    assert_eq!(plain(b"no snappy".to_vec()).await.0, 400);
    assert_eq!(plain(Vec::new()).await.0, 400);
    // A block that claims 33 MiB.
    assert_eq!(plain(vec![0x80, 0x80, 0x84, 0x10]).await.0, 400);
    assert_eq!(rig.push(b"\xff\xff").await.0, 400);
    let (status, _) = answer(rig.client.get(&rig.url)).await;
    assert_eq!(status, 405);
    let elsewhere = rig.url.replace("/write", "/read");
    assert_eq!(answer(rig.client.post(elsewhere)).await.0, 404);
    assert_eq!(rig.samples().len(), 1);
}

#[tokio::test]
async fn refusals_and_want_of_memory_are_told_as_what_they_are() {
    let rig = Rig::new(|_| {});
    let good = message(&[&[("__name__", "a")]]);
    *rig.sink.refuse.lock().unwrap() = Some(Refused::retry("the sink is busy"));
    let refused = rig.request(&good).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    *rig.sink.refuse.lock().unwrap() = Some(Refused::permanent("bad", "never"));
    assert_eq!(rig.push(&good).await.0, 400);
    *rig.sink.refuse.lock().unwrap() = None;
    let held = rig.budget.try_acquire(1 << 20).unwrap();
    let refused = rig.request(&good).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    drop(held);
    assert_eq!(rig.push(&good).await.0, 204);
    assert_eq!(rig.samples().len(), 1);
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test]
async fn version_2_tells_what_was_written() {
    let rig = Rig::new(|args| {
        args.accepted_remote_write_protobuf_messages
            .push("io.prometheus.write.v2.Request".to_owned());
        args.enable_type_and_unit_labels = true;
        args.append_metadata = true;
    });
    let mut writer = v2::Writer::default();
    let metadata = v2::Metadata {
        kind: Kind::Counter,
        help: "What it is.",
        unit: "seconds",
    };
    writer.sample([("__name__", "a")], metadata, sample(1.0, 1));
    writer.histogram(
        [("__name__", "h")],
        v2::Metadata::default(),
        &prommodel::Histogram::default(),
        2,
        0,
    );
    writer.sample([("job", "no name")], metadata, sample(1.0, 1));
    let mut bytes = Vec::new();
    writer.finish(&mut bytes);
    let answer = rig.push_v2(&bytes).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(written(&answer), ["1", "1", "0"]);
    assert_eq!(rig.samples(), ["a{__type__=\"counter\", __unit__=\"seconds\"} 1@1"]);
    {
        let taken = rig.sink.taken.lock().unwrap();
        assert_eq!(taken[0].histograms.len(), 1);
        let family = &taken[0].families[0];
        assert_eq!(
            (&*family.name, family.kind, &*family.help),
            ("a", Kind::Counter, "What it is.")
        );
    }
    // The same without what is wrong.
    let mut writer = v2::Writer::default();
    writer.sample([("__name__", "a")], metadata, sample(1.0, 1));
    let mut bytes = Vec::new();
    writer.finish(&mut bytes);
    let answer = rig.push_v2(&bytes).await;
    assert_eq!(
        (answer.status().as_u16(), written(&answer)),
        (204, ["1", "0", "0"].map(str::to_owned))
    );
}

#[tokio::test]
async fn the_server_follows_its_settings() {
    let rig = Rig::new(|_| {});
    let before = rig.component.server.address().unwrap();
    let mut args = Arguments::defaults();
    args.http.listen_address = "localhost".to_owned();
    args.http.listen_port = 0;
    rig.component.clone().update(args).unwrap().apply();
    let after = rig.component.server.address().unwrap();
    assert_ne!(before, after);
    // Nowhere to go is not an error of the client's.
    let url = format!("http://{after}/api/v1/metrics/write");
    let body = snap::raw::Encoder::new()
        .compress_vec(&message(&[&[("__name__", "a")]]))
        .unwrap();
    assert_eq!(answer(rig.client.post(url).body(body)).await.0, 204);
    assert_eq!(rig.samples().len(), 0);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let mut args = Arguments::defaults();
    assert_eq!(args.problems().len(), 0);
    args.accepted_remote_write_protobuf_messages = vec!["x".to_owned()];
    args.http.listen_port = 70_000;
    let found: Vec<_> = args
        .problems()
        .iter()
        .map(|one| one.argument().unwrap().to_owned())
        .collect();
    assert_eq!(found, ["accepted_remote_write_protobuf_messages", "listen_port"]);
    args.accepted_remote_write_protobuf_messages = Vec::new();
    assert_eq!(args.problems().len(), 2);
    let mut args = Arguments::defaults();
    args.append_metadata = true;
    assert!(args.settled(Stability::Experimental).is_ok());
    let error = args.settled(Stability::PublicPreview).unwrap_err();
    assert_eq!(error.argument(), Some("append_metadata"));
}
