//! Exporters against peers of ours, over real connections.

mod otlp;
mod otlphttp;
mod rig;
mod sink;
