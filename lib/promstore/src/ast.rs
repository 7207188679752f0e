//! What an expression is made of.

use crate::functions::Function;
use goregex::Regex;
use prommodel::Series;

/// How a [`Matcher`] compares.
#[derive(Clone, Debug)]
pub enum MatcherKind {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`; the expression has to match the whole value.
    Matches(Regex),
    /// `!~`
    MatchesNot(Regex),
}

/// A condition on a label. A label that a series does not have is empty.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Name of the label.
    pub name: String,
    /// How its value is compared.
    pub kind: MatcherKind,
    /// What it is compared with: text, or the text of an expression.
    pub value: String,
}

impl Matcher {
    /// Whether it takes a label with this value.
    pub fn takes_value(&self, value: &str) -> bool {
        match &self.kind {
            MatcherKind::Equal => self.value == value,
            MatcherKind::NotEqual => self.value != value,
            MatcherKind::Matches(regex) => regex.is_match(value.as_bytes()),
            MatcherKind::MatchesNot(regex) => !regex.is_match(value.as_bytes()),
        }
    }

    /// Whether it takes a series.
    pub fn takes(&self, series: &Series) -> bool {
        self.takes_value(series.get(&self.name).unwrap_or_default())
    }
}

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Scalar,
    Vector,
    Matrix,
}

impl Type {
    /// The name in messages.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Type::Scalar => "scalar",
            Type::Vector => "instant vector",
            Type::Matrix => "range vector",
        }
    }
}

/// A selector. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    /// Its place in the list of all selectors of the expression.
    pub id: usize,
    pub matchers: Vec<Matcher>,
    pub range: Option<i64>,
    pub offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
}

impl AggregateOp {
    pub(crate) const ALL: [(&'static str, AggregateOp); 11] = [
        ("sum", AggregateOp::Sum),
        ("avg", AggregateOp::Avg),
        ("min", AggregateOp::Min),
        ("max", AggregateOp::Max),
        ("count", AggregateOp::Count),
        ("group", AggregateOp::Group),
        ("stddev", AggregateOp::Stddev),
        ("stdvar", AggregateOp::Stdvar),
        ("topk", AggregateOp::Topk),
        ("bottomk", AggregateOp::Bottomk),
        ("quantile", AggregateOp::Quantile),
    ];

    pub(crate) fn takes_parameter(self) -> bool {
        matches!(self, AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Quantile)
    }
}

/// `by (labels)` or `without (labels)`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Or,
    And,
    Unless,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Atan2,
    Power,
}

impl BinaryOp {
    /// How strongly it binds.
    pub(crate) fn precedence(self) -> u8 {
        use BinaryOp::*;
        match self {
            Or => 1,
            And | Unless => 2,
            Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual => 3,
            Add | Subtract => 4,
            Multiply | Divide | Modulo | Atan2 => 5,
            Power => 6,
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.precedence() == 3
    }

    pub(crate) fn is_set(self) -> bool {
        self.precedence() < 3
    }
}

/// Which labels say that elements of two vectors belong together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matching {
    /// `on` instead of `ignoring`.
    pub on: bool,
    pub labels: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Number(f64),
    Selector(Selector),
    Negate(Box<Expr>),
    Call {
        function: &'static Function,
        arguments: Vec<Expr>,
    },
    Aggregate {
        op: AggregateOp,
        grouping: Grouping,
        parameter: Option<Box<Expr>>,
        of: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        /// A comparison that gives 0 or 1 instead of filtering.
        bool: bool,
        matching: Matching,
        left: Box<Expr>,
        right: Box<Expr>,
    },
}

impl Expr {
    pub(crate) fn kind(&self) -> Type {
        match self {
            Expr::Number(_) => Type::Scalar,
            Expr::Selector(selector) if selector.range.is_some() => Type::Matrix,
            Expr::Selector(_) | Expr::Aggregate { .. } => Type::Vector,
            Expr::Negate(of) => of.kind(),
            Expr::Call { function, .. } => function.gives,
            Expr::Binary { left, right, .. } => match (left.kind(), right.kind()) {
                (Type::Scalar, Type::Scalar) => Type::Scalar,
                _ => Type::Vector,
            },
        }
    }
}
