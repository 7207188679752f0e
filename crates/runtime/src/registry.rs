//! Component names and what they stand for.

use component::{Registration, Stability};
use std::collections::BTreeMap;
use syntax::ast::Block;
use syntax::{Diagnostic, Source};
use value::shape::Shape;

/// What a configuration may use, set by the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The lowest stability.
    pub stability: Stability,
    /// Whether components that the community keeps are allowed.
    pub community: bool,
}

/// A component, or a config block, that exists upstream and that this program cannot run: what it takes is known.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Name of the block.
    pub name: &'static str,
    /// How settled it is.
    pub stability: Stability,
    /// Whether the community keeps it.
    pub community: bool,
    /// By its name, what it takes; called when it is asked for.
    pub arguments: fn(&str) -> Shape,
    /// By its name, what it exports.
    pub exports: fn(&str) -> Shape,
}

/// What there is to know of a name, whether this program runs it or not.
#[derive(Clone, Copy)]
pub struct Description {
    /// Name of the block.
    pub name: &'static str,
    /// How settled it is.
    pub stability: Stability,
    /// Whether the community keeps it.
    pub community: bool,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Runs(Registration),
    Known(Known),
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Description({})", self.name)
    }
}

impl Description {
    /// The registration, if this program runs it.
    pub fn registration(&self) -> Option<&Registration> {
        match &self.what {
            What::Runs(registration) => Some(registration),
            What::Known(_) => None,
        }
    }

    /// What it takes.
    pub fn arguments(&self) -> Shape {
        match &self.what {
            What::Runs(registration) => Shape::of((registration.arguments)()),
            What::Known(known) => (known.arguments)(known.name),
        }
    }

    /// What it exports, as attributes.
    pub fn exports(&self) -> Shape {
        match &self.what {
            What::Runs(registration) => Shape::of((registration.exports)()),
            What::Known(known) => (known.exports)(known.name),
        }
    }

    /// Everything that is wrong with a block of this name as far as names and literals show; see [`eval::check_block`].
    pub fn check(&self, source: &Source, block: &Block) -> Vec<Diagnostic> {
        match &self.what {
            What::Runs(registration) => eval::check_block(source, block, (registration.arguments)()),
            What::Known(known) => eval::check_block(source, block, &(known.arguments)(known.name)),
        }
    }

    fn gate(&self, kind: &str, allowed: Allowed) -> Result<(), LookupError> {
        let name = self.name;
        let message = if self.community {
            if allowed.community {
                return Ok(());
            }
            format!(
                "the {kind} \"{name}\" is a community {kind}. Use the --feature.community-components.enabled command-line flag to \
                 enable community components"
            )
        } else if self.stability < allowed.stability {
            gate(kind, name, self.stability, allowed.stability)
        } else {
            return Ok(());
        };
        Err(LookupError {
            message,
            hint: None,
            near: None,
        })
    }
}

impl From<Registration> for Description {
    fn from(registration: Registration) -> Self {
        Description {
            name: registration.name,
            stability: registration.stability,
            community: registration.community,
            what: What::Runs(registration),
        }
    }
}

impl From<Known> for Description {
    fn from(known: Known) -> Self {
        Description {
            name: known.name,
            stability: known.stability,
            community: known.community,
            what: What::Known(known),
        }
    }
}

/// The components that this program has, and those that it knows of and cannot run.
#[derive(Default)]
pub struct Registry {
    components: BTreeMap<&'static str, Registration>,
    known: BTreeMap<&'static str, Known>,
    blocks: BTreeMap<&'static str, Known>,
}

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError {
    /// The message, as Alloy words it where it has one.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
    /// The name that was probably meant.
    pub near: Option<String>,
}

impl Registry {
    /// A registry of `components`; of those in `known` that are not among them it can say what they take.
    pub fn new(components: impl IntoIterator<Item = Registration>, known: impl IntoIterator<Item = Known>) -> Self {
        let components: BTreeMap<_, _> = components.into_iter().map(|one| (one.name, one)).collect();
        let known = known.into_iter().filter(|one| !components.contains_key(one.name));
        Registry {
            known: known.map(|one| (one.name, one)).collect(),
            components,
            blocks: BTreeMap::new(),
        }
    }

    /// The same registry, which also knows these config blocks.
    pub fn with_blocks(mut self, blocks: impl IntoIterator<Item = Known>) -> Self {
        self.blocks = blocks.into_iter().map(|one| (one.name, one)).collect();
        self
    }

    /// All components that it can run, by name.
    pub fn components(&self) -> impl Iterator<Item = &Registration> {
        self.components.values()
    }

    /// All components, also those that it cannot run, by name.
    pub fn descriptions(&self) -> impl Iterator<Item = Description> {
        let runs = self.components.values().map(|one| (one.name, Description::from(*one)));
        let known = self.known.values().map(|one| (one.name, Description::from(*one)));
        let all: BTreeMap<_, _> = runs.chain(known).collect();
        all.into_values()
    }

    /// The registration of a name, to run it: it must exist here and be allowed. What is only known is refused by name, whatever is
    /// allowed: no flag would make it run.
    pub fn find(&self, name: &str, allowed: Allowed) -> Result<&Registration, LookupError> {
        let Some(registration) = self.components.get(name) else {
            return Err(self.not_runnable(name));
        };
        Description::from(*registration).gate("component", allowed)?;
        Ok(registration)
    }

    /// What there is to know of a component, to check a configuration: it must exist upstream or here, and be allowed.
    pub fn describe(&self, name: &str, allowed: Allowed) -> Result<Description, LookupError> {
        let runs = self.components.get(name).map(|one| Description::from(*one));
        let known = || self.known.get(name).map(|one| Description::from(*one));
        let description = runs.or_else(known).ok_or_else(|| self.unknown(name))?;
        description.gate("component", allowed)?;
        Ok(description)
    }

    /// What there is to know of a config block that exists upstream, such as `tracing`; `None` if there is none of that name.
    pub fn describe_block(&self, name: &str, allowed: Allowed) -> Option<Result<Description, LookupError>> {
        let description = Description::from(*self.blocks.get(name)?);
        Some(description.gate("config block", allowed).map(|()| description))
    }

    fn not_runnable(&self, name: &str) -> LookupError {
        if self.known.contains_key(name) {
            return LookupError {
                message: format!("component \"{name}\" is known, but this version of Invar cannot run it"),
                hint: Some(self.instead_of(name)),
                near: None,
            };
        }
        self.unknown(name)
    }

    fn unknown(&self, name: &str) -> LookupError {
        let candidates = self.components.keys().chain(self.known.keys()).copied();
        let near = syntax::diag::suggest(name, candidates);
        LookupError {
            message: format!("cannot find the definition of component name \"{name}\""),
            hint: near.map(|near| format!("did you mean \"{near}\"?")),
            near: near.map(str::to_owned),
        }
    }

    /// The components that are closest by name: for `loki.source.kafka` those of `loki.source`, else those of `loki`.
    fn instead_of(&self, name: &str) -> String {
        let mut family = name;
        while let Some((shorter, _)) = family.rsplit_once('.') {
            family = shorter;
            let inside = |other: &&str| other.strip_prefix(family).is_some_and(|rest| rest.starts_with('.'));
            let siblings: Vec<&str> = self.components.keys().copied().filter(inside).collect();
            if !siblings.is_empty() {
                return format!("of this family it runs {}", siblings.join(", "));
            }
        }
        "remove the block, or keep this part of the configuration on Alloy".to_owned()
    }
}

/// The message for a feature below the allowed stability.
pub fn gate(kind: &str, name: &str, level: Stability, minimum: Stability) -> String {
    format!(
        "{kind} \"{name}\" is at stability level \"{level}\", which is below the minimum allowed stability level \
         \"{minimum}\". Use --stability.level command-line flag to enable \"{level}\" features"
    )
}
