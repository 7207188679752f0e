//! A receiver of remote write that answers as a test wants it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A sample as it came: labels, time, value bits.
pub type Received = (BTreeMap<String, String>, i64, u64);

/// Decides about a request by its samples.
pub type Judge = Box<dyn Fn(&[Received]) -> u16 + Send>;

#[derive(Default)]
struct Shared {
    judge: Mutex<Option<Judge>>,
    samples: Mutex<Vec<Received>>,
    requests: Mutex<Vec<(HeaderMap, usize, u16)>>,
    histograms: Mutex<usize>,
    exemplars: Mutex<Vec<String>>,
    families: Mutex<Vec<String>>,
}

pub struct RemoteWriteServer {
    pub url: String,
    shared: Arc<Shared>,
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    assert_eq!(headers["content-encoding"], "snappy");
    let message = snap::raw::Decoder::new().decompress_vec(&body).expect("it is snappy");
    let two = headers["x-prometheus-remote-write-version"] == "2.0.0";
    let (mut samples, mut histograms, mut exemplars, mut families) = (Vec::new(), 0, Vec::new(), Vec::new());
    let mut series = |series: &remotewrite::Series<'_>| {
        let labels = labels(&series.labels);
        let values = series.samples.iter();
        samples.extend(values.map(|sample| (labels.clone(), sample.timestamp, sample.value.to_bits())));
        histograms += series.histograms.len();
        exemplars.extend(
            series
                .exemplars
                .iter()
                .map(|one| format!("{labels:?} {:?}", one.labels)),
        );
    };
    if two {
        for one in remotewrite::v2::series(&message).expect("it is well formed") {
            let one = one.expect("it is well formed");
            series(&one);
            families.push(format!("{} {:?} {}", one.labels[0].1, one.kind, one.help));
        }
    } else {
        for part in remotewrite::v1::series(&message) {
            match part.expect("it is well formed") {
                remotewrite::v1::Part::Series(one) => series(&one),
                remotewrite::v1::Part::Metadata(one) => {
                    families.push(format!("{} {:?} {}", one.family, one.kind, one.help))
                }
            }
        }
    }
    let status = match &*shared.judge.lock().unwrap() {
        Some(judge) if !samples.is_empty() => judge(&samples),
        _ => 204,
    };
    shared.requests.lock().unwrap().push((headers, samples.len(), status));
    let mut answer = HeaderMap::new();
    if two {
        for kind in ["samples", "histograms", "exemplars"] {
            let name = format!("x-prometheus-remote-write-{kind}-written");
            answer.insert(axum::http::HeaderName::try_from(name).unwrap(), samples.len().into());
        }
    }
    if status < 300 {
        shared.samples.lock().unwrap().extend(samples);
        *shared.histograms.lock().unwrap() += histograms;
        shared.exemplars.lock().unwrap().extend(exemplars);
        shared.families.lock().unwrap().extend(families);
    }
    (StatusCode::from_u16(status).unwrap(), answer)
}

impl RemoteWriteServer {
    pub async fn start() -> RemoteWriteServer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1/write", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/api/v1/write", post(take))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        RemoteWriteServer { url, shared }
    }

    pub fn judge(&self, judge: impl Fn(&[Received]) -> u16 + Send + 'static) {
        *self.shared.judge.lock().unwrap() = Some(Box::new(judge));
    }

    pub fn samples(&self) -> Vec<Received> {
        self.shared.samples.lock().unwrap().clone()
    }

    /// Headers, number of samples and status of each request.
    pub fn requests(&self) -> Vec<(HeaderMap, usize, u16)> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn histograms(&self) -> usize {
        *self.shared.histograms.lock().unwrap()
    }

    pub fn exemplars(&self) -> Vec<String> {
        self.shared.exemplars.lock().unwrap().clone()
    }

    pub fn families(&self) -> Vec<String> {
        self.shared.families.lock().unwrap().clone()
    }

    /// Waits until so many samples were taken.
    pub async fn wait(&self, count: usize) {
        for _ in 0..1000 {
            if self.samples().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} samples came", self.samples().len());
    }
}
