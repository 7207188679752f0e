//! The controllers as metrics: the root's, and one for each module. Names and labels are upstream's.

use crate::controller::Inner;
use crate::scope::{Scope, Slot};
use promtext::{Collector, Desc, Family, Kind, Label};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

const EVALUATING: &str = "alloy_component_controller_evaluating";
const RUNNING: &str = "alloy_component_controller_running_components";
const QUEUE: &str = "alloy_component_evaluation_queue_size";

/// What a scrape finds out of a controller.
pub(crate) struct ControllerMetrics(pub(crate) Weak<Inner>);

impl Collector for ControllerMetrics {
    fn describe(&self) -> Vec<Desc> {
        [EVALUATING, RUNNING, QUEUE]
            .map(|name| Desc {
                name: name.into(),
                kind: Kind::Gauge,
            })
            .into()
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let Some(inner) = self.0.upgrade() else { return };
        let mut evaluating = Family::new(
            EVALUATING,
            "Tracks if the controller is currently in the middle of a graph evaluation",
            Kind::Gauge,
        );
        let mut running = Family::new(RUNNING, "Total number of running components.", Kind::Gauge);
        let mut queue = Family::new(
            QUEUE,
            "Tracks the number of components waiting to be evaluated in the worker pool",
            Kind::Gauge,
        );
        let live = inner.live.load_full();
        let busy = f64::from(u8::from(inner.is_loading()));
        each(&live, &mut |scope| {
            evaluating.push(labels(&scope.path), busy);
            let mut states: BTreeMap<&str, u32> = BTreeMap::new();
            for id in &scope.configuration.order {
                let health = match scope.slots.get(id) {
                    Some(Slot::Component(node)) => node.health(),
                    Some(Slot::Custom { vitals, .. } | Slot::Foreach { vitals, .. }) => vitals.health(),
                    Some(Slot::Import { .. } | Slot::Value(_)) | None => continue,
                };
                *states.entry(health.state.as_str()).or_default() += 1;
            }
            for (state, count) in states {
                let mut labels = labels(&scope.path);
                labels.push(("health_type".into(), state.into()));
                running.push(labels, f64::from(count));
            }
            // The workers are one pool for all of them.
            let waiting = match scope.path == live.path {
                true => inner.queue.len() + inner.workers.waiting(),
                false => 0,
            };
            queue.push(labels(&scope.path), waiting as f64);
        });
        families.extend([evaluating, running, queue]);
    }
}

/// The controller of a module is named by the last part of its id, below the path of the one around it.
fn labels(path: &str) -> Vec<Label> {
    let (around, id) = path.rsplit_once('/').unwrap_or(("", path));
    vec![
        ("controller_path".into(), format!("/{around}").into()),
        ("controller_id".into(), id.into()),
    ]
}

/// The scopes that have metrics, from the outside in.
fn each(scope: &Arc<Scope>, visit: &mut dyn FnMut(&Scope)) {
    if scope.silent {
        return;
    }
    visit(scope);
    for id in &scope.configuration.order {
        match scope.slots.get(id) {
            Some(Slot::Custom { scope, .. }) => each(scope, visit),
            Some(Slot::Foreach { children, .. }) => children.iter().for_each(|(_, child)| each(child, visit)),
            _ => {}
        }
    }
}
