//! Diagnostics: what is wrong with a text, where, and how to say so.

mod print;
mod suggest;

pub use print::Printer;
pub use suggest::suggest;

use crate::source::{Position, Source};
use crate::token::Span;
use std::fmt;
use std::sync::Arc;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a look; does not stop anything by itself.
    Warning,
    /// The text cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "Warning",
            Severity::Error => "Error",
        })
    }
}

/// Instances of modules, from the outside in. Small where there are none, which is nearly always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::box_collection, reason = "diagnostics are returned in results")]
pub struct Trace(Option<Box<Vec<String>>>);

impl Trace {
    /// Adds instances around those that are there.
    pub fn around(&mut self, instances: impl IntoIterator<Item = String>) {
        let mut instances: Vec<String> = instances.into_iter().collect();
        if instances.is_empty() {
            return;
        }
        if let Some(inner) = self.0.take() {
            instances.extend(*inner);
        }
        self.0 = Some(Box::new(instances));
    }

    /// The instances, from the outside in.
    pub fn instances(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |instances| instances)
    }

    /// The instances, for editing; `None` if there are none.
    pub fn edit(&mut self) -> Option<&mut Vec<String>> {
        self.0.as_deref_mut()
    }
}

/// One message about a place in a text. `Display` gives `file:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Name of the text; may be empty.
    pub file: Arc<str>,
    /// First character; the default value if the place is not known.
    pub start: Position,
    /// Last character (included); the default value if it is the same as `start`.
    pub end: Position,
    /// What is wrong.
    pub message: String,
    /// Text of the value that the message is about. Never printed: it may be long.
    pub value: Option<Box<str>>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The instances of modules that led here.
    pub trace: Trace,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: Arc::from(""),
            start: Position::default(),
            end: Position::default(),
            message: message.into(),
            value: None,
            hint: None,
            trace: Trace::default(),
        }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(message)
        }
    }

    /// Sets the place to a range of a text.
    pub fn at(mut self, source: &Source, span: Span) -> Diagnostic {
        self.file = source.name().clone();
        self.start = source.position(span.start);
        self.end = source.position(span.last());
        self
    }

    /// Sets the place to one character of a text.
    pub fn at_offset(mut self, source: &Source, offset: u32) -> Diagnostic {
        self.file = source.name().clone();
        self.start = source.position(offset);
        self.end = Position::default();
        self
    }

    /// Adds a hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the text of the value that the message is about.
    pub fn with_value(mut self, value: impl Into<String>) -> Diagnostic {
        self.value = Some(value.into().into());
        self
    }

    /// Adds one more instance of a module around those that led here.
    pub fn within(mut self, instance: impl Into<String>) -> Diagnostic {
        self.trace.around([instance.into()]);
        self
    }

    /// The place as text: `file:line:column`, with the parts that are known, `-` if none is.
    pub fn place(&self) -> String {
        match (self.file.as_ref(), self.start.is_valid()) {
            ("", _) => self.start.to_string(),
            (file, true) => format!("{file}:{}", self.start),
            (file, false) => file.to_string(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// A list of diagnostics. `Display` gives the first and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diag| diag.severity == Severity::Error)
    }

    /// All of them on one line, separated by `; `.
    pub fn joined(&self) -> String {
        let all: Vec<String> = self.0.iter().map(Diagnostic::to_string).collect();
        all.join("; ")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("no errors"),
            [only] => only.fmt(f),
            [first, rest @ ..] => write!(f, "{first} (and {} more diagnostics)", rest.len()),
        }
    }
}

impl std::error::Error for Diagnostics {}

impl std::ops::Deref for Diagnostics {
    type Target = Vec<Diagnostic>;

    fn deref(&self) -> &Vec<Diagnostic> {
        &self.0
    }
}

impl std::ops::DerefMut for Diagnostics {
    fn deref_mut(&mut self) -> &mut Vec<Diagnostic> {
        &mut self.0
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(diags: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics(diags)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diag: Diagnostic) -> Diagnostics {
        Diagnostics(vec![diag])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Diagnostics {
        Diagnostics(iter.into_iter().collect())
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        self.0.extend(iter);
    }
}
