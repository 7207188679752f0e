//! Targets of discovery: label sets as values of the configuration language.

use signals::{Labels, LabelsBuilder};
use smol_str::SmolStr;
use std::fmt;
use value::{Capsule, CapsuleValue, FromValue, Number, Object, OptionalSecret, Secret, Seg, Type, Value, ValueError};

/// Something that was discovered, as labels: what `discovery.*` components export and scrapers take.
///
/// Labels are in two parts, so that thousands of targets share those that they have in common: the group's, and the target's own, which
/// win. Both are shared and were hashed once; a clone copies two pointers. To everyone but [`Target::group`] and [`Target::own`] it is one
/// set, and two targets are equal if these sets are.
#[derive(Clone, Default)]
pub struct Target {
    group: Labels,
    own: Labels,
}

impl Target {
    /// A target of a group.
    pub fn new(group: Labels, own: Labels) -> Self {
        Target { group, own }
    }

    /// The labels that it shares with its group.
    pub fn group(&self) -> &Labels {
        &self.group
    }

    /// The labels that it does not share.
    pub fn own(&self) -> &Labels {
        &self.own
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&SmolStr> {
        self.own.get(name).or_else(|| self.group.get(name))
    }

    /// All labels in order of their names, each once.
    pub fn iter(&self) -> impl Iterator<Item = (&SmolStr, &SmolStr)> {
        let (mut group, mut own) = (self.group.iter().peekable(), self.own.iter().peekable());
        std::iter::from_fn(move || match (group.peek(), own.peek()) {
            (Some((ours, _)), Some((theirs, _))) => {
                let order = ours.cmp(theirs);
                if order.is_eq() {
                    group.next();
                }
                if order.is_lt() { group.next() } else { own.next() }
            }
            (Some(_), None) => group.next(),
            (None, _) => own.next(),
        })
    }

    /// Whether it has no labels.
    pub fn is_empty(&self) -> bool {
        self.group.is_empty() && self.own.is_empty()
    }

    /// Whether two handles share both parts; implies equality, at the cost of comparing pointers.
    pub fn same(&self, other: &Target) -> bool {
        self.own.same(&other.own) && self.group.same(&other.group)
    }

    /// A number that is the same for targets that are equal part by part, within one process.
    pub fn parts_hash(&self) -> u64 {
        self.group.content_hash().rotate_left(17) ^ self.own.content_hash()
    }

    /// A builder that starts with all labels.
    pub fn edit(&self) -> LabelsBuilder {
        if self.group.is_empty() {
            return self.own.edit();
        }
        let mut builder = self.group.edit();
        for (name, value) in self.own.iter() {
            builder.set(name.clone(), value.clone());
        }
        builder
    }

    /// All labels as one set; no more than a pointer if there is only one part.
    pub fn labels(&self) -> Labels {
        match (self.group.is_empty(), self.own.is_empty()) {
            (true, _) => self.own.clone(),
            (_, true) => self.group.clone(),
            _ => self.edit().build(),
        }
    }

    /// A target with the labels of `edited`, which shares the group of this one if it still has all labels of it.
    pub fn edited(&self, mut edited: LabelsBuilder) -> Target {
        let keeps = self.group.iter().all(|(name, _)| edited.get(name).is_some());
        if self.group.is_empty() || !keeps {
            return Target::from(edited.build());
        }
        edited.retain(|name, value| self.group.get(name).is_none_or(|theirs| theirs != value));
        Target::new(self.group.clone(), edited.build())
    }
}

impl From<Labels> for Target {
    fn from(own: Labels) -> Self {
        Target {
            group: Labels::empty(),
            own,
        }
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Target) -> bool {
        self.same(other) || (self.group == other.group && self.own == other.own) || self.iter().eq(other.iter())
    }
}

impl Eq for Target {}

/// `{a="x", b="y"}`
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.labels(), f)
    }
}

/// The name under which messages know the type.
const TYPE_NAME: &str = "discovery.Target";

impl CapsuleValue for Target {
    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn equals(&self, other: &dyn CapsuleValue) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<Target>() == Some(self)
    }

    fn as_object(&self) -> Option<Object> {
        Some(
            self.iter()
                .map(|(name, value)| (name.clone(), Value::string(value)))
                .collect(),
        )
    }
}

impl FromValue for Target {
    fn ty() -> Type {
        Type::Map(Box::new(Type::Text))
    }

    fn zero() -> Self {
        Target::default()
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => return Ok(Target::default()),
            Value::Capsule(capsule) => {
                if let Some(target) = capsule.downcast_ref::<Target>() {
                    return Ok(target.clone());
                }
            }
            _ => {}
        }
        let object = value.fields().ok_or_else(|| ValueError::wrong_kind("object", value))?;
        let mut labels = LabelsBuilder::default();
        for (name, item) in object.iter() {
            Type::Text
                .accepts(item)
                .map_err(|error| error.inside(Seg::Field(name.to_string())))?;
            let mut text = String::new();
            write(item, &mut text);
            labels.set(name.clone(), text);
        }
        Ok(Target::from(labels.build()))
    }

    fn to_value(&self) -> Value {
        Value::Capsule(Capsule::new(self.clone()))
    }
}

/// A value as Go's `%v` writes it, which is what Alloy makes of what is no string: `true`, `1.5`, `[a b]`, `map[a:1]`.
fn write(value: &Value, out: &mut String) {
    let list = |items: &[Value], out: &mut String| {
        out.push('[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push(' ');
            }
            write(item, out);
        }
        out.push(']');
    };
    if let Value::Capsule(capsule) = value
        && let Some(optional) = capsule.downcast_ref::<OptionalSecret>()
    {
        // A secret among the elements of a list is shown as one.
        match optional.is_secret {
            true => out.push_str("(secret)"),
            false => out.push_str(&optional.expose().to_str_lossy()),
        }
    } else if let Value::Capsule(capsule) = value
        && capsule.downcast_ref::<Secret>().is_some()
    {
        out.push_str("(secret)");
    } else if let Value::String(text) = value {
        out.push_str(&text.to_str_lossy());
    } else if let Some(items) = value.items() {
        list(&items, out);
    } else if let Some(object) = value.fields() {
        out.push_str("map[");
        let mut fields: Vec<_> = object.iter().collect();
        fields.sort_by(|a, b| a.0.cmp(b.0));
        for (i, (name, item)) in fields.into_iter().enumerate() {
            let separator = if i == 0 { "" } else { " " };
            out.push_str(&format!("{separator}{name}:"));
            write(item, out);
        }
        out.push(']');
    } else {
        match value {
            Value::Null => out.push_str("<nil>"),
            Value::Number(number) => out.push_str(&number_text(*number)),
            other => out.push_str(&value::to_text(other)),
        }
    }
}

fn number_text(number: Number) -> String {
    match number {
        Number::Float(n) if n != 0.0 && n.is_finite() && !(1e-4..1e21).contains(&n.abs()) => {
            let text = format!("{n:e}");
            // Exponents have a sign and two digits at least.
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        other => other.to_text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    fn shown(target: &Target) -> String {
        let pairs = target.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn own_labels_win_and_equality_is_that_of_all_labels() {
        let split = Target::new(
            labels(&[("a", "group"), ("b", "group"), ("d", "4")]),
            labels(&[("b", "own"), ("c", "3")]),
        );
        assert_eq!(shown(&split), "a=group b=own c=3 d=4");
        assert_eq!(split.get("b").map(SmolStr::as_str), Some("own"));
        assert_eq!(split.get("d").map(SmolStr::as_str), Some("4"));
        let whole = Target::from(labels(&[("a", "group"), ("b", "own"), ("c", "3"), ("d", "4")]));
        assert_eq!(split, whole);
        assert_eq!(split.labels(), *whole.own());
        assert_ne!(split, Target::from(labels(&[("a", "group")])));
        assert_ne!(
            split,
            Target::new(
                labels(&[("a", "group"), ("b", "group"), ("d", "4")]),
                labels(&[("b", "own")])
            )
        );
    }

    #[test]
    fn an_edited_target_keeps_its_group_as_long_as_it_has_its_labels() {
        let target = Target::new(labels(&[("a", "1"), ("b", "2")]), labels(&[("c", "3")]));
        let mut edit = target.edit();
        edit.set("b", "changed");
        edit.set("d", "4");
        let changed = target.edited(edit);
        assert!(changed.group().same(target.group()));
        assert_eq!(shown(&changed), "a=1 b=changed c=3 d=4");
        assert_eq!(changed.own().len(), 3);
        let mut edit = target.edit();
        edit.remove("a");
        assert_eq!(shown(&target.edited(edit)), "b=2 c=3");
    }

    #[test]
    fn objects_become_targets_and_what_is_no_string_is_written_as_go_does() {
        let inner: Object = [("y", Value::Bool(true)), ("x", Value::int(1))].into_iter().collect();
        let object: Object = [
            ("text", Value::string("t")),
            ("int", Value::int(-3)),
            ("float", Value::Number(Number::Float(1.5))),
            ("large", Value::Number(Number::Float(1e21))),
            ("small", Value::Number(Number::Float(0.00001))),
            ("bool", Value::Bool(true)),
            ("list", Value::array(vec![Value::string("a"), Value::int(2)])),
            ("map", Value::object(inner)),
            ("plain", OptionalSecret::new(false, "p").to_value()),
        ]
        .into_iter()
        .collect();
        let target = Target::from_value(&Value::object(object)).unwrap();
        assert_eq!(
            shown(&target),
            "bool=true float=1.5 int=-3 large=1e+21 list=[a 2] map=map[x:1 y:true] plain=p small=1e-05 text=t"
        );
        let again = Target::from_value(&target.to_value()).unwrap();
        assert!(again.same(&target));
    }

    #[test]
    fn secrets_and_null_are_refused() {
        let refused = |item: Value| {
            let object: Object = [("a", item)].into_iter().collect();
            Target::from_value(&Value::object(object)).unwrap_err().to_string()
        };
        assert_eq!(
            refused(Secret::new("s").to_value()),
            ".a cannot use a secret as a target value"
        );
        assert_eq!(
            refused(OptionalSecret::new(true, "s").to_value()),
            ".a cannot use a secret as a target value"
        );
        assert_eq!(refused(Value::Null), ".a cannot convert a nil value to a target value");
        assert_eq!(
            Target::from_value(&Value::int(1)).unwrap_err().to_string(),
            " should be object, got number"
        );
    }

    #[test]
    fn a_target_is_used_as_an_object() {
        let target = Target::new(labels(&[("a", "1")]), labels(&[("b", "2")]));
        let object: Object = [("a", Value::string("1")), ("b", Value::string("2"))]
            .into_iter()
            .collect();
        let (target, object) = (target.to_value(), Value::object(object));
        assert_eq!(target, object);
        assert_eq!(object, target);
        assert!(!object.same(&target));
        assert_eq!(value::to_text(&target), value::to_text(&object));
        assert_eq!(value::to_json(&target), value::to_json(&object));
    }
}
