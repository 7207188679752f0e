//! The log on a disk that fails: random schedules against a model, flipped bits, arbitrary bytes, and the real file system.

mod damage;
mod model;
mod real;
mod scripted;
mod simulation;
