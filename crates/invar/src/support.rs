//! What a support bundle is made of, and other services that answer on the port of the HTTP server.

use crate::reload::Reloader;
use crate::version;
use axum::body::Body;
use axum::http::{Request, Response};
use clap::CommandFactory;
use component::BoxFuture;
use diagnostics::{BundleSource, LogBuffer, LogCapture, Profiles, Support, SupportParts};
use host::SystemEnv;
use remotecfg::RemoteConfig;
use serde_json::value::RawValue;
use services::http::{Handler, Inside};
use services::logging::Logging;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the process knows of itself.
pub struct Process {
    /// The configuration.
    pub reloader: Arc<Reloader>,
    /// The remote configuration.
    pub remote: RemoteConfig,
    /// The HTTP server.
    pub inside: Inside,
    /// When it started.
    pub started: Instant,
}

impl Process {
    fn get(&self, path: &'static str) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(self.inside.get(path))
    }
}

impl BundleSource for Process {
    fn version(&self) -> String {
        format!("v{}", version::VERSION)
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn flags(&self) -> Vec<(String, String)> {
        flags(std::env::args_os())
    }

    /// Each with everything: the list leaves arguments and exports out.
    fn components(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(async move {
            let mut all: Vec<Box<RawValue>> = Vec::new();
            for (id, ..) in services::Controller::healths(&*self.reloader).await {
                // One that went meanwhile is missing.
                if let Ok(json) = self.inside.get(&format!("/api/v0/web/components/{id}")).await {
                    all.extend(serde_json::from_slice::<Box<RawValue>>(&json));
                }
            }
            serde_json::to_vec(&all).map_err(|error| error.to_string())
        })
    }

    fn peers(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        self.get("/api/v0/web/peers")
    }

    fn metrics(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        self.get("/metrics")
    }

    fn ledger(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        self.get("/api/v0/invar/ledger")
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        self.get("/api/v0/invar/queues")
    }

    fn sources(&self) -> Vec<(String, String)> {
        self.reloader.sources()
    }

    fn remote_configuration(&self) -> String {
        self.remote.status().source
    }
}

/// The flags of `invar run` with their values, given or not; what looks like a secret in them is replaced.
fn flags(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Vec<(String, String)> {
    let command = crate::cli::Cli::command();
    let Ok(matches) = command.clone().try_get_matches_from(arguments) else {
        return Vec::new();
    };
    let Some((name, matches)) = matches.subcommand() else {
        return Vec::new();
    };
    let Some(command) = command.find_subcommand(name) else {
        return Vec::new();
    };
    let of = |argument: &clap::Arg| {
        let long = argument.get_long()?;
        let values = matches.try_get_raw(argument.get_id().as_str()).ok()?;
        let values = values
            .into_iter()
            .flatten()
            .map(|value| value.to_string_lossy().into_owned());
        let values: Vec<String> = values.collect();
        Some((long.to_owned(), signals::redact(&values.join(","))))
    };
    command.get_arguments().filter_map(of).collect()
}

/// The log, for as long as a bundle is made.
struct Log(Logging);

impl LogCapture for Log {
    fn capture(&self, into: Arc<LogBuffer>) -> Box<dyn Send> {
        Box::new(self.0.tap(Arc::new(move |line: &str| into.push(line))))
    }
}

/// Answers with support bundles.
pub struct Bundles(Arc<Support>);

impl Bundles {
    /// Bundles about a process and its log.
    pub fn new(process: Process, logging: &Logging, profiles: Arc<Profiles>, disabled: bool) -> Self {
        Bundles(Arc::new(Support::new(SupportParts {
            source: Arc::new(process),
            logs: Arc::new(Log(logging.clone())),
            profiles,
            env: Arc::new(SystemEnv),
            disabled,
        })))
    }
}

impl Handler for Bundles {
    fn answer(&self, _: String, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let support = self.0.clone();
        Box::pin(async move { support.answer(request).await })
    }
}

/// Answers with profiles.
pub struct ProfilePages(pub Arc<Profiles>);

impl Handler for ProfilePages {
    fn answer(&self, rest: String, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let profiles = self.0.clone();
        let bare = request.uri().path() == "/debug/pprof";
        let rest = if bare { String::new() } else { format!("/{rest}") };
        Box::pin(async move { profiles.answer(&rest, request).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_their_values_and_no_secrets() {
        let arguments = [
            "invar",
            "run",
            "x.alloy",
            "--cluster.join-addresses=http://u:hunter2@a",
            "--storage.path=/data",
        ];
        let flags = flags(arguments.map(Into::into));
        let of = |name: &str| {
            let found = flags.iter().find(|(flag, _)| flag == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(of("storage.path"), Some("/data"));
        assert_eq!(of("server.http.listen-addr"), Some("127.0.0.1:12345"), "its default");
        assert!(of("cluster.join-addresses").is_some_and(|value| !value.contains("hunter2")));
    }
}
