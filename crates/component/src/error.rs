//! Errors of components.

use std::fmt;
use value::{Body, DecodeError, Item, Place, Problem, Seg, ValueError};

/// A result with the contract's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a component could not be built, updated or run: a message for people, what caused it, and what is to blame.
#[derive(Debug)]
pub struct Error {
    message: String,
    blame: Box<Blame>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What an error is about.
#[derive(Debug, Default)]
struct Blame {
    block: String,
    argument: Option<String>,
    path: Vec<Seg>,
    others: Vec<&'static str>,
    certain: bool,
}

impl Error {
    /// An error that says `message`: lower case, no final stop, what to do if that is not obvious.
    pub fn new(message: impl Into<String>) -> Self {
        Error {
            message: message.into(),
            blame: Box::default(),
            source: None,
        }
    }

    /// An error for which one argument is to blame. The message follows the name of the argument, or its value.
    pub fn about(argument: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Error::new(message);
        error.blame.argument = Some(argument.into());
        error
    }

    /// The same error with the steps from the value of the argument to the part of it that is to blame.
    pub fn at(mut self, path: impl IntoIterator<Item = Seg>) -> Self {
        self.blame.path.extend(path);
        self
    }

    /// The same error, which another argument of the block has its part in.
    pub fn with(mut self, argument: &'static str) -> Self {
        self.blame.others.push(argument);
        self
    }

    /// The same error, which no value could undo that is not known yet: blocks exclude each other, for example.
    pub fn certain(mut self) -> Self {
        self.blame.certain = true;
        self
    }

    /// The same error seen from the block around the one that it is about: `name` and `number` of that one among its namesakes.
    /// Called from the inside out.
    pub fn inside(mut self, name: &str, number: usize) -> Self {
        let slash = if self.blame.block.is_empty() { "" } else { "/" };
        self.blame.block = format!("{name}#{number}{slash}{}", self.blame.block);
        self
    }

    /// The argument to blame, if one is.
    pub fn argument(&self) -> Option<&str> {
        self.blame.argument.as_deref()
    }

    /// The block that it is about, named as caveats name blocks: `stage.match#0/stage.drop#1`; empty for the component's own.
    pub fn block(&self) -> &str {
        &self.blame.block
    }

    /// The steps from the argument's value to what is to blame.
    pub(crate) fn path(&self) -> &[Seg] {
        &self.blame.path
    }

    /// Whether it is there whatever unknown values are.
    pub(crate) fn is_certain(&self) -> bool {
        self.blame.certain
    }

    /// Other arguments that have a part in it.
    pub(crate) fn others(&self) -> &[&'static str] {
        &self.blame.others
    }

    /// An error with its cause; prints as `message: cause`.
    pub fn caused(message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error {
            source: Some(source.into()),
            ..Error::new(message)
        }
    }

    /// What is wrong, without the names of block and argument.
    pub(crate) fn text(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {source}", self.message),
            None => self.message.clone(),
        }
    }

    /// Whether its cause is of a type.
    pub fn is<T: std::error::Error + 'static>(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is::<T>())
    }

    /// The error at its place in the block that the component was built from: the argument if it is written, else the block
    /// that it should be in. `place` is `None` for the component's own block.
    pub fn placed(&self, body: &Body) -> DecodeError {
        let (mut place, mut inner) = (None, body);
        for step in self.blame.block.split('/').filter(|step| !step.is_empty()) {
            let Some((at, next)) = crate::known::nested(inner, step) else {
                let problem = Problem::Message(self.to_string());
                return decode_error(place, problem);
            };
            (place, inner) = (Some(at), next);
        }
        let written = |name: &str| {
            let mut attributes = inner.items.iter().filter(|item| matches!(item, Item::Attr { .. }));
            attributes.find(|item| item.name() == name).map(Item::place)
        };
        match self.blame.argument.as_deref().map(|name| (name, written(name))) {
            Some((_, Some(place))) => {
                let wrong = ValueError {
                    path: self.blame.path.clone(),
                    message: self.text(),
                };
                decode_error(Some(place), Problem::Value(wrong))
            }
            Some((name, None)) => decode_error(place, Problem::Message(format!("{name}: {}", self.text()))),
            None => decode_error(place, Problem::Message(self.text())),
        }
    }
}

fn decode_error(place: Option<Place>, problem: Problem) -> DecodeError {
    DecodeError {
        place,
        problem,
        candidates: Vec::new(),
    }
}

/// `stage.match: stage.drop: value[0]: message: cause`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.blame.block.split('/').filter(|step| !step.is_empty()) {
            write!(f, "{}: ", step.split('#').next().unwrap_or(step))?;
        }
        if let Some(argument) = &self.blame.argument {
            write!(f, "{argument}{}: ", ValueError::path_text(&self.blame.path))?;
        }
        f.write_str(&self.text())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().and_then(|source| source.source())
    }
}

/// Of everything that is wrong, the first: for who tells of one problem at a time.
///
/// # Errors
/// That one.
pub fn first<E: From<Error>>(problems: Vec<Error>) -> std::result::Result<(), E> {
    match problems.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

impl From<Error> for value::Invalid {
    fn from(error: Error) -> Self {
        match &error.blame.argument {
            // Who reads it sees the argument.
            Some(argument) if error.blame.block.is_empty() => value::Invalid::argument(argument.clone(), error.text()),
            _ => error.to_string().into(),
        }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Error::new(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Error::new(message)
    }
}

/// Why a block did not become, or did not update, an instance.
#[derive(Debug)]
pub enum BuildError {
    /// The block does not fit the component's arguments.
    Decode(value::DecodeError),
    /// The component refused the arguments.
    Component(Error),
}

impl From<value::DecodeError> for BuildError {
    fn from(error: value::DecodeError) -> Self {
        BuildError::Decode(error)
    }
}

impl From<Error> for BuildError {
    fn from(error: Error) -> Self {
        BuildError::Component(error)
    }
}
