//! `loki.write` against a Loki that misbehaves on demand, over real connections.

mod args;
mod change;
mod delivery;
mod faults;
mod kit;
mod queue;
mod security;
mod watched;
