//! Environment variables.

use std::collections::BTreeMap;

/// The environment of the process.
pub trait Env: Send + Sync + 'static {
    /// The value of a variable. One that is empty or not UTF-8 counts as not set.
    fn var(&self, name: &str) -> Option<String>;
}

/// The operating system's.
pub struct SystemEnv;

impl Env for SystemEnv {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// Variables that a test has chosen, and no others.
#[derive(Clone, Debug, Default)]
pub struct FixedEnv(BTreeMap<String, String>);

impl FixedEnv {
    /// An environment of these variables.
    pub fn new<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter();
        FixedEnv(variables.map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Env for FixedEnv {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}
