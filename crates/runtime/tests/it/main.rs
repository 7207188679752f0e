//! The runtime on components made for tests.

mod components;
mod known;
mod loading;
mod propagation;
mod transactions;
