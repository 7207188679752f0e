//! A reader of pprof's format, as far as the tests look.

use flate2::read::GzDecoder;
use protowire::{Field, Reader};
use std::io::Read;

/// A profile.
#[derive(Debug, Default)]
pub struct Profile {
    pub texts: Vec<String>,
    /// Kind and unit of each value of a sample.
    pub kinds: Vec<(String, String)>,
    /// Names of functions from the innermost outwards, and values, of each sample.
    pub samples: Vec<(Vec<String>, Vec<u64>)>,
    pub period: u64,
    pub duration: u64,
    /// Files with their build ids.
    pub mappings: Vec<(String, String)>,
}

type Message<'a> = Vec<(u64, Field<'a>)>;

fn fields<'a>(mut reader: Reader<'a>) -> Message<'a> {
    let mut fields = Vec::new();
    while let Some(field) = reader.field().unwrap() {
        fields.push(field);
    }
    fields
}

fn uint(message: &Message<'_>, number: u64) -> u64 {
    let found = message.iter().find(|(at, _)| *at == number);
    match found {
        Some((_, Field::Varint(value))) => *value,
        None => 0,
        Some(_) => panic!("field {number} is no number"),
    }
}

fn messages<'a>(message: &Message<'a>, number: u64) -> Vec<Message<'a>> {
    let of = |(at, field): &(u64, Field<'a>)| match field {
        Field::Bytes(_, reader) if *at == number => Some(fields(*reader)),
        _ => None,
    };
    message.iter().filter_map(of).collect()
}

fn packed(message: &Message<'_>, number: u64) -> Vec<u64> {
    let mut values = Vec::new();
    for (at, field) in message {
        if let Field::Bytes(_, reader) = field
            && *at == number
        {
            let mut reader = *reader;
            while !reader.is_empty() {
                values.push(reader.varint().unwrap());
            }
        }
    }
    values
}

/// Reads a gzipped profile.
pub fn read(zipped: &[u8]) -> Profile {
    let mut bytes = Vec::new();
    GzDecoder::new(zipped).read_to_end(&mut bytes).unwrap();
    let message = fields(Reader::new(&bytes));
    let texts: Vec<String> = message
        .iter()
        .filter_map(|(at, field)| match field {
            Field::Bytes(text, _) if *at == 6 => Some(String::from_utf8(text.to_vec()).unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(texts[0], "");
    let text = |number: u64| texts[usize::try_from(number).unwrap()].clone();
    let functions = messages(&message, 5);
    let locations = messages(&message, 4);
    let mappings = messages(&message, 3);
    let names = |location: u64| -> Vec<String> {
        let location = locations.iter().find(|one| uint(one, 1) == location).unwrap();
        let mapping = uint(location, 2);
        assert!(mapping == 0 || mappings.iter().any(|one| uint(one, 1) == mapping));
        let lines = messages(location, 4);
        let name = |line: &Message<'_>| {
            let function = functions.iter().find(|one| uint(one, 1) == uint(line, 1)).unwrap();
            text(uint(function, 2))
        };
        lines.iter().map(name).collect()
    };
    let samples = messages(&message, 2).into_iter().map(|sample| {
        let stack = packed(&sample, 1).into_iter().flat_map(names).collect();
        (stack, packed(&sample, 2))
    });
    Profile {
        kinds: messages(&message, 1)
            .iter()
            .map(|kind| (text(uint(kind, 1)), text(uint(kind, 2))))
            .collect(),
        samples: samples.collect(),
        period: uint(&message, 12),
        duration: uint(&message, 10),
        mappings: mappings
            .iter()
            .map(|mapping| (text(uint(mapping, 5)), text(uint(mapping, 6))))
            .collect(),
        texts: texts.clone(),
    }
}
