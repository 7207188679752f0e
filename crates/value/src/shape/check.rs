//! Names, labels and numbers of blocks, by shape.

use super::Shape;
use crate::body::{Body, Item, Place};
use crate::decode::{DecodeError, Problem};
use std::collections::HashMap;

/// Everything that is wrong with a block except for values: names that it does not have, blocks and attributes given more than once,
/// labels, and what is missing. Worded and ordered as decoding words and orders it.
pub fn check(shape: &Shape, body: &Body) -> Vec<DecodeError> {
    let mut errors = Vec::new();
    if shape.label.is_some() && body.label.is_empty() {
        errors.push(at(None, "block requires non-empty label".to_owned()));
    }
    inside(shape, body, None, &mut errors);
    errors
}

fn at(place: Option<Place>, message: String) -> DecodeError {
    DecodeError {
        place,
        problem: Problem::Message(message),
        candidates: Vec::new(),
    }
}

fn inside(shape: &Shape, body: &Body, place: Option<Place>, errors: &mut Vec<DecodeError>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for item in &body.items {
        let times = seen.entry(item.name()).or_default();
        *times += 1;
        item_of(shape, item, *times, errors);
    }
    let attributes = shape.attributes.iter().filter(|attribute| attribute.required);
    let blocks = shape.blocks.iter().filter(|block| block.required);
    let wanted = attributes
        .map(|attribute| ("attribute", attribute.name.as_ref()))
        .chain(blocks.map(|block| ("block", block.name.as_ref())));
    for (kind, name) in wanted {
        if !seen.contains_key(name) {
            errors.push(at(place, format!("missing required {kind} \"{name}\"")));
        }
    }
}

fn item_of(shape: &Shape, item: &Item, times: usize, errors: &mut Vec<DecodeError>) {
    let place = Some(item.place());
    let name = item.name();
    let mut wrong = |message: String| errors.push(at(place, message));
    match (shape.attribute(name), shape.block(name), item) {
        (Some(_), _, Item::Attr { .. }) if times > 1 => {
            wrong(format!("attribute \"{name}\" may only be provided once"));
        }
        (Some(_), _, Item::Attr { .. }) => {}
        (_, Some(block), Item::Block { body, .. }) => match (block.labelled, body.label.is_empty()) {
            _ if times > 1 && !block.repeated => wrong(format!("block \"{name}\" may only be specified once")),
            (true, true) => wrong(format!("block \"{name}\" requires non-empty label")),
            (false, false) => wrong(format!("block \"{name}\" does not support specifying labels")),
            _ => inside(block.shape(), body, place, errors),
        },
        (Some(_), None, Item::Block { .. }) => {
            wrong(format!("\"{name}\" must be an attribute, but is used as a block"));
        }
        (None, Some(_), Item::Attr { .. }) => {
            wrong(format!("\"{name}\" must be a block, but is used as an attribute"));
        }
        (None, None, _) if shape.free_form => {}
        (None, None, _) => {
            let kind = if matches!(item, Item::Attr { .. }) {
                "attribute"
            } else {
                "block"
            };
            let mut error = at(place, format!("unrecognized {kind} name \"{name}\""));
            error.candidates = shape.names().map(str::to_owned).collect();
            errors.push(error);
        }
    }
}
