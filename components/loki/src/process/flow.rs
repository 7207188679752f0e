//! Batches through a pipeline, from `accept` to the next components.
//!
//! A call runs its records, offers what came out as one batch, and settles its custody when that was taken. Everything up to the
//! first poll of that offer happens in the call's own first poll, so batches keep their order without a lock. Pipelines
//! whose stages hold records or pause are serial: their calls queue at a gate, first come first served, until they have
//! made their offer.

use super::held::{Blocks, Part, Taken, Waiting};
use super::inspect::Inspection;
use super::pipeline::Pipeline;
use super::step::{Cx, Output};
use arc_swap::ArcSwap;
use component::{BoxFuture, CancellationToken, Inspector};
use futures_util::StreamExt;
use futures_util::future::FutureExt;
use futures_util::stream::FuturesUnordered;
use signals::{Accepting, Custody, Examples, FanOut, LogBatch, LogStream, Permit, Receipt, Refused, Sink};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// What the component's receiver and its run loop share.
pub struct Flow {
    id: Arc<str>,
    /// Where records go.
    pub out: Arc<FanOut>,
    pipeline: ArcSwap<Pipeline>,
    gate: tokio::sync::Mutex<Gate>,
    /// Calls that have come to the gate and not left it.
    queued: AtomicUsize,
    /// Whether the gate may hold records of a pipeline that is not in use any more.
    outdated: AtomicBool,
    calls: AtomicU64,
    /// Calls that failed or were taken back while blocks held records of theirs.
    failed: Mutex<Vec<u64>>,
    wake: Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
    inspector: Option<Arc<dyn Inspector>>,
}

/// What serial calls hand on to one another.
struct Gate {
    pipeline: Arc<Pipeline>,
    held: Vec<Blocks>,
    /// When the run loop will look for due blocks.
    scheduled: Option<Instant>,
}

const STOPPING: &str = "the component is stopping";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// One's place at the gate.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells the blocks, unless the call succeeds, that they cannot count on its records.
struct Stake {
    flow: Arc<Flow>,
    call: u64,
    waiting: Waiting,
    armed: bool,
}

impl Drop for Stake {
    fn drop(&mut self) {
        if self.armed {
            self.waiting.end();
            lock(&self.flow.failed).push(self.call);
            self.flow.wake.notify_one();
        }
    }
}

impl Flow {
    /// A flow through a pipeline to `out`.
    pub fn new(id: Arc<str>, out: FanOut, pipeline: Pipeline, inspector: Option<Arc<dyn Inspector>>) -> Self {
        let pipeline = Arc::new(pipeline);
        Flow {
            id,
            out: Arc::new(out),
            gate: tokio::sync::Mutex::new(Gate {
                held: pipeline.blocks(),
                pipeline: pipeline.clone(),
                scheduled: None,
            }),
            pipeline: ArcSwap::new(pipeline),
            queued: AtomicUsize::new(0),
            outdated: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            failed: Mutex::default(),
            wake: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            inspector,
        }
    }

    /// The pipeline in use.
    pub fn pipeline(&self) -> Arc<Pipeline> {
        self.pipeline.load_full()
    }

    /// Puts another pipeline in use. What the old one holds is passed on before anything else.
    pub fn replace(&self, pipeline: Arc<Pipeline>) {
        pipeline.show_metrics();
        self.outdated.store(true, Ordering::SeqCst);
        let old = self.pipeline.swap(pipeline);
        old.retired.cancel();
        self.wake.notify_one();
    }

    fn notes(&self) -> Notes<'_> {
        (self.out.ledger().examples(), &self.id)
    }

    fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn inspection(&self) -> Option<Inspection> {
        let inspector = self.inspector.as_ref().filter(|inspector| inspector.active(&self.id))?;
        Some(Inspection::new(self.id.clone(), inspector.clone()))
    }

    async fn accept(self: Arc<Self>, batch: LogBatch) -> Result<(), Refused> {
        if self.is_stopping() {
            return Err(Refused::retry(STOPPING));
        }
        let pipeline = self.pipeline.load_full();
        if pipeline.is_serial() || self.outdated.load(Ordering::SeqCst) || self.queued.load(Ordering::SeqCst) > 0 {
            return self.accept_serial(batch).await;
        }
        let (streams, custody) = batch.into_shared_parts();
        let mut inspection = self.inspection();
        if pipeline.is_empty() && inspection.is_none() {
            let mut custody = custody;
            FanOut::accept(&self.out, LogBatch::derived(Vec::clone(&streams), &custody)).await?;
            custody.deliver_rest();
            return Ok(());
        }
        let output = {
            let mut tools = pipeline.tools();
            let mut cx = Cx::new(pipeline.names(), &mut tools, &mut [], pipeline.host(), 0);
            cx.watch = inspection.as_mut().map(|inspection| inspection as _);
            for stream in streams.iter() {
                for entry in &stream.entries {
                    // Only serial pipelines pause.
                    let _ = pipeline.run(&stream.labels, entry, &mut cx);
                }
            }
            let output = cx.output;
            pipeline.give_back(tools);
            output
        };
        drop(streams);
        let settlement = self.offer(&pipeline, output, Some(&custody)).await?;
        settlement.settle(self.notes(), &pipeline, custody);
        Ok(())
    }

    async fn accept_serial(self: &Arc<Self>, batch: LogBatch) -> Result<(), Refused> {
        self.queued.fetch_add(1, Ordering::SeqCst);
        let place = Queued(&self.queued);
        let mut gate = self.gate.lock().await;
        self.refresh(&mut gate).await;
        if self.is_stopping() {
            return Err(Refused::retry(STOPPING));
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut stake = Stake {
            flow: self.clone(),
            call,
            waiting: Waiting::default(),
            armed: false,
        };
        let pipeline = gate.pipeline.clone();
        let (streams, mut custody) = batch.into_shared_parts();
        let mut settlements = Vec::new();
        let mut offers: FuturesUnordered<BoxFuture<'_, Result<Settlement, Refused>>> = FuturesUnordered::new();
        let mut inspection = self.inspection();
        let (output, earliest) = {
            let mut tools = pipeline.tools();
            // A pause may end with this call being given up; its records must not stay in the blocks.
            stake.armed = !gate.held.is_empty();
            let mut cx = Cx::new(pipeline.names(), &mut tools, &mut gate.held, pipeline.host(), call);
            cx.watch = inspection.as_mut().map(|inspection| inspection as _);
            for stream in streams.iter() {
                for entry in &stream.entries {
                    let mut pause = pipeline.run(&stream.labels, entry, &mut cx);
                    while let Some(duration) = pause {
                        // What is ready does not wait for what the limit holds back.
                        let ready = std::mem::take(&mut cx.output);
                        if !ready.is_empty() {
                            let mut offer = self.offer(&pipeline, ready, Some(&custody)).boxed();
                            match futures_util::poll!(&mut offer) {
                                std::task::Poll::Ready(settled) => settlements.push(settled?),
                                std::task::Poll::Pending => offers.push(offer),
                            }
                        }
                        let sleep = tokio::time::sleep(duration);
                        tokio::pin!(sleep);
                        loop {
                            let started = !offers.is_empty() || !settlements.is_empty();
                            tokio::select! {
                                biased;
                                // What was begun is finished at once, so that nothing has to be repeated.
                                () = self.stop.cancelled(), if started => break,
                                () = self.stop.cancelled() => return Err(Refused::retry(STOPPING)),
                                () = pipeline.retired.cancelled() => break,
                                Some(settled) = offers.next(), if !offers.is_empty() => settlements.push(settled?),
                                () = &mut sleep => break,
                            }
                        }
                        cx.instant = Instant::now();
                        cx.now = pipeline.host().clock.now();
                        pause = pipeline.resume(&mut cx);
                    }
                }
            }
            let result = (std::mem::take(&mut cx.output), cx.earliest);
            drop(cx);
            pipeline.give_back(tools);
            result
        };
        drop(streams);
        let mut receipts: Vec<Receipt> = Vec::new();
        for blocks in &mut gate.held {
            blocks.take_over(|amount| {
                let mut custody = custody.split(amount);
                custody.detach(amount.bytes);
                let (held, receipt) = signals::receipt();
                receipts.push(receipt);
                Taken {
                    custody,
                    held,
                    waiting: stake.waiting.clone(),
                }
            });
        }
        stake.armed = !receipts.is_empty();
        if let Some(earliest) = earliest
            && gate.scheduled.is_none_or(|scheduled| scheduled > earliest)
        {
            gate.scheduled = Some(earliest);
            self.wake.notify_one();
        }
        let mut offer = self.offer(&pipeline, output, Some(&custody)).boxed();
        let first = futures_util::poll!(&mut offer);
        drop(gate);
        drop(place);
        match first {
            std::task::Poll::Ready(settled) => settlements.push(settled?),
            std::task::Poll::Pending => offers.push(offer),
        }
        while let Some(settled) = offers.next().await {
            settlements.push(settled?);
        }
        drop(offers);
        let mut all = Settlement::default();
        for settlement in settlements {
            all.merge(settlement);
        }
        all.settle(self.notes(), &pipeline, custody);
        for receipt in receipts {
            receipt.settled().await?;
        }
        stake.armed = false;
        Ok(())
    }

    /// Offers what a run has produced. The future settles the records of other calls itself; what it resolves to is
    /// left to the call that ran.
    fn offer(
        &self,
        pipeline: &Arc<Pipeline>,
        mut output: Output,
        custody: Option<&Custody>,
    ) -> impl Future<Output = Result<Settlement, Refused>> + Send + use<> {
        let streams: Vec<LogStream> = std::mem::take(&mut output.streams);
        let parts = Parts {
            delivered: std::mem::take(&mut output.parts),
            dropped: std::mem::take(&mut output.dropped_parts),
        };
        let batch = (!streams.is_empty()).then(|| match custody.or_else(|| parts.custody()) {
            Some(custody) => LogBatch::derived(streams, custody),
            None => LogBatch::new(streams, Permit::none()),
        });
        let out = self.out.clone();
        let pipeline = pipeline.clone();
        async move {
            if let Some(batch) = batch
                && let Err(why) = FanOut::accept(&out, batch).await
            {
                parts.refuse(&why);
                return Err(why);
            }
            parts.settle(&pipeline);
            Ok(Settlement {
                dropped: output.dropped,
                effects: output.effects,
                examples: output.examples,
            })
        }
    }

    /// Brings the gate up to date: blocks of failed calls are given up, and blocks of a pipeline that was replaced are
    /// passed on.
    async fn refresh(&self, gate: &mut Gate) {
        let failed = std::mem::take(&mut *lock(&self.failed));
        if !failed.is_empty() {
            gate.held.iter_mut().for_each(|blocks| blocks.give_up(&failed));
        }
        let pipeline = self.pipeline.load_full();
        if !Arc::ptr_eq(&pipeline, &gate.pipeline) {
            self.flush(gate, true).await;
            gate.held = pipeline.blocks();
            gate.pipeline = pipeline;
        }
        self.outdated.store(false, Ordering::SeqCst);
    }

    /// Passes on the blocks that are due, or all of them.
    async fn flush(&self, gate: &mut Gate, all: bool) {
        let pipeline = gate.pipeline.clone();
        let mut tools = pipeline.tools();
        let mut inspection = self.inspection();
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        for holding in 0..gate.held.len() {
            // One stage after the other, because one may pass records on to the next that holds some.
            let blocks = if all {
                gate.held[holding].drain()
            } else {
                gate.held[holding].due(now)
            };
            for block in blocks {
                let mut cx = Cx::new(pipeline.names(), &mut tools, &mut gate.held, pipeline.host(), call);
                cx.watch = inspection.as_mut().map(|inspection| inspection as _);
                pipeline.release(holding, block, &mut cx);
                let mut pause = pipeline.resume(&mut cx);
                while let Some(duration) = pause {
                    // Whoever stops does not wait for a limit.
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = tokio::time::sleep(duration) => {}
                    }
                    pause = pipeline.resume(&mut cx);
                }
                let output = std::mem::take(&mut cx.output);
                drop(cx);
                if !output.is_empty() {
                    self.send_off(&pipeline, output).await;
                }
            }
        }
        pipeline.give_back(tools);
        gate.scheduled = gate.held.iter().filter_map(Blocks::deadline).min();
    }

    /// Offers records that no call waits for, and sees to them in the background.
    async fn send_off(&self, pipeline: &Arc<Pipeline>, output: Output) {
        let (out, id, pipeline_) = (self.out.clone(), self.id.clone(), pipeline.clone());
        let offer = self.offer(pipeline, output, None);
        let mut flight = async move {
            if let Ok(settlement) = offer.await {
                settlement.count((out.ledger().examples(), &id), &pipeline_);
            }
        }
        .boxed();
        if futures_util::poll!(&mut flight).is_pending() {
            self.tasks.spawn(flight);
        }
    }

    /// Passes on what is due until `stop`; then passes on what is held and waits for all that is on its way.
    pub async fn run(&self, stop: CancellationToken) {
        let mut next = None;
        loop {
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.wake.notified() => {}
                () = due => {}
            }
            let mut gate = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                gate = self.gate.lock() => gate,
            };
            self.refresh(&mut gate).await;
            self.flush(&mut gate, false).await;
            next = gate.scheduled;
        }
        self.stop.cancel();
        let mut gate = self.gate.lock().await;
        self.refresh(&mut gate).await;
        self.flush(&mut gate, true).await;
        drop(gate);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl signals::Cache for Flow {
    fn shrink(&self) {
        self.pipeline.load().forget_tools();
    }
}

/// The component's receiver.
pub struct Entrance(pub Arc<Flow>);

impl Sink for Entrance {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(self.0.clone().accept(batch))
    }
}

/// Records of other calls in an offer.
struct Parts {
    delivered: Vec<Part>,
    dropped: Vec<(usize, Part)>,
}

impl Parts {
    fn custody(&self) -> Option<&Custody> {
        self.delivered
            .iter()
            .chain(self.dropped.iter().map(|(_, part)| part))
            .find_map(Part::custody)
    }

    fn settle(self, pipeline: &Pipeline) {
        self.delivered.into_iter().for_each(Part::deliver);
        for (rule, part) in self.dropped {
            part.filter(pipeline.rule(rule).0);
        }
    }

    fn refuse(self, why: &Refused) {
        let dropped = self.dropped.into_iter().map(|(_, part)| part);
        self.delivered
            .into_iter()
            .chain(dropped)
            .for_each(|part| part.refuse(why));
    }
}

/// What is left to do for a call whose records have arrived.
#[derive(Default)]
struct Settlement {
    dropped: Vec<super::step::Dropped>,
    effects: Vec<super::metrics::Effect>,
    examples: Vec<super::step::DroppedExample>,
}

/// Where examples of dropped records go, and the component that dropped them.
type Notes<'a> = (&'a Examples, &'a Arc<str>);

impl Settlement {
    fn merge(&mut self, other: Settlement) {
        if self.dropped.len() < other.dropped.len() {
            self.dropped
                .resize(other.dropped.len(), super::step::Dropped::default());
        }
        for (sum, dropped) in self.dropped.iter_mut().zip(other.dropped) {
            sum.lines += dropped.lines;
            sum.amount += dropped.amount;
        }
        self.effects.extend(other.effects);
        self.examples.extend(other.examples);
    }

    /// Counts in metrics.
    fn count(self, (examples, id): Notes<'_>, pipeline: &Pipeline) {
        for example in &self.examples {
            pipeline.note(examples, id, example);
        }
        for (rule, dropped) in self.dropped.iter().enumerate().filter(|(_, dropped)| dropped.lines > 0) {
            let (name, counted) = pipeline.rule(rule);
            if counted {
                pipeline.metrics().dropped.with(&[name]).add(dropped.lines);
            }
        }
        self.effects.into_iter().for_each(super::metrics::Effect::apply);
    }

    /// Counts in metrics and in the ledger.
    fn settle(self, notes: Notes<'_>, pipeline: &Pipeline, mut custody: Custody) {
        for (rule, dropped) in self
            .dropped
            .iter()
            .enumerate()
            .filter(|(_, dropped)| dropped.amount.items > 0)
        {
            custody.filter(pipeline.rule(rule).0, dropped.amount);
        }
        custody.deliver_rest();
        self.count(notes, pipeline);
    }
}
