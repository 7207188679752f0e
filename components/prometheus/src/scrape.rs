//! `prometheus.scrape`

mod args;
mod cache;
mod collect;
mod failures;
mod families;
mod fetch;
mod labels;
mod looping;
mod metrics;
mod once;
#[cfg(test)]
mod sequences;
mod target;
mod texts;

pub use args::Arguments;

use component::prelude::*;
use component::{Cluster, HostName, Target};
use failures::FailureLog;
use families::Families;
use fetch::{Fetcher, Workspaces};
use looping::{Environment, Loop, Order, Settings};
use metrics::Metrics as Meters;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use target::{ScrapeTarget, fnv};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::Instrument;
use value::Object;

/// `prometheus.scrape` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Scrape>("prometheus.scrape", Stability::GenerallyAvailable);

/// Scrapes metrics of targets: each target has a loop of its own, which is at the same offset in every interval.
pub struct Scrape {
    cx: Context<()>,
    environment: Arc<Environment>,
    state: Mutex<State>,
    changed: Notify,
    cluster: Option<Arc<Cluster>>,
}

struct State {
    args: Arguments,
    fetcher: Arc<Fetcher>,
    failures: Arc<FailureLog>,
    /// By what makes a target the same one.
    loops: HashMap<u64, Arc<Loop>>,
    /// Targets that cannot be scraped, and why.
    wrong: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What makes a target the same one, so that its series go on if only its times or formats change.
fn identity(target: &ScrapeTarget) -> u64 {
    let changeable =
        |name: &str| name.starts_with("__scrape_") || name.ends_with("_histograms__") || name.ends_with("_to_nhcb__");
    let labels = target.labels.iter().filter(|(name, _)| !changeable(name));
    let labels = hashring::label_hash(labels.map(|(name, value)| (name.as_str(), value.as_str())));
    fnv(&format!("{labels:016}{}", target.url))
}

impl Scrape {
    /// Brings the loops in line with the targets; those that are new.
    fn sync(&self) -> Vec<Arc<Loop>> {
        let mut state = lock(&self.state);
        let meters = &self.environment.meters;
        meters.syncs.inc();
        let defaults = state.args.of_targets(self.cx.id());
        let (mut targets, mut wrong) = (HashMap::new(), Vec::new());
        // What others of the cluster scrape now: their series go on there.
        let mut elsewhere = HashSet::new();
        for labels in &state.args.targets {
            let ours = self.is_ours(&state.args, labels);
            match target::target(
                labels.iter().map(|(name, value)| (name.as_str(), value.as_str())),
                &defaults,
            ) {
                Ok(target) if ours => {
                    targets.entry(identity(&target)).or_insert(target);
                }
                Ok(target) => {
                    elsewhere.insert(identity(&target));
                }
                Err(message) => wrong.push(message),
            }
        }
        meters.sync_failures.add(wrong.len() as u64);
        if let Some(first) = wrong.first().filter(|_| state.wrong != wrong) {
            tracing::error!(
                targets = wrong.len(),
                err = first.as_str(),
                "some targets cannot be scraped"
            );
        }
        state.wrong = wrong;
        let limit = state.args.target_limit;
        let over = limit > 0 && targets.len() as u64 > limit;
        let forced = over.then(|| {
            format!(
                "target_limit exceeded (number of targets: {}, limit: {limit})",
                targets.len()
            )
        });
        if over {
            meters.over_target_limit.inc();
        }
        meters.targets.set(targets.len() as f64);
        meters.pool_targets.set(targets.len() as f64);
        meters.pool_limit.set(limit as f64);
        for (key, running) in &state.loops {
            if elsewhere.contains(key) && !targets.contains_key(key) {
                if running.settings().is_some() {
                    meters.moved.inc();
                }
                running.order(Order::Stop);
            } else if !targets.contains_key(key) {
                running.order(Order::Leave);
            }
        }
        let mut new = Vec::new();
        for (key, target) in targets {
            let settings = Arc::new(Settings {
                rules: state.args.rules(&target),
                extra_metrics: state.args.extra_metrics,
                job: defaults.job.clone(),
                fetcher: state.fetcher.clone(),
                failures: state.failures.clone(),
                forced: forced.clone(),
                target,
            });
            match state.loops.get(&key) {
                Some(running) => running.order(Order::Scrape(settings)),
                None => {
                    let running = Loop::new(&self.environment, settings);
                    state.loops.insert(key, running.clone());
                    new.push(running);
                }
            }
        }
        new
    }

    /// Whether this process scrapes a target. In a cluster it is a matter of its labels, but for those that only tell where it was found.
    fn is_ours(&self, args: &Arguments, labels: &Target) -> bool {
        let Some(cluster) = self.cluster.as_ref().filter(|_| args.clustering.enabled) else {
            return true;
        };
        let labels = labels.iter().filter(|(name, _)| !name.starts_with("__meta_"));
        cluster.owns(hashring::label_hash(
            labels.map(|(name, value)| (name.as_str(), value.as_str())),
        ))
    }

    /// A loop has ended because its target is gone.
    fn forget(&self, ended: &Arc<Loop>) -> bool {
        let mut state = lock(&self.state);
        let before = state.loops.len();
        state.loops.retain(|_, running| !Arc::ptr_eq(running, ended));
        state.loops.len() < before
    }
}

/// What arguments need before they can be worked with: a client, a file.
fn prepare(args: &Arguments, cx: &Context<()>) -> Result<(Arc<Fetcher>, Arc<FailureLog>)> {
    if cx.stability() > Stability::Experimental {
        for (name, used) in [
            ("honor_metadata", args.honor_metadata),
            ("enable_type_and_unit_labels", args.enable_type_and_unit_labels),
            ("start_timestamp_zero_ingestion", args.start_timestamp_zero_ingestion),
        ] {
            if used {
                let message = "is an experimental feature; run with --stability.level=experimental to use it";
                return Err(Error::about(name, message));
            }
        }
    }
    let fetcher = Fetcher::new(args, cx.host(), cx.service())?;
    let path = &args.scrape_failure_log_file;
    let failures = FailureLog::open(path).map_err(|error| {
        Error::about(
            "scrape_failure_log_file",
            format!("({path:?}) cannot be opened: {error}"),
        )
    })?;
    Ok((Arc::new(fetcher), Arc::new(failures)))
}

impl Component for Scrape {
    type Arguments = Arguments;
    type Exports = ();

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        let mut found = args.problems();
        found.extend(delivery::client_problems(&args.http));
        found
    }

    fn build(cx: &Context<()>, args: Arguments) -> Result<Self> {
        let out = Arc::new(cx.fan_out());
        out.set(MetricsReceiver::present(&args.forward_to));
        let hostname = cx.service::<HostName>().map(|name| name.0.clone()).unwrap_or_default();
        let environment = Arc::new(Environment {
            host: cx.host().clone(),
            budget: cx.budget().clone(),
            table: cx.series(),
            families: Arc::new(Families::default()),
            texts: Arc::default(),
            workspaces: Workspaces::default(),
            out,
            meters: Meters::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?,
            seed: fnv(&format!("{hostname}{{}}")),
        });
        let (fetcher, failures) = prepare(&args, cx)?;
        Ok(Scrape {
            cx: cx.clone(),
            environment,
            state: Mutex::new(State {
                args,
                fetcher,
                failures,
                loops: HashMap::new(),
                wrong: Vec::new(),
            }),
            changed: Notify::new(),
            cluster: cx.service(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut running = JoinSet::new();
        let mut members = self.cluster.as_ref().map(|cluster| cluster.changes());
        loop {
            for new in self.sync() {
                let ended = new.clone();
                let work = async move {
                    new.run().await;
                    ended
                };
                running.spawn(work.instrument(self.cx.span().clone()));
            }
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {
                        for one in lock(&self.state).loops.values() {
                            one.order(Order::Stop);
                        }
                        while running.join_next().await.is_some() {}
                        return Ok(());
                    }
                    () = self.changed.notified() => break,
                    () = component::owners_changed(&mut members) => break,
                    Some(ended) = running.join_next() => {
                        // A loop whose target came back just as it ended is begun again.
                        if ended.is_ok_and(|ended| self.forget(&ended)) {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let client = {
            let state = lock(&self.state);
            // Targets come and go all the time, and connections stay.
            let same = Arguments {
                targets: args.targets.clone(),
                forward_to: args.forward_to.clone(),
                ..state.args.clone()
            } == args;
            same.then(|| (state.fetcher.clone(), state.failures.clone()))
        };
        let reload = client.is_none();
        let (fetcher, failures) = match client {
            Some(client) => client,
            None => prepare(&args, &self.cx)?,
        };
        Ok(Change::new(move || {
            self.environment.out.set(MetricsReceiver::present(&args.forward_to));
            if reload {
                self.environment.meters.reloads.inc();
            }
            {
                let mut state = lock(&self.state);
                (state.args, state.fetcher, state.failures) = (args, fetcher, failures);
            }
            self.changed.notify_one();
        }))
    }

    fn health(&self) -> Option<Health> {
        let state = lock(&self.state);
        let wrong = state.wrong.first()?;
        let message = format!("{} targets cannot be scraped: {wrong}", state.wrong.len());
        Some(Health::new(
            HealthState::Healthy,
            message,
            self.environment.host.clock.now(),
        ))
    }

    fn debug_info(&self) -> Option<Value> {
        let state = lock(&self.state);
        let targets = state.loops.values().filter_map(|one| {
            let settings = one.settings()?;
            let health = one.health();
            let public = settings
                .target
                .labels
                .iter()
                .filter(|(name, _)| !name.starts_with("__"));
            let labels = public.map(|(name, value)| (name.clone(), Value::string(value.as_str())));
            let (word, last) = match health.last_scrape {
                0 => ("unknown", String::new()),
                at if health.error.is_empty() => ("up", gotime::format_rfc3339_nano(at)),
                at => ("down", gotime::format_rfc3339_nano(at)),
            };
            let mut info = Object::ordered();
            info.insert("job", Value::string(&settings.job));
            info.insert("url", Value::string(settings.target.url.as_str()));
            info.insert("health", Value::string(word));
            info.insert("labels", Value::object(labels.collect::<Object>()));
            info.insert("last_error", Value::string(&health.error));
            info.insert("last_scrape", Value::string(&last));
            info.insert("last_scrape_duration", Value::string(format!("{:?}", health.duration)));
            info.insert("series", Value::int(health.series as i64));
            Some(Value::object(info))
        });
        let mut info = Object::ordered();
        info.insert("target", Value::array(targets.collect()));
        Some(Value::object(info))
    }
}
