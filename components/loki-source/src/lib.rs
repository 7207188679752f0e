//! `loki.source.*`: where log lines come from.

pub mod api;
mod file;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[api::COMPONENT, file::COMPONENT];
