//! Expressions: from syntax trees to values.
//!
//! [`evaluate_body`] makes the [`value::Body`] that a component decodes, and turns what goes wrong in decoding back into
//! diagnostics at the expression at fault. [`references`] tells what a block depends on before anything is evaluated,
//! [`check_block`] what is wrong with it as far as literals show, [`check_flow`] as far as types do.
//!
//! Trees may be a thousand levels high and threads have small stacks, so walks over expressions keep their own stack.

mod blame;
mod body;
mod check;
mod expr;
mod infer;
mod known;
mod literal;
mod operands;
mod ops;
mod plain;
mod references;
mod scope;
mod stdlib;

pub use body::{Evaluated, evaluate_body, unevaluated_body};
pub use check::{Against, check_block};
pub use expr::{convert, evaluate_expr};
pub use infer::{Callable, Described, Resolve, Resolved, Static, check_flow, infer};
pub use known::{Partial, diagnose_unevaluated, partial_body};
pub use literal::literal_value;
pub use plain::{PlainJsonError, to_plain_json};
pub use references::{StdlibUse, Traversal, references, stdlib_uses};
pub use scope::Scope;
pub use stdlib::{HostFacts, Stdlib, is_stdlib_name, stdlib_members};
