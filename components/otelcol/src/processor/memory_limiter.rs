//! `otelcol.processor.memory_limiter`

use crate::debug_metrics::DebugMetricsArgs;
use crate::output::{self, Exports, OutputArgs, Outputs};
use arc_swap::ArcSwap;
use component::prelude::*;
use host::{Fs, Host};
use promtext::CounterVec;
use signals::{Accepting, Otlp, OtlpBatch, Refused, Signal, Sink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;
use value::{ByteSize, GoDuration, Invalid};

/// The component.
pub const COMPONENT: Registration =
    Registration::of::<MemoryLimiter>("otelcol.processor.memory_limiter", Stability::GenerallyAvailable);

/// Refuses telemetry while the process has too much memory.
///
/// Memory is what the system counts as resident for the process. Above the limit less the spike limit senders are told to come back later. Invar
/// does not need this to stay within its own bounds: see `--memory-limit`.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// How often to look at the memory.
    #[arg]
    pub check_interval: GoDuration,
    /// Most memory of the process; at least 1 MiB.
    #[arg(default)]
    pub limit: ByteSize,
    /// By how much it may grow between two looks; a fifth of `limit` if it is not set.
    #[arg(default)]
    pub spike_limit: ByteSize,
    /// Most memory as a share, in percent, of what the container or the machine has. Has no effect with `limit`.
    #[arg(default)]
    pub limit_percentage: u32,
    /// By how much it may grow between two looks, likewise; a fifth of `limit_percentage` if it is not set.
    #[arg(default)]
    pub spike_limit_percentage: u32,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
    /// Where telemetry goes.
    #[arg(block)]
    pub output: OutputArgs,
}

impl Arguments {
    fn validate(&self) -> Result<(), Invalid> {
        if self.check_interval.0 <= 0 {
            return Err(Error::about("check_interval", "must be greater than 0").into());
        }
        if self.limit.0 > 0 {
            if self.spike_limit.0 >= self.limit.0 {
                return Err(Error::about("spike_limit", "must be less than \"limit\"")
                    .with("limit")
                    .into());
            }
            return Ok(());
        }
        if self.limit_percentage == 0 {
            return Err("one of \"limit\" and \"limit_percentage\" must be greater than 0"
                .to_owned()
                .into());
        }
        if self.limit_percentage > 100 {
            return Err(Error::about("limit_percentage", "must be at most 100").into());
        }
        if self.spike_limit_percentage >= self.limit_percentage {
            let error = Error::about("spike_limit_percentage", "must be less than \"limit_percentage\"");
            return Err(error.with("limit_percentage").into());
        }
        Ok(())
    }

    /// The bytes from which on telemetry is refused.
    fn bound(&self, total: impl FnOnce() -> Result<u64>) -> Result<u64> {
        let or_fifth = |spike: u64, limit: u64| if spike == 0 { limit / 5 } else { spike };
        if self.limit.0 > 0 {
            return Ok(self.limit.0 - or_fifth(self.spike_limit.0, self.limit.0));
        }
        let total = total()?;
        let share = |percent: u32| total / 100 * u64::from(percent);
        let limit = share(self.limit_percentage);
        Ok(limit - or_fifth(share(self.spike_limit_percentage), limit))
    }
}

/// A number in a file, if it is one.
fn number(fs: &dyn Fs, path: &str) -> Option<u64> {
    String::from_utf8(fs.read(Path::new(path)).ok()?)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Memory of the container, of either version of cgroups, or else of the machine.
fn total(fs: &dyn Fs) -> Result<u64> {
    let machine = || {
        let text = String::from_utf8(fs.read(Path::new("/proc/meminfo")).ok()?).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes << 10)
    };
    let machine = machine();
    let bounds = [
        number(fs, "/sys/fs/cgroup/memory.max"),
        number(fs, "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        machine,
    ];
    // Version 1 tells a number beyond anything where there is no bound.
    let least = bounds.into_iter().flatten().min();
    least.ok_or_else(|| Error::new("cannot tell how much memory there is; set \"limit\""))
}

/// Bytes of a page.
fn page(fs: &dyn Fs) -> u64 {
    /// `AT_PAGESZ` of `getauxval(3)`.
    const PAGE_SIZE: u64 = 6;
    let vector = fs.read(Path::new("/proc/self/auxv")).unwrap_or_default();
    let words: Vec<u64> = vector
        .as_chunks()
        .0
        .iter()
        .map(|bytes| u64::from_ne_bytes(*bytes))
        .collect();
    let pairs = words.as_chunks::<2>().0;
    pairs
        .iter()
        .find(|[key, _]| *key == PAGE_SIZE)
        .map_or(4096, |[_, size]| *size)
}

/// Bytes that the process has in memory.
fn resident(fs: &dyn Fs, page: u64) -> Option<u64> {
    let text = String::from_utf8(fs.read(Path::new("/proc/self/statm")).ok()?).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page)
}

/// An `otelcol.processor.memory_limiter`.
pub struct MemoryLimiter {
    cx: Context<Exports>,
    args: ArcSwap<Arguments>,
    gate: Arc<Gate>,
    changed: Notify,
}

struct Gate {
    id: String,
    outputs: Outputs,
    /// The bytes from which on telemetry is refused.
    bound: AtomicU64,
    closed: AtomicBool,
    accepted: [CounterVec; 3],
    refused: [CounterVec; 3],
}

impl Gate {
    fn look(&self, host: &Host, page: u64) {
        let Some(resident) = resident(&*host.fs, page) else {
            return;
        };
        let bound = self.bound.load(Ordering::Relaxed);
        let closed = resident > bound;
        if self.closed.swap(closed, Ordering::Relaxed) != closed {
            match closed {
                true => tracing::warn!(resident, bound, "memory usage is above the soft limit; refusing data"),
                false => tracing::info!(
                    resident,
                    bound,
                    "memory usage is back within limits; resuming normal operation"
                ),
            }
        }
    }

    fn count(&self, counters: &[CounterVec; 3], signal: Signal, records: u64) {
        counters[signal as usize].with(&[&self.id]).add(records);
    }
}

impl Sink<Otlp> for Gate {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        let (signal, records) = (batch.payload().signal, batch.amount().items);
        Box::pin(async move {
            if self.closed.load(Ordering::Relaxed) {
                self.count(&self.refused, signal, records);
                return Err(Refused::retry("data refused due to high memory usage"));
            }
            let (payload, mut custody) = batch.into_parts();
            self.outputs.accept(OtlpBatch::derived(payload, &custody)).await?;
            custody.deliver_rest();
            self.count(&self.accepted, signal, records);
            Ok(())
        })
    }
}

impl Component for MemoryLimiter {
    type Arguments = Arguments;
    type Exports = Exports;

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        vec![Caveat::note(
            "refuses telemetry for a while when memory is short: who sends has to send again",
        )]
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let counters = |what: &str, help: &str| {
            let counter = |items: &str, named: &str| {
                let name = format!("otelcol_processor_{what}_{items}_total");
                let vec = cx
                    .metrics()
                    .counter_vec(&name, &format!("Number of {named} {help}."), &["processor"]);
                vec.map_err(|error| Error::caused("cannot register metrics", error))
            };
            // In the order of `Signal`.
            Ok::<_, Error>([
                counter("log_records", "log records")?,
                counter("metric_points", "metric points")?,
                counter("spans", "spans")?,
            ])
        };
        let bound = args.bound(|| total(&*cx.host().fs))?;
        let gate = Arc::new(Gate {
            id: crate::metric_id("memory_limiter", cx.id()),
            outputs: Outputs::new(cx),
            bound: AtomicU64::new(bound),
            closed: AtomicBool::new(false),
            accepted: counters(
                "accepted",
                "successfully pushed into the next component in the pipeline",
            )?,
            refused: counters("refused", "that were rejected by the next component in the pipeline")?,
        });
        gate.outputs.set(&args.output);
        cx.export(output::input(cx, gate.clone()));
        Ok(MemoryLimiter {
            cx: cx.clone(),
            args: ArcSwap::from_pointee(args),
            gate,
            changed: Notify::new(),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let page = page(&*self.cx.host().fs);
        loop {
            self.gate.look(self.cx.host(), page);
            let pause = self.args.load().check_interval.as_std();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.changed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let bound = args.bound(|| total(&*self.cx.host().fs))?;
        Ok(Change::new(move || {
            self.gate.bound.store(bound, Ordering::Relaxed);
            self.gate.outputs.set(&args.output);
            self.args.store(Arc::new(args));
            self.changed.notify_one();
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::{ManualClock, MemFs};

    fn args(limit: u64, spike: u64, percent: u32, spike_percent: u32) -> Arguments {
        Arguments {
            check_interval: GoDuration::seconds(1),
            limit: ByteSize(limit),
            spike_limit: ByteSize(spike),
            limit_percentage: percent,
            spike_limit_percentage: spike_percent,
            debug_metrics: DebugMetricsArgs {
                disable_high_cardinality_metrics: true,
                level: String::new(),
            },
            output: OutputArgs::default(),
        }
    }

    #[test]
    fn the_bound_is_the_limit_less_the_spike() {
        let bound = |args: Arguments| args.bound(|| Ok(1000)).unwrap();
        assert_eq!(bound(args(100, 0, 50, 0)), 80);
        assert_eq!(bound(args(100, 30, 0, 0)), 70);
        assert_eq!(bound(args(0, 0, 50, 0)), 400);
        assert_eq!(bound(args(0, 0, 50, 20)), 300);
        for wrong in [
            args(0, 0, 0, 0),
            args(10, 10, 0, 0),
            args(0, 0, 101, 0),
            args(0, 0, 10, 10),
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn memory_is_that_of_the_container_if_it_is_less() {
        let fs = MemFs::new(Arc::new(ManualClock::at(0)));
        assert!(total(&fs).is_err());
        fs.create("/proc/meminfo", b"MemTotal:       16 kB\nMemFree: 1 kB\n");
        assert_eq!(total(&fs).unwrap(), 16 << 10);
        fs.create("/sys/fs/cgroup/memory/memory.limit_in_bytes", b"9223372036854771712\n");
        assert_eq!(total(&fs).unwrap(), 16 << 10);
        fs.create("/sys/fs/cgroup/memory.max", b"max\n");
        assert_eq!(total(&fs).unwrap(), 16 << 10);
        fs.create("/sys/fs/cgroup/memory.max", b"4096\n");
        assert_eq!(total(&fs).unwrap(), 4096);
        fs.create("/proc/self/statm", b"100 7 3 1 0 5 0\n");
        assert_eq!(resident(&fs, page(&fs)), Some(7 * 4096));
    }
}
