//! What names mean.

use crate::stdlib::Stdlib;
use value::{Object, Value};

/// Variables and, where they have no such name, the standard library.
#[derive(Clone)]
pub struct Scope {
    variables: Object,
    stdlib: Stdlib,
}

impl Scope {
    /// Variables in front of the standard library.
    pub fn new(variables: Object, stdlib: &Stdlib) -> Scope {
        Scope {
            variables,
            stdlib: stdlib.clone(),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.variables.get(name).or_else(|| self.stdlib.get(name))
    }

    /// All names, variables first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let variables = self.variables.iter().map(|(name, _)| name.as_str());
        variables.chain(self.stdlib.names())
    }
}
