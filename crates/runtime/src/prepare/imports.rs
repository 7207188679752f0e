//! Imports: where their content is from, and what it is made into.

use super::{At, Draft, Need, Vitality, Wanted};
use crate::evaluate::whole;
use crate::loader::{self, Configuration};
use crate::module::{CIRCULAR, Module, Place};
use crate::node::{IMPORT, Vitals};
use crate::plan::{Step, Verdict};
use crate::scope::{Import, Scope, Slot};
use component::{BuildError, Change, Content, Fetched, ImportContext, ImportKind, ImportSource};
use std::sync::Arc;
use syntax::Diagnostics;
use value::{Body, Value};

impl Draft<'_> {
    pub(super) fn import(&mut self, at: &At<'_>, kind: &ImportKind) -> (Option<Slot>, bool) {
        let old = match at.old {
            Some(Slot::Import { import, scope }) => Some((import, scope)),
            _ => None,
        };
        let mut source = old.map(|(import, _)| (import.source.clone(), import.arguments.clone()));
        if at.verdict != Verdict::Keep || source.is_none() || self.is_dirty(&at.global) {
            let evaluated = self.evaluate(at);
            let same = |arguments: &Body| arguments.same(&evaluated.body);
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
                None if same_content => {
                    // Newer content that was refused is still what is wrong with it.
                }
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
                component_path = format!("/{}", at.path),
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
        let new = self.task.contents.get(&at.global);
        if let (Some(new), false) = (new, self.task.reload) {
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
        if let (Some(new), Some(_)) = (new, old) {
            return Some(new.clone());
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
        diagnostic.trace.around(self.trace.iter().cloned());
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
}

/// Whether both are one import; what it is behind the pointer does not count.
pub(crate) fn same_source(a: &Arc<dyn ImportSource>, b: &Arc<dyn ImportSource>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(a), Arc::as_ptr(b))
}
