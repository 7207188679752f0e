//! Selectors: what stands in curly brackets.

use super::{Parsed, Parser};
use crate::ast::{Matcher, MatcherKind, Selector};
use crate::eval::QueryError;
use crate::lex::Token;
use goregex::Regex;

impl Parser<'_> {
    /// The part of a selector behind the name of the metric.
    pub(super) fn selector(&mut self, name: Option<String>) -> Parsed<Selector> {
        let at = self.next;
        let named = name.is_some();
        let mut matchers = Vec::new();
        matchers.extend(name.map(is_named));
        if self.eat("{") {
            while !self.eat("}") {
                let matcher = self.matcher()?;
                if named && matcher.name == prommodel::NAME {
                    return Err(self.error("metric name must not be set twice"));
                }
                matchers.push(matcher);
                if !self.eat(",") {
                    self.expect("}", "label matching")?;
                    break;
                }
            }
        }
        // It would select everything.
        if matchers.iter().all(|matcher| matcher.takes_value("")) {
            self.next = at;
            return Err(self.error("vector selector must contain at least one non-empty matcher"));
        }
        self.selectors += 1;
        Ok(Selector {
            id: self.selectors - 1,
            matchers,
            range: None,
            offset: 0,
        })
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let within = "label matching";
        let at = self.next;
        let name = match self.advance() {
            Token::Word(word) if !word.contains(':') => word,
            Token::Text(text) => {
                // A name in quotes: of the metric, if nothing follows.
                if matches!(self.peek(), Token::Sign("," | "}")) {
                    return Ok(is_named(text));
                }
                text
            }
            _ => {
                self.next = at;
                return Err(self.unexpected(within).more(", expected label"));
            }
        };
        let at = self.next;
        let Token::Sign(sign @ ("=" | "!=" | "=~" | "!~")) = self.advance() else {
            self.next = at;
            return Err(self.unexpected(within).more(", expected one of = != =~ !~"));
        };
        let at = self.next;
        let Token::Text(value) = self.advance() else {
            self.next = at;
            return Err(self.unexpected(within).more(", expected string"));
        };
        let regex = || {
            Regex::anchored(&value)
                .map_err(|error| QueryError::syntax(self.text, self.tokens[at].at, error.to_string()))
        };
        let kind = match sign {
            "=" => MatcherKind::Equal,
            "!=" => MatcherKind::NotEqual,
            "=~" => MatcherKind::Matches(regex()?),
            _ => MatcherKind::MatchesNot(regex()?),
        };
        Ok(Matcher { name, kind, value })
    }
}

fn is_named(value: String) -> Matcher {
    Matcher {
        name: prommodel::NAME.to_owned(),
        kind: MatcherKind::Equal,
        value,
    }
}
