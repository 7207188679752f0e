//! One target, scraped again and again.

use super::collect::{Collector, Counts, Failure, SampleRules};
use super::failures::FailureLog;
use super::families::Families;
use super::fetch::{FetchError, Fetcher, Workspaces};
use super::metrics::Metrics as Meters;
use super::target::ScrapeTarget;
use super::texts::TextTable;
use host::Host;
use net::Line;
use prommodel::Table;
use signals::{Budget, Courier, FanOut, MetricBatch, Metrics};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Scrapes of a target that are on their way at a time. Beyond that the next scrape is left out.
const WINDOW: usize = 4;
/// Bytes of memory that a sample takes on its way, and those that a target takes that was never scraped.
const PER_SAMPLE: u64 = 32;
const FIRST_BODY: u64 = 64 << 10;
/// A scrape that is at most so late counts as in time.
const TOLERANCE: Duration = Duration::from_millis(2);

/// What the loops of a component share.
pub(super) struct Environment {
    pub(super) host: Host,
    pub(super) budget: Budget,
    pub(super) table: Table,
    pub(super) families: Arc<Families>,
    pub(super) texts: Arc<TextTable>,
    pub(super) workspaces: Workspaces,
    pub(super) out: Arc<FanOut<Metrics>>,
    pub(super) meters: Arc<Meters>,
    pub(super) seed: u64,
}

/// What the configuration says of a target.
pub(super) struct Settings {
    pub(super) target: ScrapeTarget,
    pub(super) rules: SampleRules,
    pub(super) extra_metrics: bool,
    pub(super) job: String,
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) failures: Arc<FailureLog>,
    /// Nothing is scraped, and this is why.
    pub(super) forced: Option<String>,
}

/// What a loop is told.
#[derive(Clone)]
pub(super) enum Order {
    /// Scrape.
    Scrape(Arc<Settings>),
    /// The target is gone: its series are marked as gone, unless it comes back first.
    Leave,
    /// The component stops: end without a word.
    Stop,
}

/// How the last scrape of a target went.
#[derive(Clone, Default)]
pub(super) struct Health {
    /// Nanoseconds since the Unix epoch; 0 if it was never scraped.
    pub(super) last_scrape: i64,
    pub(super) duration: Duration,
    /// Why it failed; empty if it did not.
    pub(super) error: String,
    pub(super) series: usize,
}

/// The loop of a target.
pub(super) struct Loop {
    environment: Arc<Environment>,
    orders: watch::Sender<Order>,
    health: Mutex<Health>,
}

impl Loop {
    pub(super) fn new(environment: &Arc<Environment>, settings: Arc<Settings>) -> Arc<Loop> {
        Arc::new(Loop {
            environment: environment.clone(),
            orders: watch::Sender::new(Order::Scrape(settings)),
            health: Mutex::default(),
        })
    }

    pub(super) fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the last scrape went.
    pub(super) fn health(&self) -> Health {
        self.lock().clone()
    }

    /// What it works by; none if its target is gone.
    pub(super) fn settings(&self) -> Option<Arc<Settings>> {
        match &*self.orders.borrow() {
            Order::Scrape(settings) => Some(settings.clone()),
            _ => None,
        }
    }

    /// Scrapes until it is told to stop, or the target is gone.
    pub(super) async fn run(self: Arc<Self>) {
        let mut orders = self.orders.subscribe();
        let Order::Scrape(mut settings) = orders.borrow_and_update().clone() else {
            return;
        };
        let environment = self.environment.clone();
        let labels = settings.target.labels.clone();
        let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut work = Work {
            collector: Collector::new(&environment.table, &environment.families, &environment.texts, labels),
            courier: Courier::new(environment.out.clone(), WINDOW),
            environment: environment.clone(),
            last_body: FIRST_BODY,
            line: None,
            started: None,
        };
        let mut ticks = Ticks::new(&environment, &settings);
        // One timer, which stays as it is while something else happens.
        let mut tick = pin!(tokio::time::sleep_until(ticks.due));
        loop {
            if tick.deadline() != ticks.due {
                tick.as_mut().reset(ticks.due);
            }
            tokio::select! {
                biased;
                _ = orders.changed() => {
                    let order = orders.borrow_and_update().clone();
                    match order {
                        Order::Scrape(new) => {
                            // The same interval goes on in the same step.
                            if new.target.interval != settings.target.interval || new.target.hash != settings.target.hash {
                                ticks = Ticks::new(&environment, &new);
                            }
                            if !Arc::ptr_eq(&new.fetcher, &settings.fetcher) || new.target != settings.target {
                                work.line = None;
                            }
                            settings = new;
                        }
                        Order::Stop => return work.land().await,
                        Order::Leave => {
                            work.line = None;
                            if let Some(back) = work.leave(&mut orders, &settings, &ticks).await {
                                settings = back;
                                ticks = Ticks::new(&environment, &settings);
                            } else {
                                return work.land().await;
                            }
                        }
                    }
                }
                _ = work.courier.landed(), if !work.courier.is_empty() => {}
                () = &mut tick => {
                    let time = ticks.time(environment.host.clock.now());
                    if work.courier.len() >= WINDOW / 2 {
                        // Before there is no room for another one.
                        work.courier.hurry();
                    }
                    if work.courier.has_room() {
                        let health = work.scrape(&settings, time).await;
                        *self.lock() = health;
                    }
                    ticks.next(environment.host.clock.now());
                }
            }
        }
    }
}

/// When a target is scraped: always at the same offset in the interval.
struct Ticks {
    interval: i64,
    /// Nanoseconds since the Unix epoch.
    ideal: i64,
    due: Instant,
}

impl Ticks {
    fn new(environment: &Environment, settings: &Settings) -> Ticks {
        let now = environment.host.clock.now();
        let wait = settings.target.offset(environment.seed, now);
        Ticks {
            interval: i64::try_from(settings.target.interval.as_nanos())
                .unwrap_or(i64::MAX)
                .max(1),
            ideal: now.saturating_add(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX)),
            due: Instant::now() + wait,
        }
    }

    /// The timestamp of a scrape that begins now, in milliseconds: that of the tick, if it is not late.
    fn time(&self, now: i64) -> i64 {
        let tolerance = (TOLERANCE.as_nanos() as i64).min(self.interval / 100);
        let time = if (0..=tolerance).contains(&(now - self.ideal)) {
            self.ideal
        } else {
            now
        };
        time / 1_000_000
    }

    /// Goes to the next tick that is in the future.
    fn next(&mut self, now: i64) {
        let missed = (now - self.ideal).max(0) / self.interval;
        self.ideal = self.ideal.saturating_add(self.interval.saturating_mul(missed + 1));
        // A clock that was set back does not stop the scrapes.
        if self.ideal - now > 2 * self.interval {
            self.ideal = now + self.interval;
        }
        self.due = Instant::now() + Duration::from_nanos((self.ideal - now).max(0) as u64);
    }
}

/// Waits for something, and meanwhile for what was sent: only who asks about it gives its memory back.
async fn while_landing<T>(courier: &mut Courier<(), Metrics>, something: impl Future<Output = T>) -> T {
    tokio::pin!(something);
    loop {
        tokio::select! {
            done = &mut something => return done,
            _ = courier.landed(), if !courier.is_empty() => {}
        }
    }
}

/// What a loop works with.
struct Work {
    environment: Arc<Environment>,
    collector: Collector,
    courier: Courier<(), Metrics>,
    last_body: u64,
    /// The way to the target, from the first scrape on.
    line: Option<Line>,
    started: Option<Instant>,
}

impl Work {
    /// Waits until everything that was sent has its fate.
    async fn land(mut self) {
        self.line = None;
        self.courier.hurry();
        while !self.courier.is_empty() {
            self.courier.landed().await;
        }
    }

    async fn send(&mut self, metrics: Metrics, mut permit: signals::Permit) {
        let samples = metrics.values() as u64;
        self.environment.meters.forwarded.add(samples);
        permit.shrink(PER_SAMPLE * samples + PER_SAMPLE);
        self.courier.send(MetricBatch::new(metrics, permit), ()).await;
    }

    /// One scrape: what the target exposes, and what is said of it.
    async fn scrape(&mut self, settings: &Settings, time: i64) -> Health {
        let environment = self.environment.clone();
        let meters = &environment.meters;
        // What it will need is what it needed last.
        let bytes = self.last_body + PER_SAMPLE * self.collector.len() as u64;
        let permit = while_landing(&mut self.courier, environment.budget.acquire(bytes)).await;
        let started = Instant::now();
        if let Some(before) = self.started.replace(started) {
            meters.interval.observe((started - before).as_secs_f64());
        }
        let mut workspace = environment.workspaces.take();
        let fetched = match &settings.forced {
            Some(why) => Err(FetchError::Forced(why.clone())),
            None => {
                let fetch = settings.fetcher.fetch(&settings.target, &mut self.line, &mut workspace);
                while_landing(&mut self.courier, fetch).await
            }
        };
        let mut out = Metrics::default();
        let known = self.collector.len();
        let (counts, error) = match &fetched {
            Ok(format) => {
                let body = std::mem::take(&mut workspace.body);
                self.last_body = body.len() as u64;
                let (counts, failure) =
                    self.collector
                        .read(&body, *format, &settings.rules, time, &mut workspace.scratch, &mut out);
                workspace.body = body;
                count(meters, &counts, failure.as_ref());
                (counts, failure.map(|failure| failure.to_string()))
            }
            Err(error) => {
                self.collector.fail(time, &mut out);
                if let FetchError::TooLarge(_) = error {
                    meters.over_body_limit.inc();
                }
                let message = error.to_string();
                if settings.forced.is_none() {
                    settings
                        .failures
                        .note(&environment.host, &settings.job, settings.target.url.as_str(), &message);
                }
                (Counts::default(), Some(message))
            }
        };
        environment.workspaces.give_back(workspace);
        meters.symbols.add(self.collector.len() as f64 - known as f64);
        let duration = started.elapsed();
        meters.duration.observe(duration.as_secs_f64());
        let body_size = match &fetched {
            Ok(_) => self.last_body as f64,
            Err(FetchError::TooLarge(_)) => -1.0,
            Err(_) => 0.0,
        };
        let mut report = vec![
            ("up", f64::from(u8::from(error.is_none()))),
            ("scrape_duration_seconds", duration.as_secs_f64()),
            ("scrape_samples_scraped", counts.scraped as f64),
            ("scrape_samples_post_metric_relabeling", counts.kept as f64),
            ("scrape_series_added", counts.added as f64),
        ];
        if settings.extra_metrics {
            report.push(("scrape_timeout_seconds", settings.target.timeout.as_secs_f64()));
            report.push(("scrape_sample_limit", settings.rules.sample_limit as f64));
            report.push(("scrape_body_size_bytes", body_size));
        }
        self.collector.report(&report, time, &mut out);
        self.send(out, permit).await;
        meters.latency.observe((started.elapsed() - duration).as_secs_f64());
        if let Some(error) = &error {
            tracing::debug!(target_url = %settings.target.url, err = error.as_str(), "a scrape failed");
        }
        if counts.duplicates > 0 {
            tracing::warn!(
                target_url = %settings.target.url,
                samples = counts.duplicates,
                "a target exposes several samples of one series; the first of each counts"
            );
        }
        Health {
            last_scrape: time.saturating_mul(1_000_000),
            duration,
            error: error.unwrap_or_default(),
            series: self.collector.len(),
        }
    }

    /// The target is gone. Somebody else may scrape it now, so its series are marked only after two more intervals, with the time of the first scrape
    /// that is left out. What the loop has to do if the target comes back before.
    async fn leave(
        &mut self,
        orders: &mut watch::Receiver<Order>,
        settings: &Settings,
        ticks: &Ticks,
    ) -> Option<Arc<Settings>> {
        let time = ticks.ideal / 1_000_000;
        let interval = settings.target.interval;
        let until = ticks.due + interval + interval / 10;
        loop {
            tokio::select! {
                biased;
                _ = orders.changed() => match orders.borrow_and_update().clone() {
                    Order::Scrape(settings) => return Some(settings),
                    Order::Stop => return None,
                    Order::Leave => {}
                },
                _ = self.courier.landed(), if !self.courier.is_empty() => {}
                () = tokio::time::sleep_until(until) => break,
            }
        }
        let mut out = Metrics::default();
        self.environment.meters.symbols.add(-(self.collector.len() as f64));
        self.collector.end(time, &mut out);
        if !out.is_empty() {
            let bytes = PER_SAMPLE * out.values() as u64;
            let permit = while_landing(&mut self.courier, self.environment.budget.acquire(bytes)).await;
            self.send(out, permit).await;
        }
        None
    }
}

fn count(meters: &Meters, counts: &Counts, failure: Option<&Failure>) {
    meters.duplicates.add(counts.duplicates as u64);
    meters.out_of_bounds.add(counts.out_of_bounds as u64);
    match failure {
        Some(Failure::SampleLimit) => meters.over_sample_limit.inc(),
        Some(Failure::BucketLimit) => meters.over_bucket_limit.inc(),
        Some(Failure::Labels(super::labels::Unfit::Limit(_))) => meters.over_label_limits.inc(),
        _ => {}
    }
}
