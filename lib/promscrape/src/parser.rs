//! The parser of all formats.

use crate::entry::{Entry, Exemplar};
use crate::error::Error;
use crate::labels::LabelsBuf;
use crate::options::{Format, Options};
use crate::proto::{self, Proto};
use crate::text::{self, Text};

/// The memory of parsers. With one that was used before, parsing a body like the last one allocates nothing.
#[derive(Debug, Default)]
pub struct Buffers {
    text: text::Buffers,
    proto: proto::Buffers,
}

impl Buffers {
    /// Empty buffers.
    pub fn new() -> Buffers {
        Buffers::default()
    }
}

/// Walks through a body: [`Parser::advance`] goes to the next entry, the other methods look at it.
#[derive(Debug)]
pub struct Parser<'a>(Inner<'a>);

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and a box would be an allocation for each body"
)]
enum Inner<'a> {
    Text(Text<'a>),
    Proto(Proto<'a>),
}

impl<'a> Parser<'a> {
    /// A parser at the start of a body.
    pub fn new(body: &'a [u8], format: Format, options: Options, buffers: &'a mut Buffers) -> Parser<'a> {
        Parser(match format {
            Format::Text => Inner::Text(Text::new(body, false, options, &mut buffers.text)),
            Format::OpenMetrics => Inner::Text(Text::new(body, true, options, &mut buffers.text)),
            Format::Protobuf => Inner::Proto(Proto::new(body, options, &mut buffers.proto)),
        })
    }

    /// Goes to the next entry. False at the end of the body. After an error there is nothing more.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, Error> {
        match &mut self.0 {
            Inner::Text(text) => {
                let more = text.advance()?;
                text.prepare();
                Ok(more)
            }
            Inner::Proto(proto) => proto.advance(),
        }
    }

    /// [`Parser::advance`] with a guess: the [`Series::raw`](crate::Series::raw) that followed the series at hand in the scrape before. If it
    /// follows again, its labels are not read, only compared. The guess must come from a parser of the same format.
    #[inline]
    pub fn advance_expecting(&mut self, raw: &[u8]) -> Result<bool, Error> {
        match &mut self.0 {
            Inner::Text(text) => {
                let more = text.advance_expecting(raw)?;
                text.prepare();
                Ok(more)
            }
            Inner::Proto(proto) => proto.advance(),
        }
    }

    /// [`Parser::advance_expecting`] for whoever does not keep what was exposed, but knows it when he sees it: `is` is asked once at most, about the
    /// next `length` bytes. An answer of true must mean that these bytes were a [`Series::raw`](crate::Series::raw) before.
    #[inline]
    pub fn advance_recognising(&mut self, length: usize, is: impl FnOnce(&[u8]) -> bool) -> Result<bool, Error> {
        match &mut self.0 {
            Inner::Text(text) => {
                let more = text.advance_recognising(length, is)?;
                text.prepare();
                Ok(more)
            }
            Inner::Proto(proto) => proto.advance(),
        }
    }

    /// The entry at hand. Before the first one and after the last one it is an empty comment.
    #[inline]
    pub fn entry(&self) -> Entry<'_> {
        match &self.0 {
            Inner::Text(text) => text.entry(),
            Inner::Proto(proto) => proto.entry(),
        }
    }

    /// Decodes the labels of the sample at hand: unescaped, sorted by name, `__name__` included, with `le` and `quantile` in the one way of
    /// writing that OpenMetrics has for a number. An entry that is no sample has none.
    ///
    /// Names and values are UTF-8. Whether they are allowed, and whether one stands there twice, is for the caller to check.
    pub fn labels(&self, out: &mut LabelsBuf) -> Result<(), Error> {
        match &self.0 {
            Inner::Text(text) => text.labels(out),
            Inner::Proto(proto) => proto.labels(out),
        }
    }

    /// The exemplars of the sample at hand. OpenMetrics has at most one for a series. For a histogram they are those of the native histogram, or
    /// those of all buckets; in protobuf only those with a timestamp.
    pub fn exemplars(&self) -> impl Iterator<Item = Exemplar<'_>> {
        let mut index = 0;
        std::iter::from_fn(move || {
            let exemplar = match &self.0 {
                Inner::Text(text) => text.exemplar(index),
                Inner::Proto(proto) => proto.exemplar(&mut index),
            };
            index += 1;
            exemplar
        })
    }
}
