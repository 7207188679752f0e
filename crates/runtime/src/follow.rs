//! Where references lead in an expansion: through arguments and exports of modules to components.

use crate::expand::Expansion;
use crate::scope::join;
use crate::spec::{Kind, Reference, Spec};
use syntax::Span;

/// The component that a reference leads to, and the fields of its exports that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its global id.
    pub id: String,
    /// The fields.
    pub fields: Vec<String>,
}

impl Expansion {
    /// What the references of a node lead to, in source order. References in values of modules lead to all that the value may
    /// come from.
    pub fn targets(&self, id: &str) -> Vec<Target> {
        let mut found = Vec::new();
        if let Some(spec) = self.specs.get(id) {
            for reference in &spec.references {
                self.follow(scope_of(id, spec), reference, &mut found);
            }
        }
        found
    }

    fn follow(&self, scope: &str, reference: &Reference, found: &mut Vec<Target>) {
        let Some(scope) = (0..reference.level).try_fold(scope, |scope, _| outer(scope)) else {
            return;
        };
        let id = join(scope, &reference.target);
        let Some(spec) = self.specs.get(&id) else { return };
        match &spec.kind {
            Kind::Component(_) => {
                let target = Target {
                    id,
                    fields: reference.fields.clone(),
                };
                if !found.contains(&target) {
                    found.push(target);
                }
            }
            Kind::Argument => {
                // What the instance was given.
                let Some(site) = self.specs.get(scope) else { return };
                let given = attribute(site, &spec.label);
                for reference in site
                    .references
                    .iter()
                    .filter(|other| given.iter().any(|span| within(other, span)))
                {
                    self.follow(scope_of(scope, site), reference, found);
                }
            }
            Kind::Custom(_) => {
                let exports: Vec<&Spec> = match reference.fields.first() {
                    Some(field) => self
                        .specs
                        .get(&join(&id, &format!("export.{field}")))
                        .into_iter()
                        .collect(),
                    // The instance as a whole.
                    None => {
                        let below = format!("{id}/export.");
                        let ids = self.plan.graph.ids().filter(|global| global.starts_with(&below));
                        ids.filter_map(|global| self.specs.get(global)).collect()
                    }
                };
                for reference in exports.into_iter().flat_map(|export| &export.references) {
                    self.follow(&id, reference, found);
                }
            }
            _ => {}
        }
    }
}

/// Global id of the scope that a node is in.
fn scope_of<'a>(id: &'a str, spec: &Spec) -> &'a str {
    id.strip_suffix(spec.id.as_str())
        .unwrap_or_default()
        .trim_end_matches('/')
}

/// The scope around a child of a `foreach`: two parts of the id further out, its own and that of the `foreach`.
fn outer(scope: &str) -> Option<&str> {
    let (foreach, _) = scope.rsplit_once('/')?;
    Some(foreach.rsplit_once('/').map_or("", |(around, _)| around))
}

fn attribute(site: &Spec, name: &str) -> Vec<Span> {
    let attributes = site.block.iter().flat_map(|block| block.body.attributes());
    attributes
        .filter(|attribute| attribute.name.name == name)
        .map(|attribute| attribute.span())
        .collect()
}

fn within(reference: &Reference, span: &Span) -> bool {
    span.start <= reference.span.start && reference.span.end <= span.end
}
