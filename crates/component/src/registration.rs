//! The catalogue's entries.

use crate::caveat::Caveat;
use crate::context::{Context, ContextParts};
use crate::error::BuildError;
use crate::instance::{Instance, Running};
use crate::known::{self, Unknown};
use crate::{Component, Result};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use value::{Block, Body, DecodeError, Schema};

/// How settled a feature is. Ordered: less settled is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    /// May change or go at any time.
    Experimental,
    /// Complete, may still change.
    PublicPreview,
    /// Stable.
    GenerallyAvailable,
}

impl Stability {
    /// The name on the command line and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Stability::Experimental => "experimental",
            Stability::PublicPreview => "public-preview",
            Stability::GenerallyAvailable => "generally-available",
        }
    }
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            Stability::Experimental,
            Stability::PublicPreview,
            Stability::GenerallyAvailable,
        ]
        .into_iter()
        .find(|level| level.as_str() == text)
        .ok_or_else(|| format!("invalid stability level {text:?}"))
    }
}

type CaveatsFn = fn(&Body) -> Result<Vec<Caveat>, DecodeError>;
type CheckFn = fn(&Body, &[Unknown]) -> Vec<DecodeError>;
type BuildFn = fn(ContextParts, &Body) -> Result<Arc<dyn Instance>, BuildError>;

/// What the catalogue knows of one component. A constant in the component's file, listed in its family's `COMPONENTS`.
#[derive(Clone, Copy)]
pub struct Registration {
    /// Name of the block, such as `loki.write`.
    pub name: &'static str,
    /// How settled it is.
    pub stability: Stability,
    /// Kept by the community: needs its own command line flag, whatever its stability.
    pub community: bool,
    /// Schema of the arguments.
    pub arguments: fn() -> &'static Schema,
    /// Schema of the exports.
    pub exports: fn() -> &'static Schema,
    /// What it keeps from one run to the next; see [`Component::STATE`].
    pub state: &'static [&'static str],
    build: BuildFn,
    caveats: CaveatsFn,
    check: CheckFn,
}

impl Registration {
    /// The registration of `C` under a name.
    pub const fn of<C: Component>(name: &'static str, stability: Stability) -> Self {
        Registration {
            name,
            stability,
            community: false,
            arguments: C::Arguments::schema,
            exports: C::Exports::schema,
            state: C::STATE,
            build: build::<C>,
            caveats: caveats::<C>,
            check: known::check::<C>,
        }
    }

    /// Decodes a block and builds an instance from it.
    pub fn build(&self, parts: ContextParts, body: &Body) -> Result<Arc<dyn Instance>, BuildError> {
        (self.build)(parts, body)
    }

    /// What is wrong with a block as far as it is known: what does not decode, and what [`Component::check`] finds. Attributes
    /// may be unknown, and so may parts of their values, which are `null` then: `unknown` says which.
    pub fn check(&self, body: &Body, unknown: &[Unknown]) -> Vec<DecodeError> {
        (self.check)(body, unknown)
    }

    /// Decodes a block, in which attributes may be unknown, and asks [`Component::caveats`].
    pub fn caveats(&self, body: &Body) -> Result<Vec<Caveat>, DecodeError> {
        (self.caveats)(body)
    }
}

fn caveats<C: Component>(body: &Body) -> Result<Vec<Caveat>, DecodeError> {
    Ok(C::caveats(&value::decode(body)?))
}

fn build<C: Component>(parts: ContextParts, body: &Body) -> Result<Arc<dyn Instance>, BuildError> {
    let args: C::Arguments = value::decode(body)?;
    let cx = Context::<C::Exports>::new(parts);
    let component = C::build(&cx, args.clone())?;
    Ok(Arc::new(Running::new(cx, component, args)))
}
