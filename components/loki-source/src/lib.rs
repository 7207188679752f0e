//! `loki.source.*`: where log lines come from.

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[];
