//! Builds one component of a configuration with nothing else running, for trying it out.

use crate::controller::{Options, context};
use crate::evaluate::{diagnose, evaluate};
use crate::loader::{Configuration, Kind};
use component::Instance;
use std::collections::HashMap;
use std::sync::Arc;
use syntax::{Diagnostic, Diagnostics};
use value::Value;

/// Builds component `id` and, since its arguments may refer to them, the components that it depends on; runs none of
/// them. `replace` sees every export before it is used: it puts something else in the place of receivers.
pub fn isolate(
    options: &Options,
    configuration: &Configuration,
    id: &str,
    replace: &dyn Fn(Value) -> Value,
) -> Result<Arc<dyn Instance>, Diagnostics> {
    let mut wanted = vec![id.to_owned()];
    let mut at = 0;
    while at < wanted.len() {
        for dependency in configuration.graph.dependencies(&wanted[at]) {
            if !wanted.iter().any(|other| other == dependency) {
                wanted.push(dependency.to_owned());
            }
        }
        at += 1;
    }
    let mut exports: HashMap<String, Value> = HashMap::new();
    for next in configuration.order.iter().filter(|next| wanted.contains(next)) {
        let spec = &configuration.specs[next];
        let Kind::Component(registration) = &spec.kind else { continue };
        let evaluated = evaluate(spec, &|target| exports.get(target).cloned(), &options.stdlib);
        let parts = context(options, next, Arc::new(|| {}));
        let instance = match registration.build(parts, &evaluated.body) {
            Ok(instance) => instance,
            Err(error) => return Err(diagnose(spec, &evaluated, error).into()),
        };
        if next == id {
            return Ok(instance);
        }
        exports.insert(next.clone(), replace(instance.exports()));
    }
    Err(Diagnostic::error(format!("\"{id}\" is not a component")).into())
}
