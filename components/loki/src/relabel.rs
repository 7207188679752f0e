//! `loki.relabel`: changes the labels of streams by Prometheus' relabelling rules, or drops streams.

mod cache;
mod flow;
mod metrics;

use component::RelabelRules;
use component::prelude::*;
use flow::{Entrance, Flow, State};
use metrics::Metrics;
use signals::Receiver;

pub use component::RelabelRule;

/// The component.
pub const COMPONENT: Registration = Registration::of::<Relabel>("loki.relabel", Stability::GenerallyAvailable);

/// Changes the labels of streams, or drops streams, by rules that run in their order.
///
/// A stream that has no labels afterwards is dropped. Streams that get the same labels become one.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// Where records go.
    #[arg]
    pub forward_to: Vec<LogsReceiver>,
    /// The rules.
    #[arg(name = "rule", block, many)]
    pub rules: Vec<RelabelRule>,
    /// Number of label sets whose results are remembered; the one that was not needed for longest is forgotten first.
    #[arg(default = 10_000)]
    pub max_cache_size: i64,
}

impl Arguments {
    fn validate(&self) -> std::result::Result<(), value::Invalid> {
        Ok(self.check_size()?)
    }

    fn check_size(&self) -> Result<()> {
        if self.max_cache_size <= 0 {
            return Err(Error::about("max_cache_size", "must be greater than 0"));
        }
        Ok(())
    }

    fn state(&self) -> Result<State> {
        let capacity = usize::try_from(self.max_cache_size).unwrap_or(usize::MAX);
        Ok(State::new(RelabelRules::new(self.rules.clone())?, capacity))
    }
}

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes records.
    #[arg]
    pub receiver: LogsReceiver,
    /// The rules, for `relabel_rules` of other components.
    #[arg]
    pub rules: RelabelRules,
}

/// A `loki.relabel`.
pub struct Relabel {
    cx: Context<Exports>,
    flow: Arc<Flow>,
    receiver: Receiver,
}

impl Relabel {
    fn exports(&self, rules: RelabelRules) -> Exports {
        Exports {
            receiver: LogsReceiver(Some(self.receiver.clone())),
            rules,
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
        rules.chain(args.check_size().err()).collect()
    }

    fn caveats(args: &Arguments) -> Vec<Caveat> {
        let rules = args.rules.iter().enumerate();
        let drops = rules.filter_map(|(n, rule)| Some(Caveat::drops(rule.drops()?).at(format!("rule#{n}"), "")));
        drops.collect()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let metrics = Metrics::new(cx.metrics()).map_err(|error| Error::caused("cannot register metrics", error))?;
        let state = args.state()?;
        let rules = state.rules().clone();
        let flow = Arc::new(Flow::new(cx.fan_out(), state, metrics));
        flow.out.set(LogsReceiver::present(&args.forward_to));
        cx.budget().register(&flow);
        let receiver = Receiver {
            owner: cx.id().clone(),
            sink: Arc::new(Entrance(flow.clone())),
        };
        let relabel = Relabel {
            cx: cx.clone(),
            flow,
            receiver,
        };
        cx.export(relabel.exports(rules));
        Ok(relabel)
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        // Other receivers leave what is remembered as it is.
        let current = self.flow.state();
        let state = match current.is_for(&args.rules, args.max_cache_size) {
            true => None,
            false => Some(args.state()?),
        };
        let receivers = LogsReceiver::present(&args.forward_to);
        Ok(Change::new(move || {
            self.flow.out.set(receivers);
            if let Some(state) = state {
                let rules = state.rules().clone();
                self.flow.replace(state);
                self.cx.export(self.exports(rules));
            }
        }))
    }
}
