//! The invariants of the tree, as tests: which crate may know which, where `unsafe` may stand, that every component is listed.

mod dependencies;
mod sources;
mod workspace;
