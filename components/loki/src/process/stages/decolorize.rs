//! `stage.decolorize`: removes ANSI escape sequences from the line.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use value::Block;

/// Removes terminal colours and other control sequences (ECMA-48) from the line.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {}

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        compiler.step("stage.decolorize", Decolorize);
        Ok(())
    }
}

struct Decolorize;

impl Step for Decolorize {
    fn run(&self, record: &mut Record, _: &mut Cx<'_>) -> Flow {
        if let Some(plain) = plain(&record.line) {
            record.line = plain.into();
        }
        Flow::Next
    }
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// The text without its control sequences; `None` if it has none.
fn plain(text: &[u8]) -> Option<Vec<u8>> {
    let mut at = next(text, 0)?;
    let mut plain = Vec::with_capacity(text.len());
    let mut copied = 0;
    loop {
        match sequence(&text[at..]) {
            0 => at += 1,
            length => {
                plain.extend_from_slice(&text[copied..at]);
                at += length;
                copied = at;
            }
        }
        match next(text, at) {
            Some(found) => at = found,
            None => break,
        }
    }
    plain.extend_from_slice(&text[copied..]);
    (plain.len() < text.len()).then_some(plain)
}

/// Where an introducer is: ESC, or the one-character CSI U+009B.
fn next(text: &[u8], from: usize) -> Option<usize> {
    memchr::memchr2_iter(ESCAPE, 0xc2, &text[from..])
        .map(|at| from + at)
        .find(|at| text[*at] == ESCAPE || text.get(at + 1) == Some(&0x9b))
}

/// Length of the control sequence that `text` starts with; 0 if it is none.
fn sequence(text: &[u8]) -> usize {
    let parameters = match text {
        [0xc2, 0x9b, ..] | [ESCAPE, b'[', ..] => 2,
        [ESCAPE, b']', rest @ ..] => {
            // An operating system command ends with BEL or ESC \.
            return rest
                .iter()
                .position(|byte| *byte == BELL || *byte == ESCAPE)
                .map_or(0, |end| if rest[end] == BELL { end + 3 } else { end + 4 })
                .min(text.len());
        }
        // Designation of character sets and the like: intermediate bytes and a final one.
        [ESCAPE, rest @ ..] => {
            let middle = rest.iter().take_while(|byte| (0x20..0x30).contains(*byte)).count();
            return if rest.get(middle).is_some_and(|byte| (0x30..0x7f).contains(byte)) {
                middle + 2
            } else {
                0
            };
        }
        _ => return 0,
    };
    let rest = &text[parameters..];
    let middle = rest.iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
    if rest.get(middle).is_some_and(|byte| (0x40..0x7f).contains(byte)) {
        parameters + middle + 1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_removed_and_text_is_not() {
        for (text, expected) in [
            ("\u{1b}[31mred\u{1b}[0m \u{1b}[1;32mgreen\u{1b}[m", Some("red green")),
            ("\u{1b}]0;title\u{7}text", Some("text")),
            ("\u{1b}]8;;http://x\u{1b}\\link", Some("link")),
            ("\u{9b}1mbold", Some("bold")),
            ("\u{1b}(Bx", Some("x")),
            ("plain Âé", None),
            ("\u{1b}", None),
            ("end \u{1b}[31", None),
        ] {
            let expected = expected.map(str::as_bytes).map(<[u8]>::to_vec);
            assert_eq!(plain(text.as_bytes()), expected, "{text:?}");
        }
    }
}
