//! The formatter.
//!
//! The tree is written as tokens with pending blanks between them; comments are put in where they stood relative to the tokens.
//! Where a statement or an element begins on a new line in the source, it does in the output; everything else about blanks is
//! decided here. `docs/differences.md` lists the cases in which the output differs from Alloy's.

mod check;
mod layout;
mod walk;
mod writer;

use crate::ast::{Body, Expr, File};
use crate::diag::{Diagnostic, Severity};
use crate::parser::parse;
use crate::source::Source;
use writer::Writer;

pub use check::lossless;

/// How often [`format`] formats its own output at most. Real configurations settle after one or two rounds; comments in odd places
/// may take a few more to wander out of an expression.
const ROUNDS: usize = 256;

/// Formats a file. The result ends without a newline; an empty file gives no bytes. A byte order mark is dropped.
///
/// Formatting the result again gives the same bytes. Fails with the diagnostics if the text has errors; and, since losing what
/// somebody wrote is worse than not formatting it, with one that says so if the result is not [`lossless`].
pub fn format(file_name: &str, source: &[u8]) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let refuse = |reason: &str| {
        let message = format!("this text cannot be formatted, which is a defect of the formatter: {reason}");
        vec![Diagnostic::error(message).at_offset(&Source::new(file_name, source), 0)]
    };
    let mut text = format_once(file_name, source)?;
    // The layout depends on line breaks in the source, some of which a first round removes.
    for _ in 1..ROUNDS {
        let Ok(again) = format_once(file_name, &text) else {
            break;
        };
        if again == text {
            return match lossless(source, &text) {
                Ok(()) => Ok(text),
                Err(reason) => Err(refuse(&reason)),
            };
        }
        text = again;
    }
    match lossless(source, &text) {
        Ok(()) => Err(refuse("its layout does not settle")),
        Err(reason) => Err(refuse(&reason)),
    }
}

fn format_once(file_name: &str, source: &[u8]) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let (file, diags) = parse(file_name, source);
    if diags.iter().any(|diag| diag.severity == Severity::Error) {
        return Err(diags);
    }
    Ok(format_file(&file))
}

/// Formats a parsed file once, keeping its comments. The file must have been parsed without errors.
pub fn format_file(file: &File) -> Vec<u8> {
    print_file(file, &|_| false)
}

/// Like [`format_file`], but every expression for which `secret` answers true is printed as `"(secret)"`, with all comments inside
/// of it left out.
pub fn format_file_redacted(file: &File, secret: &dyn Fn(&Expr) -> bool) -> Vec<u8> {
    print_file(file, secret)
}

fn print_file(file: &File, secret: &dyn Fn(&Expr) -> bool) -> Vec<u8> {
    let mut writer = Writer::new(Some(&file.source), &file.comments, secret);
    writer.body(&file.body);
    writer.finish()
}

/// The formatted source of an expression on one line, as messages quote it (raw strings keep their lines).
pub fn format_expr(expr: &Expr) -> String {
    print_expr(None, expr)
}

/// The formatted source of an expression with the line breaks that it has in `source`, without comments.
pub fn format_expr_in(source: &Source, expr: &Expr) -> String {
    print_expr(Some(source), expr)
}

fn print_expr(source: Option<&Source>, expr: &Expr) -> String {
    let mut writer = Writer::new(source, &[], &|_| false);
    writer.expr(expr);
    into_string(writer.finish())
}

/// The formatted source of a body with the line breaks that it has in `source`, without comments.
pub fn format_body_in(source: &Source, body: &Body) -> String {
    let mut writer = Writer::new(Some(source), &[], &|_| false);
    writer.body(body);
    into_string(writer.finish())
}

/// Formatted text as a string.
pub(crate) fn into_string(text: Vec<u8>) -> String {
    String::from_utf8(text).expect("the formatter writes strings only")
}
