//! `import.*`: where modules come from.

mod common;
mod file;
#[cfg(feature = "git")]
mod git;
mod http;
mod string;

use component::ImportKind;

/// The kinds of import.
pub const KINDS: &[ImportKind] = &[
    file::IMPORT,
    #[cfg(feature = "git")]
    git::IMPORT,
    http::IMPORT,
    string::IMPORT,
];
