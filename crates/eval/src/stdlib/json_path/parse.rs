//! From the text of a JSONPath to its steps.

use super::filter::{Comparison, Filter, Operand};
use super::{Key, Step};
use value::{Number, Value};

/// Brackets in filters may nest this deep.
const MAX_DEPTH: usize = 50;

/// The steps of a path, or what is wrong with it.
pub(super) fn path(text: &str) -> Result<Vec<Step>, String> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    if !parser.take("$") {
        parser.take("@");
    }
    let mut steps = Vec::new();
    // Without `$` the first name needs no dot.
    if parser.peek().is_some_and(is_name) {
        steps.push(parser.name()?);
    }
    steps.extend(parser.steps()?);
    match parser.peek() {
        None => Ok(steps),
        Some(c) => Err(parser.error(&format!("unexpected {c:?}"))),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    /// [`Parser::take`] after blanks.
    fn take_next(&mut self, token: &str) -> bool {
        self.blanks();
        self.take(token)
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn while_(&mut self, accept: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn error(&self, what: &str) -> String {
        format!("is not a valid JSONPath: {what} at byte {}", self.at)
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.take_next(token) {
            true => Ok(()),
            false => Err(self.error(&format!("expected {token:?}"))),
        }
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if self.take("..") {
                steps.push(Step::Descend);
                if self.peek().is_some_and(|c| c != '[') {
                    steps.push(self.name()?);
                }
            } else if self.take("[") {
                steps.push(self.bracket()?);
            } else if self.take(".") {
                // `.[0]` is the same as `[0]`.
                if self.peek() != Some('[') {
                    steps.push(self.name()?);
                }
            } else {
                return Ok(steps);
            }
        }
    }

    /// What follows a dot.
    fn name(&mut self) -> Result<Step, String> {
        if self.take("*") {
            return Ok(Step::All);
        }
        match self.while_(is_name) {
            "" => Err(self.error("expected a name")),
            name => Ok(Step::Select(vec![Key::Name(name.to_owned())])),
        }
    }

    /// What follows an opening bracket, the closing one included.
    fn bracket(&mut self) -> Result<Step, String> {
        self.blanks();
        let step = if self.take("*") {
            Step::All
        } else if self.take("?") {
            Step::Where(self.condition()?)
        } else {
            self.keys()?
        };
        self.expect("]")?;
        Ok(step)
    }

    fn keys(&mut self) -> Result<Step, String> {
        let mut keys = Vec::new();
        loop {
            self.blanks();
            let key = match self.peek() {
                Some('\'' | '"') => Key::Name(self.quoted()?),
                Some(':') => return self.slice(None),
                _ => Key::Index(self.integer()?),
            };
            if let (Key::Index(start), true) = (&key, keys.is_empty() && self.take_next(":")) {
                self.at -= 1;
                return self.slice(Some(*start));
            }
            keys.push(key);
            if !self.take_next(",") {
                return Ok(Step::Select(keys));
            }
        }
    }

    /// What follows the start of a slice, the first colon included.
    fn slice(&mut self, start: Option<i64>) -> Result<Step, String> {
        let (mut end, mut step) = (None, 1);
        self.expect(":")?;
        self.blanks();
        if self.peek().is_some_and(|c| c != ':' && c != ']') {
            end = Some(self.integer()?);
        }
        if self.take_next(":") {
            self.blanks();
            if self.peek() != Some(']') {
                step = self.integer()?;
            }
        }
        match step {
            0 => Err(self.error("a step of 0")),
            step => Ok(Step::Slice(start, end, step)),
        }
    }

    fn integer(&mut self) -> Result<i64, String> {
        let digits = self.while_(|c| c.is_ascii_digit() || c == '-');
        digits
            .parse()
            .map_err(|_| self.error("expected a name in quotes or an index"))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let quote = self.peek().unwrap_or('\'');
        self.at += quote.len_utf8();
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, c)) => out.push(c),
                    None => break,
                },
                c if c == quote => {
                    self.at += at + c.len_utf8();
                    return Ok(out);
                }
                c => out.push(c),
            }
        }
        Err(self.error("a string that does not end"))
    }

    fn condition(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("a filter that is nested too deeply"));
        }
        let mut left = self.all_of()?;
        while self.take_next("||") {
            left = Filter::Or(Box::new(left), Box::new(self.all_of()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn all_of(&mut self) -> Result<Filter, String> {
        let mut left = self.one()?;
        while self.take_next("&&") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, String> {
        let mut negated = false;
        while self.take_next("!") {
            negated = !negated;
        }
        let filter = if self.take_next("(") {
            let inner = self.condition()?;
            self.expect(")")?;
            inner
        } else {
            let left = self.operand()?;
            match self.comparison() {
                Some(comparison) => Filter::Compare(left, comparison, self.operand()?),
                None => Filter::Exists(left),
            }
        };
        Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let all = [
            ("==", Comparison::Eq),
            ("!=", Comparison::Neq),
            ("<=", Comparison::Lte),
            (">=", Comparison::Gte),
            ("<", Comparison::Lt),
            (">", Comparison::Gt),
        ];
        all.into_iter()
            .find(|(token, _)| self.take_next(token))
            .map(|(_, comparison)| comparison)
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.blanks();
        match self.peek() {
            Some('\'' | '"') => Ok(Operand::Constant(Value::string(self.quoted()?))),
            Some('@') => {
                self.at += 1;
                Ok(Operand::Element(self.steps()?))
            }
            Some('$') => {
                self.at += 1;
                Ok(Operand::Root(self.steps()?))
            }
            _ => self.constant(),
        }
    }

    fn constant(&mut self) -> Result<Operand, String> {
        let word = self.while_(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            word => match (word.parse::<i64>(), word.parse::<f64>()) {
                (Ok(n), _) => Value::int(n),
                (_, Ok(n)) if n.is_finite() => Value::Number(Number::Float(n)),
                _ => return Err(self.error("expected a path or a constant")),
            },
        };
        Ok(Operand::Constant(value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::json_path;
    use super::*;

    const STORE: &str = r#"{"store": {"book": [
        {"title": "A", "price": 8.95, "tags": ["x", "y"]},
        {"title": "B", "price": 12, "isbn": "1"},
        {"title": "C", "price": 8, "isbn": "2"}
    ], "a.b": {"c d": 1}}, "max": 10}"#;

    fn check(path: &str, expect: &str) {
        let found = json_path(&[Value::string(STORE), Value::string(path)]);
        let text = found.map_or_else(
            |error| format!("{:?}: {}", error.path, error.message),
            |value| value::to_text(&value),
        );
        assert_eq!(text, expect, "{path}");
    }

    #[test]
    fn steps() {
        check("$.store.book[0].title", r#"["A"]"#);
        check("store.book[0].title", r#"["A"]"#);
        check(".store.book.[0].title", r#"["A"]"#);
        check("$['store']['a.b'][\"c d\"]", "[1]");
        check("$.store.book[*].price", "[8.95, 12, 8]");
        check("$.store.book[-1].title", r#"["C"]"#);
        check("$.store.book[0,2].title", r#"["A", "C"]"#);
        check("$.store.book[0]['title','price']", r#"["A", 8.95]"#);
        check("$.store.book[0].tags.*", r#"["x", "y"]"#);
        check("$..title", r#"["A", "B", "C"]"#);
        check(
            "$..[0]",
            "[{\n\tprice = 8.95,\n\ttags  = [\"x\", \"y\"],\n\ttitle = \"A\",\n}, \"x\"]",
        );
        check("$.max", "[10]");
        check("$.nothing.here[3]", "[]");
        check("$.max[0]", "[]");
    }

    #[test]
    fn slices() {
        check("$.store.book[1:].title", r#"["B", "C"]"#);
        check("$.store.book[:2].title", r#"["A", "B"]"#);
        check("$.store.book[-2:-1].title", r#"["B"]"#);
        check("$.store.book[::2].title", r#"["A", "C"]"#);
        check("$.store.book[::-1].title", r#"["C", "B", "A"]"#);
        check("$.store.book[5:9].title", "[]");
    }

    #[test]
    fn filters() {
        check("$.store.book[?(@.price < 10)].title", r#"["A", "C"]"#);
        check("$.store.book[?(@.isbn)].title", r#"["B", "C"]"#);
        check("$.store.book[?(!@.isbn)].title", r#"["A"]"#);
        check("$.store.book[?@.title == 'B' || @.price==8].title", r#"["B", "C"]"#);
        check("$.store.book[?(@.isbn && (@.price > $.max))].title", r#"["B"]"#);
        check("$.store.book[?(@.title != \"A\")].title", r#"["B", "C"]"#);
        check("$.store.book[?(@.price >= 12.0)].title", r#"["B"]"#);
        check("$.store.book[?(@.tags[1] == 'y')].title", r#"["A"]"#);
    }

    #[test]
    fn mistakes_are_named() {
        check(
            "$.store[",
            "[Argument(1)]: is not a valid JSONPath: expected a name in quotes or an index at byte 8",
        );
        check(
            "$.store.",
            "[Argument(1)]: is not a valid JSONPath: expected a name at byte 8",
        );
        check(
            "$['a",
            "[Argument(1)]: is not a valid JSONPath: a string that does not end at byte 3",
        );
        check(
            "$ x",
            "[Argument(1)]: is not a valid JSONPath: unexpected ' ' at byte 1",
        );
        check(
            "$[::0]",
            "[Argument(1)]: is not a valid JSONPath: a step of 0 at byte 5",
        );
        check(
            "$[?(@.a ==)]",
            "[Argument(1)]: is not a valid JSONPath: expected a path or a constant at byte 10",
        );
        let deep = format!("$[?{}", "(".repeat(100_000));
        assert!(path(&deep).is_err_and(|error| error.contains("nested too deeply")));
    }
}
