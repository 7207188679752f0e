//! Project tasks: `cargo xtask bench logs`, `cargo xtask torture`, `cargo xtask fuzz`, `cargo xtask schema`, `cargo xtask docs`.

mod bench;
mod docs;
mod fuzz;
mod process;
mod schema;
mod torture;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the project")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure Invar, and any peer, on the same load.
    Bench {
        #[command(subcommand)]
        scenario: bench::Scenario,
    },
    /// Kill, starve and cut off the release binary for a long time, in every way that there is a short test for.
    Torture(torture::Options),
    /// Feed random input to a part of the language, and check what must hold for any.
    Fuzz(fuzz::Options),
    /// Make the data of `crates/upstream` from the reference of Alloy's components.
    Schema(schema::Options),
    /// Write docs/reference anew from the doc comments in the code.
    Docs,
    /// Counts pushed lines; the benchmarks start it as a process of its own.
    #[command(hide = true)]
    Sink {
        /// Address to listen on.
        addr: std::net::SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Bench { scenario } => bench::run(scenario),
        Task::Torture(options) => torture::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Schema(options) => schema::run(&options),
        Task::Docs => docs::run(),
        Task::Sink { addr } => bench::sink(addr),
    }
}
