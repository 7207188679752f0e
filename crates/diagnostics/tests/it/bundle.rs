//! `/-/support`.

use crate::profile;
use crate::profiles::ONE;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use diagnostics::{BundleSource, LogBuffer, LogCapture, Profiles, Support, SupportParts};
use futures_util::future::BoxFuture;
use host::FixedEnv;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Source {
    samples: AtomicUsize,
}

fn ready(text: &str) -> BoxFuture<'static, Result<Vec<u8>, String>> {
    Box::pin(std::future::ready(Ok(text.as_bytes().to_vec())))
}

impl BundleSource for Source {
    fn version(&self) -> String {
        "v1.2.3".to_owned()
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(1500)
    }

    fn flags(&self) -> Vec<(String, String)> {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        vec![
            pair("storage.path", "data-alloy/"),
            pair("cluster.discover-peers", "provider=aws secret_access_key=hunter2"),
        ]
    }

    fn components(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        ready("[]")
    }

    fn peers(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        ready("[{}]")
    }

    fn metrics(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        let number = self.samples.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(format!("sample {number}\n").into_bytes()) })
    }

    fn ledger(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        ready("{\"edges\":[]}")
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(async { Err("the disk is gone".to_owned()) })
    }

    fn sources(&self) -> Vec<(String, String)> {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        vec![
            pair("/etc/alloy/config.alloy", "logging { }\n"),
            pair("/other/config.alloy", "http { }\n"),
            pair("../../empty.alloy", ""),
        ]
    }

    fn remote_configuration(&self) -> String {
        String::new()
    }
}

/// A log that somebody may listen to.
#[derive(Default)]
struct Log(Arc<Mutex<Option<Arc<LogBuffer>>>>);

struct Guard(Arc<Mutex<Option<Arc<LogBuffer>>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().unwrap().take();
    }
}

impl LogCapture for Log {
    fn capture(&self, into: Arc<LogBuffer>) -> Box<dyn Send> {
        into.push("level=debug msg=first\n");
        *self.0.lock().unwrap() = Some(into);
        Box::new(Guard(self.0.clone()))
    }
}

fn support(log: &Log, disabled: bool) -> Support {
    Support::new(SupportParts {
        source: Arc::new(Source::default()),
        logs: Arc::new(Log(log.0.clone())),
        profiles: Arc::new(Profiles::new([])),
        env: Arc::new(FixedEnv::new([
            ("HTTPS_PROXY", "http://bob:hunter2@proxy:3128"),
            ("HOSTNAME", "web-1"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("DATA_SOURCE_NAME", "postgres://bob:hunter2@db/x"),
        ])),
        disabled,
    })
}

async fn ask(support: &Support, query: &str) -> (u16, String, Vec<u8>) {
    let request = Request::builder().uri(format!("/-/support{query}"));
    let response = support.answer(request.body(Body::empty()).unwrap()).await;
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, kind, body.to_vec())
}

async fn text(support: &Support, query: &str) -> (u16, String) {
    let (status, _, body) = ask(support, query).await;
    (status, String::from_utf8(body).unwrap())
}

fn open(archive: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut files = BTreeMap::new();
    for number in 0..zip.len() {
        let mut file = zip.by_index(number).unwrap();
        let name = file
            .name()
            .unwrap()
            .strip_prefix("alloy-support-bundle/")
            .unwrap()
            .to_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert!(files.insert(name, content).is_none());
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_holds_every_file_with_its_content() {
    let _one = ONE.lock().await;
    let log = Log::default();
    let support = support(&log, false);
    let (status, kind, archive) = ask(&support, "?duration=1").await;
    assert_eq!((status, kind.as_str()), (200, "application/zip"));
    assert!(log.0.lock().unwrap().is_none(), "nobody listens to the log any more");
    let mut files = open(archive);
    let cpu = files.remove("pprof/cpu.pprof").unwrap();
    assert_eq!(profile::read(&cpu).kinds.len(), 2);
    let notes = String::from_utf8(files.remove("invar-notes.txt").unwrap()).unwrap();
    let notes: Vec<&str> = notes.lines().collect();
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[0], "invar-queues.json is missing: the disk is gone");
    assert!(notes[1].starts_with("pprof/heap.pprof is missing: "), "{}", notes[1]);
    let metadata = String::from_utf8(files.remove("alloy-metadata.yaml").unwrap()).unwrap();
    let metadata: Vec<&str> = metadata.lines().collect();
    assert_eq!((metadata[0], metadata[3]), ("build_version: v1.2.3", "uptime: 1.5"));
    assert!(metadata[1].starts_with("os: ") && metadata[2].starts_with("architecture: "));
    let files: Vec<(String, String)> = files
        .into_iter()
        .map(|(name, content)| (name, String::from_utf8(content).unwrap()))
        .collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        files,
        [
            pair("alloy-components.json", "[]"),
            pair(
                "alloy-environment.txt",
                "HOSTNAME=web-1\nHTTPS_PROXY=http://<redacted>@proxy:3128\n"
            ),
            pair("alloy-logs.txt", "level=debug msg=first\n"),
            pair("alloy-metrics-sample-end.txt", "sample 1\n"),
            pair("alloy-metrics-sample-start.txt", "sample 0\n"),
            pair("alloy-peers.json", "[{}]"),
            pair(
                "alloy-runtime-flags.txt",
                "storage.path=data-alloy/\ncluster.discover-peers=provider=aws secret_access_key=<redacted>\n"
            ),
            pair("invar-ledger.json", "{\"edges\":[]}"),
            pair("sources/config.alloy", "logging { }\n"),
            pair("sources/config.alloy.2", "http { }\n"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bundle_is_made_at_a_time_and_ends_with_who_wants_it() {
    let _one = ONE.lock().await;
    let log = Log::default();
    let support = Arc::new(support(&log, false));
    let long = tokio::spawn({
        let support = support.clone();
        async move { ask(&support, "").await.0 }
    });
    // When the first one listens to the log it has its turn.
    while log.0.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let busy = "another support bundle is being made; try again when it is done\n";
    assert_eq!(text(&support, "?duration=1").await, (503, busy.to_owned()));
    long.abort();
    assert!(long.await.is_err());
    assert!(log.0.lock().unwrap().is_none(), "nobody listens to the log any more");
    assert_eq!(ask(&support, "?duration=1").await.0, 200);
}

#[tokio::test]
async fn errors_are_alloys() {
    let log = Log::default();
    let refused = "support bundle generation is disabled; it can be re-enabled by removing the --server.http.disable-support-bundle flag\n";
    assert_eq!(
        text(&support(&log, true), "?duration=x").await,
        (403, refused.to_owned())
    );
    let support = support(&log, false);
    let larger = "duration value (in seconds) should be larger than 1\n";
    assert_eq!(text(&support, "?duration=0").await, (400, larger.to_owned()));
    let exceeds = "duration value exceeds the server's write timeout\n";
    assert_eq!(text(&support, "?duration=31").await, (400, exceeds.to_owned()));
}
