//! What runs: a tree of scopes with their nodes.
//!
//! A scope never changes once it runs: a load makes another tree that shares what stayed. What changes while a scope runs is in its
//! nodes, behind their own locks.

use crate::loader::Configuration;
use crate::node::{Node, Vitals};
use component::{Content, ImportSource};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use value::{Body, Object, Value};

/// The running nodes of the configuration, or of an instance of a module.
pub(crate) struct Scope {
    /// Global id of the instance; of the controller, which is mostly empty, for the configuration itself.
    pub(crate) path: Arc<str>,
    /// What it says.
    pub(crate) configuration: Arc<Configuration>,
    /// `module_path` and, for a child of a `foreach`, its item.
    pub(crate) variables: Object,
    /// Nodes that were made, by their id within the scope.
    pub(crate) slots: HashMap<String, Slot>,
    /// Whether its components have no metrics.
    pub(crate) silent: bool,
}

/// A running node.
#[derive(Clone)]
pub(crate) enum Slot {
    Component(Arc<Node>),
    /// An `argument` or an `export`.
    Value(Arc<Cell>),
    Custom {
        vitals: Arc<Vitals>,
        scope: Arc<Scope>,
    },
    Import {
        import: Arc<Import>,
        scope: Arc<Scope>,
    },
    Foreach {
        vitals: Arc<Vitals>,
        /// By id, in the order of the collection.
        children: Vec<(String, Arc<Scope>)>,
    },
}

/// A value that others refer to.
pub(crate) struct Cell {
    /// Whether it comes from outside of the scope: an argument that the instance was given.
    pub(crate) given: bool,
    value: Mutex<Value>,
}

impl Cell {
    pub(crate) fn new(value: Value, given: bool) -> Self {
        Cell {
            given,
            value: Mutex::new(value),
        }
    }

    pub(crate) fn get(&self) -> Value {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets it; false if it was the same before.
    pub(crate) fn set(&self, value: Value) -> bool {
        let mut current = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        if current.same(&value) {
            return false;
        }
        *current = value;
        true
    }
}

/// An import with the content that its scope was made of.
pub(crate) struct Import {
    pub(crate) source: Arc<dyn ImportSource>,
    /// The arguments that it was opened with.
    pub(crate) arguments: Body,
    pub(crate) content: Content,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) span: tracing::Span,
}

impl Scope {
    /// The global id of a node in it.
    pub(crate) fn global(&self, id: &str) -> String {
        join(&self.path, id)
    }

    /// What a reference to one of its nodes means.
    pub(crate) fn value(&self, id: &str) -> Option<Value> {
        self.slots.get(id).and_then(Slot::value)
    }
}

impl Slot {
    /// What others see of it.
    pub(crate) fn value(&self) -> Option<Value> {
        match self {
            Slot::Component(node) => Some(node.instance.exports()),
            Slot::Value(cell) => Some(Value::object([("value", cell.get())].into_iter().collect())),
            Slot::Custom { scope, .. } => Some(Value::object(exports(scope))),
            Slot::Import { .. } | Slot::Foreach { .. } => None,
        }
    }
}

/// What an instance of a module exports.
pub(crate) fn exports(scope: &Scope) -> Object {
    let ids = scope.configuration.graph.ids();
    ids.filter_map(|id| {
        let name = id.strip_prefix("export.")?;
        match scope.slots.get(id)? {
            Slot::Value(cell) => Some((name, cell.get())),
            _ => None,
        }
    })
    .collect()
}

/// A global id from that of a module and an id within it.
pub(crate) fn join(path: &str, id: &str) -> String {
    match path {
        "" => id.to_owned(),
        path => format!("{path}/{id}"),
    }
}

/// A node that was found by its global id.
pub(crate) struct Located<'a> {
    /// The scopes down to its own, which is last.
    pub(crate) scopes: Vec<&'a Arc<Scope>>,
    /// Its id within its scope.
    pub(crate) id: &'a str,
}

impl<'a> Located<'a> {
    /// Its own scope.
    pub(crate) fn scope(&self) -> &'a Arc<Scope> {
        self.scopes.last().expect("at least the root")
    }

    /// Global id of the node whose scope it is in, with that node's own scope; `None` in the root.
    pub(crate) fn owner(&self) -> Option<String> {
        (self.scopes.len() > 1).then(|| self.scope().path.to_string())
    }
}

/// Finds the scope of a global id: `mod.a/loki.write.x` is node `loki.write.x` in the scope of instance `mod.a`.
pub(crate) fn locate<'a>(root: &'a Arc<Scope>, id: &'a str) -> Option<Located<'a>> {
    let mut scopes = vec![root];
    let mut rest = below(root, id)?;
    while let Some((first, inner)) = rest.split_once('/') {
        let scope = scopes.last()?;
        match scope.slots.get(first)? {
            Slot::Custom { scope, .. } | Slot::Import { scope, .. } => {
                scopes.push(scope);
                rest = inner;
            }
            Slot::Foreach { children, .. } => {
                let (child, inner) = inner.split_once('/')?;
                let (_, scope) = children.iter().find(|(id, _)| id == child)?;
                scopes.push(scope);
                rest = inner;
            }
            Slot::Component(_) | Slot::Value(_) => return None,
        }
    }
    Some(Located { scopes, id: rest })
}

/// A global id without that of the controller.
fn below<'a>(root: &Scope, id: &'a str) -> Option<&'a str> {
    match &*root.path {
        "" => Some(id),
        path => id.strip_prefix(path)?.strip_prefix('/'),
    }
}

/// The scope of a module's id: that of an instance, an import or a child of a `foreach`; the root for none, or for its own.
pub(crate) fn module<'a>(root: &'a Arc<Scope>, id: &str) -> Option<&'a Arc<Scope>> {
    if id.is_empty() || *id == *root.path {
        return Some(root);
    }
    let mut scope = root;
    let mut parts = below(root, id)?.split('/');
    while let Some(part) = parts.next() {
        scope = match scope.slots.get(part)? {
            Slot::Custom { scope, .. } | Slot::Import { scope, .. } => scope,
            Slot::Foreach { children, .. } => {
                let child = parts.next()?;
                &children.iter().find(|(id, _)| id == child)?.1
            }
            Slot::Component(_) | Slot::Value(_) => return None,
        };
    }
    Some(scope)
}

/// Calls `visit` for every node with its global id, dependencies before dependants; a node with a scope of its own comes after the
/// nodes in it.
pub(crate) fn walk<'a>(scope: &'a Scope, visit: &mut dyn FnMut(String, &'a Slot)) {
    for id in &scope.configuration.order {
        let Some(slot) = scope.slots.get(id) else { continue };
        match slot {
            Slot::Custom { scope, .. } | Slot::Import { scope, .. } => walk(scope, visit),
            Slot::Foreach { children, .. } => children.iter().for_each(|(_, child)| walk(child, visit)),
            Slot::Component(_) | Slot::Value(_) => {}
        }
        visit(scope.global(id), slot);
    }
}
