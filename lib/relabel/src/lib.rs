//! Prometheus relabelling: rules that change label sets, or drop what carries them.
//!
//! A [`Rule`] is checked and compiled once; [`Rules`] run over anything that implements [`LabelSet`]. Nothing is allocated for a
//! label set that no rule changes, and what a rule needs on its way is in a [`Scratch`] that is used again.
//!
//! Semantics and names are those of Prometheus' `relabel_config` (package `model/relabel`): regular expressions are Go's, have to match
//! the whole value, and `.` matches a line feed.
//!
//! ```
//! use relabel::{Config, LabelSet, Names, Rules};
//! use std::collections::BTreeMap;
//!
//! let config = Config {
//!     source_labels: vec!["pod".to_owned()],
//!     regex: "(.+)-[0-9]+".to_owned(),
//!     target_label: "app".to_owned(),
//!     ..Config::default()
//! };
//! let rules = Rules::compile(&[config], Names::Utf8).unwrap();
//! let mut labels = BTreeMap::from([("pod".to_owned(), "api-7".to_owned())]);
//! assert!(rules.apply(&mut labels, &mut rules.scratch()));
//! assert_eq!(labels.value("app"), Some("api"));
//! ```

mod case;
mod config;
mod matcher;
mod names;
mod rule;
mod set;
mod template;

pub use config::{Action, Config, Error};
pub use names::{Names, is_legacy_name, is_legacy_template};
pub use rule::{Rule, Rules, Scratch};
pub use set::LabelSet;
