//! Compiled rules.

use crate::case;
use crate::config::{Action, Config, Error};
use crate::matcher::Matcher;
use crate::names::Names;
use crate::set::LabelSet;
use crate::template::Template;
use goregex::Locations;
use md5::{Digest, Md5};
use std::fmt::Write;

/// A rule, ready to run.
#[derive(Clone, Debug)]
pub struct Rule {
    sources: Vec<Box<str>>,
    separator: Box<str>,
    matcher: Matcher,
    modulus: u64,
    target: Template,
    target_label: Box<str>,
    replacement: Template,
    action: Action,
    names: Names,
}

/// What running rules needs besides the labels; made by [`Rules::scratch`] and used again from label set to label set.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    value: String,
    name: String,
    result: String,
    bytes: Vec<u8>,
    /// Labels that `labelmap` found.
    found: Vec<(String, String)>,
    /// By rule.
    locations: Vec<Option<Locations>>,
}

impl Rule {
    /// Checks and compiles a rule.
    ///
    /// # Errors
    /// Fields that do not go together or that have no meaning for the action, names that cannot be set, a malformed expression.
    pub fn compile(config: &Config, names: Names) -> Result<Self, Error> {
        config.check(names)?;
        let matcher = Matcher::new(&config.regex)
            .map_err(|error| Error::new("regex", format!("is no regular expression: {error}")))?;
        Ok(Rule {
            sources: config.source_labels.iter().map(|name| name.as_str().into()).collect(),
            separator: config.separator.as_str().into(),
            matcher,
            modulus: config.modulus,
            target: Template::new(&config.target_label),
            target_label: config.target_label.as_str().into(),
            replacement: Template::new(&config.replacement),
            action: config.action,
            names,
        })
    }

    /// Whether what carries the labels is kept.
    fn apply(&self, labels: &mut impl LabelSet, scratch: &mut Scratch, at: usize) -> bool {
        match self.action {
            Action::Keep => return self.with_value(labels, scratch, |value| self.matcher.is_match(value)),
            Action::Drop => return !self.with_value(labels, scratch, |value| self.matcher.is_match(value)),
            Action::KeepEqual | Action::DropEqual => {
                let target = labels.value(&self.target_label).unwrap_or_default();
                let equal = self.with_value(labels, scratch, |value| value == target);
                return equal == (self.action == Action::KeepEqual);
            }
            Action::LabelDrop => labels.retain_names(|name| !self.matcher.is_match(name)),
            Action::LabelKeep => labels.retain_names(|name| self.matcher.is_match(name)),
            Action::LabelMap => self.map(labels, scratch, at),
            Action::Replace => self.replace(labels, scratch, at),
            Action::HashMod | Action::Lowercase | Action::Uppercase => {
                let mut result = std::mem::take(&mut scratch.result);
                result.clear();
                self.with_value(labels, scratch, |value| match self.action {
                    Action::Lowercase => case::lower(value, &mut result),
                    Action::Uppercase => case::upper(value, &mut result),
                    _ => {
                        let hash = hash(value) % self.modulus;
                        write!(result, "{hash}").expect("strings take everything");
                    }
                });
                // As upstream: these actions do not ask whether the name may be set.
                put(labels, &self.target_label, &result);
                scratch.result = result;
            }
        }
        true
    }

    /// Gives `with` the value of the source labels, without a copy where there is one.
    fn with_value<T>(&self, labels: &impl LabelSet, scratch: &mut Scratch, with: impl FnOnce(&str) -> T) -> T {
        match &*self.sources {
            [] => with(""),
            [only] => with(labels.value(only).unwrap_or_default()),
            several => {
                let value = &mut scratch.value;
                value.clear();
                for (i, name) in several.iter().enumerate() {
                    if i > 0 {
                        value.push_str(&self.separator);
                    }
                    value.push_str(labels.value(name).unwrap_or_default());
                }
                with(value)
            }
        }
    }

    fn replace(&self, labels: &mut impl LabelSet, scratch: &mut Scratch, at: usize) {
        let mut locations = std::mem::take(&mut scratch.locations[at]);
        let mut name = std::mem::take(&mut scratch.name);
        let mut result = std::mem::take(&mut scratch.result);
        let mut bytes = std::mem::take(&mut scratch.bytes);
        name.clear();
        result.clear();
        let set = self.with_value(labels, scratch, |value| {
            if !self.matcher.captures(value, &mut locations) {
                return false;
            }
            self.target
                .expand(&self.matcher, value, locations.as_ref(), &mut name, &mut bytes);
            if !self.names.allows(&name) {
                return false;
            }
            self.replacement
                .expand(&self.matcher, value, locations.as_ref(), &mut result, &mut bytes);
            true
        });
        if set {
            put(labels, &name, &result);
        }
        scratch.locations[at] = locations;
        scratch.bytes = bytes;
        scratch.name = name;
        scratch.result = result;
    }

    fn map(&self, labels: &mut impl LabelSet, scratch: &mut Scratch, at: usize) {
        let Scratch {
            locations,
            found,
            bytes,
            ..
        } = scratch;
        let locations = &mut locations[at];
        found.clear();
        labels.for_each(|name, value| {
            if self.matcher.captures(name, locations) {
                let mut target = String::new();
                self.replacement
                    .expand(&self.matcher, name, locations.as_ref(), &mut target, bytes);
                found.push((target, value.to_owned()));
            }
        });
        for (name, value) in found.drain(..) {
            put(labels, &name, &value);
        }
    }
}

/// A label that is set to nothing goes.
fn put(labels: &mut impl LabelSet, name: &str, value: &str) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.set(name, value);
    }
}

/// The last eight bytes of the MD5 sum, as a number.
fn hash(value: &str) -> u64 {
    let sum: [u8; 16] = Md5::digest(value.as_bytes()).into();
    let mut last = [0; 8];
    last.copy_from_slice(&sum[8..]);
    u64::from_be_bytes(last)
}

/// Rules that run one after the other.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Checks and compiles rules.
    ///
    /// # Errors
    /// The first rule that makes no sense, see [`Rule::compile`].
    pub fn compile(configs: &[Config], names: Names) -> Result<Self, Error> {
        let rules = configs.iter().map(|config| Rule::compile(config, names));
        Ok(Rules(rules.collect::<Result<_, _>>()?))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What [`Rules::apply`] needs; to be used again and again, with these rules.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            locations: self.0.iter().map(|rule| rule.matcher.locations()).collect(),
            ..Scratch::default()
        }
    }

    /// Runs the rules over a label set. False if it is dropped; the labels are then as the dropping rule found them. A set that is empty
    /// afterwards is for the caller to judge.
    pub fn apply(&self, labels: &mut impl LabelSet, scratch: &mut Scratch) -> bool {
        debug_assert_eq!(scratch.locations.len(), self.0.len(), "the scratch is of other rules");
        self.0
            .iter()
            .enumerate()
            .all(|(at, rule)| rule.apply(labels, scratch, at))
    }
}
