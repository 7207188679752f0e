//! `invar run FILE|DIR`

use super::{Failure, Outcome};
use crate::app::{App, AppOptions, Process, hostname};
use crate::catalogue::Targets;
use crate::cli::Run;
use crate::reload::Reloader;
use crate::{output, version};
use component::{CancellationToken, QueuePolicy, Stability};
use runtime::registry::Allowed;
use services::http::{Http, HttpOptions, HttpState};
use services::logging::Logging;
use services::metrics::{Build, ConfigMetrics, LabelService, Proc};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;
use tracing_subscriber::layer::SubscriberExt;

/// When what the start needed is given back.
const SETTLED: Duration = Duration::from_secs(3);

/// Runs a configuration until it is told to stop.
pub fn run(options: &Run) -> Outcome {
    if options.cluster.enabled {
        return Err("this version of Invar cannot join a cluster; run without --cluster.enabled".into());
    }
    options.format.check()?;
    refuse_experimental(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_async(options))
}

/// Flags of features that are experimental upstream and missing here.
fn refuse_experimental(options: &Run) -> Result<(), String> {
    let flags = [
        ("server.http.enable-graphql", options.graphql),
        ("server.http.enable-graphql-playground", options.graphql_playground),
    ];
    match flags.iter().find(|(_, used)| *used) {
        None => Ok(()),
        Some((flag, _)) if options.gates.stability > Stability::Experimental => Err(format!(
            "'--{flag}' can only be used at experimental stability level. Use --stability.level=experimental to enable."
        )),
        Some((flag, _)) => Err(format!("this version of Invar has no GraphQL; run without --{flag}")),
    }
}

async fn run_async(options: &Run) -> Outcome {
    let process = Process::new(options.memory_limit);
    let logging = Logging::new(
        process.host.clock.clone(),
        Box::new(std::io::stderr()),
        &process.ledger,
        &process.budget,
    );
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(logging.layer()))?;
    let outcome = serve(options, process, &logging).await;
    // Whatever was logged before a configuration said how still waits.
    logging.flush_defaults();
    outcome
}

async fn serve(options: &Run, process: Process, logging: &Logging) -> Outcome {
    // From the first moment: a signal that comes while the configuration is loaded is not the end of the process.
    let mut signals = Signals::new()?;
    tracing::info!(version = version::VERSION, "Invar is starting");
    let http = Http::bind(HttpOptions {
        listen: options.listen.clone(),
        ui_prefix: options.ui_prefix.clone(),
        node_name: options.cluster.node_name.clone().unwrap_or_else(hostname),
        limits: Default::default(),
    })?;
    let build = Build {
        version: version::VERSION,
        revision: "",
        branch: "",
    };
    services::metrics::register(
        &process.metrics,
        build,
        Proc::at("/proc"),
        &process.ledger,
        &process.budget,
        logging,
    )?;
    let labels = LabelService::new(process.series.clone());
    process.metrics.register(labels.clone())?.forever();
    let _labels = AbortOnDropHandle::new(tokio::spawn(labels.run()));
    let config_metrics = ConfigMetrics::new(&process.metrics, &options.cluster.name)?;
    let deadline = options.shutdown_deadline;
    let app = App::with(
        AppOptions {
            config: options.config.clone(),
            storage: options.storage.clone(),
            allowed: Allowed::from(&options.gates),
            memory_limit: options.memory_limit,
            shutdown_deadline: (!deadline.is_zero()).then_some(deadline),
            inspector: None,
            queue: QueuePolicy {
                max_bytes: options.queue_limit,
                sync: options.queue_sync,
            },
        },
        process,
        Targets {
            logging: Some(logging.clone()),
            http: Some(http.policy()),
        },
    );
    let reloader = Arc::new(Reloader::new(&options.config, &app, config_metrics));
    let loaded = tokio::select! {
        loaded = reloader.load(output::color()) => loaded,
        () = signals.end() => {
            tracing::info!("Invar is stopping before its configuration was loaded");
            app.controller.stop().await;
            return Ok(());
        }
    };
    if let Err(report) = loaded {
        app.controller.stop().await;
        logging.flush_defaults();
        output::write(b"\n")?;
        output::complain(&report);
        return Err(Failure::Message(
            "could not perform the initial load successfully".to_owned(),
        ));
    }
    let stop = CancellationToken::new();
    let state = HttpState {
        controller: reloader.clone(),
        metrics: app.process.metrics.clone(),
        ledger: app.process.ledger.clone(),
        budget: app.process.budget.clone(),
        clock: app.process.host.clock.clone(),
    };
    let server = tokio::spawn(http.serve(state, stop.clone()));
    let forwarder = tokio::spawn(logging.clone().run(stop.clone()));
    tracing::info!("Invar is running");
    let settled = tokio::spawn(async {
        // By then the configuration runs and the first files were read.
        tokio::time::sleep(SETTLED).await;
        host::forget_startup_pages();
    });
    signals.reload_until_end(&reloader).await;
    tracing::info!("Invar is stopping");
    settled.abort();
    app.controller.stop().await;
    stop.cancel();
    let _ = tokio::join!(server, forwarder);
    Ok(())
}

/// The signals that the process answers to.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for SIGINT or SIGTERM.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Reloads on SIGHUP; returns on SIGINT or SIGTERM.
    async fn reload_until_end(&mut self, reloader: &Reloader) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => match reloader.load(false).await {
                    Ok(()) => tracing::info!("config reloaded"),
                    Err(report) => tracing::error!(err = report, "failed to reload config"),
                },
            }
        }
    }
}
