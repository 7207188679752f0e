//! What the blocks of a scope see while they are evaluated.

use crate::loader::Configuration;
use crate::module::{Around, Module};
use crate::names;
use crate::scope::{Scope, Slot};
use crate::spec::{Custom, Reference, Spec};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use value::{Object, Value};

/// A scope, running or in the making.
pub(crate) struct Frame<'a> {
    pub(crate) around: Around<'a>,
    pub(crate) variables: &'a Object,
    pub(crate) slots: &'a HashMap<String, Slot>,
    /// Ids of nodes whose values are not what they were before this load.
    pub(crate) fresh: &'a HashSet<String>,
    pub(crate) parent: Option<&'a Frame<'a>>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(
        configuration: &'a Configuration,
        variables: &'a Object,
        slots: &'a HashMap<String, Slot>,
        fresh: &'a HashSet<String>,
        parent: Option<&'a Frame<'a>>,
    ) -> Self {
        Frame {
            around: Around {
                configuration,
                parent: parent.map(|parent| &parent.around),
            },
            variables,
            slots,
            fresh,
            parent,
        }
    }

    fn further(&self, level: usize) -> Option<&Frame<'a>> {
        (0..level).try_fold(self, |frame, _| frame.parent)
    }

    /// The value that a reference starts from.
    pub(crate) fn value(&self, reference: &Reference) -> Option<Value> {
        self.further(reference.level)?.slots.get(&reference.target)?.value()
    }

    /// Whether a reference leads to a value that is new.
    pub(crate) fn is_fresh(&self, reference: &Reference) -> bool {
        self.further(reference.level)
            .is_some_and(|frame| frame.fresh.contains(&reference.target))
    }

    /// Calls `then` with the module that a custom component's name means, and what is around that; or says why there is none.
    pub(crate) fn definition<R>(
        &self,
        custom: &Custom,
        then: impl FnOnce(&Arc<Module>, &Frame<'_>) -> R,
    ) -> Result<R, NoDefinition> {
        let Some(namespace) = &custom.namespace else {
            let mut frame = Some(self);
            while let Some(here) = frame {
                if let Some(module) = here.around.configuration.declared(&custom.name) {
                    return Ok(then(module, here));
                }
                frame = here.parent;
            }
            return Err(NoDefinition::Missing(names::not_found("", &custom.name), Vec::new()));
        };
        let mut frame = Some(self);
        while let Some(here) = frame {
            if let Some(id) = here.around.configuration.imports.get(namespace) {
                let Some(Slot::Import { scope, .. }) = here.slots.get(id) else {
                    return Err(NoDefinition::Pending);
                };
                let none = HashSet::new();
                let inner = Frame::new(&scope.configuration, &scope.variables, &scope.slots, &none, None);
                return match scope.configuration.declared(&custom.name) {
                    Some(module) => Ok(then(module, &inner)),
                    None => {
                        let has = scope.configuration.declares().map(str::to_owned).collect();
                        let message = names::not_found(namespace, &custom.name);
                        Err(NoDefinition::Missing(message, has))
                    }
                };
            }
            frame = here.parent;
        }
        Err(NoDefinition::Missing(
            names::not_found(namespace, &custom.name),
            Vec::new(),
        ))
    }
}

/// Why a custom component's name means nothing.
pub(crate) enum NoDefinition {
    /// There is no such module: the message, and the modules that there are.
    Missing(String, Vec<String>),
    /// The import that it comes from has no content here, which it says itself.
    Pending,
}

/// Calls `then` with the frame of the last of some scopes, each within the one before.
pub(crate) fn with_frame<R>(scopes: &[&Arc<Scope>], then: &mut dyn FnMut(&Frame<'_>) -> R) -> Option<R> {
    fn descend<R>(
        scopes: &[&Arc<Scope>],
        parent: Option<&Frame<'_>>,
        then: &mut dyn FnMut(&Frame<'_>) -> R,
    ) -> Option<R> {
        let (first, rest) = scopes.split_first()?;
        let none = HashSet::new();
        let frame = Frame::new(&first.configuration, &first.variables, &first.slots, &none, parent);
        match rest {
            [] => Some(then(&frame)),
            rest => descend(rest, Some(&frame), then),
        }
    }
    descend(scopes, None, then)
}

/// Variables of a scope that a block uses, with the values of what it refers to, as the evaluator wants them.
pub(crate) fn variables(spec: &Spec, frame: &Frame<'_>) -> Object {
    let value = |reference: &Reference| frame.value(reference);
    let mut tree = Tree::default();
    for reference in &spec.references {
        if let Some(value) = value(reference) {
            tree.insert(&reference.target, value);
        }
    }
    for name in &spec.variables {
        if let Some(value) = frame.variables.get(name) {
            tree.insert(name, value.clone());
        }
    }
    tree.into_object()
}

/// Values under the fragments of their ids: `a.b.c` is field `c` of field `b` of variable `a`.
#[derive(Default)]
pub(crate) struct Tree {
    leaf: Option<Value>,
    children: std::collections::BTreeMap<String, Tree>,
}

impl Tree {
    pub(crate) fn insert(&mut self, id: &str, value: Value) {
        let mut at = self;
        for part in id.split('.') {
            at = at.children.entry(part.to_owned()).or_default();
        }
        at.leaf = Some(value);
    }

    pub(crate) fn into_object(self) -> Object {
        self.children
            .into_iter()
            .map(|(name, child)| (name, child.into_value()))
            .collect()
    }

    fn into_value(self) -> Value {
        match self.leaf {
            Some(value) => value,
            None => Value::object(self.into_object()),
        }
    }
}
