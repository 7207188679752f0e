//! Tokens to an expression, with its types checked.

mod selector;

use crate::ast::{AggregateOp, BinaryOp, Expr, Grouping, Matcher, Matching, Type};
use crate::eval::QueryError;
use crate::functions::{self, Function};
use crate::lex::{self, Spanned, Token};

/// Brackets and signs within each other.
const MOST_DEPTH: usize = 60;
/// Parts of one expression: what is evaluated calls itself for each.
const MOST_PARTS: usize = 400;

/// Longer texts are refused, in bytes.
const MOST_TEXT: usize = 64 << 10;

pub(crate) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Spanned>,
    next: usize,
    depth: usize,
    parts: usize,
    selectors: usize,
}

type Parsed<T> = Result<T, QueryError>;

/// An expression, and how many selectors it has.
pub(crate) fn expression(text: &str) -> Parsed<(Expr, usize)> {
    let mut parser = Parser::new(text)?;
    if parser.peek() == &Token::End {
        return Err(parser.error("no expression found in input"));
    }
    let expr = parser.binary(0)?;
    parser.end()?;
    Ok((expr, parser.selectors))
}

/// The matchers of a selector without a range: a parameter `match[]`.
pub(crate) fn selector(text: &str) -> Parsed<Vec<Matcher>> {
    let mut parser = Parser::new(text)?;
    let matchers = match parser.advance() {
        Token::Word(name) => parser.selector(Some(name))?.matchers,
        Token::Sign("{") => {
            parser.next -= 1;
            parser.selector(None)?.matchers
        }
        _ => {
            parser.next = 0;
            return Err(parser.error("a selector is expected"));
        }
    };
    parser.end()?;
    Ok(matchers)
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Parsed<Self> {
        if text.len() > MOST_TEXT {
            return Err(QueryError::bad(format!(
                "the expression has more than {MOST_TEXT} bytes"
            )));
        }
        Ok(Parser {
            text,
            tokens: lex::tokens(text)?,
            next: 0,
            depth: 0,
            parts: 0,
            selectors: 0,
        })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next].token
    }

    /// Takes a token; the end stays.
    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    fn error(&self, what: impl Into<String>) -> QueryError {
        QueryError::syntax(self.text, self.tokens[self.next].at, what.into())
    }

    fn unexpected(&self, within: &str) -> QueryError {
        let what = match self.peek() {
            Token::End => "unexpected end of input".to_owned(),
            Token::Word(word) => format!("unexpected identifier {word:?}"),
            Token::Number(number) => format!("unexpected number {number}"),
            Token::Duration(_) => "unexpected duration".to_owned(),
            Token::Text(text) => format!("unexpected string {text:?}"),
            Token::Sign(sign) => format!("unexpected {sign:?}"),
        };
        self.error(format!("{what} in {within}"))
    }

    fn end(&self) -> Parsed<()> {
        match self.peek() {
            Token::End => Ok(()),
            _ => Err(self.unexpected("expression")),
        }
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(s) if *s == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str, within: &str) -> Parsed<()> {
        if self.eat(sign) {
            return Ok(());
        }
        let unexpected = self.unexpected(within);
        Err(unexpected.more(&format!(", expected {sign:?}")))
    }

    /// Whether the next word is this keyword; keywords are in any case.
    fn at_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        self.next += usize::from(found);
        found
    }

    fn count(&mut self) -> Parsed<()> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(self.error(format!("the expression has more than {MOST_PARTS} parts")));
        }
        Ok(())
    }

    fn binary_op(&self) -> Option<BinaryOp> {
        use BinaryOp::*;
        Some(match self.peek() {
            Token::Sign("==") => Equal,
            Token::Sign("!=") => NotEqual,
            Token::Sign("<") => Less,
            Token::Sign("<=") => LessEqual,
            Token::Sign(">") => Greater,
            Token::Sign(">=") => GreaterEqual,
            Token::Sign("+") => Add,
            Token::Sign("-") => Subtract,
            Token::Sign("*") => Multiply,
            Token::Sign("/") => Divide,
            Token::Sign("%") => Modulo,
            Token::Sign("^") => Power,
            Token::Word(_) if self.at_keyword("or") => Or,
            Token::Word(_) if self.at_keyword("and") => And,
            Token::Word(_) if self.at_keyword("unless") => Unless,
            Token::Word(_) if self.at_keyword("atan2") => Atan2,
            _ => return None,
        })
    }

    /// Operands and operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while let Some(op) = self.binary_op().filter(|op| op.precedence() >= least) {
            let at = self.next;
            self.next += 1;
            self.count()?;
            let bool = self.eat_keyword("bool");
            let (matching, matched) = self.matching()?;
            // Only powers group to the right.
            let right_least = op.precedence() + u8::from(op != BinaryOp::Power);
            let right = self.binary(right_least)?;
            let problem = check_binary(op, bool, matched, &left, &right);
            if let Some(problem) = problem {
                self.next = at;
                return Err(self.error(problem));
            }
            left = Expr::Binary {
                op,
                bool,
                matching,
                left: Box::new(left),
                right: Box::new(right),
            };
        }
        Ok(left)
    }

    /// `on` or `ignoring`, and whether it was there.
    fn matching(&mut self) -> Parsed<(Matching, bool)> {
        let on = self.eat_keyword("on");
        if !on && !self.eat_keyword("ignoring") {
            return Ok((Matching::default(), false));
        }
        let labels = self.label_list()?;
        if self.at_keyword("group_left") || self.at_keyword("group_right") {
            return Err(self
                .error("matching of many to one (group_left, group_right) is not supported")
                .unsupported());
        }
        Ok((Matching { on, labels }, true))
    }

    fn label_list(&mut self) -> Parsed<Vec<String>> {
        let within = "grouping";
        self.expect("(", within)?;
        let mut labels = Vec::new();
        while !self.eat(")") {
            let at = self.next;
            match self.advance() {
                Token::Word(word) if !word.contains(':') => labels.push(word),
                Token::Text(text) if !text.is_empty() => labels.push(text),
                _ => {
                    self.next = at;
                    return Err(self.unexpected(within).more(", expected label"));
                }
            }
            if !self.eat(",") {
                self.expect(")", within)?;
                break;
            }
        }
        Ok(labels)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let negative = if self.eat("-") {
            true
        } else if self.eat("+") {
            false
        } else {
            return self.postfix();
        };
        self.deeper(|parser| {
            // A sign binds weaker than a power, stronger than the rest.
            let of = parser.binary(BinaryOp::Power.precedence())?;
            if of.kind() == Type::Matrix {
                return Err(
                    parser.error("unary expression only allowed on expressions of type scalar or instant vector")
                );
            }
            Ok(match of {
                of if !negative => of,
                Expr::Number(number) => Expr::Number(-number),
                of => Expr::Negate(Box::new(of)),
            })
        })
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MOST_DEPTH {
            return Err(self.error(format!("the expression is nested more than {MOST_DEPTH} deep")));
        }
        self.depth += 1;
        self.count()?;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// A primary expression with its range and offset.
    fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        loop {
            let at = self.next;
            if self.eat("[") {
                let range = self.duration("range")?;
                if self.eat(":") {
                    self.next = at;
                    return Err(self.error("subqueries are not supported").unsupported());
                }
                self.expect("]", "range")?;
                let Expr::Selector(selector) = &mut expr else {
                    self.next = at;
                    return Err(self.error("ranges only allowed for vector selectors"));
                };
                if selector.range.is_some() || selector.offset != 0 || range <= 0 {
                    self.next = at;
                    return Err(self.error(if range <= 0 {
                        "duration must be greater than 0"
                    } else {
                        "a range stands directly behind its selector"
                    }));
                }
                selector.range = Some(range);
            } else if self.eat_keyword("offset") {
                let negative = self.eat("-");
                let offset = self.duration("offset")?;
                let Expr::Selector(selector) = &mut expr else {
                    self.next = at;
                    return Err(self.error("offset modifier must be preceded by a selector"));
                };
                if selector.offset != 0 {
                    self.next = at;
                    return Err(self.error("offset may not be set multiple times"));
                }
                selector.offset = if negative { -offset } else { offset };
            } else if self.eat("@") {
                self.next = at;
                return Err(self.error("the modifier @ is not supported").unsupported());
            } else {
                return Ok(expr);
            }
        }
    }

    /// Milliseconds; a number is in seconds.
    fn duration(&mut self, within: &str) -> Parsed<i64> {
        match self.peek() {
            Token::Duration(duration) => {
                let duration = *duration;
                self.next += 1;
                Ok(duration)
            }
            Token::Number(seconds) if seconds.abs() < 1e12 => {
                let duration = (seconds * 1000.0).round() as i64;
                self.next += 1;
                Ok(duration)
            }
            _ => Err(self.unexpected(within).more(", expected duration")),
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        self.count()?;
        match self.advance() {
            Token::Number(number) => Ok(Expr::Number(number)),
            // A duration that is no range is a number of seconds.
            Token::Duration(milliseconds) => Ok(Expr::Number(milliseconds as f64 / 1000.0)),
            Token::Sign("(") => self.deeper(|parser| {
                let inner = parser.binary(0)?;
                parser.expect(")", "parentheses")?;
                Ok(inner)
            }),
            Token::Sign("{") => {
                self.next -= 1;
                self.selector(None).map(Expr::Selector)
            }
            Token::Word(word) => self.named(word),
            Token::Text(_) => {
                self.next -= 1;
                Err(self
                    .error("strings are supported only as values of labels")
                    .unsupported())
            }
            token => {
                self.next -= usize::from(token != Token::End);
                Err(self.unexpected("expression"))
            }
        }
    }

    /// An aggregation, a call or a selector.
    fn named(&mut self, word: String) -> Parsed<Expr> {
        let lower = word.to_ascii_lowercase();
        let grouped = self.at_keyword("by") || self.at_keyword("without");
        let bracket = matches!(self.peek(), Token::Sign("("));
        if bracket || grouped {
            if let Some((_, op)) = AggregateOp::ALL.iter().find(|(name, _)| *name == lower) {
                return self.deeper(|parser| parser.aggregate(*op));
            }
            if bracket {
                let Some(function) = functions::find(&word) else {
                    self.next -= 1;
                    return Err(self.error(format!("the function {word:?} is not known")).unsupported());
                };
                return self.deeper(|parser| parser.call(function));
            }
        }
        self.selector(Some(word)).map(Expr::Selector)
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = self.eat_keyword("without");
        if !without && !self.eat_keyword("by") {
            return Ok(None);
        }
        let labels = self.label_list()?;
        Ok(Some(Grouping { without, labels }))
    }

    fn aggregate(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let before = self.grouping()?;
        let mut arguments = self.arguments("aggregation")?;
        let after = if before.is_none() { self.grouping()? } else { None };
        let of = arguments.pop();
        let parameter = arguments.pop();
        let (Some(of), true) = (of, arguments.is_empty() && parameter.is_some() == op.takes_parameter()) else {
            let wanted = 1 + usize::from(op.takes_parameter());
            return Err(self.error(format!(
                "wrong number of arguments for aggregate expression, expected {wanted}"
            )));
        };
        self.check(&of, Type::Vector, "aggregation expression")?;
        if let Some(parameter) = &parameter {
            self.check(parameter, Type::Scalar, "aggregation parameter")?;
        }
        Ok(Expr::Aggregate {
            op,
            grouping: before.or(after).unwrap_or_default(),
            parameter: parameter.map(Box::new),
            of: Box::new(of),
        })
    }

    fn arguments(&mut self, within: &str) -> Parsed<Vec<Expr>> {
        self.expect("(", within)?;
        let mut arguments = Vec::new();
        if self.eat(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.binary(0)?);
            if !self.eat(",") {
                self.expect(")", within)?;
                return Ok(arguments);
            }
        }
    }

    fn call(&mut self, function: &'static Function) -> Parsed<Expr> {
        let arguments = self.arguments("function call")?;
        let (least, most) = (function.takes.len() - function.optional, function.takes.len());
        if !(least..=most).contains(&arguments.len()) {
            let name = function.name;
            return Err(self.error(format!(
                "expected {most} argument(s) in call to {name:?}, got {}",
                arguments.len()
            )));
        }
        for (argument, kind) in arguments.iter().zip(function.takes) {
            self.check(argument, *kind, &format!("call to function {:?}", function.name))?;
        }
        Ok(Expr::Call { function, arguments })
    }

    fn check(&self, expr: &Expr, expect: Type, within: &str) -> Parsed<()> {
        if expr.kind() == expect {
            return Ok(());
        }
        let (expect, got) = (expect.describe(), expr.kind().describe());
        Err(self.error(format!("expected type {expect} in {within}, got {got}")))
    }
}

/// What is wrong with operands.
fn check_binary(op: BinaryOp, bool: bool, matched: bool, left: &Expr, right: &Expr) -> Option<&'static str> {
    let kinds = [left.kind(), right.kind()];
    let vectors = kinds == [Type::Vector; 2];
    if kinds.contains(&Type::Matrix) {
        return Some("binary expression must contain only scalar and instant vector types");
    }
    if bool && !op.is_comparison() {
        return Some("bool modifier can only be used on comparison operators");
    }
    if op.is_comparison() && !bool && kinds == [Type::Scalar; 2] {
        return Some("comparisons between scalars must use BOOL modifier");
    }
    if op.is_set() && !vectors {
        return Some("set operator not allowed in binary scalar expression");
    }
    (matched && !vectors).then_some("vector matching only allowed between instant vectors")
}
