//! Following files through rotations: scripted cases, random schedules against a model, and the real file system.

mod pattern;
mod race;
mod real;
mod schedule;
mod scripted;
mod world;
