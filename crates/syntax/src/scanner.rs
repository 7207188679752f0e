//! From bytes to tokens.
//!
//! A newline ends a statement only after a token that can end one; the scanner then emits a terminator token. Errors never stop it.

use crate::ident::{is_digit, is_keyword, is_letter};
use crate::literal::is_printable;
use crate::token::{Span, Token, TokenKind};

/// Where and why the text is not well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// Offset in bytes.
    pub offset: u32,
    /// What is wrong.
    pub message: String,
}

/// Scans all of `text`, comments included; the last token is the end of the file. `text` holds less than 4 GiB.
pub fn scan(text: &[u8]) -> (Vec<Token>, Vec<ScanError>) {
    let mut scanner = Scanner::new(text);
    let mut tokens = Vec::with_capacity(text.len() / 6);
    loop {
        let token = scanner.scan();
        tokens.push(token);
        if token.kind == TokenKind::Eof {
            return (tokens, scanner.errors);
        }
    }
}

/// Text of a comment: its bytes without carriage returns.
pub fn comment_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\r') {
        strip_cr(&text)
    } else {
        text.into_owned()
    }
}

fn strip_cr(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let block = text.starts_with("/*");
    for (i, c) in text.char_indices() {
        // Dropping the return of "*\r/" would end the comment early.
        let splits_end = block && out.len() > 2 && out.ends_with('*') && text[i + c.len_utf8()..].starts_with('/');
        if c != '\r' || splits_end {
            out.push(c);
        }
    }
    out
}

/// A scanner over one text. It holds one character of lookahead.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    /// Current character; `None` at the end. A malformed byte reads as U+FFFD.
    ch: Option<char>,
    /// Offset of `ch`.
    offset: usize,
    /// Offset after `ch`.
    next_offset: usize,
    /// Whether a newline here is a terminator.
    newline_terminates: bool,
    /// Errors found so far; the parser takes them after each token.
    pub(crate) errors: Vec<ScanError>,
}

const BOM: char = '\u{feff}';

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Scanner<'a> {
        let mut scanner = Scanner {
            text,
            ch: None,
            offset: 0,
            next_offset: 0,
            newline_terminates: false,
            errors: Vec::new(),
        };
        scanner.advance();
        if scanner.ch == Some(BOM) {
            scanner.advance();
        }
        scanner
    }

    fn error(&mut self, offset: usize, message: impl Into<String>) {
        self.errors.push(ScanError {
            offset: offset as u32,
            message: message.into(),
        });
    }

    /// Reads the next character.
    fn advance(&mut self) {
        self.offset = self.next_offset;
        let Some(&byte) = self.text.get(self.offset) else {
            self.ch = None;
            return;
        };
        if byte.is_ascii() {
            if byte == 0 {
                self.error(self.offset, "illegal character NUL");
            }
            self.next_offset += 1;
            self.ch = Some(byte as char);
            return;
        }
        match decode(&self.text[self.offset..]) {
            Some(c) => {
                if c == BOM && self.offset > 0 {
                    self.error(self.offset, "illegal byte order mark");
                }
                self.next_offset += c.len_utf8();
                self.ch = Some(c);
            }
            None => {
                self.error(self.offset, "illegal UTF-8 encoding");
                self.next_offset += 1;
                self.ch = Some(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(' ' | '\t' | '\r' | '\n') = self.ch {
            if self.ch == Some('\n') && self.newline_terminates {
                return;
            }
            self.advance();
        }
    }

    fn token(&self, kind: TokenKind, start: usize) -> Token {
        Token {
            kind,
            span: Span::new(start as u32, self.offset as u32),
        }
    }

    /// The next token.
    pub(crate) fn scan(&mut self) -> Token {
        self.skip_blanks();
        let start = self.offset;
        let Some(ch) = self.ch else {
            let kind = if self.newline_terminates {
                TokenKind::Terminator
            } else {
                TokenKind::Eof
            };
            self.newline_terminates = false;
            return self.token(kind, start);
        };

        let kind = if is_letter(ch) {
            self.identifier(start)
        } else if ch.is_ascii_digit() || (ch == '.' && self.text.get(self.next_offset).is_some_and(u8::is_ascii_digit))
        {
            self.number(start)
        } else {
            if ch == '/' && self.newline_terminates && self.comment_ends_line(start) {
                self.newline_terminates = false;
                return self.token(TokenKind::Terminator, start);
            }
            self.advance();
            self.symbol(ch, start)
        };

        use TokenKind::*;
        self.newline_terminates = match kind {
            Ident | Number | Float | String | Bool | Null | RCurly | RParen | RBrack => true,
            Illegal => ch == '\'' || self.newline_terminates,
            _ => false,
        };
        self.token(kind, start)
    }

    fn identifier(&mut self, start: usize) -> TokenKind {
        while self.ch.is_some_and(|c| is_letter(c) || is_digit(c)) {
            self.advance();
        }
        match &self.text[start..self.offset] {
            b"null" => TokenKind::Null,
            text if std::str::from_utf8(text).is_ok_and(is_keyword) => TokenKind::Bool,
            _ => TokenKind::Ident,
        }
    }

    fn number(&mut self, start: usize) -> TokenKind {
        let mut kind = TokenKind::Number;
        self.digits();
        if self.ch == Some('.') {
            kind = TokenKind::Float;
            self.advance();
            self.digits();
        }
        if let Some('e' | 'E') = self.ch {
            kind = TokenKind::Float;
            self.advance();
            if let Some('+' | '-') = self.ch {
                self.advance();
            }
            if self.digits() == 0 {
                self.error(start, "exponent has no digits");
            }
        }
        kind
    }

    fn digits(&mut self) -> usize {
        let start = self.offset;
        while self.ch.is_some_and(|c| c.is_ascii_digit()) {
            self.advance();
        }
        self.offset - start
    }

    /// The token that starts with `first`, which is consumed.
    fn symbol(&mut self, first: char, start: usize) -> TokenKind {
        match first {
            '\n' => TokenKind::Terminator,
            '\'' => {
                self.error(start, "illegal single-quoted string; use double quotes");
                self.string('\'', start);
                TokenKind::Illegal
            }
            '"' | '`' => {
                self.string(first, start);
                TokenKind::String
            }
            '|' => self.doubled('|', TokenKind::Or),
            '&' => self.doubled('&', TokenKind::And),
            '!' => self.with_equals(TokenKind::Not, TokenKind::Neq),
            '=' => self.with_equals(TokenKind::Assign, TokenKind::Eq),
            '<' => self.with_equals(TokenKind::Lt, TokenKind::Lte),
            '>' => self.with_equals(TokenKind::Gt, TokenKind::Gte),
            '+' => TokenKind::Add,
            '-' => TokenKind::Sub,
            '*' => TokenKind::Mul,
            '/' => match self.ch {
                Some('/' | '*') => {
                    self.comment(start);
                    TokenKind::Comment
                }
                _ => TokenKind::Div,
            },
            '%' => TokenKind::Mod,
            '^' => TokenKind::Pow,
            '{' => TokenKind::LCurly,
            '}' => TokenKind::RCurly,
            '(' => TokenKind::LParen,
            ')' => TokenKind::RParen,
            '[' => TokenKind::LBrack,
            ']' => TokenKind::RBrack,
            ',' => TokenKind::Comma,
            '.' => TokenKind::Dot,
            c => {
                // A byte order mark was reported when it was read.
                if c != BOM {
                    self.error(start, format!("illegal character {}", describe(c)));
                }
                TokenKind::Illegal
            }
        }
    }

    fn doubled(&mut self, c: char, kind: TokenKind) -> TokenKind {
        if self.ch == Some(c) {
            self.advance();
        } else {
            self.error(self.offset, format!("missing second {c} in {kind}"));
        }
        kind
    }

    fn with_equals(&mut self, alone: TokenKind, with: TokenKind) -> TokenKind {
        if self.ch == Some('=') {
            self.advance();
            return with;
        }
        alone
    }

    /// A string after its opening quote. Only back-quoted ones may span lines, the others know escapes.
    fn string(&mut self, quote: char, start: usize) {
        let raw = quote == '`';
        loop {
            match self.ch {
                None => return self.error(start, "string literal not terminated"),
                Some('\n') if !raw => return self.error(start, "string literal not terminated"),
                Some(c) => {
                    self.advance();
                    if c == quote {
                        return;
                    }
                    if c == '\\' && !raw {
                        self.escape();
                    }
                }
            }
        }
    }

    /// Checks an escape sequence after its backslash; stops before the offending character.
    fn escape(&mut self) {
        let start = self.offset;
        let (count, base, max) = match self.ch {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '"') => return self.advance(),
            Some('0'..='7') => (3, 8, 255),
            Some(c @ ('x' | 'u' | 'U')) => {
                self.advance();
                match c {
                    'x' => (2, 16, 255),
                    'u' => (4, 16, 0x10ffff),
                    _ => (8, 16, 0x10ffff),
                }
            }
            Some(_) => return self.error(start, "unknown escape sequence"),
            None => return self.error(start, "escape sequence not terminated"),
        };
        let mut value: u64 = 0;
        for _ in 0..count {
            let Some(c) = self.ch else {
                return self.error(start, "escape sequence not terminated");
            };
            let Some(digit) = c.to_digit(base) else {
                return self.error(start, format!("illegal character {} in escape sequence", describe(c)));
            };
            value = value * u64::from(base) + u64::from(digit);
            self.advance();
        }
        if value > max || (0xd800..0xe000).contains(&value) {
            self.error(start, "escape sequence is invalid Unicode code point");
        }
    }

    /// A comment after its first slash. The newline after a line comment, and a return before it, are not part of the token.
    fn comment(&mut self, start: usize) {
        if self.ch == Some('/') {
            while self.ch.is_some_and(|c| c != '\n') {
                self.advance();
            }
            return;
        }
        self.advance();
        while let Some(c) = self.ch {
            self.advance();
            if c == '*' && self.ch == Some('/') {
                return self.advance();
            }
        }
        self.error(start, "block comment not terminated");
    }

    /// Whether the comment at `at`, with the comments that follow it on its line, reaches the end of the line or of the text.
    /// A slash that starts no comment gives false.
    fn comment_ends_line(&self, mut at: usize) -> bool {
        loop {
            match self.text.get(at..at + 2) {
                Some(b"//") => return true,
                Some(b"/*") => {}
                _ => return false,
            }
            let body = &self.text[at + 2..];
            let Some(end) = body.windows(2).position(|pair| pair == b"*/") else {
                return true;
            };
            if body[..end].contains(&b'\n') {
                return true;
            }
            at += end + 4;
            at += self.text[at..]
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t' | b'\r'))
                .count();
            if self.text.get(at).is_none_or(|b| *b == b'\n') {
                return true;
            }
        }
    }
}

/// The first character of `bytes`, if it is well formed.
fn decode(bytes: &[u8]) -> Option<char> {
    let head = &bytes[..bytes.len().min(4)];
    head.utf8_chunks().next()?.valid().chars().next()
}

/// `U+0040 '@'`, without the character if it is not printable.
fn describe(c: char) -> String {
    if is_printable(c) {
        format!("U+{:04X} '{c}'", c as u32)
    } else {
        format!("U+{:04X}", c as u32)
    }
}
