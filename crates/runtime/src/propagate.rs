//! Passes changed exports on.
//!
//! A node whose exports changed is reported once; every node that refers to it is evaluated once, on the workers. Those that change
//! their own exports report in turn. Values cross into a module through its arguments and out of it through its exports.

use crate::blocks::{ArgumentBlock, ExportBlock};
use crate::controller::Inner;
use crate::evaluate::{Evaluated, diagnose, evaluate};
use crate::frame::{variables, with_frame};
use crate::queue::UpdateQueue;
use crate::scope::{Cell, Located, Scope, Slot, locate};
use crate::spec::{Kind, Spec};
use component::Prepared;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;
use syntax::Diagnostics;
use value::Value;

/// Attempts to hand a job to full workers; the pause doubles from a millisecond to [`MAX_RETRY_PAUSE`].
const MAX_RETRIES: u32 = 20;
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(10);

/// What follows from a change.
#[derive(Default)]
struct Affected {
    /// Global ids of nodes to evaluate, each once, in the order of the graph.
    evaluate: Vec<String>,
    seen: BTreeSet<String>,
    /// Global ids of imports and `foreach` blocks whose own arguments are concerned.
    again: BTreeSet<String>,
}

impl Affected {
    fn evaluate(&mut self, id: String) {
        if self.seen.insert(id.clone()) {
            self.evaluate.push(id);
        }
    }
}

/// Runs until the controller is gone.
pub(crate) async fn dispatch(controller: Weak<Inner>, queue: Arc<UpdateQueue>) {
    loop {
        let changed = queue.take().await;
        let Some(inner) = controller.upgrade() else { return };
        let live = inner.live.load_full();
        let mut affected = Affected::default();
        for id in &changed {
            if let Some(located) = locate(&live, id) {
                dependants(located.scope(), located.id, &mut affected);
            }
        }
        inner.refresh.again(affected.again);
        for id in affected.evaluate {
            submit(&inner, id).await;
        }
    }
}

fn dependants(scope: &Arc<Scope>, id: &str, affected: &mut Affected) {
    let configuration = &scope.configuration;
    let concerned: BTreeSet<&str> = configuration.graph.dependants(id).into_iter().collect();
    if concerned.is_empty() {
        return;
    }
    for dependant in configuration
        .order
        .iter()
        .filter(|other| concerned.contains(other.as_str()))
    {
        if let Some(spec) = configuration.specs.get(dependant) {
            concern(scope, spec, id, 0, affected);
        }
    }
}

/// A node refers to `target`, which stands `level` scopes further out.
fn concern(scope: &Arc<Scope>, spec: &Spec, target: &str, level: usize, affected: &mut Affected) {
    let global = scope.global(&spec.id);
    match &spec.kind {
        Kind::Import(_) => drop(affected.again.insert(global)),
        Kind::Declare(_) => {}
        Kind::Foreach(foreach) => {
            let head = foreach.head.body.attributes().map(|attribute| attribute.span());
            let spans: Vec<_> = head.collect();
            let refers = |reference: &crate::spec::Reference| {
                let in_head =
                    |span: &syntax::Span| span.start <= reference.span.start && reference.span.end <= span.end;
                reference.target == target && reference.level == level && spans.iter().any(in_head)
            };
            if spec.references.iter().any(refers) {
                affected.again.insert(global);
                return;
            }
            let Some(Slot::Foreach { children, .. }) = scope.slots.get(&spec.id) else {
                return;
            };
            for (_, child) in children {
                for id in &child.configuration.order {
                    let Some(inner) = child.configuration.specs.get(id) else {
                        continue;
                    };
                    let refers =
                        |reference: &crate::spec::Reference| reference.target == target && reference.level == level + 1;
                    if inner.references.iter().any(refers) {
                        concern(child, inner, target, level + 1, affected);
                    }
                }
            }
        }
        _ => affected.evaluate(global),
    }
}

async fn submit(inner: &Arc<Inner>, id: String) {
    let mut pause = Duration::from_millis(1);
    for attempt in 0..MAX_RETRIES {
        if inner.workers.submit(&id, inner.clone().reevaluate(id.clone())).is_ok() {
            return;
        }
        if attempt == 0 {
            tracing::warn!(node_id = id, "failed to submit node for evaluation - will retry");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_RETRY_PAUSE);
    }
    tracing::error!(
        node_id = id,
        "retry attempts exhausted when submitting node for evaluation to the worker pool"
    );
}

impl Inner {
    /// Evaluates one node again because something that it refers to changed.
    pub(crate) async fn reevaluate(self: Arc<Self>, id: String) {
        let _gate = self.gate.read().await;
        let live = self.live.load_full();
        let Some(located) = locate(&live, &id) else { return };
        let scope = located.scope();
        let Some(spec) = scope.configuration.specs.get(located.id) else {
            return;
        };
        let Some(seen) = with_frame(&located.scopes, &mut |frame| variables(spec, frame)) else {
            return;
        };
        let evaluated = evaluate(spec, seen, &self.options.stdlib);
        match (&spec.kind, scope.slots.get(located.id)) {
            (Kind::Component(_), Some(Slot::Component(node))) => {
                let _entered = node.span.clone().entered();
                let outcome = match node.instance.clone().prepare(&evaluated.body) {
                    Ok(Prepared::Changed(change)) => {
                        change.apply();
                        Ok(())
                    }
                    Ok(Prepared::Unchanged) => Ok(()),
                    Err(error) => Err(diagnose(spec, &evaluated, error).into()),
                };
                self.tell(&id, &outcome, &node.vitals);
            }
            (Kind::Config(config), _) => {
                let body = spec.block.is_some().then_some(&evaluated.body);
                match config.prepare(body) {
                    Ok(change) => change.apply(),
                    Err(error) => log(&id, &diagnose(spec, &evaluated, error).into()),
                }
            }
            (Kind::Export, Some(Slot::Value(cell))) => self.export(&located, &id, spec, &evaluated, cell),
            (Kind::Argument, Some(Slot::Value(cell))) if !cell.given => {
                match value::decode::<ArgumentBlock>(&evaluated.body) {
                    Ok(block) => {
                        if cell.set(block.default) {
                            self.queue.push(&id);
                        }
                    }
                    Err(error) => log(&id, &evaluated.diagnose(spec, &error).into()),
                }
            }
            (Kind::Custom(_), Some(Slot::Custom { vitals, scope: inner })) => {
                let outcome = match evaluated.attributes(spec) {
                    Ok(given) => {
                        self.arguments(inner, given.into_iter().collect());
                        Ok(())
                    }
                    Err(wrong) => Err(wrong.into()),
                };
                self.tell(&id, &outcome, vitals);
            }
            _ => {}
        }
    }

    fn export(&self, located: &Located<'_>, id: &str, spec: &Spec, evaluated: &Evaluated, cell: &Cell) {
        match value::decode::<ExportBlock>(&evaluated.body) {
            Ok(block) => {
                // Who refers to the instance sees its exports as those of one component.
                if cell.set(block.value)
                    && let Some(owner) = located.owner()
                {
                    self.queue.push(&owner);
                }
            }
            Err(error) => log(id, &evaluated.diagnose(spec, &error).into()),
        }
    }

    /// An instance is given other arguments. Which ones it is given does not change without a load.
    fn arguments(&self, scope: &Arc<Scope>, given: BTreeMap<String, Value>) {
        for (name, value) in given {
            let id = format!("argument.{name}");
            if let Some(Slot::Value(cell)) = scope.slots.get(&id)
                && cell.set(value)
            {
                self.queue.push(&scope.global(&id));
            }
        }
    }

    fn tell(&self, id: &str, outcome: &Result<(), Diagnostics>, vitals: &crate::node::Vitals) {
        let now = self.options.host.clock.now();
        match outcome {
            Ok(()) => vitals.evaluated(Ok(()), now),
            Err(diagnostics) => {
                log(id, diagnostics);
                vitals.evaluated(Err(&diagnostics.to_string()), now);
            }
        }
    }
}

fn log(id: &str, diagnostics: &Diagnostics) {
    tracing::error!(node_id = id, err = %diagnostics, "failed to evaluate config");
}
