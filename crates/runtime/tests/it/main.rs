//! The runtime on components made for tests.

mod components;
mod foreach;
mod guests;
mod imports;
mod known;
mod loading;
mod modules;
mod propagation;
mod shelf;
mod transactions;
