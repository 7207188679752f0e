//! `invar eval EXPR`

use super::{Failure, Outcome};
use crate::cli::Eval;
use crate::{app, output};
use eval::Scope;
use syntax::{Diagnostics, Source};

/// Evaluates one expression and prints its value.
pub fn run(options: &Eval) -> Outcome {
    let source = Source::new("", options.expression.as_bytes());
    let fail = |diagnostics: Diagnostics| {
        output::complain(runtime::report(&diagnostics, std::slice::from_ref(&source), output::color()).trim_end());
        Failure::Reported
    };
    let (expression, problems) = syntax::parse_expression(options.expression.as_bytes());
    if !problems.is_empty() {
        return Err(fail(problems.into()));
    }
    let stdlib = app::stdlib(options.stability);
    let scope = Scope::new(value::Object::new(), &stdlib);
    let value = eval::evaluate_expr(&source, &expression, &scope).map_err(|problem| fail(problem.into()))?;
    let mut text = if options.json {
        eval::to_plain_json(&value)?
    } else {
        value::to_text(&value)
    };
    text.push('\n');
    output::write(text.as_bytes())?;
    Ok(())
}
