//! `prometheus.exporter.*`: what exposes metrics within the process.
//!
//! An exporter exports targets, which `prometheus.scrape` asks without a network. The same metrics are at
//! `/api/v0/component/ID/metrics` of the program's HTTP server.

mod self_;
mod shell;
mod unix;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[self_::COMPONENT, unix::COMPONENT];
