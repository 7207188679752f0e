//! Edits that are known beforehand.

use super::list::{Editable, Mode, Pair};
use crate::view::common::KeyValue;
use std::fmt;

/// One edit of attributes.
pub enum Action {
    /// Sets a value.
    Set {
        /// When.
        mode: Mode,
        /// The attribute.
        pair: Pair,
    },
    /// Sets the value that another attribute has; does nothing if there is none.
    SetFrom {
        /// When.
        mode: Mode,
        /// Of which attribute.
        key: Box<[u8]>,
        /// The other.
        from: Box<[u8]>,
    },
    /// Removes all attributes with this key.
    Delete(Box<[u8]>),
    /// Removes the attributes of which this says yes: those whose key matches a pattern, say.
    DeleteIf(Box<dyn Fn(KeyValue<'_>) -> bool + Send + Sync>),
    /// Anything else: it sees the attributes as the actions before it left them.
    Custom(Box<dyn Fn(&mut Editable<'_>) + Send + Sync>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        match self {
            Action::Set { mode, pair } => write!(f, "{mode:?} {:?} = {:?}", key(pair.key()), pair.value()),
            Action::SetFrom { mode, key: name, from } => write!(f, "{mode:?} {:?} = {:?}", key(name), key(from)),
            Action::Delete(name) => write!(f, "delete {:?}", key(name)),
            Action::DeleteIf(_) => f.write_str("delete if"),
            Action::Custom(_) => f.write_str("custom"),
        }
    }
}

/// Edits one after the other.
#[derive(Debug, Default)]
pub struct Actions(pub Vec<Action>);

impl Actions {
    /// Makes the edits.
    pub fn apply(&self, attributes: &mut Editable<'_>) {
        for action in &self.0 {
            match action {
                Action::Set { mode, pair } => {
                    attributes.set_pair(*mode, pair);
                }
                Action::SetFrom { mode, key, from } => {
                    attributes.set_from(*mode, key, from);
                }
                Action::Delete(key) => {
                    attributes.delete(key);
                }
                Action::DeleteIf(goes) => attributes.retain(|pair| !goes(pair)),
                Action::Custom(edit) => edit(attributes),
            }
        }
    }
}
