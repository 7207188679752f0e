//! Component names and what they stand for.

use component::{Registration, Stability};
use std::collections::BTreeMap;

/// What a configuration may use, set by the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The lowest stability.
    pub stability: Stability,
    /// Whether components that the community keeps are allowed.
    pub community: bool,
}

/// The components that this program has, and the names of those that it knows of and cannot run.
#[derive(Default)]
pub struct Registry {
    components: BTreeMap<&'static str, Registration>,
    known: &'static [&'static str],
}

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError {
    /// The message, as Alloy words it where it has one.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
}

impl Registry {
    /// A registry of `components`; `known` are names that exist upstream and are refused with a message of their own.
    pub fn new(components: impl IntoIterator<Item = Registration>, known: &'static [&'static str]) -> Self {
        Registry {
            components: components
                .into_iter()
                .map(|component| (component.name, component))
                .collect(),
            known,
        }
    }

    /// All components, by name.
    pub fn components(&self) -> impl Iterator<Item = &Registration> {
        self.components.values()
    }

    /// The registration of a name, if it exists and is allowed.
    pub fn find(&self, name: &str, allowed: Allowed) -> Result<&Registration, LookupError> {
        let Some(registration) = self.components.get(name) else {
            return Err(self.unknown(name));
        };
        if registration.community {
            if !allowed.community {
                return Err(LookupError {
                    message: format!(
                        "the component \"{name}\" is a community component. Use the \
                         --feature.community-components.enabled command-line flag to enable community components"
                    ),
                    hint: None,
                });
            }
        } else if registration.stability < allowed.stability {
            return Err(LookupError {
                message: gate("component", name, registration.stability, allowed.stability),
                hint: None,
            });
        }
        Ok(registration)
    }

    fn unknown(&self, name: &str) -> LookupError {
        if self.known.contains(&name) {
            return LookupError {
                message: format!("component \"{name}\" is known, but this version of Invar cannot run it"),
                hint: Some(self.family_hint(name)),
            };
        }
        let candidates = self.components.keys().copied().chain(self.known.iter().copied());
        LookupError {
            message: format!("cannot find the definition of component name \"{name}\""),
            hint: syntax::diag::suggest(name, candidates).map(|near| format!("did you mean \"{near}\"?")),
        }
    }

    fn family_hint(&self, name: &str) -> String {
        let family = name.split('.').next().unwrap_or(name);
        let siblings: Vec<&str> = self
            .components
            .keys()
            .copied()
            .filter(|other| other.split('.').next() == Some(family))
            .collect();
        if siblings.is_empty() {
            "remove the block, or keep this part of the configuration on Alloy".to_owned()
        } else {
            format!("of this family it runs {}", siblings.join(", "))
        }
    }
}

/// The message for a feature below the allowed stability.
pub fn gate(kind: &str, name: &str, level: Stability, minimum: Stability) -> String {
    format!(
        "{kind} \"{name}\" is at stability level \"{level}\", which is below the minimum allowed stability level \
         \"{minimum}\". Use --stability.level command-line flag to enable \"{level}\" features"
    )
}
