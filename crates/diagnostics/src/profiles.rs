//! `/debug/pprof/`: the paths of Go's `net/http/pprof`, as far as there is something to say.

// What `pprof` can do: Linux, where its unwinder knows the processor.
#[cfg_attr(
    not(all(
        feature = "cpu-profile",
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "profiles/no_cpu.rs"
)]
mod cpu;
mod heap;

use crate::reply;
use axum::body::Body;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Length of a CPU profile if the request does not say.
const SECONDS: u64 = 30;
/// The longest.
const MAX_SECONDS: u64 = 300;

/// Profiles of this process.
pub struct Profiles {
    /// The command line, as far as others may see it.
    arguments: Vec<String>,
    /// One profile at a time.
    turn: Arc<Semaphore>,
}

/// Why there is no profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoProfile {
    /// Another one is being taken.
    Busy,
    /// There is not enough memory for one; how much there is.
    NoRoom(String),
    /// This program cannot take one; what it lacks and what to use instead.
    Missing(String),
    /// It went wrong.
    Failed(String),
}

impl fmt::Display for NoProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoProfile::Busy => f.write_str("another CPU profile is being taken; try again when it is done"),
            NoProfile::NoRoom(why) | NoProfile::Missing(why) | NoProfile::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NoProfile {}

impl NoProfile {
    fn answer(&self) -> Response<Body> {
        match self {
            NoProfile::Busy | NoProfile::NoRoom(_) => reply::later(self, SECONDS),
            NoProfile::Missing(_) => reply::text(StatusCode::NOT_IMPLEMENTED, self),
            NoProfile::Failed(_) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, self),
        }
    }
}

/// What Go's server has and this does not.
const ABSENT: &[&str] = &[
    "allocs",
    "block",
    "goroutine",
    "goroutineleak",
    "mutex",
    "symbol",
    "threadcreate",
    "trace",
];

impl Profiles {
    /// Profiles of a process that was started with these arguments. What looks like a secret in them is not shown.
    pub fn new(arguments: impl IntoIterator<Item = String>) -> Self {
        Profiles {
            arguments: arguments.into_iter().map(|one| signals::redact(&one)).collect(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Answers a request; `rest` is what follows `/debug/pprof` in its path, with or without the slash.
    pub async fn answer(&self, rest: &str, request: Request<Body>) -> Response<Body> {
        let query = request.uri().query();
        match rest.trim_start_matches('/') {
            "" if !rest.starts_with('/') && !request.uri().path().ends_with('/') => {
                // Links of the page are relative to its folder.
                let mut response = reply::text(StatusCode::MOVED_PERMANENTLY, "pprof/");
                response
                    .headers_mut()
                    .insert(LOCATION, HeaderValue::from_static("pprof/"));
                response
            }
            "" => reply::whole(StatusCode::OK, "text/html; charset=utf-8", index()),
            "cmdline" => reply::whole(StatusCode::OK, "text/plain; charset=utf-8", self.arguments.join("\0")),
            "profile" => match seconds(query) {
                Err(message) => reply::text(StatusCode::BAD_REQUEST, message),
                Ok(seconds) => match self.cpu(Duration::from_secs(seconds)).await {
                    Ok(profile) => attachment("attachment; filename=\"profile\"", profile),
                    Err(why) => why.answer(),
                },
            },
            "heap" => match self.heap().await {
                Ok(profile) => attachment("attachment; filename=\"heap\"", profile),
                Err(why) => why.answer(),
            },
            name if ABSENT.contains(&name) => {
                let message = format!("this program has no profile {name:?}; {}", has());
                reply::text(StatusCode::NOT_IMPLEMENTED, message)
            }
            _ => reply::text(StatusCode::NOT_FOUND, format!("unknown profile; {}", has())),
        }
    }

    /// Where the process spends its CPU time during `duration`, in pprof's format, gzipped. It ends early if the future is dropped.
    ///
    /// # Errors
    /// Another one is being taken, the program was built without them, or the system refused.
    pub async fn cpu(&self, duration: Duration) -> Result<Vec<u8>, NoProfile> {
        let turn = self.turn.clone().try_acquire_owned().map_err(|_| NoProfile::Busy)?;
        let stop = CancellationToken::new();
        let _stop_with_me = stop.clone().drop_guard();
        // On its own, so that it is stopped properly, and the next one waits for that, if nobody wants it any more.
        let taken = tokio::spawn(async move {
            let _turn = turn;
            let sampler = blocking(cpu::Sampler::start).await?;
            tokio::select! {
                () = tokio::time::sleep(duration) => blocking(move || sampler.finish()).await,
                () = stop.cancelled() => blocking(move || {
                    sampler.give_up();
                    Err(NoProfile::Failed("nobody waits for the CPU profile any more".to_owned()))
                }).await,
            }
        });
        joined(taken.await)
    }

    /// Which code holds how much memory, in pprof's format, gzipped.
    ///
    /// # Errors
    /// The program was built without them, they are not switched on, or it went wrong.
    pub async fn heap(&self) -> Result<Vec<u8>, NoProfile> {
        heap::profile().await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NoProfile> + Send + 'static,
) -> Result<T, NoProfile> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(outcome: Result<Result<T, NoProfile>, tokio::task::JoinError>) -> Result<T, NoProfile> {
    outcome.unwrap_or_else(|error| Err(NoProfile::Failed(format!("taking the profile broke off: {error}"))))
}

fn attachment(disposition: &'static str, profile: Vec<u8>) -> Response<Body> {
    reply::file("application/octet-stream", disposition, profile)
}

fn seconds(query: Option<&str>) -> Result<u64, String> {
    match reply::parameter(query, "seconds") {
        None => Ok(SECONDS),
        Some(text) if text.is_empty() => Ok(SECONDS),
        Some(text) => match text.parse() {
            Ok(seconds @ 1..=MAX_SECONDS) => Ok(seconds),
            _ => Err(format!(
                "seconds should be a number from 1 to {MAX_SECONDS}, not {text:?}"
            )),
        },
    }
}

/// What there is, as the end of a sentence.
fn has() -> String {
    let mut names = vec!["cmdline"];
    names.extend(cpu::MISSING.is_none().then_some("profile"));
    names.extend(heap::BUILT_IN.then_some("heap"));
    format!("there is {}", names.join(", "))
}

fn index() -> String {
    let row = |name: &str, missing: Option<&str>, about: &str| match missing {
        None => format!("<li><a href=\"{name}\">{name}</a>: {about}</li>\n"),
        Some(why) => format!("<li>{name}: {why}</li>\n"),
    };
    let cpu_about =
        format!("where CPU time goes, as a file for <code>go tool pprof</code>; <code>?seconds={SECONDS}</code>");
    let rows = [
        row("cmdline", None, "the command line of the process"),
        row("profile", cpu::MISSING, &cpu_about),
        row(
            "heap",
            (!heap::BUILT_IN).then_some(heap::NOT_BUILT_IN),
            "which code holds how much memory",
        ),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>/debug/pprof/</title></head>\n<body>\n<h1>/debug/pprof/</h1>\n\
         <p>Profiles of this process:</p>\n<ul>\n{}</ul>\n</body>\n</html>\n",
        rows.concat()
    )
}
