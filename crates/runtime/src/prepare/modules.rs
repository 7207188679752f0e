//! Instances of modules, and children of `foreach`.

use super::{At, Draft, Vitality, Wanted};
use crate::blocks::ForeachBlock;
use crate::children;
use crate::evaluate::whole;
use crate::frame::{Frame, NoDefinition};
use crate::loader::Configuration;
use crate::module::{MAX_DEPTH, Module, too_deep};
use crate::names;
use crate::node::{CUSTOM, FOREACH, Vitals};
use crate::plan::Verdict;
use crate::scope::{Scope, Slot, exports, join};
use crate::spec::{Custom, Foreach, Spec};
use component::Change;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use value::Value;

impl Draft<'_> {
    pub(super) fn custom(&mut self, at: &At<'_>, custom: &Custom) -> (Option<Slot>, bool) {
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
        // Another module may take other arguments than those that are given.
        let arguments = match keep && !self.task.modules {
            true => None,
            false => {
                let evaluated = self.evaluate(at);
                match evaluated.attributes(at.spec) {
                    Ok(found) => Some(found.into_iter().collect::<BTreeMap<_, _>>()),
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
                self.problem(names::no_module(at.spec, &custom.name, message, &has));
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
        arguments: Option<BTreeMap<String, Value>>,
        module: &Arc<Module>,
        around: &Frame<'_>,
        old: Option<&Arc<Scope>>,
    ) -> Option<Arc<Scope>> {
        if self.is_endless(at) {
            return None;
        }
        let configuration = self.load(module, around, None, at.spec)?;
        if let Some(given) = &arguments {
            let arguments = configuration.graph.ids().filter_map(|id| id.strip_prefix("argument."));
            let known: Vec<String> = arguments.map(str::to_owned).collect();
            let unknown: Vec<&String> = given.keys().filter(|name| !known.contains(name)).collect();
            for name in &unknown {
                self.problem(names::unknown_argument(at.spec, name, &known));
            }
            if !unknown.is_empty() {
                return None;
            }
        }
        let before = (self.problems.len(), self.needs.len());
        self.trace.push(at.spec.mention());
        let module_path = around.variables.get("module_path").cloned().unwrap_or_default();
        let scope = self.scope(Wanted {
            path: at.global.as_str().into(),
            configuration,
            variables: [("module_path", module_path)].into_iter().collect(),
            arguments,
            old,
            parent: Some(around),
            site: Some(at.spec),
            silent: at.silent,
        });
        self.trace.pop();
        (before == (self.problems.len(), self.needs.len())).then_some(scope)
    }

    /// Whether modules are in each other without end. That is said once, and no more is made.
    pub(super) fn is_endless(&mut self, at: &At<'_>) -> bool {
        if !self.endless && at.global.split('/').count() > MAX_DEPTH {
            self.endless(at, too_deep());
        }
        self.endless
    }

    pub(super) fn endless(&mut self, at: &At<'_>, message: String) {
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

    pub(super) fn foreach(&mut self, at: &At<'_>, foreach: &Foreach) -> Option<Slot> {
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
