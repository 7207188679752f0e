//! `prometheus.relabel`: changes the labels of series by Prometheus' relabelling rules, or drops series.

mod blocks;
mod cache;

pub(crate) use blocks::Blocks;
pub(crate) use cache::Cache;

use arc_swap::ArcSwap;
use component::prelude::*;
use component::{RelabelRule, RelabelRules, RelabelScratch};
use host::Host;
use prommodel::{Series, SeriesBuilder, Table, is_stale};
use promtext::{Counter, Gauge, RegisterError, Registry};
use signals::{
    Accepting, Amount, Exemplar, FanOut, HistogramSample, MetricBatch, Metrics as Samples, Receiver, Refused, Runs,
    SAMPLE_BYTES, Sample, Sink,
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use value::GoDuration;

/// `prometheus.relabel` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Relabel>("prometheus.relabel", Stability::GenerallyAvailable);

/// Rule under which dropped samples are counted.
const RULE: &str = "relabel";
/// Seconds for which a series is remembered that has no samples any more.
const REMEMBERED: u32 = 600;

/// Changes the labels of series, or drops series, by rules that run in their order.
///
/// A series that has no labels afterwards is dropped. The rules run once for each series, and not for each of its samples.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// Where samples go: each receiver gets all of them.
    #[arg]
    pub forward_to: Vec<MetricsReceiver>,
    /// The rules.
    #[arg(name = "rule", block, many)]
    pub rules: Vec<RelabelRule>,
    /// Accepted, and without effect: what became of a series is remembered as long as the series has samples.
    #[arg(default = 100_000)]
    pub max_cache_size: i64,
    /// How long a series is remembered that has no samples any more; 10 minutes if it is 0.
    #[arg(default)]
    pub cache_ttl: GoDuration,
}

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes samples.
    #[arg]
    pub receiver: MetricsReceiver,
    /// The rules, for other components.
    #[arg]
    pub rules: RelabelRules,
}

impl Arguments {
    fn validate(&self) -> std::result::Result<(), value::Invalid> {
        component::first(self.problems())
    }

    fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if self.max_cache_size < 0 {
            found.push(Error::about("max_cache_size", "must not be less than 0"));
        }
        let ttl = self.cache_ttl.0;
        if ttl != 0 && ttl < GoDuration::minutes(1).0 {
            found.push(Error::about("cache_ttl", "must be at least 1m"));
        }
        found
    }
}

struct Meters {
    processed: Counter,
    written: Counter,
    hits: Counter,
    misses: Counter,
    deletes: Counter,
    evictions: Counter,
    size: Gauge,
}

impl Meters {
    fn new(registry: &Registry) -> std::result::Result<Meters, RegisterError> {
        let counter = |name: &str, help: &str| registry.counter(name, help);
        Ok(Meters {
            processed: counter(
                "alloy_prometheus_relabel_metrics_processed",
                "Total number of metrics processed",
            )?,
            written: counter(
                "alloy_prometheus_relabel_metrics_written",
                "Total number of metrics written",
            )?,
            hits: counter("alloy_prometheus_relabel_cache_hits", "Total number of cache hits")?,
            misses: counter("alloy_prometheus_relabel_cache_misses", "Total number of cache misses")?,
            deletes: counter(
                "alloy_prometheus_relabel_cache_deletes",
                "Total number of cache deletes",
            )?,
            evictions: counter(
                "alloy_prometheus_relabel_cache_ttl_evictions",
                "Total number of cache entries that expired",
            )?,
            size: registry.gauge("alloy_prometheus_relabel_cache_size", "Total size of relabel cache")?,
        })
    }
}

/// Rules, and what became of series by them.
struct State {
    rules: RelabelRules,
    ttl: u32,
    known: Mutex<Remembered>,
}

struct Remembered {
    cache: Cache,
    blocks: Blocks,
    scratch: RelabelScratch,
    swept: u32,
}

impl State {
    fn new(args: &Arguments) -> Result<State> {
        let rules = RelabelRules::new(args.rules.clone())?;
        let ttl = u32::try_from(args.cache_ttl.as_std().as_secs()).unwrap_or(u32::MAX);
        Ok(State {
            known: Mutex::new(Remembered {
                cache: Cache::default(),
                blocks: Blocks::default(),
                scratch: rules.scratch(),
                swept: 0,
            }),
            ttl: if ttl == 0 { REMEMBERED } else { ttl },
            rules,
        })
    }
}

struct Flow {
    out: FanOut<Samples>,
    state: ArcSwap<State>,
    table: Table,
    host: Host,
    meters: Meters,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Series whose results are looked up together: what is known of them is far apart in memory, and the processor can wait for all of it at once.
const TOGETHER: usize = 32;

/// Rules on their way through a batch.
struct Pass<'a> {
    rules: &'a RelabelRules,
    cache: &'a mut Cache,
    scratch: &'a mut RelabelScratch,
    builder: SeriesBuilder<'a>,
    now: u32,
    hits: u64,
    misses: u64,
    deletes: u64,
    dropped: Amount,
}

impl Pass<'_> {
    /// What a series becomes; none if it is dropped. `gone`: it will not come again.
    #[inline]
    fn change(&mut self, series: &Series, gone: bool) -> Option<Series> {
        let after = match self.cache.get(series, self.now) {
            Some(after) => {
                self.hits += 1;
                after.clone()
            }
            None => self.run(series),
        };
        if gone {
            self.deletes += u64::from(self.cache.remove(series));
        }
        after
    }

    #[cold]
    fn run(&mut self, series: &Series) -> Option<Series> {
        self.misses += 1;
        self.builder.reset(series);
        let kept = self.rules.apply_to_series(&mut self.builder, self.scratch) && !self.builder.labels().is_empty();
        let after = kept.then(|| self.builder.build());
        self.cache.insert(series, after, self.now).clone()
    }

    /// A list with other series. `look`: the series of an item, and whether it is gone; `put`: the item with another series; `size`: its bytes.
    fn all<T>(
        &mut self,
        list: &[T],
        look: impl Fn(&T) -> (&Series, bool),
        put: impl Fn(&T, Series) -> T,
        size: impl Fn(&T) -> u64,
    ) -> Vec<T> {
        let mut out = Vec::with_capacity(list.len());
        for some in list.chunks(TOGETHER) {
            for item in some {
                self.cache.prefetch(look(item).0);
            }
            for item in some {
                let (series, gone) = look(item);
                match self.change(series, gone) {
                    Some(after) => out.push(put(item, after)),
                    None => self.dropped += Amount::one(size(item)),
                }
            }
        }
        out
    }
}

impl Pass<'_> {
    /// Runs with other series.
    fn runs(&mut self, runs: &Runs, blocks: &mut Blocks) -> Runs {
        let mut after = Vec::with_capacity(runs.list().len());
        for run in runs.list() {
            let rows = u64::from(run.rows.count_ones());
            self.hits += rows;
            let mapped = blocks.get(&run.block, || {
                self.hits -= rows;
                self.misses += rows;
                run.block
                    .map(|builder| self.rules.apply_to_series(builder, self.scratch))
            });
            let dropped = u64::from((run.rows & !mapped.kept).count_ones());
            self.dropped += Amount {
                items: dropped,
                bytes: SAMPLE_BYTES * dropped,
            };
            after.push(mapped);
        }
        runs.mapped(&after)
    }
}

impl Flow {
    /// A batch with the series that the rules make; what was dropped. Who sent the batch keeps it for another attempt, so it is not changed in place.
    fn relabel(&self, samples: &Samples) -> (Samples, Amount) {
        let state = self.state.load();
        let now = u32::try_from(self.host.clock.now() / 1_000_000_000).unwrap_or(u32::MAX - 1);
        let mut known = lock(&state.known);
        let Remembered {
            cache,
            blocks,
            scratch,
            swept,
        } = &mut *known;
        let mut pass = Pass {
            rules: &state.rules,
            cache,
            scratch,
            builder: SeriesBuilder::new(&self.table),
            now,
            hits: 0,
            misses: 0,
            deletes: 0,
            dropped: Amount::default(),
        };
        // Exemplars first: a stale marker takes what is known of its series away.
        let exemplars = pass.all(
            &samples.exemplars,
            |one| (&one.series, false),
            |one, series| Exemplar { series, ..one.clone() },
            |one| one.size(),
        );
        let values = pass.all(
            &samples.samples,
            |one| (&one.series, is_stale(one.value)),
            |one, series| Sample {
                series,
                timestamp: one.timestamp,
                value: one.value,
            },
            |_| SAMPLE_BYTES,
        );
        let runs = pass.runs(&samples.runs, blocks);
        let histograms = pass.all(
            &samples.histograms,
            |one| (&one.series, is_stale(one.histogram.sum)),
            |one, series| HistogramSample {
                series,
                timestamp: one.timestamp,
                histogram: one.histogram.clone(),
            },
            |one| one.size(),
        );
        let Pass {
            hits,
            misses,
            deletes,
            dropped,
            ..
        } = pass;
        if now.saturating_sub(*swept) > state.ttl / 4 {
            *swept = now;
            let gone = cache.sweep(now.saturating_sub(state.ttl)) + blocks.sweep();
            self.meters.evictions.add(gone as u64);
        }
        self.meters.hits.add(hits);
        self.meters.misses.add(misses);
        self.meters.deletes.add(deletes);
        self.meters.size.set((cache.len() + blocks.len()) as f64);
        let changed = Samples {
            samples: values,
            runs,
            histograms,
            exemplars,
            families: samples.families.clone(),
        };
        (changed, dropped)
    }

    async fn accept(self: Arc<Self>, batch: MetricBatch) -> std::result::Result<(), Refused> {
        let (payload, mut custody) = batch.into_shared_parts();
        let before = custody.open().items;
        let (samples, dropped) = self.relabel(&payload);
        drop(payload);
        if !samples.is_empty() {
            self.out.accept(MetricBatch::derived(samples, &custody)).await?;
        }
        custody.filter(RULE, dropped);
        custody.deliver_rest();
        self.meters.processed.add(before);
        self.meters.written.add(before - dropped.items);
        Ok(())
    }
}

impl Sink<Samples> for Flow {
    fn accept(self: Arc<Self>, batch: MetricBatch) -> Accepting {
        Box::pin(Flow::accept(self, batch))
    }
}

impl signals::Cache for Flow {
    fn shrink(&self) {
        let state = self.state.load();
        let mut known = lock(&state.known);
        known.cache.clear();
        known.blocks = Blocks::default();
    }
}

/// A `prometheus.relabel`.
pub struct Relabel {
    cx: Context<Exports>,
    flow: Arc<Flow>,
}

impl Relabel {
    fn exports(&self) -> Exports {
        Exports {
            receiver: MetricsReceiver(Some(Receiver {
                owner: self.cx.id().clone(),
                sink: self.flow.clone(),
            })),
            rules: self.flow.state.load().rules.clone(),
        }
    }
}

impl Component for Relabel {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        let rules = args.rules.iter().enumerate().flat_map(|(number, rule)| {
            let problems = rule.problems().into_iter();
            problems.map(move |error| error.inside("rule", number))
        });
        rules.chain(args.problems()).collect()
    }

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        let rules = args.rules.iter().enumerate();
        let drops = rules.filter_map(|(n, rule)| Some(Caveat::drops(rule.drops()?).at(format!("rule#{n}"), "")));
        drops.collect()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let flow = Arc::new(Flow {
            out: cx.fan_out(),
            state: ArcSwap::from_pointee(State::new(&args)?),
            table: cx.series(),
            host: cx.host().clone(),
            meters: Meters::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?,
        });
        flow.out.set(MetricsReceiver::present(&args.forward_to));
        cx.budget().register(&flow);
        let relabel = Relabel { cx: cx.clone(), flow };
        cx.export(relabel.exports());
        Ok(relabel)
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        // Other receivers leave what is remembered as it is.
        let current = self.flow.state.load_full();
        let state = State::new(&args)?;
        let same = current.rules == state.rules && current.ttl == state.ttl;
        let receivers = MetricsReceiver::present(&args.forward_to);
        Ok(Change::new(move || {
            self.flow.out.set(receivers);
            if !same {
                self.flow.state.store(Arc::new(state));
                self.cx.export(self.exports());
            }
        }))
    }
}
