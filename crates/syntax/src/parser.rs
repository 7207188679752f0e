//! From tokens to the tree: recursive descent that always gives a tree, with diagnostics for what it had to skip.

mod expr;

use crate::ast::*;
use crate::diag::Diagnostic;
use crate::ident;
use crate::literal::quote;
use crate::scanner::Scanner;
use crate::source::Source;
use crate::token::{Span, Token, TokenKind};

/// Deepest nesting of blocks, brackets and operators that is accepted.
pub const MAX_NESTING: u32 = 200;
/// Greatest height of the tree of one expression; chains such as `a + b + c` grow it by one for each operator.
pub const MAX_HEIGHT: u32 = 1000;

/// Parses a whole file. The tree of a text with diagnostics holds what could be understood; it must not be run.
pub fn parse(file_name: &str, source: &[u8]) -> (File, Vec<Diagnostic>) {
    let source_len = source.len();
    let source = Source::new(file_name, source);
    let mut parser = Parser::new(&source);
    if source_len > Source::MAX_LEN {
        parser
            .diags
            .push(Diagnostic::error("file is larger than 4 GiB, split it").at_offset(&source, 0));
    }
    let body = parser.body(TokenKind::Eof);
    let Parser {
        comments,
        tokens,
        diags,
        ..
    } = parser;
    (
        File {
            source,
            body,
            comments,
            tokens,
        },
        diags,
    )
}

/// Parses one expression, which must be all of the text. Its positions have no file name.
pub fn parse_expression(source: &[u8]) -> (Expr, Vec<Diagnostic>) {
    let source = Source::new("", source);
    let mut parser = Parser::new(&source);
    let expr = parser.expression();
    parser.expect(TokenKind::Terminator);
    (expr, parser.diags)
}

struct Parser<'a> {
    source: &'a Source,
    scanner: Scanner<'a>,
    tokens: Vec<Token>,
    comments: Vec<CommentGroup>,
    diags: Vec<Diagnostic>,
    /// Current token, never a comment.
    tok: Token,
    /// End of the token before it.
    prev_end: u32,
    /// Line of the last error kept; a second one on it is most likely its consequence.
    error_line: u32,
    nesting: u32,
    /// Height of the expression parsed last.
    height: u32,
    /// Set when the text is nested too deeply: nothing after that is looked at.
    aborted: bool,
}

/// The part of a statement before `=` or `{`.
struct Header {
    /// Never empty.
    name: Vec<Ident>,
    label: Option<Label>,
    label_span: Option<Span>,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source) -> Parser<'a> {
        let mut parser = Parser {
            source,
            scanner: Scanner::new(source.text()),
            tokens: Vec::with_capacity(source.text().len() / 6),
            comments: Vec::new(),
            diags: Vec::new(),
            tok: Token {
                kind: TokenKind::Eof,
                span: Span::default(),
            },
            prev_end: 0,
            error_line: 0,
            nesting: 0,
            height: 0,
            aborted: false,
        };
        parser.next();
        parser
    }

    /// Moves to the next token that is not a comment.
    fn next(&mut self) {
        if self.aborted {
            return;
        }
        self.prev_end = self.tok.span.end;
        self.scan();
        while self.tok.kind == TokenKind::Comment {
            let mut group = Vec::new();
            let mut last_line = self.source.line(self.tok.span.start);
            while self.tok.kind == TokenKind::Comment && self.source.line(self.tok.span.start) <= last_line + 1 {
                last_line = self.source.line(self.tok.span.last());
                group.push(self.tok.span);
                self.scan();
            }
            self.comments.push(CommentGroup(group));
        }
    }

    fn scan(&mut self) {
        self.tok = self.scanner.scan();
        self.tokens.push(self.tok);
        for error in self.scanner.errors.drain(..) {
            self.diags
                .push(Diagnostic::error(error.message).at_offset(self.source, error.offset));
        }
    }

    fn at(&self, kind: TokenKind) -> bool {
        self.tok.kind == kind
    }

    fn text(&self, span: Span) -> String {
        String::from_utf8_lossy(self.source.slice(span)).into_owned()
    }

    fn ident(&self) -> Ident {
        Ident {
            name: self.text(self.tok.span),
            span: self.tok.span,
        }
    }

    /// Reports an error at the current token, the first one of its line only.
    fn error(&mut self, message: impl Into<String>) {
        let line = self.source.line(self.tok.span.start);
        if self.aborted || self.error_line == line {
            return;
        }
        self.error_line = line;
        self.diags
            .push(Diagnostic::error(message).at_offset(self.source, self.tok.span.start));
    }

    /// Consumes the current token, which should be a `kind`.
    fn expect(&mut self, kind: TokenKind) -> Token {
        let token = self.tok;
        if token.kind != kind {
            self.error(format!("expected {kind}, got {}", token.kind));
        }
        self.next();
        token
    }

    fn skip_to(&mut self, kinds: &[TokenKind]) {
        while !self.at(TokenKind::Eof) && !kinds.contains(&self.tok.kind) {
            self.next();
        }
    }

    /// Skips the rest of a statement, up to a terminator that is not inside of brackets opened on the way.
    fn skip_statement(&mut self) {
        let (mut curly, mut brack, mut paren) = (0i64, 0i64, 0i64);
        while !self.at(TokenKind::Eof) {
            match self.tok.kind {
                TokenKind::LCurly => curly += 1,
                TokenKind::RCurly => curly -= 1,
                TokenKind::LBrack => brack += 1,
                TokenKind::RBrack => brack -= 1,
                TokenKind::LParen => paren += 1,
                TokenKind::RParen => paren -= 1,
                TokenKind::Terminator if curly <= 0 && brack <= 0 && paren <= 0 => return,
                _ => {}
            }
            self.next();
        }
    }

    /// Counts one level of nesting. The recursion of this parser and of all that walk the tree is bounded by it.
    fn enter(&mut self) {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            self.abort(format!("nested more than {MAX_NESTING} levels deep"));
        }
    }

    /// Notes the height of an expression that was put together from others.
    fn grow(&mut self, height: u32) {
        self.height = height + 1;
        if self.height > MAX_HEIGHT {
            self.abort(format!(
                "expression has more than {MAX_HEIGHT} nested operations, split it"
            ));
        }
    }

    fn abort(&mut self, message: String) {
        if !self.aborted {
            self.diags
                .push(Diagnostic::error(message).at_offset(self.source, self.tok.span.start));
            self.aborted = true;
            self.tok = Token {
                kind: TokenKind::Eof,
                span: Span::new(self.tok.span.start, self.tok.span.start),
            };
        }
    }

    /// Body = [ Stmt { TERMINATOR Stmt } ], up to `until`, which is not consumed.
    fn body(&mut self, until: TokenKind) -> Body {
        let mut body = Body::default();
        while !self.at(until) && !self.at(TokenKind::Eof) {
            body.stmts.extend(self.statement());
            if self.at(until) {
                break;
            }
            if !self.at(TokenKind::Terminator) {
                self.error(format!("expected {}, got {}", TokenKind::Terminator, self.tok.kind));
                self.skip_statement();
            }
            self.next();
        }
        body
    }

    /// Stmt = Attribute | Block
    fn statement(&mut self) -> Option<Stmt> {
        let Some(header) = self.header() else {
            self.skip_to(&[TokenKind::Ident]);
            return None;
        };
        match self.tok.kind {
            TokenKind::Assign => {
                self.next();
                Some(Stmt::Attribute(self.attribute(header)))
            }
            TokenKind::LCurly => Some(Stmt::Block(self.block(header))),
            found => {
                if header.name.len() == 1 && header.label.is_none() {
                    self.error(format!("expected attribute assignment or block body, got {found}"));
                } else {
                    self.error(format!("expected block body, got {found}"));
                }
                self.skip_to(&[TokenKind::Ident]);
                None
            }
        }
    }

    fn attribute(&mut self, mut header: Header) -> Attribute {
        let span = header
            .name
            .iter()
            .fold(header.name[0].span, |span, part| span.to(part.span));
        if header.name.len() > 1 {
            let message = "attribute names may only consist of a single identifier with no \".\"";
            self.diags.push(Diagnostic::error(message).at(self.source, span));
        } else if let Some(label) = header.label_span {
            self.diags
                .push(Diagnostic::error("attribute names may not have labels").at(self.source, label));
        }
        Attribute {
            name: header.name.swap_remove(0),
            value: self.expression(),
        }
    }

    fn block(&mut self, header: Header) -> Block {
        let lcurly = self.expect(TokenKind::LCurly).span.start;
        self.enter();
        let body = self.body(TokenKind::RCurly);
        self.nesting -= 1;
        let rcurly = self.expect(TokenKind::RCurly).span.start;
        Block {
            name: header.name,
            label: header.label,
            label_span: header.label_span,
            body,
            lcurly,
            rcurly,
        }
    }

    /// IDENT { "." IDENT } [ STRING ]
    fn header(&mut self) -> Option<Header> {
        if !self.at(TokenKind::Ident) {
            self.error(format!("expected identifier, got {}", self.tok.kind));
            return None;
        }
        let mut header = Header {
            name: vec![self.ident()],
            label: None,
            label_span: None,
        };
        self.next();
        while self.at(TokenKind::Dot) {
            self.next();
            if !self.at(TokenKind::Ident) {
                self.error(format!("expected identifier, got {}", self.tok.kind));
            }
            header.name.push(self.ident());
            self.next();
        }
        match self.tok.kind {
            TokenKind::Assign | TokenKind::LCurly => return Some(header),
            TokenKind::String => self.label(&mut header),
            found => self.error(format!("expected block label, got {found}")),
        }
        self.next();
        Some(header)
    }

    fn label(&mut self, header: &mut Header) {
        let span = self.tok.span;
        let literal = self.source.slice(span);
        if !literal.starts_with(b"\"") {
            let quoted = quote(literal);
            self.error(format!(
                "expected block label to be a double quoted string, but got {quoted}"
            ));
        }
        if let Some(inner) = inner(literal) {
            let name = String::from_utf8_lossy(inner).into_owned();
            if !ident::is_valid(&name) {
                let quoted = quote(inner);
                self.error(format!(
                    "expected block label to be a valid identifier, but got {quoted}"
                ));
            }
            header.label = Some(Label { name, span });
        }
        header.label_span = Some(span);
    }
}

/// What is between the quotes of a literal that is not empty.
fn inner(literal: &[u8]) -> Option<&[u8]> {
    literal
        .get(1..literal.len().saturating_sub(1))
        .filter(|inner| !inner.is_empty())
}
