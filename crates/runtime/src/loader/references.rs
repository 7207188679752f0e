//! What the blocks of a scope refer to.

use super::{Configuration, Loader};
use crate::module::{Around, Place};
use crate::names;
use crate::spec::{Kind, Reference};
use component::Stability;
use syntax::ast::Block;
use syntax::{Diagnostic, Source, Span};

impl<'a> Loader<'a> {
    /// Resolves the references of every node, and connects it to what it depends on.
    pub(super) fn edges(&mut self) {
        let ids: Vec<String> = self.configuration.graph.ids().map(str::to_owned).collect();
        for id in &ids {
            let spec = &self.configuration.specs[id];
            let Some(block) = spec.block.clone() else { continue };
            let (source, kind) = (spec.source.clone(), spec.kind.clone());
            let (mut references, mut variables) = (Vec::new(), Vec::new());
            match &kind {
                // Its body is another scope. What it uses of this one orders them and shows cycles.
                Kind::Declare(_) => {
                    for name in names::custom_names(&block.body) {
                        self.depend(id, &name);
                    }
                }
                Kind::Foreach(_) => {
                    let bound = names::variable_of(&block);
                    for traversal in eval::references(&block.body) {
                        let inside = names::in_template(&block, traversal.span);
                        let first = traversal.parts.first().map(String::as_str);
                        match self.resolve(&traversal) {
                            Some(reference) => {
                                self.configuration.graph.connect(id, &reference.target);
                                references.push(reference);
                            }
                            // The template is another scope; what it does not know it says itself.
                            None if inside => {
                                let free = traversal.parts.first().filter(|_| first != bound.as_deref());
                                match free.filter(|name| self.is_variable(Some(name))) {
                                    Some(name) => variables.push(name.clone()),
                                    None => references.extend(self.outer(&traversal)),
                                }
                            }
                            None => self.unresolved(id, &source, &traversal, &mut references, &mut variables),
                        }
                    }
                    for name in names::custom_names(&block.body) {
                        self.depend(id, &name);
                    }
                }
                _ => {
                    if let Kind::Custom(_) = &kind {
                        self.depend(id, &block.full_name());
                    }
                    for traversal in eval::references(&block.body) {
                        match self.resolve(&traversal) {
                            Some(reference) => {
                                self.configuration.graph.connect(id, &reference.target);
                                references.push(reference);
                            }
                            None => self.unresolved(id, &source, &traversal, &mut references, &mut variables),
                        }
                    }
                    self.check_functions(&source, &block);
                }
            }
            if let Some(spec) = self.configuration.specs.get_mut(id) {
                spec.references = references;
                spec.variables = variables;
            }
        }
    }

    /// A node depends on the import or `declare` of this scope that a custom component's name means.
    fn depend(&mut self, id: &str, name: &str) {
        let first = name.split('.').next().unwrap_or(name);
        let target = match self.configuration.imports.get(first) {
            Some(import) => import.clone(),
            None => format!("declare.{first}"),
        };
        self.configuration.graph.connect(id, &target);
    }

    /// The shortest prefix that is a node with a value.
    fn resolve(&self, traversal: &eval::Traversal) -> Option<Reference> {
        resolve(&self.configuration, traversal, 0)
    }

    fn is_variable(&self, name: Option<&str>) -> bool {
        let mut outer = self.around.filter(|_| self.place == Place::Template);
        let Some(name) = name else { return false };
        if name == "module_path" || self.variable == Some(name) {
            return true;
        }
        // What enclosing `foreach` blocks bind is seen as well; which names those are is known when they run.
        while let Some(around) = outer {
            if around.configuration.variable.as_deref() == Some(name) {
                return true;
            }
            outer = around.parent.copied().filter(|_| around.configuration.sees_out);
        }
        false
    }

    fn unresolved(
        &mut self,
        from: &str,
        source: &Source,
        traversal: &eval::Traversal,
        references: &mut Vec<Reference>,
        variables: &mut Vec<String>,
    ) {
        let first = traversal.parts.first().map_or("", String::as_str);
        if self.is_variable(Some(first)) {
            variables.push(first.to_owned());
            return;
        }
        if let Some(reference) = self.outer(traversal) {
            references.push(reference);
            return;
        }
        if eval::is_stdlib_name(first) {
            self.check_member(source, traversal);
            return;
        }
        let refused = |n: usize| self.refused.contains(&traversal.parts[..n].join("."));
        if (1..=traversal.parts.len()).any(refused) {
            return;
        }
        let path = traversal.parts.join(".");
        let mut diagnostic = Diagnostic::error(format!("component \"{path}\" does not exist or is out of scope"))
            .at(source, traversal.span);
        if let Some(id) = self.beyond(traversal) {
            diagnostic = diagnostic.with_hint(format!("\"{id}\" is outside of the module: give it as an argument"));
        } else if let Some(near) = self.near(from, traversal) {
            diagnostic = diagnostic.with_hint(format!("did you mean \"{near}\"?"));
        }
        self.diagnostics.push(diagnostic);
    }

    /// The node around the module that a reference would mean if modules saw out.
    fn beyond(&self, traversal: &eval::Traversal) -> Option<String> {
        let mut scopes = self.around.into_iter().flat_map(Around::chain);
        scopes.find_map(|scope| Some(resolve(scope, traversal, 0)?.target))
    }

    /// What a template of `foreach` means further out.
    fn outer(&self, traversal: &eval::Traversal) -> Option<Reference> {
        let scopes = self.seen_out().into_iter().zip(1..);
        scopes
            .into_iter()
            .find_map(|(scope, level)| resolve(scope, traversal, level))
    }

    /// The scopes around a template of `foreach` that it sees into, from the inside out.
    fn seen_out(&self) -> Vec<&'a Configuration> {
        let mut seen = Vec::new();
        let mut around = self.around.filter(|_| self.place == Place::Template);
        while let Some(scope) = around {
            seen.push(scope.configuration);
            around = scope.parent.copied().filter(|_| scope.configuration.sees_out);
        }
        seen
    }

    /// What was probably meant. The last part is usually a field of the component.
    fn near(&self, from: &str, traversal: &eval::Traversal) -> Option<String> {
        let outer = self.seen_out();
        let variables = std::iter::once(&self.configuration)
            .chain(outer.iter().copied())
            .filter_map(|scope| scope.variable.as_deref())
            .chain(self.variable);
        let ids = std::iter::once(&self.configuration)
            .chain(outer.iter().copied())
            .flat_map(|scope| scope.nodes())
            .filter(|node| node.id != from && names::has_value(node))
            .map(|node| node.id.as_str());
        let candidates: Vec<String> = ids
            .chain(variables)
            .map(|id| {
                let fragments = id.split('.').count().min(traversal.parts.len());
                let fields = traversal.parts[fragments..].iter().map(String::as_str);
                std::iter::once(id).chain(fields).collect::<Vec<_>>().join(".")
            })
            .collect();
        let path = traversal.parts.join(".");
        syntax::diag::suggest(&path, candidates.iter().map(String::as_str)).map(str::to_owned)
    }

    /// `sys.environ`: the library has `sys`, and in it no `environ`.
    fn check_member(&mut self, source: &Source, traversal: &eval::Traversal) {
        let [namespace, member, ..] = traversal.parts.as_slice() else {
            return;
        };
        let members = eval::stdlib_members(namespace);
        if members.is_empty() || members.contains(&member.as_str()) {
            return;
        }
        let start = traversal.span.start + namespace.len() as u32 + 1;
        let span = Span::new(start, start + member.len() as u32);
        let mut diagnostic = Diagnostic::error(format!("field \"{member}\" does not exist")).at(source, span);
        diagnostic = match syntax::diag::suggest(member, members.iter().copied()) {
            Some(near) => diagnostic.with_hint(format!("did you mean \"{near}\"?")),
            None => diagnostic.with_hint(format!("\"{namespace}\" has {}", members.join(", "))),
        };
        self.diagnostics.push(diagnostic);
    }

    fn check_functions(&mut self, source: &Source, block: &Block) {
        for used in eval::stdlib_uses(&block.body) {
            let minimum = self.catalogue.allowed.stability;
            if used.experimental && Stability::Experimental < minimum {
                let message = gate_function(&used.name, Stability::Experimental, minimum);
                self.error(source, used.span, message);
            }
            if used.deprecated {
                let mut warning =
                    Diagnostic::warning(format!("the function \"{}\" is deprecated", used.name)).at(source, used.span);
                if let Some(replacement) = used.replacement {
                    warning = warning.with_hint(format!("use \"{replacement}\""));
                }
                self.diagnostics.push(warning);
            }
        }
    }
}

/// The shortest prefix of a traversal that is a node with a value.
fn resolve(configuration: &Configuration, traversal: &eval::Traversal, level: usize) -> Option<Reference> {
    let parts = &traversal.parts;
    (1..=parts.len()).find_map(|n| {
        let id = parts[..n].join(".");
        let spec = configuration.specs.get(&id)?;
        names::has_value(spec).then(|| Reference {
            target: id,
            level,
            fields: parts[n..].to_vec(),
            span: traversal.span,
        })
    })
}

fn gate_function(name: &str, level: Stability, minimum: Stability) -> String {
    format!(
        "{name} is at stability level \"{level}\", which is below the minimum allowed stability level \"{minimum}\". Use \
         --stability.level command-line flag to enable \"{level}\" features"
    )
}
