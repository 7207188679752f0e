//! Walks the tree and tells the writer what comes next.

use super::writer::{Gap, Writer};
use crate::ast::*;
use crate::token::Span;

impl Writer<'_> {
    pub(super) fn body(&mut self, body: &Body) {
        let mut previous: Option<&Stmt> = None;
        for stmt in &body.stmts {
            if let Some(previous) = previous {
                let lines = self
                    .line(stmt.span().start)
                    .saturating_sub(self.line(previous.span().last()));
                // An empty line before every block, and where the source has one.
                if matches!(stmt, Stmt::Block(_)) || lines > 1 {
                    self.gap(Gap::Break);
                }
            }
            match stmt {
                Stmt::Attribute(attribute) => self.attribute(attribute),
                Stmt::Block(block) => self.block(block),
            }
            self.gap(if self.is_multiline(stmt.span()) {
                Gap::Break
            } else {
                Gap::Newline
            });
            previous = Some(stmt);
        }
    }

    fn is_multiline(&self, span: Span) -> bool {
        self.line(span.start) != self.line(span.last())
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.seek(attribute.name.span.start);
        self.word(&attribute.name.name);
        self.assign();
        self.expr(&attribute.value);
    }

    fn assign(&mut self) {
        self.gap(Gap::Align);
        self.symbol("=");
        self.gap(Gap::Blank);
    }

    fn block(&mut self, block: &Block) {
        self.seek(block.name_span().start);
        self.word(&block.full_name());
        if let Some(label) = &block.label {
            self.gap(Gap::Blank);
            self.seek(label.span.start);
            self.word(&format!("\"{}\"", label.name));
        }
        self.gap(Gap::Blank);
        self.seek(block.lcurly);
        self.symbol("{");
        self.gap(Gap::Indent);
        if block.body.stmts.is_empty() {
            self.gap(Gap::Blank);
        } else {
            self.gap(Gap::Break);
            self.body(&block.body);
        }
        self.gap(Gap::Unindent);
        self.seek(block.rcurly);
        self.symbol("}");
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        if (self.secret)(expr) {
            self.seek(expr.span.start);
            self.word("\"(secret)\"");
            self.seek(expr.span.end);
            self.skip_comments(expr.span);
            return;
        }
        match &expr.kind {
            ExprKind::Literal(literal) => {
                self.seek(expr.span.start);
                match literal.kind {
                    LiteralKind::Number => self.number(&literal.text),
                    LiteralKind::String => self.string(&literal.text),
                    LiteralKind::Float | LiteralKind::Bool | LiteralKind::Null => self.word(&literal.text),
                }
            }
            ExprKind::Array(elements) => self.array(expr.span, elements),
            ExprKind::Object(fields) => self.object(expr.span, fields),
            ExprKind::Ident(ident) => {
                self.seek(ident.span.start);
                self.word(&ident.name);
            }
            ExprKind::Access { value, name } => {
                self.expr(value);
                // Comments beside the point come after the name: in Alloy they move on by one name with each run.
                self.glued(".");
                self.glued(&name.name);
            }
            ExprKind::Index { value, index, lbrack } => {
                self.expr(value);
                self.seek(*lbrack);
                self.symbol("[");
                self.expr(index);
                self.seek(expr.span.last());
                self.symbol("]");
            }
            ExprKind::Call { value, args, lparen } => {
                self.expr(value);
                self.call(args, *lparen, expr.span.last());
            }
            ExprKind::Unary { op, value } => {
                self.seek(expr.span.start);
                self.symbol(op.as_str());
                self.expr(value);
            }
            ExprKind::Binary {
                op,
                op_span,
                left,
                right,
            } => {
                self.expr(left);
                self.gap(Gap::Blank);
                self.seek(op_span.start);
                self.symbol(op.as_str());
                self.gap(Gap::Blank);
                self.expr(right);
            }
            ExprKind::Paren(inner) => {
                self.symbol("(");
                self.expr(inner);
                self.symbol(")");
            }
        }
    }

    fn array(&mut self, span: Span, elements: &[Expr]) {
        self.seek(span.start);
        self.symbol("[");
        let mut previous = self.line(span.start);
        for (i, element) in elements.iter().enumerate() {
            let own_line = previous != self.line(element.span.start);
            if own_line {
                // Indented before the newline, so that comments at the end of the line are indented too.
                self.gap(Gap::Indent);
                self.gap(Gap::Break);
            } else if i > 0 {
                self.gap(Gap::Blank);
            }
            previous = self.line(element.span.last());
            self.expr(element);
            if i + 1 < elements.len() {
                self.symbol(",");
            }
            if own_line {
                self.gap(Gap::Unindent);
            }
        }
        if !elements.is_empty() && previous != self.line(span.last()) {
            // Comments after the last element are indented like it.
            self.symbol(",");
            self.gap(Gap::Indent);
            self.gap(Gap::Break);
            self.gap(Gap::Unindent);
        }
        self.seek(span.last());
        self.symbol("]");
    }

    fn object(&mut self, span: Span, fields: &[Field]) {
        self.seek(span.start);
        self.symbol("{");
        self.gap(Gap::Indent);
        let mut previous = self.line(span.start);
        for (i, field) in fields.iter().enumerate() {
            if previous != self.line(field.key.span.start) {
                // Aligned with the field before it, if that has only one line.
                let aligned = i > 0 && !self.is_multiline(fields[i - 1].value.span);
                self.gap(if aligned { Gap::Newline } else { Gap::Break });
            } else if i > 0 {
                self.gap(Gap::Blank);
            }
            previous = self.line(field.key.span.last());
            self.seek(field.key.span.start);
            self.key(field);
            self.assign();
            self.expr(&field.value);
            if i + 1 < fields.len() {
                self.symbol(",");
            }
        }
        if !fields.is_empty() && previous != self.line(span.last()) {
            self.symbol(",");
            self.gap(Gap::Break);
        }
        self.gap(Gap::Unindent);
        self.seek(span.last());
        self.symbol("}");
    }

    /// A key is read without looking at escape sequences, and so it is written: only back quotes that are not needed become double
    /// quotes.
    fn key(&mut self, field: &Field) {
        let name = &field.key.name;
        match field.quotes {
            KeyQuotes::None => self.word(name),
            KeyQuotes::Back if name.contains(['"', '\\']) || name.contains(char::is_control) => {
                self.string(&format!("`{name}`"));
            }
            KeyQuotes::Double | KeyQuotes::Back => self.string(&format!("\"{name}\"")),
        }
    }

    fn call(&mut self, args: &[Expr], lparen: u32, rparen: u32) {
        if args.is_empty() {
            // As beside the point of an access.
            return self.glued("()");
        }
        self.symbol("(");
        let mut previous = self.line(lparen);
        for (i, arg) in args.iter().enumerate() {
            let own_line = previous != self.line(arg.span.start);
            if own_line {
                self.gap(Gap::Break);
                self.gap(Gap::Indent);
            }
            self.expr(arg);
            previous = self.line(arg.span.last());
            if i + 1 < args.len() {
                self.symbol(",");
                self.gap(Gap::Blank);
            }
            if own_line {
                self.gap(Gap::Unindent);
            }
        }
        if previous != self.line(rparen) {
            self.symbol(",");
            self.gap(Gap::Indent);
            self.gap(Gap::Break);
            self.gap(Gap::Unindent);
            // Comments after the last argument and beside the parenthesis stay there.
            if self.comment_up_to_line_of(rparen) {
                self.seek(rparen);
            }
        }
        self.symbol(")");
    }
}
