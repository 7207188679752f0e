//! The contract between Invar and its components and services.
//!
//! A component is one file: a [`Registration`] constant, its arguments and exports (`#[derive(Block)]`), and an
//! implementation of [`Component`]. It sees neither the syntax of the configuration nor the runtime that drives it, and asks its
//! [`Context`] for everything outside: identity, time, files, metrics, memory budget, ledger, services.
//!
//! ```text
//! pub const COMPONENT: Registration = Registration::of::<Echo>("loki.echo", Stability::GenerallyAvailable);
//!
//! /// Writes every line it receives to Invar's own log.
//! #[derive(Block, Clone, PartialEq)]
//! pub struct Arguments {}
//! ```
//!
//! # Life
//!
//! [`Component::build`] has no effect that outlives a failure: it opens no port, starts no task, writes no file. It publishes
//! the exports that do not depend on running. [`Component::run`] does the work until it is told to stop, then drains and
//! returns. [`Component::update`] checks new arguments and prepares everything that can fail, and leaves a [`Change`]
//! that cannot; a reload applies the changes of all components together, or none.

mod auth;
mod caveat;
mod cluster;
mod context;
mod error;
mod exporters;
mod health;
mod import;
mod instance;
mod known;
mod queue;
mod registration;
mod relabelling;
mod target;
mod wires;

pub use auth::{Auth, AuthHandler, ClientAuth, ServerAuth};
pub use caveat::{Caveat, Effect};
pub use cluster::{
    Cluster, ClusterView, ClusteringArgs, HandOver, Offer, Op, Peer, PeerState, Published, owners_changed,
};
pub use context::{Context, ContextParts, Inspector, Services};
pub use error::{BuildError, Error, Result, first};
pub use exporters::{EXPORTER_ADDRESS, Exported, Exporter, Exporters, HostName, ProcessMetrics};
pub use health::{Health, HealthState};
pub use import::{Content, ContentFile, Fetched, Import, ImportContext, ImportKind, ImportSource, OnFetch};
pub use instance::{Instance, Prepared};
pub use known::{Known, Unknown};
pub use queue::{QueuePolicy, QueueSync};
pub use registration::{Registration, Stability};
pub use relabel::Scratch as RelabelScratch;
pub use relabelling::{RelabelAction, RelabelRule, RelabelRules};
pub use target::Target;
pub use wires::{LogsReceiver, MetricsReceiver, OtelConsumer, is_receiver, is_receiver_value};

pub use futures_util::future::BoxFuture;
pub use signals::{Budget, Ledger};
pub use tokio_util::sync::CancellationToken;

use std::future::Future;
use std::sync::Arc;
use value::{Block, Value};

/// What a component file needs in scope.
pub mod prelude {
    pub use crate::{
        CancellationToken, Caveat, Change, Component, Context, Error, Health, HealthState, Known, LogsReceiver,
        MetricsReceiver, OtelConsumer, Registration, Result, Stability,
    };
    pub use std::sync::Arc;
    pub use value::{Block, Value};
}

/// A building block of a pipeline.
pub trait Component: Send + Sync + Sized + 'static {
    /// What its block takes.
    type Arguments: Block;
    /// What others may refer to; `()` for nothing.
    type Exports: Block;

    /// What it keeps in its data path from one run to the next, in words that follow "keeps": `positions of files`. For `invar plan`.
    const STATE: &'static [&'static str] = &[];

    /// Makes an instance. No side effects that outlive a failure. Exports published here are seen by everything that is evaluated
    /// after it.
    fn build(cx: &Context<Self::Exports>, args: Self::Arguments) -> Result<Self>;

    /// Works until `stop` is cancelled, then finishes what it has taken responsibility for, or hands it back, and
    /// returns. Called once. An error makes the component unhealthy.
    fn run(self: Arc<Self>, stop: CancellationToken) -> impl Future<Output = Result<()>> + Send;

    /// Checks changed arguments and prepares for them. Called before, during or after `run`, never with equal arguments.
    fn update(self: Arc<Self>, args: Self::Arguments) -> Result<Change>;

    /// How it is doing, where that is more than "runs".
    fn health(&self) -> Option<Health> {
        None
    }

    /// Details for the user interface.
    fn debug_info(&self) -> Option<Value> {
        None
    }

    /// Finds everything that [`Component::build`] would refuse in these arguments, as far as that needs no more than the
    /// arguments: a pattern that does not compile, a template with an error. Called by `invar validate`; nothing may be opened,
    /// read or started.
    ///
    /// An argument whose value is not known has its default. Errors that such a default causes are left out by who calls:
    /// those about an argument ([`Error::about`], [`Error::with`]) unless all of these are known, those about a block unless
    /// everything in it is. A rule that concerns several blocks has to ask `known`.
    fn check(args: &Self::Arguments, known: &Known<'_>) -> Vec<Error> {
        let _ = (args, known);
        Vec::new()
    }

    /// What it makes, with these arguments, of the promise that records arrive at least once; nothing else than keeping it, if
    /// it says nothing. Told before anything is built; an argument whose value is not known by then has its default.
    fn caveats(args: &Self::Arguments) -> Vec<Caveat> {
        let _ = args;
        Vec::new()
    }
}

/// The second half of an update: what cannot fail.
pub struct Change(Box<dyn FnOnce() + Send>);

impl Change {
    /// A change that is made by `apply`.
    pub fn new(apply: impl FnOnce() + Send + 'static) -> Self {
        Change(Box::new(apply))
    }

    /// Makes the change.
    pub fn apply(self) {
        (self.0)();
    }
}
