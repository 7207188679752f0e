//! What is promised to records on each path from a source to a destination. Reads the configuration alone: nothing is built.

use crate::expand::Expansion;
use crate::follow::Target;
use crate::spec::{Kind, Spec};
use component::{Caveat, Effect, is_receiver};
use eval::{Scope, Stdlib};
use std::collections::{BTreeSet, HashMap};
use value::{Body, DecodeError, FieldKind, Item, Object, Schema, Type};

/// What holds on a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// What the source has taken responsibility for arrives, perhaps more than once, unless a rule drops it.
    AtLeastOnce,
    /// Records may be lost: the remarks say why.
    BestEffort,
    /// The path ends at a component that forwards to nobody.
    Dropped,
}

/// A fact about a component on a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// Id of the component.
    pub component: String,
    /// What it does to the promise.
    pub effect: Effect,
    /// The fact; follows the component's name.
    pub text: String,
    /// Where it comes from, as `file:line`.
    pub place: Option<String>,
}

/// A path from a source to a destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// Ids of the components along it.
    pub components: Vec<String>,
    /// What holds.
    pub promise: Promise,
    /// Why, and what else is worth knowing, in the order of the components.
    pub remarks: Vec<Remark>,
}

/// What is promised in a configuration.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Guarantees {
    /// Every path, by the place of its source in the configuration.
    pub paths: Vec<Path>,
    /// Ids of components that take records and that no source reaches.
    pub idle: Vec<String>,
}

/// Follows the receivers in a configuration, and in the modules that it instantiates, from its sources.
pub fn guarantees(expansion: &Expansion, stdlib: &Stdlib) -> Guarantees {
    let mut walk = Walk {
        expansion,
        remarks: HashMap::new(),
        reached: BTreeSet::new(),
        found: Guarantees::default(),
    };
    let nodes = || expansion.plan.graph.ids().filter_map(|id| expansion.node(id));
    for node in nodes() {
        walk.remarks.insert(node.id, remarks(node, stdlib));
    }
    for node in nodes().filter(|node| forwards(node.spec) && !receives(node.spec)) {
        // A config block that sends nowhere is none: it has another purpose.
        if matches!(node.spec.kind, Kind::Component(_)) || !targets(expansion, node.id).is_empty() {
            walk.from(node, &mut Vec::new());
        }
    }
    // Some are there for another export alone, the rules of a `loki.relabel` for example.
    let mut used: BTreeSet<String> = BTreeSet::new();
    for node in nodes() {
        let others = expansion.targets(node.id).into_iter();
        used.extend(
            others
                .filter(|target| !is_received(expansion, target))
                .map(|target| target.id),
        );
    }
    let idle = |node: &Node<'_>| receives(node.spec) && !walk.reached.contains(node.id) && !used.contains(node.id);
    let idle = nodes().filter(idle).map(|node| node.id.to_owned()).collect();
    Guarantees { idle, ..walk.found }
}

/// A component or config block with its global id.
#[derive(Clone, Copy)]
struct Node<'a> {
    id: &'a str,
    spec: &'a Spec,
}

impl Expansion {
    fn node(&self, id: &str) -> Option<Node<'_>> {
        let (id, spec) = self.specs.get_key_value(id)?;
        matches!(spec.kind, Kind::Component(_) | Kind::Config(_)).then_some(Node { id, spec })
    }
}

struct Walk<'a> {
    expansion: &'a Expansion,
    remarks: HashMap<&'a str, Vec<Remark>>,
    reached: BTreeSet<&'a str>,
    found: Guarantees,
}

impl<'a> Walk<'a> {
    /// The loader has refused cycles, so this ends.
    fn from(&mut self, node: Node<'a>, before: &mut Vec<Node<'a>>) {
        before.push(node);
        self.reached.insert(node.id);
        let next = targets(self.expansion, node.id);
        if next.is_empty() {
            self.path(before);
        }
        for target in next {
            self.from(target, before);
        }
        before.pop();
    }

    fn path(&mut self, along: &[Node<'_>]) {
        let own = |node: &Node<'_>| self.remarks.get(node.id).cloned().unwrap_or_default();
        let mut remarks: Vec<Remark> = along.iter().flat_map(own).collect();
        let mut promise = match remarks.iter().any(|remark| remark.effect == Effect::BestEffort) {
            true => Promise::BestEffort,
            false => Promise::AtLeastOnce,
        };
        if let Some(last) = along.last().filter(|last| forwards(last.spec)) {
            promise = Promise::Dropped;
            let argument = receiver_argument(schema(last.spec)).unwrap_or_default();
            remarks.push(Remark {
                component: last.id.to_owned(),
                effect: Effect::BestEffort,
                text: format!("has nobody to send to: {argument} is empty"),
                place: last.spec.argument_place("", argument),
            });
        }
        self.found.paths.push(Path {
            components: along.iter().map(|node| node.id.to_owned()).collect(),
            promise,
            remarks,
        });
    }
}

fn schema(spec: &Spec) -> &'static Schema {
    match &spec.kind {
        Kind::Component(registration) => (registration.arguments)(),
        Kind::Config(config) => (config.schema)(),
        _ => <() as value::Block>::schema(),
    }
}

/// Whether it has an argument for receivers.
fn forwards(spec: &Spec) -> bool {
    receiver_argument(schema(spec)).is_some()
}

/// Whether it exports a receiver.
fn receives(spec: &Spec) -> bool {
    match &spec.kind {
        Kind::Component(registration) => receiver_argument((registration.exports)()).is_some(),
        _ => false,
    }
}

/// The first argument that takes receivers, in nested blocks too.
fn receiver_argument(schema: &'static Schema) -> Option<&'static str> {
    fn find(schema: &'static Schema, seen: &mut Vec<*const Schema>) -> Option<&'static str> {
        // Blocks may nest in each other without end.
        if seen.contains(&std::ptr::from_ref(schema)) {
            return None;
        }
        seen.push(schema);
        schema.fields.iter().find_map(|field| match &field.kind {
            FieldKind::Attr { ty, .. } => is_receiver(&ty()).then_some(field.name),
            FieldKind::Block { schema, .. } | FieldKind::Blocks { schema, .. } | FieldKind::Flatten { schema, .. } => {
                find(schema(), seen)
            }
            FieldKind::Enum { variants, .. } => variants().iter().find_map(|one| find((one.schema)(), seen)),
            FieldKind::Label { .. } => None,
        })
    }
    find(schema, &mut Vec::new())
}

/// The nodes whose receivers a node refers to, each once.
fn targets<'a>(expansion: &'a Expansion, id: &str) -> Vec<Node<'a>> {
    let mut found: Vec<Node<'_>> = Vec::new();
    for target in expansion.targets(id) {
        if is_received(expansion, &target)
            && let Some(node) = expansion.node(&target.id)
            && !found.iter().any(|other| other.id == node.id)
        {
            found.push(node);
        }
    }
    found
}

/// Whether what a reference leads to is a receiver.
fn is_received(expansion: &Expansion, target: &Target) -> bool {
    let Some(spec) = expansion.specs.get(&target.id) else {
        return false;
    };
    let Kind::Component(registration) = &spec.kind else {
        return false;
    };
    match target.fields.first() {
        Some(field) => (registration.exports)()
            .attribute(field)
            .is_some_and(|ty| is_receiver(&ty)),
        // The component as a whole, of which an expression takes what it wants.
        None => receives(spec),
    }
}

/// What a node says of itself, and which of its arguments could not be known.
fn remarks(node: Node<'_>, stdlib: &Stdlib) -> Vec<Remark> {
    let spec = node.spec;
    let Some(block) = &spec.block else { return Vec::new() };
    let scope = Scope::new(Object::new(), stdlib);
    let mut body = eval::evaluate_body(&spec.source, block, &scope).body;
    let mut unknown = Vec::new();
    forget(&mut body, Some(schema(spec)), "", &mut unknown);
    let told: Result<Vec<Caveat>, DecodeError> = match &spec.kind {
        Kind::Component(registration) => registration.caveats(&body),
        Kind::Config(config) => config.caveats(&body),
        _ => Ok(Vec::new()),
    };
    let mut found: Vec<Remark> = match told {
        Ok(caveats) => caveats.into_iter().map(|caveat| remark(node, caveat)).collect(),
        Err(error) => {
            let text = format!("has arguments that are known only when it runs: {error}");
            vec![remark(node, Caveat::best_effort(text))]
        }
    };
    found.extend(unknown.into_iter().map(|(path, name)| Remark {
        component: node.id.to_owned(),
        effect: Effect::Note,
        text: format!("is taken to have the default of {name}, whose value is known only when it runs"),
        place: spec.argument_place(&path, &name),
    }));
    found
}

fn remark(node: Node<'_>, caveat: Caveat) -> Remark {
    let place = match caveat.argument {
        "" => node.spec.place(&caveat.block),
        argument => node.spec.argument_place(&caveat.block, argument),
    };
    Remark {
        component: node.id.to_owned(),
        effect: caveat.effect,
        text: caveat.text,
        place,
    }
}

/// Makes attributes unknown that refer to other components, and notes those whose values could say something about the promise:
/// where they stand, and their names.
fn forget(body: &mut Body, schema: Option<&'static Schema>, path: &str, unknown: &mut Vec<(String, String)>) {
    let mut namesakes: HashMap<String, usize> = HashMap::new();
    for item in &mut body.items {
        match item {
            Item::Attr { name, value, .. } if value.is_err() => {
                *value = Ok(None);
                let ty = schema.and_then(|schema| schema.attribute(name));
                let matters = |ty: &Type| match ty {
                    Type::Bool | Type::Number => true,
                    Type::Capsule(_) => !is_receiver(ty),
                    _ => false,
                };
                if ty.as_ref().is_some_and(matters) {
                    unknown.push((path.to_owned(), name.clone()));
                }
            }
            Item::Attr { .. } => {}
            Item::Block { name, body, .. } => {
                let number = namesakes.entry(name.clone()).or_default();
                let slash = if path.is_empty() { "" } else { "/" };
                let inside = format!("{path}{slash}{name}#{number}");
                *number += 1;
                forget(body, schema.and_then(|schema| schema.block(name)), &inside, unknown);
            }
        }
    }
}
