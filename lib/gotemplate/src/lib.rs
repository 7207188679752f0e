//! gotemplate

pub mod fmt;
mod value;
