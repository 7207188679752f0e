//! Values of the configuration language and how Rust types are made from them.
//!
//! Knows nothing of syntax: an evaluator makes [`Value`]s and [`Body`]s out of a configuration, and a component turns them into its
//! arguments with a type that derives [`Block`]. The derive emits a table, [`Schema`]; decoding, encoding, checks and documentation
//! all work on that one table.

mod body;
mod capsule;
mod convert;
mod decode;
mod encode;
mod error;
mod from_object;
mod json;
mod number;
mod object;
mod schema;
mod secret;
pub mod shape;
mod text;
mod types;
mod value;

pub use body::{Body, Item, Place, Poison};
pub use capsule::{Capsule, CapsuleValue};
pub use convert::FromValue;
pub use decode::{DecodeError, Problem, check, decode, decode_named};
pub use encode::{encode, encode_object, encode_variants};
pub use error::{SECRET_TO_STRING, SECRET_TO_TARGET, Seg, ValueError};
pub use from_object::{decode_object, decode_objects, decode_variants};
pub use json::{body_json, to_json};
pub use number::Number;
pub use object::Object;
pub use schema::{Block, BlockEnum, Field, FieldKind, Invalid, Schema, Variant};
pub use secret::{OptionalSecret, Secret};
pub use text::to_text;
pub use types::{ByteSize, Bytes, GoDuration, Type};
pub use value::{Function, Str, Value};
pub use value_derive::{Block, BlockEnum, Choice};
