//! What is promised to records on each path from a source to a destination. Reads the configuration alone: nothing is built.

use crate::loader::Configuration;
use crate::spec::{Kind, Reference, Spec};
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

/// Follows the receivers in a configuration from its sources.
pub fn guarantees(configuration: &Configuration, stdlib: &Stdlib) -> Guarantees {
    let mut walk = Walk {
        remarks: HashMap::new(),
        reached: BTreeSet::new(),
        found: Guarantees::default(),
    };
    let specs = || {
        let ids = configuration.graph.ids();
        ids.filter_map(|id| configuration.specs.get(id))
    };
    for spec in specs() {
        walk.remarks.insert(&spec.id, remarks(spec, stdlib));
    }
    for spec in specs().filter(|spec| forwards(spec) && !receives(spec)) {
        // A config block that sends nowhere is none: it has another purpose.
        if matches!(spec.kind, Kind::Component(_)) || !targets(configuration, spec).is_empty() {
            walk.from(configuration, spec, &mut Vec::new());
        }
    }
    // Some are there for another export alone, the rules of a `loki.relabel` for example.
    let used = |id: &str| {
        let other = |reference: &Reference| reference.target == id && receiver(configuration, reference).is_none();
        specs().any(|spec| spec.references.iter().any(other))
    };
    let idle = |spec: &&Spec| receives(spec) && !walk.reached.contains(spec.id.as_str()) && !used(&spec.id);
    let idle = specs().filter(idle).map(|spec| spec.id.clone()).collect();
    Guarantees { idle, ..walk.found }
}

struct Walk<'a> {
    remarks: HashMap<&'a str, Vec<Remark>>,
    reached: BTreeSet<&'a str>,
    found: Guarantees,
}

impl<'a> Walk<'a> {
    /// The loader has refused cycles, so this ends.
    fn from(&mut self, configuration: &'a Configuration, spec: &'a Spec, before: &mut Vec<&'a Spec>) {
        before.push(spec);
        self.reached.insert(&spec.id);
        let next = targets(configuration, spec);
        if next.is_empty() {
            self.path(before);
        }
        for target in next {
            self.from(configuration, target, before);
        }
        before.pop();
    }

    fn path(&mut self, along: &[&Spec]) {
        let own = |spec: &&Spec| self.remarks.get(spec.id.as_str()).cloned().unwrap_or_default();
        let mut remarks: Vec<Remark> = along.iter().flat_map(own).collect();
        let mut promise = match remarks.iter().any(|remark| remark.effect == Effect::BestEffort) {
            true => Promise::BestEffort,
            false => Promise::AtLeastOnce,
        };
        if let Some(last) = along.last().filter(|last| forwards(last)) {
            promise = Promise::Dropped;
            let argument = receiver_argument(schema(last)).unwrap_or_default();
            remarks.push(Remark {
                component: last.id.clone(),
                effect: Effect::BestEffort,
                text: format!("has nobody to send to: {argument} is empty"),
                place: last.argument_place("", argument),
            });
        }
        self.found.paths.push(Path {
            components: along.iter().map(|spec| spec.id.clone()).collect(),
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
fn targets<'a>(configuration: &'a Configuration, spec: &Spec) -> Vec<&'a Spec> {
    let mut found: Vec<&Spec> = Vec::new();
    for reference in &spec.references {
        if let Some(target) = receiver(configuration, reference)
            && !found.iter().any(|other| other.id == target.id)
        {
            found.push(target);
        }
    }
    found
}

/// The node whose receiver a reference means, if it means one.
fn receiver<'a>(configuration: &'a Configuration, reference: &Reference) -> Option<&'a Spec> {
    let target = configuration.specs.get(&reference.target)?;
    let Kind::Component(registration) = &target.kind else {
        return None;
    };
    let meant = match reference.fields.first() {
        Some(field) => (registration.exports)()
            .attribute(field)
            .is_some_and(|ty| is_receiver(&ty)),
        // The component as a whole, of which an expression takes what it wants.
        None => receives(target),
    };
    meant.then_some(target)
}

/// What a node says of itself, and which of its arguments could not be known.
fn remarks(spec: &Spec, stdlib: &Stdlib) -> Vec<Remark> {
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
        Ok(caveats) => caveats.into_iter().map(|caveat| remark(spec, caveat)).collect(),
        Err(error) => {
            let text = format!("has arguments that are known only when it runs: {error}");
            vec![remark(spec, Caveat::best_effort(text))]
        }
    };
    found.extend(unknown.into_iter().map(|(path, name)| Remark {
        component: spec.id.clone(),
        effect: Effect::Note,
        text: format!("is taken to have the default of {name}, whose value is known only when it runs"),
        place: spec.argument_place(&path, &name),
    }));
    found
}

fn remark(spec: &Spec, caveat: Caveat) -> Remark {
    let place = match caveat.argument {
        "" => spec.place(&caveat.block),
        argument => spec.argument_place(&caveat.block, argument),
    };
    Remark {
        component: spec.id.clone(),
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
