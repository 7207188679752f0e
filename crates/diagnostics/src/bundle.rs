//! `/-/support`: what somebody who is asked for help wants to see, in one ZIP archive. The files and their names are Alloy's; files that begin with
//! `invar-` are ours. What is empty is left out.

mod archive;
mod environment;
mod logs;

pub use logs::{LogBuffer, LogCapture};

use crate::profiles::Profiles;
use crate::reply;
use archive::Archive;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use futures_util::future::BoxFuture;
use host::Env;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The longest that a bundle may look at the process, in seconds; how long it does if the request does not say.
const MAX_SECONDS: u64 = 30;
/// What a program says whose operator wants no bundles.
const DISABLED: &str = "support bundle generation is disabled; it can be re-enabled by removing the --server.http.disable-support-bundle flag";
/// What those are told who come second.
const BUSY: &str = "another support bundle is being made; try again when it is done";

/// What a bundle is made of. A text that is empty is left out; an error becomes a line of `invar-notes.txt`.
pub trait BundleSource: Send + Sync + 'static {
    /// Version of the program, as `v1.2.3`.
    fn version(&self) -> String;

    /// How long it has been running.
    fn uptime(&self) -> Duration;

    /// The flags of the command line with their values, whether they were given or not: names without dashes.
    fn flags(&self) -> Vec<(String, String)>;

    /// The components with arguments, exports and debug info, as the API's JSON.
    fn components(&self) -> BoxFuture<'_, Result<Vec<u8>, String>>;

    /// The members of the cluster, as the API's JSON.
    fn peers(&self) -> BoxFuture<'_, Result<Vec<u8>, String>>;

    /// The metrics of the process, as text.
    fn metrics(&self) -> BoxFuture<'_, Result<Vec<u8>, String>>;

    /// The ledger, as the API's JSON.
    fn ledger(&self) -> BoxFuture<'_, Result<Vec<u8>, String>>;

    /// The queues on disk, as the API's JSON.
    fn queues(&self) -> BoxFuture<'_, Result<Vec<u8>, String>>;

    /// The files of the configuration that runs, by path, without secrets.
    fn sources(&self) -> Vec<(String, String)>;

    /// The remote configuration that runs, without secrets; empty if there is none.
    fn remote_configuration(&self) -> String;
}

/// What [`Support`] works with.
pub struct SupportParts {
    /// What it shows.
    pub source: Arc<dyn BundleSource>,
    /// The log.
    pub logs: Arc<dyn LogCapture>,
    /// Profiles of the process.
    pub profiles: Arc<Profiles>,
    /// The environment of the process.
    pub env: Arc<dyn Env>,
    /// Whether the command line forbids it.
    pub disabled: bool,
}

/// Makes support bundles, one at a time.
pub struct Support {
    parts: SupportParts,
    turn: Semaphore,
}

impl Support {
    /// A maker of bundles.
    pub fn new(parts: SupportParts) -> Self {
        Support {
            parts,
            turn: Semaphore::new(1),
        }
    }

    /// Answers a request: looks at the process for as long as it says, and sends the archive.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        if self.parts.disabled {
            return reply::text(StatusCode::FORBIDDEN, DISABLED);
        }
        let duration = match duration(request.uri().query()) {
            Ok(duration) => duration,
            Err(message) => return reply::text(StatusCode::BAD_REQUEST, message),
        };
        let Ok(_turn) = self.turn.try_acquire() else {
            return reply::later(BUSY, MAX_SECONDS);
        };
        match self.make(duration).await {
            Ok(archive) => reply::file(
                "application/zip",
                "attachment; filename=\"alloy-support-bundle.zip\"",
                archive,
            ),
            Err(message) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, message),
        }
    }

    /// Looks at the process for `duration` and packs what was seen. It ends early, and without a trace, if the future is dropped.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn make(&self, duration: Duration) -> Result<Vec<u8>, String> {
        let SupportParts { source, profiles, .. } = &self.parts;
        let mut pack = Pack::default();
        let lines = Arc::new(LogBuffer::default());
        let capture = self.parts.logs.capture(lines.clone());
        pack.result("alloy-metrics-sample-start.txt", source.metrics().await);
        let (cpu, ()) = tokio::join!(profiles.cpu(duration), tokio::time::sleep(duration));
        pack.result("alloy-metrics-sample-end.txt", source.metrics().await);
        pack.result("alloy-components.json", source.components().await);
        pack.result("alloy-peers.json", source.peers().await);
        pack.result("invar-ledger.json", source.ledger().await);
        pack.result("invar-queues.json", source.queues().await);
        pack.add("alloy-metadata.yaml", self.metadata());
        pack.add("alloy-runtime-flags.txt", flags(source.flags()));
        pack.add("alloy-environment.txt", environment::text(self.parts.env.as_ref()));
        pack.result("pprof/cpu.pprof", cpu.map_err(|why| why.to_string()));
        pack.result("pprof/heap.pprof", profiles.heap().await.map_err(|why| why.to_string()));
        for (path, text) in source.sources() {
            let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
            pack.add(&format!("sources/{name}"), text);
        }
        pack.add("sources/remote-config/remote.alloy", source.remote_configuration());
        drop(capture);
        pack.add("alloy-logs.txt", lines.take());
        // A compressor is busy for a second with a large one.
        tokio::task::spawn_blocking(move || pack.zip())
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|error| format!("cannot pack the support bundle: {error}"))
    }

    fn metadata(&self) -> String {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        let version = self.parts.source.version();
        let uptime = self.parts.source.uptime().as_secs_f64();
        format!("build_version: {version}\nos: {os}\narchitecture: {architecture}\nuptime: {uptime}\n")
    }
}

/// What goes into the archive.
#[derive(Default)]
struct Pack {
    entries: Vec<(String, Vec<u8>)>,
    /// Why something is missing.
    notes: String,
}

impl Pack {
    fn add(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        self.entries.push((name.to_owned(), content.into()));
    }

    fn result(&mut self, name: &str, content: Result<Vec<u8>, String>) {
        match content {
            Ok(content) => self.add(name, content),
            Err(why) => self.notes.push_str(&format!("{name} is missing: {why}\n")),
        }
    }

    fn zip(mut self) -> Result<Vec<u8>, String> {
        let notes = std::mem::take(&mut self.notes);
        self.add("invar-notes.txt", notes);
        let mut archive = Archive::new();
        for (name, content) in self.entries {
            archive.add(&name, &content)?;
        }
        archive.finish()
    }
}

/// `name=value` lines. Strings that find the cluster's members may hold keys to a cloud.
fn flags(flags: Vec<(String, String)>) -> String {
    let line = |(name, value): (String, String)| format!("{name}={}\n", signals::redact(&value));
    flags.into_iter().map(line).collect()
}

/// How long a request wants the process to be looked at; the errors are Alloy's.
fn duration(query: Option<&str>) -> Result<Duration, String> {
    let Some(text) = reply::parameter(query, "duration") else {
        return Ok(Duration::from_secs(MAX_SECONDS));
    };
    let why = |what| {
        format!("duration value (in seconds) should be a positive integer: strconv.Atoi: parsing {text:?}: {what}")
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(why("invalid syntax"));
    }
    match text.parse::<i64>() {
        Err(_) => Err(why("value out of range")),
        Ok(..1) => Err("duration value (in seconds) should be larger than 1".to_owned()),
        Ok(seconds) => match u64::try_from(seconds) {
            Ok(seconds @ ..=MAX_SECONDS) => Ok(Duration::from_secs(seconds)),
            _ => Err("duration value exceeds the server's write timeout".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_alloy_reads_them() {
        let seconds = |query| duration(query).map(|duration| duration.as_secs());
        assert_eq!(seconds(None), Ok(30));
        assert_eq!(seconds(Some("a=1&duration=1")), Ok(1));
        assert_eq!(seconds(Some("duration=%2B30")), Ok(30));
        let positive = "duration value (in seconds) should be a positive integer: strconv.Atoi: parsing";
        for (query, expected) in [
            ("duration=", format!("{positive} \"\": invalid syntax")),
            ("duration=5s", format!("{positive} \"5s\": invalid syntax")),
            (
                "duration=99999999999999999999",
                format!("{positive} \"99999999999999999999\": value out of range"),
            ),
            (
                "duration=0",
                "duration value (in seconds) should be larger than 1".to_owned(),
            ),
            (
                "duration=-3",
                "duration value (in seconds) should be larger than 1".to_owned(),
            ),
            (
                "duration=31",
                "duration value exceeds the server's write timeout".to_owned(),
            ),
        ] {
            assert_eq!(seconds(Some(query)), Err(expected), "{query}");
        }
    }
}
