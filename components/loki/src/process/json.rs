//! JSON without building documents: one pass checks the whole text and reports where the members of the outermost object
//! are.

mod path;
mod print;
mod scan;

pub use path::Path;
pub use print::{compact, print_value, quote};
pub use scan::{Kind, Piece, array, members, number, unescape};
