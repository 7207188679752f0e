//! `loki.source.*`: where log lines come from.

mod file;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[file::COMPONENT];
