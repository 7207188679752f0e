//! `local.*`: what lies on this machine's disks.

mod file;
mod file_match;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[file::COMPONENT, file_match::COMPONENT];
