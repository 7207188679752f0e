//! `discovery.*`: what there is to be scraped or read, found out and kept up to date.
//!
//! A mechanism ([`runner::Mechanism`]) finds groups of targets, each with a name for where it comes from. [`board::Board`] keeps the
//! groups; [`runner::Discovered`] is the component around both: it exports what the board holds, first as soon as there is a first
//! result and then at most every five seconds.

mod board;
mod dns;
mod file;
mod group;
mod http;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod metrics;
mod refresh;
mod relabel;
mod runner;

use component::{Registration, Services};

pub use runner::Pace;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[
    dns::COMPONENT,
    file::COMPONENT,
    http::COMPONENT,
    #[cfg(feature = "kubernetes")]
    kubernetes::COMPONENT,
    relabel::COMPONENT,
];

/// The services that the components of the family share things through.
pub fn services(services: Services) -> Services {
    #[cfg(feature = "kubernetes")]
    let services = services.with(std::sync::Arc::new(kubernetes::Clusters::default()));
    services
}
