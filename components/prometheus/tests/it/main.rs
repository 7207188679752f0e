//! Components of the family as the program sees them.

mod pipeline;
mod receiver;
mod remote_write;
mod rig;
