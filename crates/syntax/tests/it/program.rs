//! Makes valid programs of any bytes, with blanks and comments in every place that can have them. The fuzz targets use it, too.

/// Choices, taken from bytes; zeros when they run out.
struct Choices<'a> {
    bytes: &'a [u8],
    names: &'a [&'static str],
    out: String,
    /// What was written last, as far as it decides what may follow.
    last: Last,
    depth: u32,
    comments: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// A newline here ends the statement.
    Value,
    /// A slash, which would start a comment with what follows.
    Slash,
    /// Anything else.
    Other,
}

/// Blanks and comments without a newline, that do not reach the end of a line.
const INLINE: &[&str] = &[
    "",
    "",
    "",
    " ",
    " \t",
    "\r",
    "/* # */",
    " /* # */ ",
    "/*#*//*#*/",
    "/* é #\t*/\t",
];
/// Blanks and comments of any kind.
const FREE: &[&str] = &[
    "",
    " ",
    "\n",
    "\n\n\n",
    "\r\n",
    "// #\n",
    " // # \t\n",
    "// #\r\n",
    "\n// #\n",
    "\n\n// #\n\n",
    "/* # */",
    "/* # */\n",
    "\n/* # */ ",
    "/* #\n \t* # */",
    "/* #\r\n*/\n",
    "// #\n// #\n\n// #\n",
    "/* # */ // #\n",
    "\n\n/* # */\n\n/* # */ /* # */",
];
/// What ends a statement, with what follows it.
const ENDS: &[&str] = &[
    "\n",
    "\n",
    "\r\n",
    "\n\n",
    "\n\n\n\n",
    " // #\n",
    "// #\r\n",
    " /* # */\n",
    " /* #\n */",
    " /* # */ /* # */ // #\n// #\n\n// #\n",
    "\n// #\n",
    "\n\n// #\n\n",
    " /* #\n # */ /* # */ \n",
    "\n\t/* # */ ",
];

/// Names of variables, fields and blocks.
pub const NAMES: &[&str] = &["a", "bb", "long_name", "é", "_1", "truest"];
const STRINGS: &[&str] = &[
    "\"\"",
    "\"s t\"",
    "\"\\\"\\\\\"",
    "\"a\tb \"",
    "``",
    "`r`",
    "`l1\n\tl2 \n`",
    "`\r\n`",
    "`\"\\`",
    "\"// no\"",
    "`/* no */`",
    "\"é\u{301}\"",
];
const LITERALS: &[&str] = &["1", "0010", "1.", ".5", "1.5e-3", "1E9", "true", "false", "null"];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "&&", "||",
];

/// A valid file.
pub fn program(bytes: &[u8]) -> String {
    let mut choices = Choices::new(bytes, NAMES);
    choices.body(true);
    choices.out
}

/// A valid expression on its own, about variables and functions of these names.
pub fn expression(bytes: &[u8], names: &[&'static str]) -> String {
    let mut choices = Choices::new(bytes, names);
    choices.expr();
    choices.out
}

impl<'a> Choices<'a> {
    fn new(bytes: &'a [u8], names: &'a [&'static str]) -> Choices<'a> {
        Choices {
            bytes,
            names,
            out: String::new(),
            last: Last::Other,
            depth: 0,
            comments: 0,
        }
    }

    fn next(&mut self) -> usize {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.next() % of.len()]
    }

    /// Writes blanks and comments; each comment has a number of its own.
    fn blanks(&mut self, text: &str) {
        // A slash that is an operator would begin a comment with the next one.
        if self.last == Last::Slash && text.starts_with('/') {
            self.out.push(' ');
        }
        for c in text.chars() {
            if c == '#' {
                self.comments += 1;
                self.out.push_str(&self.comments.to_string());
            } else {
                self.out.push(c);
            }
        }
    }

    fn gap(&mut self) {
        let gap = match self.last {
            Last::Value => self.pick(INLINE),
            _ => self.pick(FREE),
        };
        self.blanks(gap);
    }

    fn token(&mut self, text: &str) {
        self.gap();
        self.glued(text);
    }

    fn glued(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = match text {
            "/" => Last::Slash,
            ")" | "]" | "}" => Last::Value,
            text if text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '`' | '.'))
                && text != "." =>
            {
                Last::Value
            }
            _ => Last::Other,
        };
    }

    fn body(&mut self, top: bool) {
        let count = self.next() % 5;
        self.last = Last::Other;
        for i in 0..count {
            self.statement();
            if i + 1 < count || (top && self.next().is_multiple_of(2)) || (!top && self.next().is_multiple_of(4)) {
                let end = self.pick(ENDS);
                self.blanks(end);
                self.last = Last::Other;
            }
        }
        if top {
            self.gap();
        }
    }

    fn statement(&mut self) {
        self.depth += 1;
        let name = self.pick(NAMES);
        self.token(name);
        if self.depth < 4 && self.next().is_multiple_of(3) {
            for _ in 0..self.next() % 3 {
                self.token(".");
                let name = self.pick(NAMES);
                self.token(name);
            }
            match self.next() % 4 {
                0 => self.token("\"\""),
                1 => self.token("\"label\""),
                _ => {}
            }
            self.token("{");
            self.body(false);
            // After the last statement a newline ends it, and that is fine.
            self.last = Last::Other;
            self.token("}");
        } else {
            self.token("=");
            self.expr();
        }
        self.depth -= 1;
    }

    fn list(&mut self, close: &str, mut item: impl FnMut(&mut Self)) {
        let count = self.next() % 4;
        self.last = Last::Other;
        for i in 0..count {
            item(self);
            if i + 1 < count || self.next().is_multiple_of(2) {
                self.token(",");
            }
        }
        self.token(close);
    }

    fn expr(&mut self) {
        self.depth += 1;
        let deepest = self.depth > 7;
        match self.next() % if deepest { 6 } else { 16 } {
            0 | 1 => {
                let name = self.pick(self.names);
                self.token(name);
            }
            2 | 3 => {
                let text = self.pick(LITERALS);
                self.token(text);
            }
            4 | 5 => {
                let text = self.pick(STRINGS);
                self.token(text);
            }
            6 | 7 => {
                self.token("[");
                self.list("]", Self::expr);
            }
            8 | 9 => {
                self.token("{");
                self.list("}", |choices| {
                    let key = match choices.next() % 3 {
                        0 => choices.pick(STRINGS),
                        _ => choices.pick(NAMES),
                    };
                    choices.token(key);
                    choices.token("=");
                    choices.expr();
                });
            }
            10 => {
                let op = self.pick(&["-", "!"]);
                self.token(op);
                self.expr();
            }
            11 => {
                self.token("(");
                self.expr();
                self.token(")");
            }
            12 | 13 => {
                self.expr();
                let op = self.pick(OPERATORS);
                self.token(op);
                self.expr();
            }
            _ => self.postfix(),
        }
        self.depth -= 1;
    }

    fn postfix(&mut self) {
        self.expr();
        match self.next() % 3 {
            0 => {
                // A point or a letter directly after a number would be part of it.
                self.glued(" ");
                self.last = Last::Value;
                self.token(".");
                let name = self.pick(NAMES);
                self.token(name);
            }
            1 => {
                self.token("[");
                self.expr();
                self.token("]");
            }
            _ => {
                self.token("(");
                self.list(")", Self::expr);
            }
        }
    }
}
