//! Decoding by derived tables, and the way back.

mod conversions;
mod encodings;
mod fields;
mod kit;
mod messages;
mod objects;
mod secrets;
mod shapes;
