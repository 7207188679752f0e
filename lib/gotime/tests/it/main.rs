//! Layouts against facts about Go's parser, and the vectors for year-less timestamps.

mod layouts;
mod yearless;
