//! Components for logs.

pub mod process;

use component::Registration;

/// The components of this crate.
pub static COMPONENTS: &[Registration] = &[process::COMPONENT];
