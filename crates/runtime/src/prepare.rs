//! The first half of a load: evaluates, checks and builds everything that changes, without effect.
//!
//! The result is a tree of scopes that shares with the running one what stays, and a list of changes that cannot fail.

use crate::blocks::{ArgumentBlock, ExportBlock, ForeachBlock};
use crate::children;
use crate::controller::Options;
use crate::evaluate::{Evaluated, diagnose, evaluate, whole};
use crate::frame::{self, Frame, NoDefinition};
use crate::loader::{self, Configuration};
use crate::module::{CIRCULAR, MAX_DEPTH, Module, Place, too_deep};
use crate::names;
use crate::node::{CUSTOM, FOREACH, IMPORT, Node, Vitals};
use crate::plan::{Step, Verdict, verdict};
use crate::scope::{Cell, Import, Scope, Slot, exports, join};
use crate::spec::{Custom, Foreach, Kind, Spec};
use component::{
    BuildError, Change, Content, ContextParts, Fetched, ImportContext, ImportKind, ImportSource, Prepared,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use syntax::{Diagnostic, Diagnostics, Source};
use value::{Body, Item, Object, Value};

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
            path: Arc::from(""),
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
        diagnostic.trace.splice(0..0, self.trace.iter().cloned());
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
                    (slot, at.old.is_none())
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
                let path = &at.global[..at.global.len() - at.spec.id.len()];
                let parts = (self.task.parts)(path.trim_end_matches('/'), &at.spec.id, at.silent);
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
                        let name = &at.spec.label;
                        let message = format!("missing required argument \"{name}\" to module");
                        let diagnostic = whole(site.unwrap_or(at.spec), message);
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

    fn custom(&mut self, at: &At<'_>, custom: &Custom) -> (Option<Slot>, bool) {
        self.step(at);
        let old = match at.old {
            Some(Slot::Custom { vitals, scope }) => Some((vitals, scope)),
            _ => None,
        };
        let evaluated_before = old.is_some_and(|(vitals, _)| vitals.is_evaluated());
        let keep = at.verdict == Verdict::Keep && evaluated_before;
        if let Some(slot) = at.old
            && keep
            && !self.task.modules
            && !self.is_dirty_within(&at.global)
        {
            return (Some(slot.clone()), false);
        }
        let arguments = match keep {
            true => None,
            false => {
                let evaluated = self.evaluate(at);
                match evaluated.attributes(at.spec) {
                    Ok(found) => Some((found.into_iter().collect::<BTreeMap<_, _>>(), evaluated)),
                    Err(wrong) => {
                        self.problems(wrong);
                        return (None, false);
                    }
                }
            }
        };
        let made = at.frame.definition(custom, |module, around| {
            self.instance(at, arguments, module, around, old.map(|(_, scope)| scope))
        });
        let scope = match made {
            Ok(Some(scope)) => scope,
            Ok(None) | Err(NoDefinition::Pending) => return (None, false),
            Err(NoDefinition::Missing(message, has)) => {
                let block = at.spec.block.as_ref();
                let mut diagnostic = Diagnostic::error(message);
                if let Some(block) = block {
                    diagnostic = diagnostic.at(&at.spec.source, block.name_span());
                }
                diagnostic.hint = names::instead(&custom.name, &has);
                self.problem(diagnostic);
                return (None, false);
            }
        };
        let is_fresh = old.is_none_or(|(_, was)| !exports(was).same(&exports(&scope)));
        let vitals = match old {
            Some((vitals, _)) => {
                let vitals = vitals.clone();
                self.changes
                    .push((Some(Vitality::Other(vitals.clone())), Change::new(|| {})));
                vitals
            }
            None => Arc::new(Vitals::new(&CUSTOM, self.now)),
        };
        (Some(Slot::Custom { vitals, scope }), is_fresh)
    }

    /// The scope of an instance of a module.
    fn instance(
        &mut self,
        at: &At<'_>,
        arguments: Option<(BTreeMap<String, Value>, Evaluated)>,
        module: &Arc<Module>,
        around: &Frame<'_>,
        old: Option<&Arc<Scope>>,
    ) -> Option<Arc<Scope>> {
        if self.is_endless(at) {
            return None;
        }
        let configuration = self.load(module, around, None, at.spec)?;
        if let Some((given, _)) = &arguments {
            let mut unknown = false;
            for name in given.keys() {
                if configuration.specs.contains_key(&format!("argument.{name}")) {
                    continue;
                }
                unknown = true;
                let message = format!("Provided argument \"{name}\" is not defined in the module");
                let mut diagnostic = whole(at.spec, message);
                let attributes = at.spec.block.iter().flat_map(|block| block.body.attributes());
                if let Some(written) = attributes.into_iter().find(|written| written.name.name == *name) {
                    diagnostic = diagnostic.at(&at.spec.source, written.name.span);
                }
                let ids = configuration.graph.ids();
                let known: Vec<String> = ids
                    .filter_map(|id| id.strip_prefix("argument."))
                    .map(str::to_owned)
                    .collect();
                diagnostic.hint = names::takes(name, &known);
                self.problem(diagnostic);
            }
            if unknown {
                return None;
            }
        }
        let before = self.problems.len();
        self.trace.push(at.spec.mention());
        let module_path = around.variables.get("module_path").cloned().unwrap_or_default();
        let scope = self.scope(Wanted {
            path: at.global.as_str().into(),
            configuration,
            variables: [("module_path", module_path)].into_iter().collect(),
            arguments: arguments.map(|(given, _)| given),
            old,
            parent: Some(around),
            site: Some(at.spec),
            silent: at.silent,
        });
        self.trace.pop();
        (self.problems.len() == before).then_some(scope)
    }

    /// Whether modules are in each other without end. That is said once, and no more is made.
    fn is_endless(&mut self, at: &At<'_>) -> bool {
        if !self.endless && at.global.split('/').count() > MAX_DEPTH {
            self.endless(at, too_deep());
        }
        self.endless
    }

    fn endless(&mut self, at: &At<'_>, message: String) {
        self.endless = true;
        self.problem(whole(at.spec, message));
    }

    /// The nodes of a module, or what is wrong with them.
    fn load(
        &mut self,
        module: &Module,
        around: &Frame<'_>,
        variable: Option<&str>,
        site: &Spec,
    ) -> Option<Arc<Configuration>> {
        match module.load(&self.task.options.catalogue, Some(around.around), variable) {
            Ok(configuration) => {
                for warning in configuration.warnings.iter() {
                    if !self.warnings.contains(warning) {
                        self.warnings.push(warning.clone());
                    }
                }
                Some(configuration)
            }
            Err(diagnostics) => {
                self.trace.push(site.mention());
                // One module with many instances is wrong once.
                for diagnostic in diagnostics {
                    let known = self.problems.iter().any(|known| {
                        (&known.file, known.start, &known.message)
                            == (&diagnostic.file, diagnostic.start, &diagnostic.message)
                    });
                    if !known {
                        self.problem(diagnostic);
                    }
                }
                // Counted in any case: there is no scope.
                if self.problems.is_empty() {
                    self.problem(whole(site, "the module is broken".to_owned()));
                }
                self.trace.pop();
                None
            }
        }
    }

    fn import(&mut self, at: &At<'_>, kind: &ImportKind) -> (Option<Slot>, bool) {
        let old = match at.old {
            Some(Slot::Import { import, scope }) => Some((import, scope)),
            _ => None,
        };
        let mut source = old.map(|(import, _)| (import.source.clone(), import.arguments.clone()));
        if at.verdict != Verdict::Keep || source.is_none() || self.is_dirty(&at.global) {
            let evaluated = self.evaluate(at);
            let same = |arguments: &Body| same_body(arguments, &evaluated.body);
            let known = source.take().filter(|(_, arguments)| same(arguments));
            let known = known.or_else(|| {
                let opened = self.task.opened.get(&at.global)?;
                same(&opened.arguments).then(|| (opened.source.clone(), opened.arguments.clone()))
            });
            source = match known {
                Some(known) => Some(known),
                None => match kind.open(self.import_context(at), &evaluated.body) {
                    Ok(source) => Some((source, evaluated.body)),
                    Err(error) => {
                        let diagnostics = match error {
                            BuildError::Decode(error) => vec![evaluated.diagnose(at.spec, &error)],
                            BuildError::Component(error) => vec![whole(at.spec, error.to_string())],
                        };
                        self.problems(diagnostics);
                        return (None, false);
                    }
                },
            };
        }
        let Some((source, arguments)) = source else {
            return (None, false);
        };
        let same_source = old.filter(|(import, _)| same_source(&import.source, &source));
        let Some(fetched) = self.content(at, &source, &arguments, same_source.map(|(import, _)| &**import)) else {
            return (None, false);
        };
        let made = self.imported(
            at,
            kind,
            &fetched.content,
            same_source.map(|(import, scope)| (&**import, scope)),
        );
        let Some(scope) = made else { return (None, false) };
        let same_content = same_source.is_some_and(|(_, was)| Arc::ptr_eq(&was.configuration, &scope.configuration));
        self.steps.push(match (old.is_some(), same_content) {
            (false, _) => Step::Start(at.global.clone()),
            (true, false) => Step::Update(at.global.clone()),
            (true, true) => Step::Keep(at.global.clone()),
        });
        let vitals = match old {
            Some((import, _)) => import.vitals.clone(),
            None => Arc::new(Vitals::new(&IMPORT, self.now)),
        };
        let (told, now) = (vitals.clone(), self.now);
        let caveat = fetched.caveat.clone();
        self.changes.push((
            Some(Vitality::Other(vitals.clone())),
            Change::new(move || match &caveat {
                Some(caveat) => told.content(Err(caveat), now),
                None => told.content(Ok("content updated"), now),
            }),
        ));
        let import = Arc::new(Import {
            source,
            arguments,
            content: fetched.content,
            vitals,
            span: self.import_context(at).span,
        });
        (Some(Slot::Import { import, scope }), !same_content)
    }

    fn import_context(&self, at: &At<'_>) -> ImportContext {
        let path = at.global[..at.global.len() - at.spec.id.len()].trim_end_matches('/');
        let module_path = at.frame.variables.get("module_path");
        ImportContext {
            id: at.global.as_str().into(),
            data_path: self.task.options.storage.join(&at.global),
            host: self.task.options.host.clone(),
            module_path: match module_path {
                Some(Value::String(text)) => text.to_str_lossy().into_owned(),
                _ => String::new(),
            },
            span: tracing::info_span!(
                "component",
                component_path = format!("/{path}"),
                component_id = at.spec.id.as_str()
            ),
        }
    }

    /// The content of an import: new content that it reported, what is on disk, what it has, what was fetched.
    fn content(
        &mut self,
        at: &At<'_>,
        source: &Arc<dyn ImportSource>,
        arguments: &Body,
        old: Option<&Import>,
    ) -> Option<Fetched> {
        if let Some(new) = self.task.contents.get(&at.global) {
            return Some(new.clone());
        }
        let has = |import: &Import| Fetched {
            content: import.content.clone(),
            caveat: None,
        };
        if let Some(import) = old
            && !self.task.reload
        {
            return Some(has(import));
        }
        match source.read() {
            Some(Ok(content)) => return Some(Fetched { content, caveat: None }),
            Some(Err(error)) => {
                self.problem(whole(
                    at.spec,
                    format!("reading the content of {}: {error}", at.spec.id),
                ));
                return None;
            }
            None => {}
        }
        if let Some(import) = old {
            return Some(has(import));
        }
        if let Some(opened) = self.task.opened.get(&at.global)
            && same_source(&opened.source, source)
        {
            return Some(opened.fetched.clone());
        }
        let mut diagnostic = whole(at.spec, format!("fetching the content of {}", at.spec.id));
        diagnostic.trace = self.trace.clone();
        self.needs.push(Need {
            id: at.global.clone(),
            source: source.clone(),
            arguments: arguments.clone(),
            diagnostic,
        });
        None
    }

    /// The scope of an import: its modules, and the imports that they use.
    fn imported(
        &mut self,
        at: &At<'_>,
        kind: &ImportKind,
        content: &Content,
        old: Option<(&Import, &Arc<Scope>)>,
    ) -> Option<Arc<Scope>> {
        let configuration = match old {
            Some((import, scope)) if import.content == *content => scope.configuration.clone(),
            _ => self.parsed(at, kind, content)?,
        };
        self.sources.extend(configuration.sources.iter().cloned());
        if self.importing.contains(content) {
            self.endless(at, CIRCULAR.to_owned());
        }
        if self.is_endless(at) {
            return None;
        }
        let before = (self.problems.len(), self.needs.len());
        self.trace.push(at.spec.mention());
        self.importing.push(content.clone());
        let scope = self.scope(Wanted {
            path: at.global.as_str().into(),
            configuration,
            variables: [("module_path", Value::string(&content.module_path))]
                .into_iter()
                .collect(),
            arguments: None,
            old: old.map(|(_, scope)| scope),
            parent: None,
            site: Some(at.spec),
            silent: at.silent,
        });
        self.importing.pop();
        self.trace.pop();
        (before == (self.problems.len(), self.needs.len())).then_some(scope)
    }

    fn parsed(&mut self, at: &At<'_>, kind: &ImportKind, content: &Content) -> Option<Arc<Configuration>> {
        let before = self.problems.len();
        let mut problems = Diagnostics::default();
        let files = content
            .files
            .iter()
            .map(|file| (file.name.as_str(), file.text.as_slice()));
        let (statements, sources) = loader::parse(files, &mut problems);
        self.sources.extend(sources.iter().cloned());
        self.trace.push(at.spec.mention());
        if !problems.has_errors() {
            let module = Module::new(Place::Content, statements);
            let outcome = loader::load_module(&self.task.options.catalogue, &module, None, None);
            problems.extend(outcome.diagnostics);
            let nodes = outcome.configuration.nodes();
            for spec in nodes.filter(|spec| kind.refuses.contains(&spec.name.as_str())) {
                let message = format!(
                    "importing a module via {} (nodeID: {}) that contains an {} block is not supported",
                    kind.name, at.global, spec.name
                );
                problems.push(whole(spec, message));
            }
            if !problems.has_errors() {
                let mut configuration = outcome.configuration;
                configuration.sources = sources;
                self.trace.pop();
                return Some(Arc::new(configuration));
            }
        }
        self.problems(problems);
        self.trace.pop();
        debug_assert!(self.problems.len() > before);
        None
    }

    fn foreach(&mut self, at: &At<'_>, foreach: &Foreach) -> Option<Slot> {
        self.step(at);
        let old = match at.old {
            Some(Slot::Foreach { vitals, children }) => Some((vitals, children)),
            _ => None,
        };
        if let (Some(slot), Some((vitals, _))) = (at.old, old)
            && at.verdict == Verdict::Keep
            && vitals.is_evaluated()
            && !self.task.modules
            && !self.is_dirty_within(&at.global)
        {
            return Some(slot.clone());
        }
        let evaluated = self.evaluate(at);
        let block = match value::decode::<ForeachBlock>(&evaluated.body) {
            Ok(block) => block,
            Err(error) => {
                self.problem(evaluated.diagnose(at.spec, &error));
                return None;
            }
        };
        let configuration = self.load(&foreach.template, &at.frame, Some(&block.var), at.spec)?;
        let (names, lacking) = children::names(&block.collection, &block.id, block.hash_string_id);
        for item in lacking {
            let (node_id, id) = (at.global.as_str(), block.id.as_str());
            tracing::warn!(node_id, id, item, "specified id not found in collection item");
        }
        let before = (self.problems.len(), self.needs.len());
        let olds: HashMap<&str, &Arc<Scope>> = old
            .iter()
            .flat_map(|(_, children)| children.iter().map(|(id, scope)| (id.as_str(), scope)))
            .collect();
        let mut children = Vec::with_capacity(names.len());
        for (name, item) in names.into_iter().zip(block.collection) {
            let mut variables = at.frame.variables.clone();
            variables.insert(block.var.as_str(), item);
            self.trace.push(format!("{}, child {name}", at.spec.mention()));
            let scope = self.scope(Wanted {
                path: join(&at.global, &name).into(),
                configuration: configuration.clone(),
                variables,
                arguments: None,
                old: olds.get(name.as_str()).copied(),
                parent: Some(&at.frame),
                site: Some(at.spec),
                silent: at.silent || !block.enable_metrics,
            });
            self.trace.pop();
            children.push((name, scope));
        }
        if before != (self.problems.len(), self.needs.len()) {
            return None;
        }
        let vitals = match old {
            Some((vitals, _)) => vitals.clone(),
            None => Arc::new(Vitals::new(&FOREACH, self.now)),
        };
        self.changes
            .push((Some(Vitality::Other(vitals.clone())), Change::new(|| {})));
        Some(Slot::Foreach { vitals, children })
    }
}

/// A value under an id: the cell that is there if it is the same.
fn settle(old: Option<&Slot>, value: Value, given: bool) -> (Slot, bool) {
    match old {
        Some(Slot::Value(cell)) if cell.given == given && cell.get().same(&value) => (Slot::Value(cell.clone()), false),
        _ => (Slot::Value(Arc::new(Cell::new(value, given))), true),
    }
}

/// Whether both are one import; what it is behind the pointer does not count.
pub(crate) fn same_source(a: &Arc<dyn ImportSource>, b: &Arc<dyn ImportSource>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(a), Arc::as_ptr(b))
}

fn same_body(a: &Body, b: &Body) -> bool {
    a.items.len() == b.items.len()
        && a.items.iter().zip(&b.items).all(|pair| match pair {
            (
                Item::Attr {
                    name: a,
                    value: Ok(Some(x)),
                    ..
                },
                Item::Attr {
                    name: b,
                    value: Ok(Some(y)),
                    ..
                },
            ) => a == b && x.same(y),
            (Item::Block { name: a, body: x, .. }, Item::Block { name: b, body: y, .. }) => a == b && same_body(x, y),
            _ => false,
        })
}
