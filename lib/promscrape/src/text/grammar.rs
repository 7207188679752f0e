//! The grammar of both text formats over their tokens (Prometheus: `promparse.go`, `openmetricsparse.go`).

use super::fast;
use super::lex::{Lexer, State, Token};
use crate::error::Error;
use crate::float;
use crate::labels::utf8;
use goquote::quote;
use prommodel::Kind;

/// First byte and the one after the last.
pub(super) type Span = (usize, usize);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(super) raw: Span,
    pub(super) name: Span,
    pub(crate) value: f64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) start: Option<i64>,
    pub(crate) exemplar: Option<TextExemplar>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TextExemplar {
    /// After the opening brace, with the closing one.
    pub(crate) labels: Span,
    pub(crate) value: f64,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Item {
    Type(Span),
    Help(Span, Span),
    Unit(Span, Span),
    Comment(Span),
    Sample(Sample),
    End,
}

/// Where a parser is in its body. A copy of it looks ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) lex: Lexer<'a>,
    /// The type of the last TYPE line, whatever family it named.
    pub(super) kind: Kind,
    /// The last unit.
    pub(super) unit: &'a [u8],
    /// The length of the name in the last line of metadata.
    pub(super) family: usize,
    /// The first byte of the entry.
    begin: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(b: &'a [u8], open_metrics: bool) -> Cursor<'a> {
        Cursor {
            lex: Lexer::new(b, open_metrics),
            kind: Kind::Unknown,
            unit: b"",
            family: 0,
            begin: 0,
        }
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::new(self.lex.i.min(self.lex.b.len()), message)
    }

    /// Bytes for a message, which have the line break at the end of the text format, written or not.
    fn quoted(&self, start: usize, end: usize) -> String {
        let mut bytes = self.lex.slice(start, end).to_vec();
        if end > self.lex.b.len() {
            bytes.push(b'\n');
        }
        quote(&bytes)
    }

    fn unexpected(&self, expected: &str, got: Token) -> Error {
        let end = self.lex.end().min(self.lex.i + 1);
        self.error(format!(
            "{expected}, got {} ({}) while parsing: {}",
            self.quoted(self.lex.start, end),
            quote(got.name().as_bytes()),
            self.quoted(self.begin, end)
        ))
    }

    fn while_parsing(&self, what: &str) -> Error {
        self.error(format!("{what} while parsing: {}", self.quoted(self.begin, self.lex.i)))
    }

    /// The next entry. After an error there is none.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Item, Error> {
        if self.lex.state == State::Init
            && let Some((sample, end)) = fast::sample(self.lex.b, self.lex.i, self.lex.open_metrics)
        {
            self.lex.i = end;
            return Ok(Item::Sample(sample));
        }
        self.next_slow()
    }

    /// [`Cursor::next`] without shortcuts.
    pub(super) fn next_slow(&mut self) -> Result<Item, Error> {
        loop {
            self.begin = self.lex.i;
            let token = self.lex.next();
            return match token {
                Token::EofWord if self.lex.next() != Token::Eof => Err(self.error("unexpected data after # EOF")),
                Token::EofWord => Ok(Item::End),
                Token::Eof if self.lex.open_metrics => Err(self.error("data does not end with # EOF")),
                Token::Eof => Ok(Item::End),
                Token::Linebreak if !self.lex.open_metrics => continue,
                Token::Help | Token::Type | Token::Unit => self.metadata(token),
                Token::Comment if !self.lex.open_metrics => {
                    let text = (self.lex.start, self.lex.i);
                    self.line_end("linebreak expected after comment")?;
                    Ok(Item::Comment(text))
                }
                Token::BraceOpen | Token::MetricName => self.series(token),
                token => Err(self.unexpected("expected a valid start token", token)),
            };
        }
    }

    fn line_end(&mut self, expected: &str) -> Result<(), Error> {
        match self.lex.next() {
            Token::Linebreak => Ok(()),
            token => Err(self.unexpected(expected, token)),
        }
    }

    fn metadata(&mut self, what: Token) -> Result<Item, Error> {
        let token = self.lex.next();
        if token != Token::MetricName {
            return Err(self.unexpected(&format!("expected metric name after {}", what.name()), token));
        }
        let mut name = (self.lex.start, self.lex.i);
        if self.lex.token().starts_with(b"\"") {
            name = (name.0 + 1, name.1 - 1);
        }
        self.family = name.1 - name.0;
        let token = self.lex.next();
        if token != Token::Text {
            let mut message = format!("expected text in {}", what.name());
            if !self.lex.open_metrics {
                message = format!("{message}, got {}", token.name());
            }
            return Err(self.error(message));
        }
        // The first byte is the blank after the name. In OpenMetrics the line break is part of the token.
        let (start, end) = (self.lex.start + 1, self.lex.i - usize::from(self.lex.open_metrics));
        let text = (start.min(end), end);
        let bytes = self.lex.slice(text.0, text.1);
        match what {
            Token::Type => self.kind = self.kind_of(bytes)?,
            Token::Help if std::str::from_utf8(bytes).is_err() => {
                let message = format!("help text {} is not a valid utf8 string", quote(bytes));
                return Err(self.error(message));
            }
            Token::Unit => self.check_unit(name, bytes)?,
            _ => {}
        }
        if !self.lex.open_metrics {
            self.line_end("linebreak expected after metadata")?;
        }
        Ok(match what {
            Token::Type => Item::Type(name),
            Token::Help => Item::Help(name, text),
            _ => Item::Unit(name, text),
        })
    }

    fn kind_of(&self, text: &[u8]) -> Result<Kind, Error> {
        Ok(match (text, self.lex.open_metrics) {
            (b"counter", _) => Kind::Counter,
            (b"gauge", _) => Kind::Gauge,
            (b"histogram", _) => Kind::Histogram,
            (b"summary", _) => Kind::Summary,
            (b"untyped", false) | (b"unknown", true) => Kind::Unknown,
            (b"gaugehistogram", true) => Kind::GaugeHistogram,
            (b"info", true) => Kind::Info,
            (b"stateset", true) => Kind::StateSet,
            _ => return Err(self.error(format!("invalid metric type {}", quote(text)))),
        })
    }

    fn check_unit(&mut self, name: Span, unit: &'a [u8]) -> Result<(), Error> {
        self.unit = unit;
        let name = self.lex.slice(name.0, name.1);
        if unit.is_empty() || name.strip_suffix(unit).is_some_and(|stem| stem.ends_with(b"_")) {
            return Ok(());
        }
        Err(self.error(format!("unit {} not a suffix of metric {}", quote(unit), quote(name))))
    }

    fn series(&mut self, first: Token) -> Result<Item, Error> {
        let (mut name, end, token) = self.series_start(first, &mut |_, _| {})?;
        let Some(name) = name.take() else {
            return Err(self.while_parsing("metric name not set"));
        };
        let raw = (self.begin, end);
        let value = self.number(token, "metric")?;
        let mut sample = Sample {
            raw,
            name,
            value,
            timestamp: None,
            start: None,
            exemplar: None,
        };
        if self.lex.open_metrics {
            self.open_metrics_end(&mut sample)?;
        } else {
            self.text_end(&mut sample)?;
        }
        Ok(Item::Sample(sample))
    }

    /// The series: its name, where it ends, and the token after it.
    fn series_start(
        &mut self,
        first: Token,
        label: &mut impl FnMut(Span, Span),
    ) -> Result<(Option<Span>, usize, Token), Error> {
        let mut name = None;
        let mut token = first;
        let mut end = self.lex.i;
        if first == Token::MetricName {
            // Blanks before it are part of the name, as in Prometheus.
            name = Some((self.begin, end));
            token = self.lex.next();
        }
        if token == Token::BraceOpen {
            self.labels(Some(&mut name), label)?;
            end = self.lex.i;
            token = self.lex.next();
        }
        Ok((name, end, token))
    }

    /// The labels up to the closing brace. Of an exemplar, which has no name, `name` is none.
    fn labels(&mut self, mut name: Option<&mut Option<Span>>, label: &mut impl FnMut(Span, Span)) -> Result<(), Error> {
        let mut token = self.lex.next();
        loop {
            let mut left = (self.lex.start, self.lex.i);
            let quoted = match token {
                Token::BraceClose => return Ok(()),
                Token::LabelName => false,
                Token::QuotedString => true,
                token => return Err(self.unexpected("expected label name", token)),
            };
            if quoted {
                left = (left.0 + 1, left.1 - 1);
            }
            token = self.lex.next();
            // A quoted string alone is the name of the metric.
            if quoted && matches!(token, Token::Comma | Token::BraceClose) {
                match name.as_deref_mut() {
                    None => return Err(self.unexpected("expected label name", token)),
                    Some(Some(_)) => return Err(self.while_parsing("metric name already set")),
                    Some(name) => *name = Some(left),
                }
                if token == Token::BraceClose {
                    return Ok(());
                }
                token = self.lex.next();
                continue;
            }
            if token != Token::Equal {
                return Err(self.unexpected("expected equal", token));
            }
            token = self.lex.next();
            if token != Token::LabelValue {
                return Err(self.unexpected("expected label value", token));
            }
            if utf8(self.lex.token()).is_err() {
                return Err(self.error(format!("invalid UTF-8 label value: {}", quote(self.lex.token()))));
            }
            label(left, (self.lex.start + 1, self.lex.i - 1));
            token = self.lex.next();
            if token == Token::Comma {
                token = self.lex.next();
            } else if self.lex.open_metrics && token != Token::BraceClose {
                // The text format does without commas.
                return Err(self.unexpected("expected comma or brace close", token));
            }
        }
    }

    fn number(&self, token: Token, after: &str) -> Result<f64, Error> {
        if token != Token::Value {
            return Err(self.unexpected(&format!("expected value after {after}"), token));
        }
        self.float()
    }

    /// The token as a number, after its blank in OpenMetrics.
    fn float(&self) -> Result<f64, Error> {
        let text = &self.lex.token()[usize::from(self.lex.open_metrics)..];
        float::parse_sample(text).map_err(|failure| self.while_parsing(&failure.message(text)))
    }

    fn text_end(&mut self, sample: &mut Sample) -> Result<(), Error> {
        match self.lex.next() {
            Token::Linebreak => Ok(()),
            Token::Timestamp => {
                let digits = self.lex.token();
                let add = |sum: i64, c: &u8| sum.checked_mul(10)?.checked_add(i64::from(c - b'0'));
                sample.timestamp = digits.iter().try_fold(0i64, add);
                if sample.timestamp.is_none() {
                    let digits = quote(digits);
                    let message = format!("strconv.ParseInt: parsing {digits}: value out of range");
                    return Err(self.while_parsing(&message));
                }
                self.line_end("expected next entry after timestamp")
            }
            token => Err(self.unexpected("expected timestamp or new record", token)),
        }
    }

    fn open_metrics_end(&mut self, sample: &mut Sample) -> Result<(), Error> {
        match self.lex.next() {
            Token::Eof => Err(self.error("data does not end with # EOF")),
            Token::Comment => self.exemplar(sample),
            Token::Timestamp => {
                sample.timestamp = Some(self.seconds("timestamp")?);
                match self.lex.next() {
                    Token::Linebreak => Ok(()),
                    Token::Comment => self.exemplar(sample),
                    token => Err(self.unexpected("expected next entry after timestamp", token)),
                }
            }
            // Prometheus takes the sample and then fails on the rest of the line.
            _ => Ok(()),
        }
    }

    /// A timestamp in seconds as milliseconds. A fraction of a millisecond is cut off.
    fn seconds(&self, what: &str) -> Result<i64, Error> {
        let seconds = self.float()?;
        if seconds.is_finite() {
            return Ok((seconds * 1000.0) as i64);
        }
        let mut text = String::new();
        float::write_open_metrics(&mut text, seconds);
        Err(self.error(format!("invalid {what} {text}")))
    }

    fn exemplar(&mut self, sample: &mut Sample) -> Result<(), Error> {
        let start = self.lex.i;
        self.labels(None, &mut |_, _| {})?;
        let labels = (start, self.lex.i);
        let token = self.lex.next();
        let value = self.number(token, "exemplar labels")?;
        let timestamp = match self.lex.next() {
            Token::Eof => return Err(self.error("data does not end with # EOF")),
            Token::Linebreak => None,
            Token::Timestamp => {
                let timestamp = self.seconds("exemplar timestamp")?;
                self.line_end("expected next entry after exemplar timestamp")?;
                Some(timestamp)
            }
            token => return Err(self.unexpected("expected timestamp or comment", token)),
        };
        sample.exemplar = Some(TextExemplar {
            labels,
            value,
            timestamp,
        });
        Ok(())
    }
}

/// The name and the labels of a series, in their order, as they are written. If labels have to be read again, `out` is reset.
pub(super) fn decode_series<'a, T>(
    raw: &'a str,
    open_metrics: bool,
    out: &mut T,
    reset: impl Fn(&mut T),
    label: impl Fn(&mut T, &'a str, &'a str),
) -> Result<&'a str, Error> {
    reset(out);
    let slice = |span: Span| raw.get(span.0..span.1).unwrap_or_default();
    if let Some(name) = fast::decode(raw.as_bytes(), |name, value| label(out, slice(name), slice(value))) {
        return Ok(slice((0, name)));
    }
    reset(out);
    let mut cursor = Cursor::new(raw.as_bytes(), open_metrics);
    let first = cursor.lex.next();
    let (name, _, _) = cursor.series_start(first, &mut |name, value| label(out, slice(name), slice(value)))?;
    Ok(name.map_or("", slice))
}

/// The labels of an exemplar, as they are written.
pub(super) fn decode_exemplar<'a>(raw: &'a [u8], mut label: impl FnMut(&'a [u8], &'a [u8])) -> Result<(), Error> {
    let mut cursor = Cursor::new(raw, true);
    cursor.lex.state = State::Exemplar;
    let slice = |span: Span| &raw[span.0..span.1];
    cursor.labels(None, &mut |name, value| label(slice(name), slice(value)))
}
