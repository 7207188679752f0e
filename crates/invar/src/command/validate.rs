//! `invar validate FILE|DIR`

use super::{Failure, Outcome};
use crate::catalogue::{Targets, catalogue};
use crate::cli::Validate;
use crate::output;
use runtime::registry::Allowed;

/// Checks a configuration without evaluating it. Silent if nothing is wrong; a warning is as wrong as an error.
pub fn run(options: &Validate) -> Outcome {
    options.format.check()?;
    let allowed = Allowed::from(&options.gates);
    let files = runtime::sources::read(&host::RealFs, &options.config)?;
    let (diagnostics, sources) = runtime::validate(&catalogue(allowed, Targets::default()), &files);
    if diagnostics.is_empty() {
        return Ok(());
    }
    output::complain(&runtime::report(&diagnostics, &sources, output::color()));
    Err(Failure::Message("validation failed".to_owned()))
}
