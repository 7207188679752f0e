//! `invar run FILE|DIR`

mod member;

use super::{Failure, Outcome};
use crate::app::{App, AppOptions, Process};
use crate::catalogue::Targets;
use crate::cli::Run;
use crate::graph::RemoteGraph;
use crate::reload::Reloader;
use crate::support::{self, Bundles, ProfilePages};
use crate::{output, version};
use component::{CancellationToken, QueuePolicy, Stability};
use diagnostics::Profiles;
use graphql::{GraphQl, Playground};
use member::Member;
use remotecfg::{RemoteConfig, RemoteOptions};
use runtime::registry::Allowed;
use selftrace::{Tracer, TracerParts};
use services::http::{Handler, Http, HttpOptions, HttpState, Parts};
use services::logging::Logging;
use services::metrics::{Build, ConfigMetrics, LabelService, Proc};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tap::LiveDebugging;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;
use tracing_subscriber::layer::SubscriberExt;

/// When what the start needed is given back.
const SETTLED: Duration = Duration::from_secs(3);

/// Runs a configuration until it is told to stop.
pub fn run(options: &Run) -> Outcome {
    options.format.check()?;
    refuse_experimental(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_async(options))
}

/// Flags of features that are experimental have to be allowed.
fn refuse_experimental(options: &Run) -> Result<(), String> {
    let flags = [
        ("server.http.enable-graphql", options.graphql),
        ("server.http.enable-graphql-playground", options.graphql_playground),
    ];
    match flags.iter().find(|(_, used)| *used) {
        Some((flag, _)) if options.gates.stability > Stability::Experimental => Err(format!(
            "'--{flag}' can only be used at experimental stability level. Use --stability.level=experimental to enable."
        )),
        _ => Ok(()),
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
    let started = Instant::now();
    tracing::info!(version = version::VERSION, "Invar is starting");
    let ui_dir = options.ui_dir.as_ref().map(|dir| {
        let found = ui::Dir::new(dir);
        found.map_err(|error| format!("--server.http.ui-dir {} has no pages: {error}", dir.display()))
    });
    let ui_dir = ui_dir.transpose()?;
    let http = Http::bind(HttpOptions {
        listen: options.listen.clone(),
        ui_prefix: options.ui_prefix.clone(),
        ui_dir,
        limits: Default::default(),
    })?;
    let member = Member::new(&options.cluster, http.address(), &process.host, &process.metrics).await?;
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
    let live = LiveDebugging::new(&process.ledger, process.host.clock.clone());
    let tracer = Tracer::new(TracerParts {
        host: &process.host,
        ledger: &process.ledger,
        budget: &process.budget,
        metrics: &process.metrics,
        version: version::VERSION,
    })?;
    let remote = RemoteConfig::new(RemoteOptions {
        host: process.host.clone(),
        storage: options.storage.clone(),
        metrics: process.metrics.clone(),
        version: format!("v{}", version::VERSION),
        grace: options.remotecfg_grace,
    });
    let app = App::with(
        AppOptions {
            config: options.config.clone(),
            storage: options.storage.clone(),
            allowed: Allowed::from(&options.gates),
            memory_limit: options.memory_limit,
            shutdown_deadline: (!deadline.is_zero()).then_some(deadline),
            inspector: Some(live.clone()),
            cluster: Some(member.cluster.clone()),
            queue: QueuePolicy {
                max_bytes: options.queue_limit,
                sync: options.queue_sync,
            },
        },
        process,
        Targets {
            logging: Some(logging.clone()),
            http: Some(http.policy()),
            live: Some(live.clone()),
            remote: Some(remote.clone()),
            tracing: Some(tracer.policy()),
        },
    );
    let reloader = Arc::new(Reloader::new(&options.config, &app, config_metrics, tracer.clone()));
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
    let guest = app.guest(remotecfg::CONTROLLER);
    let remote_graph = Arc::new(RemoteGraph::new(&guest, &app, remote.clone()));
    let about = support::Process {
        reloader: reloader.clone(),
        remote: remote.clone(),
        inside: http.inside(),
        started,
    };
    let profiles = Arc::new(Profiles::new(std::env::args()));
    let build = graphql::Build {
        version: version::VERSION.to_owned(),
        revision: String::new(),
        branch: String::new(),
    };
    let queries = options
        .graphql
        .then(|| GraphQl::new(reloader.clone(), Some(remote_graph.clone()), build) as Arc<dyn Handler>);
    let bundles = Bundles::new(about, logging, profiles.clone(), options.disable_support_bundle);
    let remote_stop = CancellationToken::new();
    let state = HttpState {
        controller: reloader.clone(),
        metrics: app.process.metrics.clone(),
        ledger: app.process.ledger.clone(),
        budget: app.process.budget.clone(),
        clock: app.process.host.clock.clone(),
        live,
        cluster: member.cluster.clone(),
        queue_limit: options.queue_limit,
        parts: Parts {
            cluster: member.handler(),
            graphql: queries,
            playground: options
                .graphql_playground
                .then(|| Playground::new() as Arc<dyn Handler>),
            profiles: options
                .pprof
                .then(|| Arc::new(ProfilePages(profiles)) as Arc<dyn Handler>),
            support: Some(Arc::new(bundles)),
            remote: Some(remote_graph),
            tracer: Some(tracer.clone()),
        },
    };
    let remote = tokio::spawn(remote.run(Arc::new(guest), remote_stop.clone()));
    let server = tokio::spawn(http.serve(state, stop.clone()));
    let forwarder = tokio::spawn(logging.clone().run(stop.clone()));
    let traces_stop = stop.child_token();
    let traces = tokio::spawn({
        let stop = traces_stop.clone();
        async move { tracer.run(stop).await }
    });
    // The server answers by now, and the configuration is there to take its share.
    let membership = member.join(stop.clone());
    member.participate();
    tracing::info!("Invar is running");
    let settled = tokio::spawn(async {
        // By then the configuration runs and the first files were read.
        tokio::time::sleep(SETTLED).await;
        host::forget_startup_pages();
    });
    signals.reload_until_end(&reloader).await;
    tracing::info!("Invar is stopping");
    settled.abort();
    // Others take over what this process gives up, as long as it can be asked where it stopped.
    // So do spans, as long as the components behind `write_to` take them.
    traces_stop.cancel();
    let _ = tokio::join!(member.leave(), traces);
    remote_stop.cancel();
    // What one of the two failed with was logged.
    let _ = tokio::join!(app.controller.stop(), remote);
    stop.cancel();
    let _ = tokio::join!(server, forwarder);
    if let Some(membership) = membership {
        let _ = membership.await;
    }
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
