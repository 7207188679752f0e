//! `otelcol.processor.attributes`

mod action;
mod matching;

use crate::debug_metrics::DebugMetricsArgs;
use crate::output::{self, Exports, OutputArgs, Outputs};
use action::Compiled;
pub use action::{ActionArgs, ConvertedType, Kind};
use arc_swap::ArcSwap;
use component::prelude::*;
use matching::Filter;
pub use matching::{AttributeArgs, LibraryArgs, LogSeverityArgs, MatchArgs, MatchType, RegexpArgs};
use otlp_wire::edit::{self, Verdict};
use signals::{Accepting, Otlp, OtlpBatch, Signal, Sink};

/// The component.
pub const COMPONENT: Registration =
    Registration::of::<Attributes>("otelcol.processor.attributes", Stability::GenerallyAvailable);

/// Edits attributes of log records, data points and spans.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Edits, one after the other.
    #[arg(block, many, name = "action")]
    pub actions: Vec<ActionArgs>,
    /// What is edited; everything without this block.
    #[arg(block)]
    pub include: Option<MatchArgs>,
    /// What is not, of that.
    #[arg(block)]
    pub exclude: Option<MatchArgs>,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
    /// Where telemetry goes.
    #[arg(block)]
    pub output: OutputArgs,
}

/// An `otelcol.processor.attributes`.
pub struct Attributes {
    editor: Arc<Editor>,
}

struct Editor {
    outputs: Outputs,
    program: ArcSwap<Program>,
}

/// The arguments, compiled.
struct Program {
    actions: Vec<Compiled>,
    include: Option<Filter>,
    exclude: Option<Filter>,
}

fn problems(args: &Arguments) -> Vec<Error> {
    let mut found = Vec::new();
    for (number, action) in args.actions.iter().enumerate() {
        found.extend(action.compile().err().map(|error| error.inside("action", number)));
    }
    for (name, block) in [("include", &args.include), ("exclude", &args.exclude)] {
        if let Some(block) = block {
            found.extend(
                Filter::new(block)
                    .and_then(|filter| filter.check(&args.output))
                    .err()
                    .map(|error| error.inside(name, 0)),
            );
        }
    }
    found
}

fn compile(args: &Arguments) -> Result<Program> {
    component::first::<Error>(problems(args))?;
    let filter = |block: &Option<MatchArgs>| block.as_ref().map(Filter::new).transpose();
    Ok(Program {
        actions: args.actions.iter().map(ActionArgs::compile).collect::<Result<_>>()?,
        include: filter(&args.include)?,
        exclude: filter(&args.exclude)?,
    })
}

impl Program {
    fn edit(&self, payload: &mut Otlp) {
        if self.actions.is_empty() {
            return;
        }
        let signal = payload.signal;
        let client = payload.client.as_deref();
        let context: Vec<Option<String>> = self.actions.iter().map(|action| action.context(client)).collect();
        let edited = edit::records(signal, &payload.payload, |record, attributes| {
            let wanted = self
                .include
                .as_ref()
                .is_none_or(|include| include.matches(signal, record, attributes, true))
                && self
                    .exclude
                    .as_ref()
                    .is_none_or(|exclude| !exclude.matches(signal, record, attributes, false));
            if wanted {
                let mut attributes = attributes.get();
                for (action, context) in self.actions.iter().zip(&context) {
                    action.apply(&mut attributes, context.as_deref());
                }
            }
            Verdict::Keep
        });
        payload.payload = edited.payload;
    }
}

impl Sink<Otlp> for Editor {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move {
            let (mut payload, mut custody) = batch.into_parts();
            self.program.load().edit(&mut payload);
            self.outputs.accept(OtlpBatch::derived(payload, &custody)).await?;
            custody.deliver_rest();
            Ok(())
        })
    }
}

impl Component for Attributes {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        problems(args)
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let editor = Arc::new(Editor {
            outputs: Outputs::new(cx),
            program: ArcSwap::from_pointee(compile(&args)?),
        });
        editor.outputs.set(&args.output);
        cx.export(output::input(cx, editor.clone()));
        Ok(Attributes { editor })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let program = Arc::new(compile(&args)?);
        Ok(Change::new(move || {
            self.editor.program.store(program);
            self.editor.outputs.set(&args.output);
        }))
    }
}

/// The signals of an `output` block that go anywhere.
fn signals_of(output: &OutputArgs) -> impl Iterator<Item = Signal> {
    let lists = [
        (Signal::Logs, &output.logs),
        (Signal::Metrics, &output.metrics),
        (Signal::Traces, &output.traces),
    ];
    lists
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(signal, _)| signal)
}

#[cfg(test)]
mod tests;
