//! Expressions.

use super::{Parser, inner};
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::token::{Span, Token, TokenKind};

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Expr {
        self.binary(1)
    }

    /// Binary operators that bind at least as strongly as `least`, all of them left-associative; `power` has the other one.
    fn binary(&mut self, least: u8) -> Expr {
        let mut left = self.power();
        loop {
            let op = BinaryOp::from_token(self.tok.kind).filter(|op| op.precedence() >= least);
            let Some(op) = op else {
                return left;
            };
            let left_height = self.height;
            let op_span = self.tok.span;
            self.next();
            let right = self.binary(op.precedence() + 1);
            self.grow(left_height.max(self.height));
            let span = Span::new(left.span.start, right.span.end);
            left = Expr {
                kind: ExprKind::Binary {
                    op,
                    op_span,
                    left: left.into(),
                    right: right.into(),
                },
                span,
            };
        }
    }

    /// Power = Unary [ "^" Power ]
    fn power(&mut self) -> Expr {
        let left = self.unary();
        if !self.at(TokenKind::Pow) {
            return left;
        }
        let left_height = self.height;
        let op_span = self.tok.span;
        self.next();
        self.enter();
        let right = self.power();
        self.nesting -= 1;
        self.grow(left_height.max(self.height));
        let span = Span::new(left.span.start, right.span.end);
        Expr {
            kind: ExprKind::Binary {
                op: BinaryOp::Pow,
                op_span,
                left: left.into(),
                right: right.into(),
            },
            span,
        }
    }

    /// Unary = Postfix | ( "!" | "-" ) Unary
    fn unary(&mut self) -> Expr {
        self.enter();
        let start = self.tok.span.start;
        let op = match self.tok.kind {
            TokenKind::Not => Some(UnaryOp::Not),
            TokenKind::Sub => Some(UnaryOp::Neg),
            _ => None,
        };
        let expr = match op {
            Some(op) => {
                self.next();
                let value = self.unary();
                self.grow(self.height);
                let span = Span::new(start, value.span.end);
                Expr {
                    kind: ExprKind::Unary {
                        op,
                        value: value.into(),
                    },
                    span,
                }
            }
            None => self.postfix(),
        };
        self.nesting -= 1;
        expr
    }

    /// Postfix = Primary { "." IDENT | "[" Expr "]" | "(" [ List ] ")" }
    fn postfix(&mut self) -> Expr {
        let mut value = self.primary();
        loop {
            let height = self.height;
            let start = value.span.start;
            let lead = self.tok.span.start;
            let kind = match self.tok.kind {
                TokenKind::Dot => {
                    self.next();
                    let name = self.ident();
                    self.expect(TokenKind::Ident);
                    self.height = 0;
                    ExprKind::Access {
                        value: value.into(),
                        name,
                    }
                }
                TokenKind::LBrack => {
                    self.next();
                    let index = self.expression();
                    self.expect(TokenKind::RBrack);
                    ExprKind::Index {
                        value: value.into(),
                        index: index.into(),
                        lbrack: lead,
                    }
                }
                TokenKind::LParen => {
                    self.next();
                    let args = self.list(TokenKind::RParen);
                    self.expect(TokenKind::RParen);
                    ExprKind::Call {
                        value: value.into(),
                        args,
                        lparen: lead,
                    }
                }
                TokenKind::String | TokenKind::LCurly => {
                    if !self.block_as_value(&value) {
                        return value;
                    }
                    continue;
                }
                _ => return value,
            };
            self.grow(height.max(self.height));
            value = Expr {
                kind,
                span: Span::new(start, self.prev_end.max(start)),
            };
        }
    }

    /// Consumes a block body after what was taken for a value, to report it as a whole. False if it is no block either.
    fn block_as_value(&mut self, value: &Expr) -> bool {
        if self.at(TokenKind::String) {
            self.next();
        }
        let height = self.height;
        let opened = self.expect(TokenKind::LCurly).kind == TokenKind::LCurly;
        if opened {
            self.enter();
            self.body(TokenKind::RCurly);
            self.nesting -= 1;
            let end = self.expect(TokenKind::RCurly);
            self.height = height;
            if end.kind == TokenKind::RCurly {
                let span = Span::new(value.span.start, end.span.end);
                self.diags
                    .push(Diagnostic::error("cannot use a block as an expression").at(self.source, span));
                return true;
            }
        }
        self.skip_statement();
        false
    }

    fn primary(&mut self) -> Expr {
        let Token { kind, span } = self.tok;
        self.height = 0;
        let literal = match kind {
            TokenKind::Number => Some(LiteralKind::Number),
            TokenKind::Float => Some(LiteralKind::Float),
            TokenKind::String => Some(LiteralKind::String),
            TokenKind::Bool => Some(LiteralKind::Bool),
            TokenKind::Null => Some(LiteralKind::Null),
            _ => None,
        };
        let kind = match kind {
            TokenKind::Ident => {
                let ident = self.ident();
                self.next();
                ExprKind::Ident(ident)
            }
            TokenKind::LParen => {
                self.next();
                let inner = self.expression();
                self.expect(TokenKind::RParen);
                self.grow(self.height);
                ExprKind::Paren(inner.into())
            }
            TokenKind::LBrack => {
                self.next();
                let elements = self.list(TokenKind::RBrack);
                self.expect(TokenKind::RBrack);
                self.grow(self.height);
                ExprKind::Array(elements)
            }
            TokenKind::LCurly => {
                self.next();
                let fields = self.fields();
                self.expect(TokenKind::RCurly);
                self.grow(self.height);
                ExprKind::Object(fields)
            }
            found => match literal {
                Some(kind) => {
                    let text = self.text(span);
                    self.next();
                    ExprKind::Literal(Literal { kind, text })
                }
                None => {
                    self.error(format!("expected expression, got {found}"));
                    use TokenKind::*;
                    self.skip_to(&[Terminator, RParen, RCurly, RBrack, Comma]);
                    let kind = ExprKind::Literal(Literal {
                        kind: LiteralKind::Null,
                        text: "null".into(),
                    });
                    return Expr {
                        kind,
                        span: Span::new(span.start, span.start),
                    };
                }
            },
        };
        Expr {
            kind,
            span: Span::new(span.start, self.prev_end.max(span.start)),
        }
    }

    /// List = [ Expr { "," Expr } [ "," ] ], up to `until`.
    fn list(&mut self, until: TokenKind) -> Vec<Expr> {
        let mut exprs = Vec::new();
        let mut height = 0;
        while !self.at(until) && !self.at(TokenKind::Eof) {
            exprs.push(self.expression());
            height = height.max(self.height);
            if self.at(until) {
                break;
            }
            if !self.at(TokenKind::Comma) {
                self.error("missing ',' in expression list");
            }
            self.next();
        }
        self.height = height;
        exprs
    }

    /// Fields = [ Field { "," Field } [ "," ] ], up to the closing brace.
    fn fields(&mut self) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut height = 0;
        // "{]" is more likely a slip of the brace than a bad field name.
        if self.at(TokenKind::RBrack) {
            return fields;
        }
        while !self.at(TokenKind::RCurly) && !self.at(TokenKind::Eof) {
            fields.push(self.field());
            height = height.max(self.height);
            if self.at(TokenKind::RCurly) {
                break;
            }
            if !self.at(TokenKind::Comma) {
                self.error("missing ',' in field list");
            }
            self.next();
        }
        self.height = height;
        fields
    }

    /// Field = ( STRING | IDENT ) "=" Expr
    fn field(&mut self) -> Field {
        let mut key = self.ident();
        let mut quotes = KeyQuotes::None;
        match self.tok.kind {
            TokenKind::String => {
                let literal = self.source.slice(self.tok.span);
                if let Some(inner) = inner(literal) {
                    quotes = if literal[0] == b'`' {
                        KeyQuotes::Back
                    } else {
                        KeyQuotes::Double
                    };
                    key.name = String::from_utf8_lossy(inner).into_owned();
                }
                self.next();
            }
            TokenKind::Ident => self.next(),
            found => {
                self.error(format!("expected field name (string or identifier), got {found}"));
                self.skip_to(&[TokenKind::Assign]);
            }
        }
        self.expect(TokenKind::Assign);
        let value = self.expression();
        Field { key, quotes, value }
    }
}
