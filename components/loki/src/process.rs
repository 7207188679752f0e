//! `loki.process`: sends log records through a pipeline of stages.

mod compile;
mod extracted;
mod flow;
mod held;
mod inspect;
mod jmes;
mod json;
mod label_cache;
mod metrics;
mod names;
mod pipeline;
mod record;
mod render;
mod stages;
mod step;
mod trial;

pub use stages::Stage;
pub use trial::{Given, Outcome, Result as TrialResult, Trial};

use component::prelude::*;
use flow::{Entrance, Flow};
use metrics::Metrics;
use pipeline::{CompileOptions, Pipeline};
use signals::Receiver;

/// The component.
pub const COMPONENT: Registration = Registration::of::<Process>("loki.process", Stability::GenerallyAvailable);

/// Sends log records through a pipeline of stages: they parse and change them, drop some, or make metrics of them.
#[derive(Block, Clone, PartialEq)]
pub struct Arguments {
    /// Where records go.
    #[arg]
    pub forward_to: Vec<LogsReceiver>,
    /// The stages, in the order in which records pass them.
    #[arg(enum_block, name = "stage")]
    pub stages: Vec<Stage>,
}

/// What others may refer to.
#[derive(Block, Clone, PartialEq)]
pub struct Exports {
    /// Takes records.
    #[arg]
    pub receiver: LogsReceiver,
}

/// A `loki.process`.
pub struct Process {
    flow: Arc<Flow>,
    cx: Context<Exports>,
    metrics: Arc<Metrics>,
}

fn compile(cx: &Context<Exports>, metrics: &Arc<Metrics>, stages: &[Stage]) -> Result<Pipeline> {
    let options = CompileOptions {
        // Whoever looks wants to see everything that is extracted.
        keep_all: cx.inspector().is_some_and(|inspector| inspector.wants_all()),
        host: cx.host().clone(),
        metrics: metrics.clone(),
    };
    Pipeline::compile(stages, options)
}

impl Component for Process {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, known: &Known<'_>) -> Vec<Error> {
        compile::check(&args.stages, known)
    }

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        match compile::rules(&args.stages) {
            Ok(rules) => rules
                .into_iter()
                .map(|(text, place)| Caveat::drops(text).at(place, ""))
                .collect(),
            Err(_) => vec![Caveat::note("has stages whose rules are known only when it runs")],
        }
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let metrics = Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?;
        let metrics = Arc::new(metrics);
        let pipeline = compile(cx, &metrics, &args.stages)?;
        pipeline.show_metrics();
        let flow = Arc::new(Flow::new(
            cx.id().clone(),
            cx.fan_out(),
            pipeline,
            cx.inspector().cloned(),
        ));
        flow.out.set(LogsReceiver::present(&args.forward_to));
        cx.budget().register(&flow);
        let receiver = Receiver {
            owner: cx.id().clone(),
            sink: Arc::new(Entrance(flow.clone())),
        };
        cx.export(Exports {
            receiver: LogsReceiver(Some(receiver)),
        });
        Ok(Process {
            flow,
            cx: cx.clone(),
            metrics,
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        self.flow.run(stop).await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        // Other receivers leave the pipeline and what it holds as they are.
        let pipeline = match self.flow.pipeline().stages() == args.stages {
            true => None,
            false => Some(Arc::new(compile(&self.cx, &self.metrics, &args.stages)?)),
        };
        let receivers = LogsReceiver::present(&args.forward_to);
        Ok(Change::new(move || {
            self.flow.out.set(receivers);
            if let Some(pipeline) = pipeline {
                self.flow.replace(pipeline);
            }
        }))
    }
}
