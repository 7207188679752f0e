//! JSON to protobuf, by the tables.

use super::Error;
use super::parse::{Kind as Token, Parser};
use super::text::{unbase64, unhex};
use crate::level::close;
use crate::schema::{Card, Field, Kind, Message};
use crate::wire::MAX_DEPTH;
use protowire::{push_bytes, push_varint, zigzag};
use std::borrow::Cow;

/// Appends the message that an object is. `depth` messages may be in it.
pub(super) fn message(
    parser: &mut Parser<'_>,
    schema: &'static Message,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), Error> {
    if parser.kind()? == Token::Null {
        return parser.null();
    }
    let mut next = 0;
    let mut begun = false;
    while let Some(key) = parser.key(begun)? {
        begun = true;
        // Most writers have the order of the `.proto`.
        let named = |field: &&Field| field.camel.as_bytes() == &*key || field.snake.as_bytes() == &*key;
        let (before, after) = schema.fields.split_at(next);
        let found = match after.iter().position(|field| named(&field)) {
            Some(at) => Some(next + at),
            None => before.iter().position(|field| named(&field)),
        };
        let Some(at) = found else {
            parser.skip()?;
            continue;
        };
        next = at + 1;
        let field = &schema.fields[at];
        member(parser, field, out, depth).map_err(|error| under(field.camel, error))?;
    }
    Ok(())
}

/// Puts what is wrong inside of a field.
#[cold]
fn under(name: &str, mut error: Error) -> Error {
    let dot = if error.path.is_empty() || error.path.starts_with('[') {
        ""
    } else {
        "."
    };
    error.path = format!("{name}{dot}{}", error.path);
    error
}

/// Appends a field.
fn member(parser: &mut Parser<'_>, field: &'static Field, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
    if parser.kind()? == Token::Null {
        return parser.null();
    }
    match field.card {
        Card::Many => elements(parser, |parser| one(parser, field, out, depth)),
        Card::Packed => {
            let mut packed = Vec::new();
            elements(parser, |parser| number(parser, field.kind, &mut packed).map(drop))?;
            if !packed.is_empty() {
                push_bytes(out, field.number.into(), &packed);
            }
            Ok(())
        }
        _ => one(parser, field, out, depth),
    }
}

fn elements<'a>(
    parser: &mut Parser<'a>,
    mut each: impl FnMut(&mut Parser<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut index = 0;
    while parser.element(index > 0)? {
        each(parser).map_err(|error| under(&format!("[{index}]"), error))?;
        index += 1;
    }
    Ok(())
}

/// Appends one value as a field.
fn one(parser: &mut Parser<'_>, field: &'static Field, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
    let number_of_field = u64::from(field.number);
    if let Some(inner) = field.kind.message() {
        if depth == 0 {
            return parser.error("messages are nested too deeply");
        }
        push_varint(out, number_of_field << 3 | 2);
        // Resources and scopes are long; what is in them is not.
        let reserved = if depth + 2 > MAX_DEPTH { 3 } else { 1 };
        let at = out.len();
        out.resize(at + reserved, 0);
        message(parser, inner, out, depth - 1)?;
        close(out, at, reserved);
        return Ok(());
    }
    let implicit = field.card == Card::One;
    match field.kind {
        Kind::Text => {
            let text = string(parser)?;
            if !(implicit && text.is_empty()) {
                push_bytes(out, number_of_field, &text);
            }
        }
        Kind::Bytes | Kind::Id(_) => {
            let at = parser.position();
            let text = string(parser)?;
            if implicit && text.is_empty() {
                return Ok(());
            }
            let mut bytes = Vec::new();
            let read = match field.kind {
                Kind::Id(len) => unhex(&mut bytes, &text).filter(|()| bytes.len() == len),
                _ => unbase64(&mut bytes, &text),
            };
            if read.is_none() {
                return parser.error_at(
                    at,
                    match field.kind {
                        Kind::Id(8) => "a span id is 16 hexadecimal digits",
                        Kind::Id(_) => "a trace id is 32 hexadecimal digits",
                        _ => "bytes are base64",
                    },
                );
            }
            push_bytes(out, number_of_field, &bytes);
        }
        kind => {
            let start = out.len();
            push_varint(out, number_of_field << 3 | u64::from(kind.wire()));
            let zero = number(parser, kind, out)?;
            if zero && implicit {
                out.truncate(start);
            }
        }
    }
    Ok(())
}

fn string<'a>(parser: &mut Parser<'a>) -> Result<Cow<'a, [u8]>, Error> {
    if parser.kind()? == Token::Null {
        parser.null()?;
        return Ok(Cow::Borrowed(b""));
    }
    parser.string()
}

/// Appends a number, a `bool` or a value of an `enum`, without a tag. Returns whether it is zero.
fn number(parser: &mut Parser<'_>, kind: Kind, out: &mut Vec<u8>) -> Result<bool, Error> {
    let at = parser.position();
    let value: u64 = match kind {
        Kind::Bool => {
            if parser.kind()? != Token::Bool {
                return parser.error("true or false is expected");
            }
            parser.boolean()?.into()
        }
        Kind::Double => double(parser)?.to_bits(),
        Kind::Enum(names) => match parser.kind()? {
            Token::String => {
                let name = parser.string()?;
                let Some((_, value)) = names.iter().find(|(known, _)| known.as_bytes() == &*name) else {
                    return parser.error_at(at, "the name is not one of those that can stand here");
                };
                i64::from(*value) as u64
            }
            _ => integer(parser, i32::MIN.into(), i32::MAX.into())? as u64,
        },
        Kind::Int32 => integer(parser, i32::MIN.into(), i32::MAX.into())? as u64,
        Kind::Sint32 => zigzag(integer(parser, i32::MIN.into(), i32::MAX.into())? as i64),
        Kind::Uint32 | Kind::Fixed32 => integer(parser, 0, u32::MAX.into())? as u64,
        Kind::Int64 | Kind::Sfixed64 => integer(parser, i64::MIN.into(), i64::MAX.into())? as u64,
        _ => integer(parser, 0, u64::MAX.into())? as u64,
    };
    match kind.wire() {
        0 => push_varint(out, value),
        1 => out.extend_from_slice(&value.to_le_bytes()),
        _ => out.extend_from_slice(&(value as u32).to_le_bytes()),
    }
    Ok(value == 0)
}

/// A number, or a string that is one.
fn numeric<'a>(parser: &mut Parser<'a>) -> Result<Cow<'a, str>, Error> {
    match parser.kind()? {
        Token::Number => Ok(Cow::Borrowed(parser.number()?)),
        Token::String => {
            let at = parser.position();
            match parser.string()? {
                Cow::Borrowed(text) => std::str::from_utf8(text).map(Cow::Borrowed).ok(),
                Cow::Owned(text) => String::from_utf8(text).map(Cow::Owned).ok(),
            }
            .map_or_else(|| parser.error_at(at, "a number is expected"), Ok)
        }
        _ => parser.error("a number is expected"),
    }
}

/// An integer, which may be written as 1.0 or 1e3.
fn integer(parser: &mut Parser<'_>, min: i128, max: i128) -> Result<i128, Error> {
    let at = parser.position();
    let text = numeric(parser)?;
    let value = match text.parse::<i128>() {
        Ok(value) => value,
        Err(_) => match text.parse::<f64>() {
            Ok(value) if value.fract() == 0.0 => value as i128,
            _ => return parser.error_at(at, "an integer is expected"),
        },
    };
    if !(min..=max).contains(&value) {
        return parser.error_at(at, "an integer is out of range");
    }
    Ok(value)
}

fn double(parser: &mut Parser<'_>) -> Result<f64, Error> {
    let at = parser.position();
    match numeric(parser)?.parse() {
        Ok(value) => Ok(value),
        Err(_) => parser.error_at(at, "a number is expected"),
    }
}
