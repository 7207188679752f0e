//! Errors with Go's text.

use std::fmt;

/// What is wrong with a pattern. The texts are those of Go's `regexp/syntax`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A range like `b-a`, or a class that does not exist.
    InvalidCharRange,
    /// An escape that does not exist, back-references among them.
    InvalidEscape,
    /// A malformed group name.
    InvalidNamedCapture,
    /// A `(?` construct that RE2 does not have, look-around among them.
    InvalidPerlOp,
    /// Two repetition operators in a row.
    InvalidRepeatOp,
    /// A repeat count above 1000 or with its bounds in the wrong order.
    InvalidRepeatSize,
    /// `[` without `]`.
    MissingBracket,
    /// `(` without `)`.
    MissingParen,
    /// `*` with nothing before it.
    MissingRepeatArgument,
    /// `\` at the end.
    TrailingBackslash,
    /// `)` without `(`.
    UnexpectedParen,
    /// Groups nested too deeply.
    NestingDepth,
    /// The compiled expression would be too large.
    Large,
    /// Refused by the engine for another reason; the text says which.
    Engine,
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            ErrorKind::InvalidCharRange => "invalid character class range",
            ErrorKind::InvalidEscape => "invalid escape sequence",
            ErrorKind::InvalidNamedCapture => "invalid named capture",
            ErrorKind::InvalidPerlOp => "invalid or unsupported Perl syntax",
            ErrorKind::InvalidRepeatOp => "invalid nested repetition operator",
            ErrorKind::InvalidRepeatSize => "invalid repeat count",
            ErrorKind::MissingBracket => "missing closing ]",
            ErrorKind::MissingParen => "missing closing )",
            ErrorKind::MissingRepeatArgument => "missing argument to repetition operator",
            ErrorKind::TrailingBackslash => "trailing backslash at end of expression",
            ErrorKind::UnexpectedParen => "unexpected )",
            ErrorKind::NestingDepth => "expression nests too deeply",
            ErrorKind::Large => "expression too large",
            ErrorKind::Engine => "unsupported expression",
        }
    }
}

/// Why a pattern was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of error.
    pub kind: ErrorKind,
    /// The part of the pattern that is wrong.
    pub expr: String,
    /// What to know about it, if Go's text alone does not say.
    pub hint: Option<&'static str>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, expr: &str) -> Error {
        Error {
            kind,
            expr: expr.to_owned(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Error {
        self.hint = Some(hint);
        self
    }

    pub(crate) fn from_engine(pattern: &str, error: &regex::Error) -> Error {
        match error {
            regex::Error::CompiledTooBig(_) => Error::new(ErrorKind::Large, pattern),
            error => {
                // The last line of the engine's report is its reason, the lines before it show the translated pattern.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                Error::new(ErrorKind::Engine, &format!("{pattern}`: `{reason}"))
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.kind.text(), self.expr)?;
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
