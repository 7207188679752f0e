//! The runtime on components made for tests.

mod components;
mod foreach;
mod imports;
mod loading;
mod modules;
mod propagation;
mod shelf;
mod transactions;
