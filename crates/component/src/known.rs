//! Checks of blocks in which values are unknown.

use crate::Component;
use crate::error::Error;
use value::{Block, Body, DecodeError, Item, Place, Problem, Schema, Seg};

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

    fn part(&self, block: &str, name: &str, path: &[Seg]) -> bool {
        let items = self.find(block).map(|body| body.items.iter()).into_iter().flatten();
        items
            .filter(|item| item.name() == name)
            .all(|item| self.attribute(item, path))
    }

    fn attribute(&self, item: &Item, path: &[Seg]) -> bool {
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
        body.items.iter().all(|item| self.attribute(item, &[]))
    }

    fn find(&self, block: &str) -> Option<&'a Body> {
        let mut steps = block.split('/').filter(|step| !step.is_empty());
        steps.try_fold(self.body, |body, step| Some(nested(body, step)?.1))
    }

    /// Whether an error follows from what is known.
    fn proves(&self, error: &Error) -> bool {
        match error.argument() {
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
                self.attribute(item, &wrong.path)
            }
            (Some(item), _) => self.attribute(item, &[]),
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

/// Makes what is wrong at a place unknown: an attribute loses its value, a block goes. False if there is nothing.
fn forget(body: &mut Body, place: Place) -> bool {
    let mut done = false;
    body.items.retain_mut(|item| {
        if item.place() != place {
            if let Item::Block { body, .. } = item {
                done |= forget(body, place);
            }
            return true;
        }
        done = true;
        match item {
            Item::Attr { value, .. } if matches!(value, Ok(Some(_))) => {
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

/// What is wrong with a block as far as it is known: what does not decode, and what the component finds in the rest.
pub(crate) fn check<C: Component>(body: &Body, unknown: &[Unknown]) -> Vec<DecodeError> {
    let mut body = body.clone();
    without_rules(&mut body, Some(C::Arguments::schema()), unknown);
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
        if !forget(&mut body, place) {
            break;
        }
    }
    found
}
