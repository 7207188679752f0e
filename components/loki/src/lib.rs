//! Components for logs.

pub mod echo;
pub mod process;
pub mod relabel;
pub mod write;

use component::Registration;

/// The components of this crate.
pub static COMPONENTS: &[Registration] = &[
    echo::COMPONENT,
    process::COMPONENT,
    relabel::COMPONENT,
    write::COMPONENT,
];
