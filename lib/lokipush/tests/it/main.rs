//! What the parts of the format promise each other: whatever is written can be read, and nothing that comes from outside
//! makes a reader panic.

mod fuzz;
mod round_trip;
