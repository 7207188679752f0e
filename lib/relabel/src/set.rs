//! What rules work on.

use std::collections::BTreeMap;

/// A label set that rules can change. Names are unique; a label with an empty value is one that is not there.
pub trait LabelSet {
    /// The value of a label.
    fn value(&self, name: &str) -> Option<&str>;

    /// Sets a label to a value that is not empty.
    fn set(&mut self, name: &str, value: &str);

    /// Removes a label if it is there.
    fn remove(&mut self, name: &str);

    /// Keeps the labels for whose names `keep` answers true.
    fn retain_names(&mut self, keep: impl FnMut(&str) -> bool);

    /// Calls `each` with every name and value, sorted by name.
    fn for_each(&self, each: impl FnMut(&str, &str));
}

impl LabelSet for BTreeMap<String, String> {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        BTreeMap::remove(self, name);
    }

    fn retain_names(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.retain(|name, _| keep(name));
    }

    fn for_each(&self, mut each: impl FnMut(&str, &str)) {
        for (name, value) in self {
            each(name, value);
        }
    }
}
