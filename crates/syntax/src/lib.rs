//! The configuration language: text to tokens to a tree and back to text.
//!
//! Parsing never fails: [`parse`] gives a tree and diagnostics. Everything works on byte offsets; lines and columns are computed
//! when a person has to read them.

pub mod ast;
pub mod builder;
pub mod diag;
pub mod format;
pub mod ident;
pub mod literal;
mod parser;
pub mod scanner;
mod source;
mod token;
mod unicode;

pub use diag::{Diagnostic, Diagnostics, Severity};
pub use parser::{MAX_HEIGHT, MAX_NESTING, parse, parse_expression};
pub use source::{Position, Source};
pub use token::{Span, Token, TokenKind};
