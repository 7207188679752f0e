//! What a rule says, and whether it makes sense.

use crate::names::Names;
use std::fmt;

/// The default of [`Config::separator`].
pub(crate) const SEPARATOR: &str = ";";
/// The default of [`Config::regex`].
pub(crate) const ANYTHING: &str = "(.*)";
/// The default of [`Config::replacement`].
pub(crate) const WHOLE: &str = "$1";

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets the target label if the expression matches.
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Sets the target label to a number below the modulus, a hash of the value.
    HashMod,
    /// Copies labels whose names match to other names.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Sets the target label to the value in lower case.
    Lowercase,
    /// Sets the target label to the value in upper case.
    Uppercase,
    /// Drops what has another value in the target label.
    KeepEqual,
    /// Drops what has the same value in the target label.
    DropEqual,
}

impl Action {
    /// The name in configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Replace => "replace",
            Action::Keep => "keep",
            Action::Drop => "drop",
            Action::HashMod => "hashmod",
            Action::LabelMap => "labelmap",
            Action::LabelDrop => "labeldrop",
            Action::LabelKeep => "labelkeep",
            Action::Lowercase => "lowercase",
            Action::Uppercase => "uppercase",
            Action::KeepEqual => "keepequal",
            Action::DropEqual => "dropequal",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Labels whose values, joined by [`separator`](Config::separator), are the value that the rule looks at. A label that is not there
    /// counts as empty.
    pub source_labels: Vec<String>,
    /// Stands between the values.
    pub separator: String,
    /// A Go regular expression; it has to match the whole value, or the whole name for actions on names.
    pub regex: String,
    /// Divisor of `hashmod`.
    pub modulus: u64,
    /// The label to set or to compare with. May refer to groups of the expression (`${1}`) in `replace`.
    pub target_label: String,
    /// What the target label is set to, with groups of the expression; in `labelmap` the new name.
    pub replacement: String,
    /// What the rule does.
    pub action: Action,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            source_labels: Vec::new(),
            separator: SEPARATOR.to_owned(),
            regex: ANYTHING.to_owned(),
            modulus: 0,
            target_label: String::new(),
            replacement: WHOLE.to_owned(),
            action: Action::Replace,
        }
    }
}

/// Why a rule makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    field: &'static str,
    message: String,
}

impl Error {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Error {
            field,
            message: message.into(),
        }
    }

    /// The field to blame, as it is spelt in configurations.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong, without the name of the field.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Error {}

impl Config {
    /// Checks everything but the regular expression, by Prometheus' rules.
    pub(crate) fn check(&self, names: Names) -> Result<(), Error> {
        use Action::*;
        let action = self.action;
        if action == HashMod && self.modulus == 0 {
            return Err(Error::new("modulus", "must be greater than 0 for action hashmod"));
        }
        let needs_target = matches!(
            action,
            Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual
        );
        if needs_target && self.target_label.is_empty() {
            return Err(Error::new("target_label", format!("must be set for action {action}")));
        }
        let target_fits = match action {
            Replace if self.target_label.contains('$') => names.takes_template(&self.target_label),
            _ => !needs_target || names.takes(&self.target_label),
        };
        if !target_fits {
            let message = format!(
                "is no label name that action {action} could set: {:?}",
                self.target_label
            );
            return Err(Error::new("target_label", message));
        }
        if matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual) && self.replacement != WHOLE {
            return Err(Error::new("replacement", format!("has no meaning for action {action}")));
        }
        if action == LabelMap && !names.takes_template(&self.replacement) {
            let message = format!(
                "is no label name that action labelmap could set: {:?}",
                self.replacement
            );
            return Err(Error::new("replacement", message));
        }
        let only = |fields: &[&'static str]| {
            let default = Config::default();
            let given = [
                ("source_labels", self.source_labels != default.source_labels),
                ("separator", self.separator != default.separator),
                ("regex", self.regex != default.regex),
                ("modulus", self.modulus != default.modulus),
                ("target_label", self.target_label != default.target_label),
                ("replacement", self.replacement != default.replacement),
            ];
            match given.iter().find(|(name, given)| *given && !fields.contains(name)) {
                Some((name, _)) => Err(Error::new(
                    name,
                    format!(
                        "has no meaning for action {action}, which takes {}",
                        fields.join(" and ")
                    ),
                )),
                None => Ok(()),
            }
        };
        match action {
            LabelDrop | LabelKeep => only(&["regex"]),
            KeepEqual | DropEqual => only(&["source_labels", "target_label"]),
            _ => Ok(()),
        }
    }
}
