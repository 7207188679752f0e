//! `invar`: a telemetry collector that reads Grafana Alloy's configuration. This crate wires everything together; it alone reads
//! the command line and the environment and prints.

mod app;
mod catalogue;
mod cli;
mod client;
mod command;
#[cfg(test)]
mod conformance;
mod graph;
mod memory;
mod output;
mod panics;
mod reference;
mod reload;
mod support;
mod version;

use clap::Parser;
use cli::{Cli, Command, Gates};
use command::Failure;
use runtime::registry::Allowed;
use std::process::ExitCode;

#[cfg(not(feature = "heap-profile"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[cfg(feature = "heap-profile")]
#[global_allocator]
static ALLOCATOR: diagnostics::Jemalloc = diagnostics::Jemalloc;

impl From<&Gates> for Allowed {
    fn from(gates: &Gates) -> Self {
        Allowed {
            stability: gates.stability,
            community: gates.community,
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else exits with 1, as every command that fails does.
            let code = if error.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
            let _ = error.print();
            return code;
        }
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        output::complain("Error: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    panics::conceal();
    let outcome = match &cli.command {
        Command::Run(options) => command::run::run(options),
        Command::Fmt(options) => command::fmt::run(options),
        Command::Validate(options) => command::validate::run(options),
        Command::Plan(options) => command::plan::run(options),
        Command::Try(options) => command::try_::run(options),
        Command::Torture(options) => command::torture::run(options),
        Command::Eval(options) => command::eval::run(options),
        Command::Process(options) => command::process::run(options),
        Command::Ledger(options) => command::ledger::run(options),
        Command::Why(options) => command::why::run(options),
        Command::Tap(options) => command::tap::run(options),
        Command::Top(options) => command::top::run(options),
        Command::Gql(options) => command::gql::run(options),
        Command::Queue(options) => command::queue::run(options),
        Command::RemotecfgServer(options) => command::remotecfg_server::run(options),
        Command::Schema(options) => command::schema::run(options),
        Command::Completion(options) => command::completion::run(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Reported) => ExitCode::FAILURE,
        Err(Failure::Code(code)) => ExitCode::from(code),
        Err(Failure::Message(message)) => {
            output::complain(&format!("Error: {message}"));
            ExitCode::FAILURE
        }
    }
}
