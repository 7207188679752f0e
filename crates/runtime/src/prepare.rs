//! The first half of a load: evaluates, checks and builds everything that changes, without effect.
//!
//! The result is a tree of scopes that shares with the running one what stays, and a list of changes that cannot fail.

mod imports;
mod modules;

pub(crate) use imports::same_source;

use crate::blocks::{ArgumentBlock, ExportBlock};
use crate::evaluate::{Evaluated, diagnose, evaluate};
use crate::frame::{self, Frame};
use crate::loader::Configuration;
use crate::names;
use crate::node::{Node, Vitals};
use crate::options::Options;
use crate::plan::{Step, Verdict, verdict};
use crate::scope::{Cell, Scope, Slot, join};
use crate::spec::{Kind, Spec};
use component::{Change, Content, ContextParts, Fetched, ImportSource, Prepared};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use syntax::{Diagnostic, Diagnostics, Source};
use value::{Body, Object, Value};

/// Gives a new component what it may ask of the world: its scope, its id in there.
pub(crate) type Parts<'a> = dyn Fn(&str, &str, bool) -> ContextParts + 'a;

/// An import whose content is not at hand.
pub(crate) struct Need {
    pub(crate) id: String,
    pub(crate) source: Arc<dyn ImportSource>,
    pub(crate) arguments: Body,
    /// Where to say that it could not be fetched.
    pub(crate) diagnostic: Diagnostic,
}

/// An import that was opened and whose content was fetched for this load.
pub(crate) struct Opened {
    pub(crate) source: Arc<dyn ImportSource>,
    pub(crate) arguments: Body,
    pub(crate) fetched: Fetched,
}

/// What a load is made from.
pub(crate) struct Task<'a> {
    pub(crate) options: &'a Options,
    pub(crate) parts: &'a Parts<'a>,
    /// Global ids of nodes to do again although their text stayed.
    pub(crate) dirty: &'a BTreeSet<String>,
    /// Content to use instead of what imports have.
    pub(crate) contents: &'a HashMap<String, Fetched>,
    /// Content that was fetched for this load.
    pub(crate) opened: &'a HashMap<String, Opened>,
    /// Whether the configuration was read anew, so that local imports are as well.
    pub(crate) reload: bool,
    /// Whether modules may be others than before, so that every instance is looked at.
    pub(crate) modules: bool,
}

/// What a load will do.
pub(crate) struct Draft<'a> {
    task: Task<'a>,
    /// Changes in order, each with the vitals of the node that it concerns.
    pub(crate) changes: Vec<(Option<Vitality>, Change)>,
    pub(crate) problems: Diagnostics,
    pub(crate) warnings: Diagnostics,
    pub(crate) needs: Vec<Need>,
    pub(crate) steps: Vec<Step>,
    /// Texts of modules, for printing.
    pub(crate) sources: Vec<Source>,
    /// Instances of modules on the way to where the draft is.
    trace: Vec<String>,
    /// What the imports brought that led to where the work is, one in the other.
    importing: Vec<Content>,
    /// Whether modules are in each other without end.
    endless: bool,
    now: i64,
}

/// Something with a health.
#[derive(Clone)]
pub(crate) enum Vitality {
    Node(Arc<Node>),
    Other(Arc<Vitals>),
}

impl Vitality {
    pub(crate) fn vitals(&self) -> &Vitals {
        match self {
            Vitality::Node(node) => &node.vitals,
            Vitality::Other(vitals) => vitals,
        }
    }
}

/// A scope that is wanted.
struct Wanted<'w> {
    path: Arc<str>,
    configuration: Arc<Configuration>,
    variables: Object,
    /// What the instance is given; `None` if that is what it was given before.
    arguments: Option<BTreeMap<String, Value>>,
    old: Option<&'w Arc<Scope>>,
    parent: Option<&'w Frame<'w>>,
    /// The block that it is an instance of.
    site: Option<&'w Spec>,
    silent: bool,
}

/// A node in its surroundings.
struct At<'n> {
    spec: &'n Spec,
    /// Global id of its scope.
    path: &'n str,
    global: String,
    verdict: Verdict,
    frame: Frame<'n>,
    old: Option<&'n Slot>,
    silent: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(task: Task<'a>) -> Self {
        let now = task.options.host.clock.now();
        Draft {
            task,
            changes: Vec::new(),
            problems: Diagnostics::default(),
            warnings: Diagnostics::default(),
            needs: Vec::new(),
            steps: Vec::new(),
            sources: Vec::new(),
            trace: Vec::new(),
            importing: Vec::new(),
            endless: false,
            now,
        }
    }

    /// The scope of the whole configuration.
    pub(crate) fn root(
        &mut self,
        configuration: Arc<Configuration>,
        module_path: &str,
        old: &Arc<Scope>,
    ) -> Arc<Scope> {
        self.scope(Wanted {
            path: Arc::from(self.task.options.id.as_str()),
            configuration,
            variables: [("module_path", Value::string(module_path))].into_iter().collect(),
            arguments: None,
            old: Some(old),
            parent: None,
            site: None,
            silent: false,
        })
    }

    fn problem(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.trace.around(self.trace.iter().cloned());
        self.problems.push(diagnostic);
    }

    fn problems(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.problem(diagnostic));
    }

    fn is_dirty(&self, global: &str) -> bool {
        self.task.dirty.contains(global)
    }

    fn is_dirty_within(&self, global: &str) -> bool {
        let below = self.task.dirty.range(global.to_owned()..);
        below
            .take_while(|id| id.starts_with(global))
            .any(|id| id.len() == global.len() || id.as_bytes()[global.len()] == b'/')
    }

    fn scope(&mut self, wanted: Wanted<'_>) -> Arc<Scope> {
        let Wanted {
            path,
            configuration,
            variables,
            arguments,
            old,
            parent,
            site,
            silent,
        } = wanted;
        let changed: Vec<String> = variables
            .iter()
            .filter(|(name, value)| {
                old.and_then(|old| old.variables.get(name))
                    .is_none_or(|was| !was.same(value))
            })
            .map(|(name, _)| name.to_string())
            .collect();
        let old = old.filter(|old| old.silent == silent);
        let mut slots: HashMap<String, Slot> = HashMap::with_capacity(configuration.order.len());
        let mut fresh: HashSet<String> = HashSet::new();
        let mut broken: HashSet<&str> = HashSet::new();
        for id in &configuration.order {
            let spec = &configuration.specs[id];
            let was = old.and_then(|old| old.configuration.specs.get(id));
            let dependencies = configuration.graph.dependencies(id);
            if dependencies.iter().any(|dependency| broken.contains(dependency)) {
                broken.insert(id);
                continue;
            }
            let frame = Frame::new(&configuration, &variables, &slots, &fresh, parent);
            let renewed = dependencies.iter().any(|dependency| fresh.contains(*dependency))
                || spec
                    .references
                    .iter()
                    .any(|reference| reference.level > 0 && frame.is_fresh(reference))
                || spec.variables.iter().any(|name| changed.contains(name));
            let kinds = was.map(|was| (was.name.as_str(), spec.name.as_str()));
            let verdict = verdict(kinds, was.is_some_and(|was| was.text == spec.text), renewed);
            let old_slot = old
                .filter(|_| verdict != Verdict::Start)
                .and_then(|old| old.slots.get(id));
            let at = At {
                spec,
                path: &path,
                global: join(&path, id),
                verdict,
                frame,
                old: old_slot,
                silent,
            };
            let given = arguments.as_ref().map(|arguments| arguments.get(&spec.label));
            let (slot, is_fresh) = match &spec.kind {
                Kind::Component(registration) => {
                    let slot = self.component(&at, registration);
                    (slot, !matches!(at.old, Some(Slot::Component(_))))
                }
                Kind::Config(_) => {
                    self.config(&at);
                    continue;
                }
                // Only where nothing is run.
                Kind::Known(_) => continue,
                Kind::Declare(_) => {
                    if verdict != Verdict::Keep {
                        fresh.insert(id.clone());
                    }
                    continue;
                }
                Kind::Argument => self.argument(&at, given, site),
                Kind::Export => self.export(&at),
                Kind::Custom(custom) => self.custom(&at, custom),
                Kind::Import(kind) => self.import(&at, kind),
                Kind::Foreach(foreach) => (self.foreach(&at, foreach), false),
            };
            match slot {
                Some(slot) => {
                    slots.insert(id.clone(), slot);
                }
                None => {
                    // Whatever depends on it is evaluated against what it was before, so that its own problems show in the same
                    // report. Where it is new, they are no other mistake.
                    match old_slot {
                        Some(slot) => drop(slots.insert(id.clone(), slot.clone())),
                        None => drop(broken.insert(id)),
                    }
                }
            }
            if is_fresh {
                fresh.insert(id.clone());
            }
        }
        Arc::new(Scope {
            path,
            configuration,
            variables,
            slots,
            silent,
        })
    }

    fn evaluate(&self, at: &At<'_>) -> Evaluated {
        evaluate(at.spec, frame::variables(at.spec, &at.frame), &self.task.options.stdlib)
    }

    fn step(&mut self, at: &At<'_>) {
        let id = at.global.clone();
        self.steps.push(match at.verdict {
            Verdict::Start => Step::Start(id),
            Verdict::Update => Step::Update(id),
            Verdict::Keep => Step::Keep(id),
        });
    }

    fn component(&mut self, at: &At<'_>, registration: &component::Registration) -> Option<Slot> {
        self.step(at);
        let old = match at.old {
            Some(Slot::Component(node)) => Some(node),
            _ => None,
        };
        if let Some(node) = old
            && at.verdict == Verdict::Keep
            && node.vitals.is_evaluated()
        {
            // Its text is the same and nothing that it refers to is new: its arguments are the same.
            return Some(Slot::Component(node.clone()));
        }
        let evaluated = self.evaluate(at);
        let result = match old {
            Some(node) => {
                let _entered = node.span.enter();
                match node.instance.clone().prepare(&evaluated.body) {
                    Ok(Prepared::Unchanged) => Ok(node.clone()),
                    Ok(Prepared::Changed(change)) => {
                        self.changes.push((Some(Vitality::Node(node.clone())), change));
                        Ok(node.clone())
                    }
                    Err(error) => Err(error),
                }
            }
            None => {
                let parts = (self.task.parts)(at.path, &at.spec.id, at.silent);
                let span = parts.span.clone();
                let _entered = span.enter();
                registration
                    .build(parts, &evaluated.body)
                    .map(|instance| Arc::new(Node::new(instance, span.clone(), self.now)))
            }
        };
        match result {
            Ok(node) => Some(Slot::Component(node)),
            Err(error) => {
                self.problems(diagnose(at.spec, &evaluated, error));
                None
            }
        }
    }

    fn config(&mut self, at: &At<'_>) {
        self.step(at);
        let Kind::Config(config) = &at.spec.kind else { return };
        if at.verdict == Verdict::Keep {
            return;
        }
        let evaluated = self.evaluate(at);
        let body = at.spec.block.is_some().then_some(&evaluated.body);
        match config.prepare(body) {
            Ok(change) => self.changes.push((None, change)),
            Err(error) => self.problems(diagnose(at.spec, &evaluated, error)),
        }
    }

    /// `given`: not asked again, or asked and not given, or given.
    fn argument(&mut self, at: &At<'_>, given: Option<Option<&Value>>, site: Option<&Spec>) -> (Option<Slot>, bool) {
        if let (None, Verdict::Keep, Some(slot)) = (given, at.verdict, at.old) {
            return (Some(slot.clone()), false);
        }
        let kept = match at.old {
            Some(Slot::Value(cell)) if given.is_none() && cell.given => Some(cell.get()),
            _ => None,
        };
        let (value, is_given) = match given.flatten().cloned().or(kept) {
            Some(value) => (value, true),
            None => {
                let evaluated = self.evaluate(at);
                match value::decode::<ArgumentBlock>(&evaluated.body) {
                    Ok(block) if block.optional => (block.default, false),
                    Ok(_) => {
                        let diagnostic = names::missing_argument(site.unwrap_or(at.spec), &at.spec.label);
                        // It is about the instance, not about something in it.
                        let inside = self.trace.pop();
                        self.problem(diagnostic);
                        self.trace.extend(inside);
                        return (None, false);
                    }
                    Err(error) => {
                        self.problem(evaluated.diagnose(at.spec, &error));
                        return (None, false);
                    }
                }
            }
        };
        let (slot, is_fresh) = settle(at.old, value, is_given);
        (Some(slot), is_fresh)
    }

    fn export(&mut self, at: &At<'_>) -> (Option<Slot>, bool) {
        if let (Verdict::Keep, Some(slot)) = (at.verdict, at.old) {
            return (Some(slot.clone()), false);
        }
        let evaluated = self.evaluate(at);
        match value::decode::<ExportBlock>(&evaluated.body) {
            Ok(block) => {
                let (slot, is_fresh) = settle(at.old, block.value, false);
                (Some(slot), is_fresh)
            }
            Err(error) => {
                self.problem(evaluated.diagnose(at.spec, &error));
                (None, false)
            }
        }
    }
}

/// A value under an id: the cell that is there if it is the same.
fn settle(old: Option<&Slot>, value: Value, given: bool) -> (Slot, bool) {
    match old {
        Some(Slot::Value(cell)) if cell.given == given && cell.get().same(&value) => (Slot::Value(cell.clone()), false),
        _ => (Slot::Value(Arc::new(Cell::new(value, given))), true),
    }
}
