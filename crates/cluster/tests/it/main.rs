//! Several members in one process, over loopback.

mod absence;
mod handing;
mod joining;
mod members;
mod node;
mod publishing;
mod requests;
