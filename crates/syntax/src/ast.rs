//! The syntax tree.
//!
//! Nodes own their names and literal texts and know their byte ranges; lines and columns come from [`File::source`]. Together with
//! the token list and the comments of [`File`] everything that was written can be reproduced.

use crate::source::Source;
use crate::token::{Span, Token, TokenKind};

/// A parsed text.
#[derive(Clone, Debug)]
pub struct File {
    /// The text, its name and its lines.
    pub source: Source,
    /// The top-level statements.
    pub body: Body,
    /// Comments in source order.
    pub comments: Vec<CommentGroup>,
    /// Every token in source order, comments and terminators included.
    pub tokens: Vec<Token>,
}

impl File {
    /// The name of the text.
    pub fn name(&self) -> &str {
        self.source.name()
    }
}

/// Comments without another token or an empty line between them; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentGroup(pub Vec<Span>);

/// A list of statements.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The statements in source order.
    pub stmts: Vec<Stmt>,
}

impl Body {
    /// The blocks of the body, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.stmts.iter().filter_map(|stmt| match stmt {
            Stmt::Block(block) => Some(block),
            Stmt::Attribute(_) => None,
        })
    }

    /// The attributes of the body, in order.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.stmts.iter().filter_map(|stmt| match stmt {
            Stmt::Attribute(attribute) => Some(attribute),
            Stmt::Block(_) => None,
        })
    }

    /// Whether both bodies say the same, apart from layout and comments.
    pub fn same_as(&self, other: &Body) -> bool {
        all(&self.stmts, &other.stmts, Stmt::same_as)
    }
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `name = value`
    Attribute(Attribute),
    /// `name "label" { ... }`
    Block(Block),
}

impl Stmt {
    /// The range from the name to the end of the value or the closing brace.
    pub fn span(&self) -> Span {
        match self {
            Stmt::Attribute(attribute) => attribute.span(),
            Stmt::Block(block) => block.span(),
        }
    }

    /// Whether both statements say the same, apart from layout and comments.
    pub fn same_as(&self, other: &Stmt) -> bool {
        match (self, other) {
            (Stmt::Attribute(a), Stmt::Attribute(b)) => a.name.name == b.name.name && a.value.same_as(&b.value),
            (Stmt::Block(a), Stmt::Block(b)) => a.same_as(b),
            _ => false,
        }
    }
}

/// An identifier.
#[derive(Clone, Debug)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// `name = value`
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name.
    pub name: Ident,
    /// The value.
    pub value: Expr,
}

impl Attribute {
    /// The range of the whole statement.
    pub fn span(&self) -> Span {
        self.name.span.to(self.value.span)
    }
}

/// `a.b.c "label" { ... }`
#[derive(Clone, Debug)]
pub struct Block {
    /// The parts of the dotted name; never empty.
    pub name: Vec<Ident>,
    /// The label; `None` if there is none or an empty one.
    pub label: Option<Label>,
    /// The range of the label with its quotes; also given for the empty label.
    pub label_span: Option<Span>,
    /// The statements between the braces.
    pub body: Body,
    /// Offset of the opening brace.
    pub lcurly: u32,
    /// Offset of the closing brace.
    pub rcurly: u32,
}

impl Block {
    /// The name with dots: `a.b.c`.
    pub fn full_name(&self) -> String {
        let names: Vec<&str> = self.name.iter().map(|part| part.name.as_str()).collect();
        names.join(".")
    }

    /// The name and, if there is one, the label: `a.b.c.label`.
    pub fn id(&self) -> String {
        let mut id = self.full_name();
        if let Some(label) = &self.label {
            id.push('.');
            id.push_str(&label.name);
        }
        id
    }

    /// The label's text, empty if there is none.
    pub fn label_text(&self) -> &str {
        self.label.as_ref().map_or("", |label| &label.name)
    }

    /// The range of the dotted name.
    pub fn name_span(&self) -> Span {
        match self.name.as_slice() {
            [] => Span::new(self.lcurly, self.lcurly),
            [first, .., last] => first.span.to(last.span),
            [only] => only.span,
        }
    }

    /// The range of the name and the label, which diagnostics about the block as a whole point at.
    pub fn header_span(&self) -> Span {
        self.label_span
            .map_or(self.name_span(), |label| self.name_span().to(label))
    }

    /// The range from the name to the closing brace.
    pub fn span(&self) -> Span {
        self.name_span().to(Span::new(self.rcurly, self.rcurly + 1))
    }

    /// Whether both blocks say the same, apart from layout and comments.
    pub fn same_as(&self, other: &Block) -> bool {
        all(&self.name, &other.name, |a, b| a.name == b.name)
            && self.label_text() == other.label_text()
            && self.body.same_as(&other.body)
    }
}

/// The label of a block.
#[derive(Clone, Debug)]
pub struct Label {
    /// The text between the quotes, which is an identifier.
    pub name: String,
    /// The range with the quotes.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number, string, bool or null.
    Literal(Literal),
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{a = 1, "b" = 2}`
    Object(Vec<Field>),
    /// `name`
    Ident(Ident),
    /// `value.name`
    Access {
        /// The left side.
        value: Box<Expr>,
        /// The name after the dot.
        name: Ident,
    },
    /// `value[index]`
    Index {
        /// The left side.
        value: Box<Expr>,
        /// The expression in the brackets.
        index: Box<Expr>,
        /// Offset of the opening bracket.
        lbrack: u32,
    },
    /// `value(args)`
    Call {
        /// The function.
        value: Box<Expr>,
        /// The arguments.
        args: Vec<Expr>,
        /// Offset of the opening parenthesis.
        lparen: u32,
    },
    /// `-value`
    Unary {
        /// The operator, at the start of the expression.
        op: UnaryOp,
        /// The operand.
        value: Box<Expr>,
    },
    /// `left op right`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `(inner)`
    Paren(Box<Expr>),
}

/// A literal as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// What it is.
    pub kind: LiteralKind,
    /// Its source text, strings with their quotes (see [`crate::literal::unquote`]).
    pub text: String,
}

/// The kinds of literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    /// Digits only.
    Number,
    /// Digits with a point or an exponent.
    Float,
    /// Double-quoted or back-quoted.
    String,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub struct Field {
    /// The key. A quoted key is the raw text between the quotes, in which escape sequences mean nothing; the empty key `""` is
    /// kept with its two quotes. The range includes the quotes.
    pub key: Ident,
    /// How the key was written.
    pub quotes: KeyQuotes,
    /// The value.
    pub value: Expr,
}

/// How an object key was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyQuotes {
    /// A plain identifier, or an empty quoted key.
    None,
    /// In double quotes.
    Double,
    /// In back quotes.
    Back,
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as their tokens")]
pub enum UnaryOp {
    Not,
    Neg,
}

impl UnaryOp {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            UnaryOp::Not => "!",
            UnaryOp::Neg => "-",
        }
    }
}

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as their tokens")]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

impl BinaryOp {
    /// The operator of a token, if it is one.
    pub fn from_token(kind: TokenKind) -> Option<BinaryOp> {
        Some(match kind {
            TokenKind::Or => BinaryOp::Or,
            TokenKind::And => BinaryOp::And,
            TokenKind::Eq => BinaryOp::Eq,
            TokenKind::Neq => BinaryOp::Neq,
            TokenKind::Lt => BinaryOp::Lt,
            TokenKind::Lte => BinaryOp::Lte,
            TokenKind::Gt => BinaryOp::Gt,
            TokenKind::Gte => BinaryOp::Gte,
            TokenKind::Add => BinaryOp::Add,
            TokenKind::Sub => BinaryOp::Sub,
            TokenKind::Mul => BinaryOp::Mul,
            TokenKind::Div => BinaryOp::Div,
            TokenKind::Mod => BinaryOp::Mod,
            TokenKind::Pow => BinaryOp::Pow,
            _ => return None,
        })
    }

    /// How strongly it binds, from 1 (`||`) to 6 (`^`).
    pub fn precedence(self) -> u8 {
        use BinaryOp::*;
        match self {
            Or => 1,
            And => 2,
            Eq | Neq | Lt | Lte | Gt | Gte => 3,
            Add | Sub => 4,
            Mul | Div | Mod => 5,
            Pow => 6,
        }
    }

    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Or => "||",
            BinaryOp::And => "&&",
            BinaryOp::Eq => "==",
            BinaryOp::Neq => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Lte => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Gte => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
        }
    }
}

impl Expr {
    /// Where it stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether both expressions say the same, apart from layout and comments.
    pub fn same_as(&self, other: &Expr) -> bool {
        use ExprKind::*;
        match (&self.kind, &other.kind) {
            (Literal(a), Literal(b)) => a == b,
            (Array(a), Array(b)) => all(a, b, Expr::same_as),
            (Object(a), Object(b)) => all(a, b, |a, b| a.key.name == b.key.name && a.value.same_as(&b.value)),
            (Ident(a), Ident(b)) => a.name == b.name,
            (
                Access { value, name },
                Access {
                    value: value2,
                    name: name2,
                },
            ) => name.name == name2.name && value.same_as(value2),
            (
                Index { value, index, .. },
                Index {
                    value: value2,
                    index: index2,
                    ..
                },
            ) => value.same_as(value2) && index.same_as(index2),
            (
                Call { value, args, .. },
                Call {
                    value: value2,
                    args: args2,
                    ..
                },
            ) => value.same_as(value2) && all(args, args2, Expr::same_as),
            (Unary { op, value }, Unary { op: op2, value: value2 }) => op == op2 && value.same_as(value2),
            (
                Binary { op, left, right, .. },
                Binary {
                    op: op2,
                    left: left2,
                    right: right2,
                    ..
                },
            ) => op == op2 && left.same_as(left2) && right.same_as(right2),
            (Paren(a), Paren(b)) => a.same_as(b),
            _ => false,
        }
    }
}

fn all<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}
