//! The tokens of both text formats, with the states and the stopping points of Prometheus' generated lexers (`promlex.l`, `openmetricslex.l`):
//! error messages quote the text up to the byte at which the lexer got stuck, so that the way there matters.

/// Which part of a line is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Init,
    Comment,
    /// The name of a family.
    Meta1,
    /// What is said about it.
    Meta2,
    Labels,
    LabelValue,
    Value,
    Timestamp,
    Exemplar,
    ExemplarValue,
    ExemplarTimestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Invalid,
    Eof,
    Linebreak,
    Help,
    Type,
    Unit,
    EofWord,
    Text,
    Comment,
    MetricName,
    QuotedString,
    BraceOpen,
    BraceClose,
    LabelName,
    LabelValue,
    Comma,
    Equal,
    Timestamp,
    Value,
}

impl Token {
    /// The name in error messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Token::Invalid => "INVALID",
            Token::Eof => "EOF",
            Token::Linebreak => "LINEBREAK",
            Token::Help => "HELP",
            Token::Type => "TYPE",
            Token::Unit => "UNIT",
            Token::EofWord => "EOFWORD",
            Token::Text => "TEXT",
            Token::Comment => "COMMENT",
            Token::MetricName => "MNAME",
            Token::QuotedString => "QSTRING",
            Token::BraceOpen => "BOPEN",
            Token::BraceClose => "BCLOSE",
            Token::LabelName => "LNAME",
            Token::LabelValue => "LVALUE",
            Token::Comma => "COMMA",
            Token::Equal => "EQUAL",
            Token::Timestamp => "TIMESTAMP",
            Token::Value => "VALUE",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'a> {
    pub(super) b: &'a [u8],
    pub(super) open_metrics: bool,
    /// The next byte.
    pub(super) i: usize,
    /// The first byte of the last token.
    pub(super) start: usize,
    pub(super) state: State,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(b: &'a [u8], open_metrics: bool) -> Lexer<'a> {
        Lexer {
            b,
            open_metrics,
            i: 0,
            start: 0,
            state: State::Init,
        }
    }

    /// Where the text ends: the text format has a line break there, whether it is written or not.
    pub(super) fn end(&self) -> usize {
        self.b.len() + usize::from(!self.open_metrics)
    }

    /// The bytes of the last token.
    pub(super) fn token(&self) -> &'a [u8] {
        self.slice(self.start, self.i)
    }

    /// Bytes of the text, without the line break that is not written.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.b.get(start..end.min(self.b.len())).unwrap_or_default()
    }

    /// The byte at hand; 0 at the end, which no token takes.
    fn current(&self) -> u8 {
        match self.b.get(self.i) {
            Some(&c) => c,
            None if !self.open_metrics && self.i == self.b.len() => b'\n',
            None => 0,
        }
    }

    fn advance(&mut self) -> u8 {
        self.i += 1;
        // Zero bytes may stand in label values, help and comments, but not at their start.
        if matches!(self.state, State::LabelValue | State::Meta2 | State::Comment) {
            while self.b.get(self.i) == Some(&0) {
                self.i += 1;
            }
        }
        self.current()
    }

    fn one(&mut self, token: Token, next: State) -> Token {
        self.advance();
        self.state = next;
        token
    }

    /// A name, of which the first byte is known to be one.
    fn name(&mut self, colon: bool, token: Token, next: State) -> Token {
        loop {
            let c = self.advance();
            if !(c.is_ascii_alphanumeric() || c == b'_' || colon && c == b':') {
                self.state = next;
                return token;
            }
        }
    }

    fn quoted(&mut self, line_breaks: bool, token: Token, next: State) -> Token {
        let mut c = self.advance();
        loop {
            match c {
                b'"' => return self.one(token, next),
                0 => return Token::Invalid,
                b'\n' if !line_breaks => return Token::Invalid,
                b'\\' => match self.advance() {
                    0 | b'\n' => return Token::Invalid,
                    _ => c = self.advance(),
                },
                _ => c = self.advance(),
            }
        }
    }

    fn keyword(&mut self, word: &[u8]) -> bool {
        for &expect in word {
            if self.current() != expect {
                return false;
            }
            self.advance();
        }
        true
    }

    /// A blank and at least one byte that is neither a blank nor a line break.
    fn after_blank(&mut self, token: Token, next: State) -> Token {
        if matches!(self.advance(), b' ' | b'\n' | 0) {
            return Token::Invalid;
        }
        while !matches!(self.current(), b' ' | b'\n' | 0) {
            self.advance();
        }
        self.state = next;
        token
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token {
        if self.open_metrics {
            return self.next_open_metrics();
        }
        loop {
            if let Some(token) = self.next_text() {
                return token;
            }
        }
    }

    fn next_open_metrics(&mut self) -> Token {
        if self.i >= self.b.len() {
            return Token::Eof;
        }
        self.start = self.i;
        let c = self.current();
        match (self.state, c) {
            (State::Init, b'#') => {
                if self.advance() != b' ' {
                    return Token::Invalid;
                }
                self.one(Token::Comment, State::Comment);
                self.open_metrics_comment()
            }
            (State::Comment, _) => self.open_metrics_comment(),
            (State::Init, b'{') | (State::Value, b'{') => self.one(Token::BraceOpen, State::Labels),
            (State::Init, b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':') => self.name(true, Token::MetricName, State::Value),
            (State::Meta2, b' ') => {
                let mut c = self.advance();
                loop {
                    match c {
                        b'\n' => return self.one(Token::Text, State::Init),
                        0 => return Token::Invalid,
                        _ => c = self.advance(),
                    }
                }
            }
            (State::Value, b' ') => self.after_blank(Token::Value, State::Timestamp),
            (State::Timestamp, b' ') => {
                if self.b.get(self.i + 1) == Some(&b'#') && self.b.get(self.i + 2) == Some(&b' ') {
                    self.i += 3;
                    if self.current() != b'{' {
                        return Token::Invalid;
                    }
                    return self.one(Token::Comment, State::Exemplar);
                }
                self.after_blank(Token::Timestamp, State::Timestamp)
            }
            (State::Exemplar, b'}') => self.one(Token::BraceClose, State::ExemplarValue),
            (State::Exemplar, b'=') => self.one(Token::Equal, State::ExemplarValue),
            (State::Exemplar, b',') => self.one(Token::Comma, State::Exemplar),
            (State::Exemplar, b'"') => self.quoted(false, Token::QuotedString, State::Exemplar),
            (State::Exemplar, b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.name(false, Token::LabelName, State::Exemplar),
            (State::ExemplarValue, b'"') => self.quoted(false, Token::LabelValue, State::Exemplar),
            (State::ExemplarValue, b' ') => self.after_blank(Token::Value, State::ExemplarTimestamp),
            (State::ExemplarTimestamp, b' ') => self.after_blank(Token::Timestamp, State::ExemplarTimestamp),
            (State::Timestamp | State::ExemplarTimestamp, b'\n') => self.one(Token::Linebreak, State::Init),
            _ => self.next_common(c),
        }
    }

    fn open_metrics_comment(&mut self) -> Token {
        let (word, token): (&[u8], _) = match self.current() {
            b'H' => (b"HELP ", Token::Help),
            b'T' => (b"TYPE ", Token::Type),
            b'U' => (b"UNIT ", Token::Unit),
            b'E' => (b"EOF", Token::EofWord),
            _ => return Token::Invalid,
        };
        if !self.keyword(word) {
            return Token::Invalid;
        }
        if token != Token::EofWord {
            self.state = State::Meta1;
            return token;
        }
        if self.current() == b'\n' {
            self.advance();
        }
        self.state = State::Init;
        token
    }

    /// What both formats have.
    fn next_common(&mut self, c: u8) -> Token {
        match (self.state, c) {
            (State::Meta1, b'"') => self.quoted(true, Token::MetricName, State::Meta2),
            (State::Meta1, b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':') => self.name(true, Token::MetricName, State::Meta2),
            (State::Labels, b'}') => self.one(Token::BraceClose, State::Value),
            (State::Labels, b'=') => self.one(Token::Equal, State::LabelValue),
            (State::Labels, b',') => self.one(Token::Comma, State::Labels),
            (State::Labels, b'"') => self.quoted(true, Token::QuotedString, State::Labels),
            (State::Labels, b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.name(false, Token::LabelName, State::Labels),
            (State::LabelValue, b'"') => self.quoted(!self.open_metrics, Token::LabelValue, State::Labels),
            _ => Token::Invalid,
        }
    }

    /// A token of the text format; none for blanks.
    fn next_text(&mut self) -> Option<Token> {
        if self.i >= self.end() {
            return Some(Token::Eof);
        }
        self.start = self.i;
        let mut c = self.current();
        if self.state != State::Meta2 && matches!(c, b' ' | b'\t') {
            while matches!(self.current(), b' ' | b'\t') {
                self.advance();
            }
            return None;
        }
        Some(match (self.state, c) {
            (State::Init, 0) => self.one(Token::Eof, State::Init),
            (State::Init, b'\n') => self.one(Token::Linebreak, State::Init),
            (State::Init, b'#') => {
                if !matches!(self.advance(), b' ' | b'\t') {
                    return Some(self.text_comment());
                }
                while matches!(self.current(), b' ' | b'\t') {
                    self.advance();
                }
                self.state = State::Comment;
                let (word, token): (&[u8], _) = match self.current() {
                    b'H' => (b"HELP", Token::Help),
                    b'T' => (b"TYPE", Token::Type),
                    _ => return Some(self.text_comment()),
                };
                if !self.keyword(word) || !matches!(self.current(), b' ' | b'\t') {
                    return Some(self.text_comment());
                }
                while matches!(self.current(), b' ' | b'\t') {
                    self.advance();
                }
                self.state = State::Meta1;
                token
            }
            (State::Init, b'{') | (State::Value, b'{') => self.one(Token::BraceOpen, State::Labels),
            (State::Init, b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':') => self.name(true, Token::MetricName, State::Value),
            (State::Meta2, _) => {
                let mut blank = true;
                while !matches!(c, b'\n' | 0) {
                    blank &= matches!(c, b' ' | b'\t');
                    c = self.advance();
                }
                if blank && self.i > self.start {
                    return None;
                }
                self.state = State::Init;
                Token::Text
            }
            (State::Value, c) if !matches!(c, b'\n' | 0) => {
                while !matches!(self.advance(), b'{' | b' ' | b'\t' | b'\n' | 0) {}
                self.state = State::Timestamp;
                Token::Value
            }
            (State::Timestamp, b'0'..=b'9') => {
                while self.advance().is_ascii_digit() {}
                Token::Timestamp
            }
            (State::Timestamp, b'\n') => self.one(Token::Linebreak, State::Init),
            _ => self.next_common(c),
        })
    }

    /// Everything up to the end of the line.
    fn text_comment(&mut self) -> Token {
        loop {
            match self.current() {
                0 => return Token::Eof,
                b'\n' => {
                    self.state = State::Init;
                    return Token::Comment;
                }
                _ => self.advance(),
            };
        }
    }
}
