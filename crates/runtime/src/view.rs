//! The running graph as interfaces show it.

use crate::controller::Controller;
use crate::loader::Configuration;
use crate::node::Node;
use crate::scope::{Scope, Slot, exports, locate, module, walk};
use crate::spec::{Reference, Spec};
use component::Health;
use std::sync::Arc;
use value::{Body, FromValue, Item, Place, Secret, Value};

/// A node as the interfaces show it: a component, an instance of a module, or a `foreach`.
pub struct NodeInfo {
    /// The node as it is configured.
    pub spec: Spec,
    /// Global id of the module that it is in; empty in the root.
    pub module: String,
    /// How it is doing.
    pub health: Health,
    /// The component, if it is one.
    pub node: Option<Arc<Node>>,
    /// What it was given, as a block.
    pub arguments: Body,
    /// What it exports, as a block.
    pub exports: Body,
    /// Ids of components that it refers to.
    pub references_to: Vec<String>,
    /// Ids of components that refer to it.
    pub referenced_by: Vec<String>,
    /// Ids of components that it sends data to.
    pub data_flow_edges_to: Vec<String>,
    /// Global ids of the modules that it made.
    pub modules: Vec<String>,
}

impl Controller {
    /// The components of a module in the order of the graph; of the configuration itself for the empty id. `None` if there is no
    /// such module.
    pub fn components(&self, id: &str) -> Option<Vec<NodeInfo>> {
        let live = self.0.live.load_full();
        let scope = module(&live, id)?;
        let ids = scope.configuration.order.iter();
        Some(ids.filter_map(|id| info(scope, id)).collect())
    }

    /// One component by its global id.
    pub fn component(&self, id: &str) -> Option<NodeInfo> {
        let live = self.0.live.load_full();
        let located = locate(&live, id)?;
        info(located.scope(), located.id)
    }

    /// How every component, instance of a module and `foreach` is doing, wherever it is: global id, name of the block, health.
    pub fn healths(&self) -> Vec<(String, String, Health)> {
        let live = self.0.live.load_full();
        let mut found = Vec::new();
        healths(&live, &mut found);
        found
    }

    /// Global ids of all modules that run: instances, and children of `foreach`.
    pub fn modules(&self) -> Vec<String> {
        let live = self.0.live.load_full();
        let mut ids = Vec::new();
        walk(&live, &mut |_, slot| ids.extend(made(slot)));
        ids
    }

    /// How an import is doing, by its global id.
    pub fn import_health(&self, id: &str) -> Option<Health> {
        let live = self.0.live.load_full();
        let located = locate(&live, id)?;
        match located.scope().slots.get(located.id)? {
            Slot::Import { import, .. } => Some(import.vitals.health()),
            _ => None,
        }
    }

    /// Where a component stands, or a block in it, as `file:line`. `path` names the block: names of blocks, each with its number
    /// among its namesakes from 0, from the outside in: `stage.match#1/stage.drop#0`; empty for the component itself.
    pub fn place(&self, id: &str, path: &str) -> Option<String> {
        let live = self.0.live.load_full();
        let located = locate(&live, id)?;
        located.scope().configuration.specs.get(located.id)?.place(path)
    }
}

/// See [`Controller::healths`].
fn healths(scope: &Scope, found: &mut Vec<(String, String, Health)>) {
    for id in &scope.configuration.order {
        let (Some(slot), Some(spec)) = (scope.slots.get(id), scope.configuration.specs.get(id)) else {
            continue;
        };
        let health = match slot {
            Slot::Component(node) => node.health(),
            Slot::Custom { vitals, scope } => {
                healths(scope, found);
                vitals.health()
            }
            Slot::Foreach { vitals, children, .. } => {
                children.iter().for_each(|(_, child)| healths(child, found));
                vitals.health()
            }
            Slot::Value(_) | Slot::Import { .. } => continue,
        };
        found.push((scope.global(id), spec.name.clone(), health));
    }
}

/// Global ids of the modules that a node made.
fn made(slot: &Slot) -> Vec<String> {
    match slot {
        Slot::Custom { scope, .. } => vec![scope.path.to_string()],
        Slot::Foreach { children, .. } => children.iter().map(|(_, child)| child.path.to_string()).collect(),
        Slot::Component(_) | Slot::Value(_) | Slot::Import { .. } => Vec::new(),
    }
}

fn info(scope: &Arc<Scope>, id: &str) -> Option<NodeInfo> {
    let spec = scope.configuration.specs.get(id)?;
    let slot = scope.slots.get(id)?;
    let mut node = None;
    let (health, arguments, exports) = match slot {
        Slot::Component(component) => {
            node = Some(component.clone());
            (
                component.health(),
                component.instance.arguments(),
                component.instance.exports_body(),
            )
        }
        Slot::Custom { vitals, scope } => (vitals.health(), arguments(scope), body(exports(scope).iter())),
        Slot::Foreach { vitals, .. } => (vitals.health(), Body::default(), Body::default()),
        Slot::Value(_) | Slot::Import { .. } => return None,
    };
    let listed = |ids: Vec<&str>| -> Vec<String> {
        ids.into_iter()
            .filter(|id| is_listed(scope, id))
            .map(str::to_owned)
            .collect()
    };
    Some(NodeInfo {
        module: scope.path.to_string(),
        health,
        node,
        arguments,
        exports,
        references_to: listed(scope.configuration.graph.dependencies(id)),
        referenced_by: listed(scope.configuration.graph.dependants(id)),
        data_flow_edges_to: data_flow(scope, id),
        modules: made(slot),
        spec: spec.clone(),
    })
}

fn is_listed(scope: &Scope, id: &str) -> bool {
    scope.configuration.specs.get(id).is_some_and(Spec::is_listed) && scope.slots.contains_key(id)
}

fn arguments(scope: &Scope) -> Body {
    let configuration: &Configuration = &scope.configuration;
    let values = configuration.graph.ids().filter_map(|id| {
        let name = id.strip_prefix("argument.")?;
        match scope.slots.get(id)? {
            Slot::Value(cell) => Some((name, cell.get())),
            _ => None,
        }
    });
    let values: Vec<(&str, Value)> = values.collect();
    body(values.iter().map(|(name, value)| (name, value)))
}

fn body<'a>(values: impl Iterator<Item = (impl ToString, &'a Value)>) -> Body {
    let items = values.map(|(name, value)| {
        let name = name.to_string();
        // What a module takes and gives has no type that says so.
        let shown = match value {
            Value::String(text) if crate::redact::is_secret(&name) => Secret::new(text.as_bytes()).to_value(),
            value => value.clone(),
        };
        Item::Attr {
            name,
            value: Ok(Some(shown)),
            place: Place(0),
        }
    });
    Body {
        label: String::new(),
        items: items.collect(),
    }
}

/// Data flows along a reference to a receiver, and against a reference to any other export.
fn data_flow(scope: &Arc<Scope>, id: &str) -> Vec<String> {
    let receives = |target: &str, field: &str| -> Option<bool> {
        let Value::Object(object) = scope.value(target)? else {
            return None;
        };
        object.get(field).map(component::is_receiver_value)
    };
    let mut to: Vec<String> = Vec::new();
    let mut add = |id: &str| {
        if is_listed(scope, id) && !to.iter().any(|other| other == id) {
            to.push(id.to_owned());
        }
    };
    let own = |reference: &&Reference| reference.level == 0 && reference.fields.len() == 1;
    if let Some(spec) = scope.configuration.specs.get(id) {
        for reference in spec.references.iter().filter(own) {
            if receives(&reference.target, &reference.fields[0]) == Some(true) {
                add(&reference.target);
            }
        }
    }
    for dependant in scope.configuration.graph.dependants(id) {
        let Some(spec) = scope.configuration.specs.get(dependant) else {
            continue;
        };
        let uses = |reference: &&Reference| reference.target == id && receives(id, &reference.fields[0]) == Some(false);
        if spec.references.iter().filter(own).any(|reference| uses(&reference)) {
            add(dependant);
        }
    }
    to
}
