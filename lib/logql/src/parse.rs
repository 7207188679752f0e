//! From tokens to conditions.

use crate::lex::{Token, lex};
use crate::{Dialect, Error, LabelTest, LineFilter, LineTest, Matcher};
use goregex::Regex;
use memchr::memmem::Finder;

pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<(Vec<Matcher>, Vec<LineFilter>), Error> {
    let tokens = lex(text, dialect)?;
    let mut parser = Parser {
        tokens: tokens.into_iter(),
        dialect,
    };
    let matchers = parser.matchers()?;
    let filters = parser.filters()?;
    Ok((matchers, filters))
}

struct Parser {
    tokens: std::vec::IntoIter<(usize, Token)>,
    dialect: Dialect,
}

fn fail<T>(offset: usize, message: impl Into<String>) -> Result<T, Error> {
    Err(Error {
        offset,
        message: message.into(),
    })
}

impl Parser {
    fn next(&mut self) -> (usize, Token) {
        // The last token is `End`, and nobody reads on after it.
        self.tokens.next().unwrap_or((0, Token::End))
    }

    fn text(&mut self) -> Result<(usize, Vec<u8>), Error> {
        match self.next() {
            (offset, Token::Text(text)) => Ok((offset, text)),
            (offset, token) => fail(offset, format!("expected a string, found {}", token.describe())),
        }
    }

    fn matchers(&mut self) -> Result<Vec<Matcher>, Error> {
        match self.next() {
            (_, Token::Open) => {}
            (offset, token) => return fail(offset, format!("expected \"{{\", found {}", token.describe())),
        }
        let mut matchers = Vec::new();
        if let Some((offset, Token::Close)) = self.tokens.as_slice().first() {
            if self.dialect == Dialect::Process {
                return fail(*offset, "expected a label matcher like name=\"value\", found \"}\"");
            }
            self.next();
            return Ok(matchers);
        }
        loop {
            matchers.push(self.matcher()?);
            match self.next() {
                (_, Token::Comma) => {}
                (_, Token::Close) => return Ok(matchers),
                (offset, token) => {
                    return fail(offset, format!("expected \",\" or \"}}\", found {}", token.describe()));
                }
            }
        }
    }

    fn matcher(&mut self) -> Result<Matcher, Error> {
        let name = match self.next() {
            (_, Token::Name(name)) => name,
            (offset, token) => {
                return fail(
                    offset,
                    format!("expected the name of a label, found {}", token.describe()),
                );
            }
        };
        let (negated, regex) = match self.next() {
            (_, Token::Equal) => (false, false),
            (_, Token::NotEqual) => (true, false),
            (_, Token::Match) => (false, true),
            (_, Token::NotMatch) => (true, true),
            (offset, token) => {
                return fail(
                    offset,
                    format!("expected one of = != =~ !~, found {}", token.describe()),
                );
            }
        };
        let (offset, value) = self.text()?;
        let test = if regex {
            LabelTest::Regex(compile(offset, value, Regex::anchored)?)
        } else {
            LabelTest::Equal(value)
        };
        Ok(Matcher { name, negated, test })
    }

    fn filters(&mut self) -> Result<Vec<LineFilter>, Error> {
        let mut filters: Vec<LineFilter> = Vec::new();
        loop {
            let (negated, regex) = match self.next() {
                (_, Token::End) => return Ok(filters),
                (_, Token::Contains) => (false, false),
                (_, Token::NotEqual) => (true, false),
                (_, Token::ContainsMatch) => (false, true),
                (_, Token::NotMatch) => (true, true),
                (offset, Token::Pipe) => {
                    return fail(offset, "only the line filters |= != |~ !~ are supported here");
                }
                (offset, token) => {
                    return fail(
                        offset,
                        format!("expected one of |= != |~ !~, found {}", token.describe()),
                    );
                }
            };
            let mut alternatives = vec![self.line_test(regex)?];
            while self.dialect == Dialect::Loki && self.at_or() {
                self.next();
                alternatives.push(self.line_test(regex)?);
            }
            filters.push(LineFilter { negated, alternatives });
        }
    }

    fn at_or(&self) -> bool {
        matches!(self.tokens.as_slice().first(), Some((_, Token::Name(name))) if name == "or")
    }

    fn line_test(&mut self, regex: bool) -> Result<LineTest, Error> {
        let (offset, text) = self.text()?;
        if regex {
            Ok(LineTest::Regex(compile(offset, text, Regex::new)?))
        } else {
            Ok(LineTest::Contains(Finder::new(&text).into_owned()))
        }
    }
}

fn compile(
    offset: usize,
    pattern: Vec<u8>,
    build: impl Fn(&str) -> Result<Regex, goregex::Error>,
) -> Result<Regex, Error> {
    let Ok(pattern) = String::from_utf8(pattern) else {
        return fail(offset, "the regular expression is not valid UTF-8");
    };
    build(&pattern).or_else(|error| fail(offset, error.to_string()))
}
