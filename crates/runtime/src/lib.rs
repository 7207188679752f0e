//! Runs configurations: loads them into a graph of components, keeps the graph evaluated while exports change, reloads it as a
//! transaction and stops it in order.
//!
//! - [`registry`]: component name to registration.
//! - [`sources`], [`loader`]: files to blocks to nodes to [`graph`].
//! - [`plan()`]: what a reload does, as data.
//! - [`Controller`]: executes it.
//! - [`guarantees`]: what is promised to records on their way through a configuration.
//!
//! This crate names no component and no service: the binary hands it a [`loader::Catalogue`].

mod blocks;
mod catalogue;
mod children;
mod config;
mod controller;
mod evaluate;
mod expand;
mod flow;
mod follow;
mod frame;
pub mod graph;
mod ground;
pub mod guarantees;
mod isolate;
pub mod loader;
mod metrics;
mod module;
mod names;
mod node;
mod options;
mod plan;
mod prepare;
mod propagate;
mod queue;
mod redact;
mod refresh;
pub mod registry;
mod report;
mod scheduler;
mod scope;
pub mod sources;
pub mod spec;
mod validate;
mod view;
mod waves;
mod workers;

pub use blocks::{LANGUAGE_BLOCKS, LanguageBlock};
pub use catalogue::Catalogue;
pub use config::ConfigBlock;
pub use controller::{Controller, LoadError, Loaded};
pub use expand::{Expansion, differences, expand};
pub use follow::Target;
pub use ground::Validation;
pub use isolate::isolate;
pub use module::Module;
pub use node::Node;
pub use options::Options;
pub use plan::{GraphPlan, NodePlan, Step, Verdict, plan, verdict};
pub use queue::UpdateQueue;
pub use redact::redact;
pub use report::report;
pub use scheduler::Scheduler;
pub use validate::{Validated, validate};
pub use view::NodeInfo;
pub use workers::{Full, Workers};
