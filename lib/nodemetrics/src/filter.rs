//! Which devices, mount points or fields are wanted.

use crate::error::Error;
use goregex::Regex;

/// Go expressions that say what is wanted; an empty one says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What does not match is left out.
    pub include: String,
    /// What matches is left out.
    pub exclude: String,
}

impl Filter {
    /// Leaves out what matches.
    pub fn exclude(pattern: &str) -> Filter {
        Filter {
            include: String::new(),
            exclude: pattern.to_owned(),
        }
    }

    /// Leaves out what does not match.
    pub fn include(pattern: &str) -> Filter {
        Filter {
            include: pattern.to_owned(),
            exclude: String::new(),
        }
    }
}

/// A filter that is ready to use.
#[derive(Default)]
pub(crate) struct Compiled {
    include: Option<Regex>,
    exclude: Option<Regex>,
}

impl Compiled {
    /// Compiles a filter of which only one half may be set.
    pub(crate) fn exclusive(filter: &Filter, include: &'static str, exclude: &'static str) -> Result<Compiled, Error> {
        if !filter.include.is_empty() && !filter.exclude.is_empty() {
            return Err(Error::Exclusive { include, exclude });
        }
        Compiled::new(filter, include, exclude)
    }

    /// Compiles a filter; the names are those of the options.
    pub(crate) fn new(filter: &Filter, include: &'static str, exclude: &'static str) -> Result<Compiled, Error> {
        Ok(Compiled {
            include: optional(include, &filter.include)?,
            exclude: optional(exclude, &filter.exclude)?,
        })
    }

    /// Whether to leave this out.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.exclude
            .as_ref()
            .is_some_and(|exclude| exclude.is_match(name.as_bytes()))
            || self
                .include
                .as_ref()
                .is_some_and(|include| !include.is_match(name.as_bytes()))
    }
}

/// The expression of an option.
pub(crate) fn regex(option: &'static str, pattern: &str) -> Result<Regex, Error> {
    Regex::new(pattern).map_err(|error| Error::Regex {
        option,
        message: error.to_string(),
    })
}

/// The expression of an option, if it has one.
pub(crate) fn optional(option: &'static str, pattern: &str) -> Result<Option<Regex>, Error> {
    match pattern {
        "" => Ok(None),
        pattern => regex(option, pattern).map(Some),
    }
}
