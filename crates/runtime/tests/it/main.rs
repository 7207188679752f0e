//! The runtime on components made for tests.

mod components;
mod loading;
mod propagation;
mod transactions;
