//! Checks of blocks in which values are unknown.

use crate::Component;
use crate::error::Error;
use value::shape::Shape;
use value::{Block, Body, DecodeError, Item, Place, Problem, Schema, Seg, Type, Value};

/// Parts of values that are not known: the attribute, and the steps from its value to the part.
pub type Unknown = (Place, Vec<Seg>);

/// How often a block that does not decode is tried again without the part that is at fault.
const ATTEMPTS: usize = 100;

/// Which of a component's arguments have the values that the configuration gives them. The others have their defaults, or,
/// inside of lists and objects, are empty.
pub struct Known<'a> {
    body: &'a Body,
    unknown: &'a [Unknown],
}

impl<'a> Known<'a> {
    /// What is known of a block, except for `unknown` parts of its values.
    pub fn new(body: &'a Body, unknown: &'a [Unknown]) -> Self {
        Known { body, unknown }
    }

    /// Whether the value of an argument is known as a whole; one that is not written has its default. `block` is named as
    /// caveats name blocks.
    pub fn argument(&self, block: &str, name: &str) -> bool {
        self.part(block, name, &[])
    }

    /// Whether everything in a block is known, blocks in it included.
    pub fn block(&self, block: &str) -> bool {
        self.find(block).is_none_or(|body| self.all(body))
    }

    /// Whether everything is known in the blocks that are in a block.
    pub fn blocks(&self, block: &str) -> bool {
        let blocks = |body: &Body| {
            let mut blocks = body.items.iter().filter(|item| matches!(item, Item::Block { .. }));
            blocks.all(|item| self.knows(item, &[]))
        };
        self.find(block).is_none_or(blocks)
    }

    fn part(&self, block: &str, name: &str, path: &[Seg]) -> bool {
        let items = self.find(block).map(|body| body.items.iter()).into_iter().flatten();
        items
            .filter(|item| item.name() == name)
            .all(|item| self.knows(item, path))
    }

    fn knows(&self, item: &Item, path: &[Seg]) -> bool {
        match item {
            Item::Attr {
                value: Ok(Some(_)),
                place,
                ..
            } => !self
                .unknown
                .iter()
                .any(|(at, inside)| at == place && (inside.starts_with(path) || path.starts_with(inside))),
            Item::Attr { .. } => false,
            Item::Block { body, .. } => self.all(body),
        }
    }

    fn all(&self, body: &Body) -> bool {
        body.items.iter().all(|item| self.knows(item, &[]))
    }

    fn find(&self, block: &str) -> Option<&'a Body> {
        let mut steps = block.split('/').filter(|step| !step.is_empty());
        steps.try_fold(self.body, |body, step| Some(nested(body, step)?.1))
    }

    /// Whether an error follows from what is known.
    fn proves(&self, error: &Error) -> bool {
        match error.argument() {
            _ if error.is_certain() => true,
            None => self.block(error.block()),
            Some(argument) => {
                self.part(error.block(), argument, error.path())
                    && error.others().iter().all(|other| self.argument(error.block(), other))
            }
        }
    }

    /// Whether an error of decoding follows from what is known.
    fn proves_decoding(&self, error: &DecodeError) -> bool {
        let Some(place) = error.place else {
            return self.all(self.body);
        };
        match (item(self.body, place), &error.problem) {
            (Some(item @ Item::Attr { value: Ok(Some(_)), .. }), Problem::Value(wrong)) => {
                self.knows(item, &wrong.path)
            }
            (Some(item), _) => self.knows(item, &[]),
            (None, _) => false,
        }
    }
}

/// The block that a step such as `stage.drop#1` leads to.
pub(crate) fn nested<'a>(body: &'a Body, step: &str) -> Option<(Place, &'a Body)> {
    let (name, number) = step.rsplit_once('#')?;
    let blocks = body.items.iter().filter_map(|item| match item {
        Item::Block {
            name: this,
            body,
            place,
        } if this == name => Some((*place, body)),
        _ => None,
    });
    blocks.into_iter().nth(number.parse().ok()?)
}

/// The item at a place.
fn item(body: &Body, place: Place) -> Option<&Item> {
    body.items.iter().find_map(|here| match here {
        here if here.place() == place => Some(here),
        Item::Block { body, .. } => item(body, place),
        Item::Attr { .. } => None,
    })
}

/// Makes what is wrong at a place unknown: an attribute loses its value if that is wrong, anything else goes. False if there is
/// nothing.
fn forget(body: &mut Body, place: Place, value_only: bool) -> bool {
    let mut done = false;
    body.items.retain_mut(|item| {
        if item.place() != place {
            if let Item::Block { body, .. } = item {
                done |= forget(body, place, value_only);
            }
            return true;
        }
        done = true;
        match item {
            Item::Attr { value, .. } if value_only && matches!(value, Ok(Some(_))) => {
                *value = Ok(None);
                true
            }
            _ => false,
        }
    });
    done
}

/// Keeps rules about blocks from being checked that hold values which are known in part: each gets an attribute that is not
/// known. [`Component::check`] finds the parts that are wrong.
fn without_rules(body: &mut Body, schema: Option<&'static Schema>, unknown: &[Unknown]) {
    for item in &mut body.items {
        if let Item::Block { name, body, .. } = item {
            without_rules(body, schema.and_then(|schema| schema.block(name)), unknown);
        }
    }
    let partly = |item: &&Item| matches!(item, Item::Attr { .. }) && unknown.iter().any(|(at, _)| *at == item.place());
    let Some(place) = body.items.iter().find(partly).map(Item::place) else {
        return;
    };
    let names = schema.map(Schema::attribute_names).unwrap_or_default().into_iter();
    let mut free = names.filter(|name| !body.items.iter().any(|item| item.name() == *name));
    if let Some(name) = free.next() {
        body.items.push(Item::Attr {
            name: name.to_owned(),
            value: Ok(None),
            place,
        });
    }
}

/// Parts that are not known are `null`, which is no label of a target: they become empty there, as strings that are not known are.
fn fill_labels(body: &mut Body, shape: &Shape, unknown: &[Unknown]) {
    for item in &mut body.items {
        match item {
            Item::Block { name, body, .. } => {
                if let Some(inner) = shape.block(name) {
                    fill_labels(body, inner.shape(), unknown);
                }
            }
            Item::Attr {
                name,
                value: Ok(Some(value)),
                place,
            } => {
                let Some(attribute) = shape.attribute(name) else {
                    continue;
                };
                for (_, path) in unknown.iter().filter(|(at, _)| at == place) {
                    if let Some(filled) = filled(value, &attribute.ty, path) {
                        *value = filled;
                    }
                }
            }
            Item::Attr { .. } => {}
        }
    }
}

/// The value with an empty text at the end of a path, if there is a label of a target and it is `null`.
fn filled(value: &Value, ty: &Type, path: &[Seg]) -> Option<Value> {
    match (path.split_first(), ty) {
        (None, Type::Text) => matches!(value, Value::Null).then(|| Value::string("")),
        (Some((Seg::Index(i), rest)), Type::List(inner)) => {
            let mut items = value.items()?.into_owned();
            *items.get_mut(*i)? = filled(items.get(*i)?, inner, rest)?;
            Some(Value::array(items))
        }
        (Some((Seg::Field(name), rest)), Type::Map(inner)) => {
            let mut object = (*value.fields()?).clone();
            let inside = filled(object.get(name)?, inner, rest)?;
            object.insert(name.as_str(), inside);
            Some(Value::object(object))
        }
        _ => None,
    }
}

/// What is wrong with a block as far as it is known: what does not decode, and what the component finds in the rest.
pub(crate) fn check<C: Component>(body: &Body, unknown: &[Unknown]) -> Vec<DecodeError> {
    let mut body = body.clone();
    without_rules(&mut body, Some(C::Arguments::schema()), unknown);
    if !unknown.is_empty() {
        fill_labels(&mut body, &Shape::of(C::Arguments::schema()), unknown);
    }
    let mut found = Vec::new();
    let whole = body.clone();
    for _ in 0..ATTEMPTS {
        let error = match value::decode::<C::Arguments>(&body) {
            Ok(args) => {
                let known = Known::new(&body, unknown);
                let errors = C::check(&args, &known);
                let proven = errors.iter().filter(|error| known.proves(error));
                found.extend(proven.map(|error| error.placed(&body)));
                break;
            }
            Err(error) => error,
        };
        if Known::new(&whole, unknown).proves_decoding(&error) {
            found.push(error.clone());
        }
        let Some(place) = error.place else { break };
        if !forget(&mut body, place, matches!(error.problem, Problem::Value(_))) {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CancellationToken, Change, Context, Result};
    use std::sync::Arc;
    use value::Invalid;

    #[derive(Block, Clone, Debug, PartialEq)]
    struct Arguments {
        /// A path.
        #[arg]
        path: String,
        /// Patterns.
        #[arg(default)]
        patterns: Vec<String>,
        /// Blocks.
        #[arg(name = "rule", block, many)]
        rules: Vec<Rule>,
    }

    #[derive(Block, Clone, Debug, PartialEq)]
    #[block(validate = Rule::validate)]
    struct Rule {
        /// A pattern.
        #[arg(default)]
        pattern: String,
        /// What it needs.
        #[arg(default)]
        source: String,
        /// A number.
        #[arg(default)]
        number: i64,
    }

    impl Rule {
        fn check(&self) -> Result<()> {
            match (self.pattern.as_str(), self.source.as_str()) {
                ("bad", _) => Err(Error::about("pattern", "is bad")),
                ("alone", "") => Err(Error::about("pattern", "needs source").with("source")),
                ("", "") => Err(Error::new("pattern or source is required")),
                ("never", _) => Err(Error::new("never").certain()),
                _ => Ok(()),
            }
        }

        fn validate(&self) -> Result<(), Invalid> {
            Ok(self.check()?)
        }
    }

    struct Sample;

    impl Component for Sample {
        type Arguments = Arguments;
        type Exports = ();

        fn check(args: &Arguments, known: &Known<'_>) -> Vec<Error> {
            let patterns = args
                .patterns
                .iter()
                .enumerate()
                .filter(|(_, pattern)| *pattern == "bad");
            let patterns = patterns.map(|(i, _)| Error::about("patterns", "is bad").at([Seg::Index(i)]));
            let rules = args.rules.iter().enumerate();
            let rules = rules.filter_map(|(n, rule)| Some(rule.check().err()?.inside("rule", n)));
            let path = (args.path.is_empty() && known.argument("", "path")).then(|| Error::about("path", "is empty"));
            patterns.chain(rules).chain(path).collect()
        }

        fn build(_: &Context<()>, _: Arguments) -> Result<Self> {
            Ok(Sample)
        }

        async fn run(self: Arc<Self>, _: CancellationToken) -> Result<()> {
            Ok(())
        }

        fn update(self: Arc<Self>, _: Arguments) -> Result<Change> {
            Ok(Change::new(|| {}))
        }
    }

    /// Blocks of attributes, of which `None` is unknown; the place of an attribute is ten times that of its block and its number.
    fn block(place: u32, attributes: &[(&str, Option<Value>)]) -> Body {
        let items = attributes.iter().zip(1..).map(|((name, value), n)| Item::Attr {
            name: (*name).to_owned(),
            value: Ok(value.clone()),
            place: Place(place * 10 + n),
        });
        Body {
            label: String::new(),
            items: items.collect(),
        }
    }

    fn found(own: &[(&str, Option<Value>)], rules: &[&[(&str, Option<Value>)]], unknown: &[Unknown]) -> Vec<String> {
        let mut body = block(0, own);
        for (rule, n) in rules.iter().zip(1..) {
            body.items.push(Item::Block {
                name: "rule".to_owned(),
                body: block(n, rule),
                place: Place(n * 100),
            });
        }
        let said = |error: DecodeError| format!("{:?} {error}", error.place.map(|place| place.0));
        check::<Sample>(&body, unknown).into_iter().map(said).collect()
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::string(text))
    }

    #[test]
    fn everything_that_is_wrong_is_found_where_it_is() {
        let bad: &[(&str, Option<Value>)] = &[("pattern", text("bad"))];
        // Attributes that do not decode, and blocks with rules of their own, keep nothing else from being looked at.
        let own = [("path", text("")), ("patterns", text("x")), ("what", text("x"))];
        assert_eq!(
            found(
                &own,
                &[bad, &[("pattern", text("good"))], &[("number", text("x"))], bad],
                &[]
            ),
            [
                "Some(2)  should be array, got string",
                "Some(3) unrecognized attribute name \"what\"",
                "Some(11)  is bad",
                "Some(31)  should be number, got string",
                "Some(41)  is bad",
                "Some(1)  is empty",
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_not_blamed() {
        let own = [("path", None)];
        let rules: [&[(&str, Option<Value>)]; 6] = [
            &[("pattern", None)],
            &[("pattern", text("alone")), ("source", None)],
            &[("pattern", text("alone")), ("number", None)],
            &[("number", None)],
            &[("pattern", text("bad")), ("source", None)],
            &[("pattern", text("never")), ("source", None)],
        ];
        assert_eq!(
            found(&own, &rules, &[]),
            ["Some(31)  needs source", "Some(51)  is bad", "Some(600) never"]
        );
    }

    #[test]
    fn parts_of_values_may_be_known() {
        let patterns = Value::array(vec![Value::string("bad"), Value::Null, Value::string("bad")]);
        let own = [("path", text("x")), ("patterns", Some(patterns))];
        let second = (Place(2), vec![Seg::Index(1)]);
        assert_eq!(
            found(&own, &[], std::slice::from_ref(&second)),
            ["Some(2) [0] is bad", "Some(2) [2] is bad"]
        );
        let last = (Place(2), vec![Seg::Index(2), Seg::Field("x".to_owned())]);
        assert_eq!(found(&own, &[], &[second, last]), ["Some(2) [0] is bad"]);
    }

    #[test]
    fn errors_name_what_they_are_about() {
        let error = Error::about("values", "is bad")
            .at([Seg::Field("a".to_owned())])
            .inside("stage.drop", 1)
            .inside("stage.match", 0);
        assert_eq!(error.block(), "stage.match#0/stage.drop#1");
        assert_eq!(error.to_string(), "stage.match: stage.drop: values.a: is bad");
    }
}
