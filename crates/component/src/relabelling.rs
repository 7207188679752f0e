//! Relabelling rules as blocks and as values of the configuration language.

use crate::Error;
use prommodel::SeriesBuilder;
use relabel::{Action, Config, LabelSet, Names, Rules, Scratch};
use signals::LabelsBuilder;
use smol_str::SmolStr;
use std::fmt;
use std::sync::Arc;
use value::{Block, Capsule, CapsuleValue, Choice, FromValue, Invalid, Type, Value, ValueError};

/// Changes label sets, or drops what carries them. Rules run in their order.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = RelabelRule::validate)]
pub struct RelabelRule {
    /// Labels whose values, joined by `separator`, are the value that the rule looks at.
    #[arg(default)]
    pub source_labels: Vec<String>,
    /// Stands between the values of several source labels.
    #[arg(default = ";".to_owned())]
    pub separator: String,
    /// Regular expression that has to match the whole value; for `labelmap`, `labeldrop` and `labelkeep` the whole name.
    #[arg(default = "(.*)".to_owned())]
    pub regex: String,
    /// Divisor of `hashmod`.
    #[arg(default)]
    pub modulus: u64,
    /// Label to set, or to compare with. In `replace` it may refer to groups of `regex`.
    #[arg(default)]
    pub target_label: String,
    /// What the target label is set to, with groups of `regex`; in `labelmap` the new name.
    #[arg(default = "$1".to_owned())]
    pub replacement: String,
    /// What the rule does: `replace`, `keep`, `drop`, `hashmod`, `labelmap`, `labeldrop`, `labelkeep`, `lowercase`, `uppercase`,
    /// `keepequal` or `dropequal`.
    #[arg(default = RelabelAction::Replace)]
    pub action: RelabelAction,
}

/// What a rule does.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelabelAction {
    /// Sets the target label if `regex` matches.
    #[choice("replace")]
    Replace,
    /// Drops what does not match.
    #[choice("keep")]
    Keep,
    /// Drops what matches.
    #[choice("drop")]
    Drop,
    /// Sets the target label to a hash of the value, modulo `modulus`.
    #[choice("hashmod")]
    HashMod,
    /// Copies labels whose names match to the name `replacement`.
    #[choice("labelmap")]
    LabelMap,
    /// Removes labels whose names match.
    #[choice("labeldrop")]
    LabelDrop,
    /// Removes labels whose names do not match.
    #[choice("labelkeep")]
    LabelKeep,
    /// Sets the target label to the value in lower case.
    #[choice("lowercase")]
    Lowercase,
    /// Sets the target label to the value in upper case.
    #[choice("uppercase")]
    Uppercase,
    /// Drops what has another value in the target label.
    #[choice("keepequal")]
    KeepEqual,
    /// Drops what has the same value in the target label.
    #[choice("dropequal")]
    DropEqual,
}

impl From<RelabelAction> for Action {
    fn from(action: RelabelAction) -> Action {
        match action {
            RelabelAction::Replace => Action::Replace,
            RelabelAction::Keep => Action::Keep,
            RelabelAction::Drop => Action::Drop,
            RelabelAction::HashMod => Action::HashMod,
            RelabelAction::LabelMap => Action::LabelMap,
            RelabelAction::LabelDrop => Action::LabelDrop,
            RelabelAction::LabelKeep => Action::LabelKeep,
            RelabelAction::Lowercase => Action::Lowercase,
            RelabelAction::Uppercase => Action::Uppercase,
            RelabelAction::KeepEqual => Action::KeepEqual,
            RelabelAction::DropEqual => Action::DropEqual,
        }
    }
}

/// Alloy checks rules by the scheme that takes any UTF-8 text as a name, and runs them by the one that does not.
const NAMES: Names = Names::LegacyWhenApplied;

impl RelabelRule {
    fn config(&self) -> Config {
        Config {
            source_labels: self.source_labels.clone(),
            separator: self.separator.clone(),
            regex: self.regex.clone(),
            modulus: self.modulus,
            target_label: self.target_label.clone(),
            replacement: self.replacement.clone(),
            action: self.action.into(),
        }
    }

    fn lacks(&self, field: &str) -> bool {
        match field {
            "modulus" => self.modulus == 0,
            "target_label" => self.target_label.is_empty(),
            _ => false,
        }
    }

    /// What is wrong with a rule.
    fn check(&self) -> Result<(), Error> {
        let wrong = |error: relabel::Error| match error.field() {
            "regex" => Error::about("regex", error.message()),
            // What is wrong depends on the action.
            field => Error::about(field, error.message()).with("action"),
        };
        Rules::compile(&[self.config()], NAMES).map(drop).map_err(wrong)
    }

    /// Everything that is wrong with a rule.
    pub fn problems(&self) -> Vec<Error> {
        let (mut rule, mut found) = (self.clone(), Vec::new());
        let fresh = RelabelRule::defaults();
        while let Err(error) = rule.check() {
            let field = error.argument().unwrap_or_default().to_owned();
            let again = found.iter().any(|known: &Error| known.argument() == Some(&field));
            if again {
                break;
            }
            found.push(error);
            // As if it were right, so that the others are looked at.
            match field.as_str() {
                "target_label" => rule.target_label = "label".to_owned(),
                "modulus" => rule.modulus = 1,
                "regex" => rule.regex = fresh.regex.clone(),
                "replacement" => rule.replacement = fresh.replacement.clone(),
                _ => break,
            }
        }
        found
    }

    /// How a rule may drop what carries labels, in words for a caveat; none if it does not.
    pub fn drops(&self) -> Option<&'static str> {
        match self.action {
            RelabelAction::Keep => Some("rule \"keep\""),
            RelabelAction::Drop => Some("rule \"drop\""),
            RelabelAction::KeepEqual => Some("rule \"keepequal\""),
            RelabelAction::DropEqual => Some("rule \"dropequal\""),
            // What is left without labels is dropped too.
            RelabelAction::LabelKeep => Some("rule \"labelkeep\", where it leaves no label"),
            RelabelAction::LabelDrop => Some("rule \"labeldrop\", where it leaves no label"),
            _ => None,
        }
    }

    fn validate(&self) -> Result<(), Invalid> {
        self.check().map_err(|error| match error.argument() {
            // What is missing has no place of its own where the error could be shown.
            Some(field) if self.lacks(field) => format!("\"{field}\" {}", error.text()).into(),
            _ => error.into(),
        })
    }
}

/// Compiled rules, as `*.relabel` components export them and `relabel_rules` takes them. Equal if their blocks are.
#[derive(Clone, Default)]
pub struct RelabelRules {
    blocks: Arc<Vec<RelabelRule>>,
    compiled: Arc<Rules>,
}

impl RelabelRules {
    /// Compiles rules.
    ///
    /// # Errors
    /// The first one that makes no sense; blocks that were decoded have been checked already.
    pub fn new(blocks: Vec<RelabelRule>) -> crate::Result<Self> {
        RelabelRules::compile(blocks, NAMES)
    }

    /// Compiles rules for targets, whose labels may have any text as a name, as in Alloy's `discovery.relabel`. Not to be given to other
    /// components: what they relabel has names of letters, digits and `_`.
    ///
    /// # Errors
    /// As for [`RelabelRules::new`].
    pub fn for_targets(blocks: Vec<RelabelRule>) -> crate::Result<Self> {
        RelabelRules::compile(blocks, Names::Utf8)
    }

    fn compile(blocks: Vec<RelabelRule>, names: Names) -> crate::Result<Self> {
        let configs: Vec<Config> = blocks.iter().map(RelabelRule::config).collect();
        for (number, rule) in blocks.iter().enumerate() {
            rule.check().map_err(|error| error.inside("rule", number))?;
        }
        let compiled = Rules::compile(&configs, names).map_err(|error| Error::about(error.field(), error.message()))?;
        Ok(RelabelRules {
            blocks: Arc::new(blocks),
            compiled: Arc::new(compiled),
        })
    }

    /// The rules as they are written.
    pub fn blocks(&self) -> &[RelabelRule] {
        &self.blocks
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// What [`RelabelRules::apply`] needs, to be used again with these rules.
    pub fn scratch(&self) -> Scratch {
        self.compiled.scratch()
    }

    /// Runs the rules over the labels of a series; false if it is dropped.
    pub fn apply_to_series(&self, labels: &mut SeriesBuilder<'_>, scratch: &mut Scratch) -> bool {
        self.is_empty() || self.compiled.apply(&mut SeriesEdit(labels), scratch)
    }

    /// Runs the rules over a label set; false if it is dropped. Labels with empty values go, with and without rules.
    pub fn apply(&self, labels: &mut LabelsBuilder, scratch: &mut Scratch) -> bool {
        labels.retain(|_, value| !value.is_empty());
        self.is_empty() || self.compiled.apply(&mut LabelEdit(labels), scratch)
    }
}

impl PartialEq for RelabelRules {
    fn eq(&self, other: &RelabelRules) -> bool {
        Arc::ptr_eq(&self.blocks, &other.blocks) || self.blocks == other.blocks
    }
}

impl fmt::Debug for RelabelRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RelabelRules").field(&self.blocks).finish()
    }
}

/// The labels of a log stream as relabelling rules change them.
struct LabelEdit<'a>(&'a mut LabelsBuilder);

impl LabelSet for LabelEdit<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(SmolStr::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.set(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn retain_names(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    fn for_each(&self, mut each: impl FnMut(&str, &str)) {
        for (name, value) in self.0.iter() {
            each(name, value);
        }
    }
}

/// The labels of a series as relabelling rules change them.
struct SeriesEdit<'a, 't>(&'a mut SeriesBuilder<'t>);

impl LabelSet for SeriesEdit<'_, '_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.set(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn retain_names(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    fn for_each(&self, mut each: impl FnMut(&str, &str)) {
        for label in self.0.labels() {
            each(label.name(), label.value());
        }
    }
}

/// The name under which messages and the API know the type.
const TYPE_NAME: &str = "relabel.Rules";

impl CapsuleValue for RelabelRules {
    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn equals(&self, other: &dyn CapsuleValue) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<RelabelRules>() == Some(self)
    }
}

impl FromValue for RelabelRules {
    fn ty() -> Type {
        Type::Capsule(TYPE_NAME)
    }

    fn zero() -> Self {
        RelabelRules::default()
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(RelabelRules::default()),
            Value::Capsule(capsule) => capsule
                .downcast_ref::<RelabelRules>()
                .cloned()
                .ok_or_else(|| ValueError::wrong_capsule(TYPE_NAME, capsule.type_name())),
            other => Err(ValueError::wrong_kind("capsule", other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Capsule(Capsule::new(self.clone()))
    }
}
