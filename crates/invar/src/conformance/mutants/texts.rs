//! Mistakes in texts that have a syntax of their own, and in that of the language.

use super::model::{Kind, Mutant, Text};
use syntax::Span;
use syntax::ast::{Attribute, Block, ExprKind, Stmt};

/// Component, last block, attribute, and values that it refuses.
const REFUSED: &[(&str, &str, &str, &[&str])] = &[
    ("local.file_match", "", "sync_period", &["\"soon\"", "\"1 fortnight\""]),
    ("loki.process", "stage.drop", "expression", &["\"(\""]),
    ("loki.process", "stage.drop", "longer_than", &["\"64 Pebibits\""]),
    ("loki.process", "stage.drop", "older_than", &["\"yesterday\""]),
    (
        "loki.process",
        "stage.json",
        "expressions",
        &["{a = \"b[[\"}", "{a = \"b.\"}"],
    ),
    (
        "loki.process",
        "stage.match",
        "selector",
        &["\"{app=\"", "\"app\"", "\"{a=~\\\"(\\\"}\""],
    ),
    ("loki.process", "stage.multiline", "firstline", &["\"[\""]),
    ("loki.process", "stage.regex", "expression", &["\"(?P<a>\"", "\"*\""]),
    ("loki.process", "stage.replace", "expression", &["\"(a\"", "\"\\\\\""]),
    (
        "loki.process",
        "stage.template",
        "template",
        &["\"{{ .Value\"", "\"{{ nosuch .Value }}\"", "\"{{ end }}\""],
    ),
    ("loki.process", "stage.timestamp", "location", &["\"Nowhere/City\""]),
    ("loki.relabel", "rule", "action", &["\"random\""]),
    ("loki.relabel", "rule", "regex", &["\"(\"", "\"a{2,1}\""]),
    ("loki.source.file", "", "encoding", &["\"klingon\""]),
    ("loki.source.file", "file_watch", "min_poll_frequency", &["\"often\""]),
    ("loki.write", "endpoint", "batch_size", &["\"big\""]),
    ("loki.write", "endpoint", "batch_wait", &["\"later\""]),
    (
        "loki.write",
        "endpoint",
        "url",
        &["\"http://[::1\"", "\"\"", "\"http://a b/\""],
    ),
];

/// Texts that a component of this program refuses.
pub(super) fn text(text: &Text<'_>, out: &mut Vec<Mutant>) {
    for node in text.scopes.iter().flat_map(|scope| &scope.nodes) {
        let Kind::Component(description, _) = &node.kind else {
            continue;
        };
        Text::blocks(node, &mut |block, _| {
            let inner = if std::ptr::eq(block, node.block) {
                String::new()
            } else {
                block.full_name()
            };
            for attribute in block.body.attributes() {
                let known = REFUSED.iter().find(|(component, of, name, _)| {
                    (*component, *of, *name) == (description.name, inner.as_str(), attribute.name.name.as_str())
                });
                for with in known.map_or(&[][..], |(.., refused)| refused) {
                    let span = Span::new(attribute.name.span.start, attribute.value.span.end);
                    let with = format!("{} = {with}", attribute.name.name);
                    out.push(Mutant::new("text in a format", text.source, span, with).alone());
                }
            }
        });
    }
}

/// What cannot be read. The line, or the next, is to be blamed.
pub(super) fn syntax(text: &Text<'_>, out: &mut Vec<Mutant>) {
    let mut add = |span: Span, with: &str| {
        let mutant = Mutant::new("syntax", text.source, span, with);
        let line = mutant.lines[0].0;
        out.push(mutant.blamed_on(vec![(line, line + 1)]));
    };
    let point = |at: u32| Span::new(at, at);
    let bytes = text.source.text();
    for block in text.body.blocks() {
        add(point(block.rcurly + 1), "}");
        add(point(block.span().start), "@");
        add(Span::new(block.lcurly, block.lcurly + 1), "");
        each_attribute(block, &mut |attribute| {
            let (name, value) = (attribute.name.span, attribute.value.span);
            let last = Span::new(value.end - 1, value.end);
            add(Span::new(name.end, value.start), " ");
            add(point(value.end), ")");
            match &attribute.value.kind {
                // In a raw string line breaks are text.
                ExprKind::Literal(_) if bytes[value.start as usize] == b'"' => add(last, ""),
                ExprKind::Array(_) => add(last, "}"),
                ExprKind::Object(_) => add(last, "]"),
                _ => {}
            }
        });
    }
    // What is open at the end of the file shows there.
    if let Some(Stmt::Block(block)) = text.body.stmts.last() {
        let rest = &bytes[block.rcurly as usize + 1..];
        if rest.iter().all(u8::is_ascii_whitespace) && rest.len() < 2 {
            add(Span::new(block.rcurly, block.rcurly + 1), "");
            add(point(block.span().start), "/*");
        }
    }
}

fn each_attribute(block: &Block, f: &mut dyn FnMut(&Attribute)) {
    block.body.attributes().for_each(&mut *f);
    for inner in block.body.blocks() {
        each_attribute(inner, f);
    }
}
