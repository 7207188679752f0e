//! The mistakes, each made only where it is one.

use super::model::{Kind, Mutant, Node, Place, Text};
use std::collections::HashSet;
use syntax::Span;
use syntax::ast::{Attribute, Block, Expr, ExprKind};
use value::Type;
use value::shape::Shape;

/// A kind of mistake: finds every place where it can be made.
pub(super) type Maker = fn(&Text<'_>, &mut Vec<Mutant>);

pub(super) const KINDS: &[(&str, Maker)] = &[
    ("misspelt component", component),
    ("misspelt attribute", attribute),
    ("misspelt block", block),
    ("misspelt id", id),
    ("misspelt export", export),
    ("wrong scalar", scalar),
    ("wrong collection", collection),
    ("missing attribute", missing_attribute),
    ("missing block", missing_block),
    ("label", label),
    ("duplicate", duplicate),
    ("self reference", self_reference),
    ("cycle", cycle),
    ("export of another type", wrong_export),
    ("argument of a module", argument),
    ("out of scope", scope),
    ("text in a format", super::texts::text),
    ("syntax", super::texts::syntax),
];

/// A misspelling that is no name.
fn misspell(word: &str, is_name: impl Fn(&str) -> bool) -> Option<String> {
    let middle = word.len() / 2;
    let dropped = format!("{}{}", word.get(..middle)?, word.get(middle + 1..)?);
    let doubled = format!("{}{}", word.get(..=middle)?, word.get(middle..)?);
    let longer = format!("{word}s");
    [dropped, doubled, longer]
        .into_iter()
        .find(|one| one.len() > 1 && one != word && !is_name(one))
}

fn nodes<'t, 'a>(text: &'t Text<'a>) -> impl Iterator<Item = (usize, &'t Node<'a>)> {
    let scopes = text.scopes.iter().enumerate();
    scopes.flat_map(|(scope, found)| found.nodes.iter().map(move |node| (scope, node)))
}

fn component(text: &Text<'_>, out: &mut Vec<Mutant>) {
    for (_, node) in nodes(text) {
        let Some(last) = node.block.name.last() else { continue };
        if !matches!(node.kind, Kind::Component(..) | Kind::Custom(Some(_))) {
            continue;
        }
        // No component is called like this, and none of the modules of these configurations.
        if let Some(wrong) = misspell(&last.name, |wrong| matches!(wrong, "write" | "file" | "process")) {
            let mutant = Mutant::new("misspelt component", text.source, last.span, wrong);
            // What refers to it may be blamed as well where it is a module that was imported.
            out.push(match node.kind {
                Kind::Component(..) => mutant.alone(),
                _ => mutant,
            });
        }
    }
}

fn attribute(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_block(text, |_, block, shape| {
        if shape.free_form {
            return;
        }
        for attribute in block.body.attributes() {
            let name = &attribute.name;
            let Some(known) = shape.attribute(&name.name) else {
                continue;
            };
            if let Some(wrong) = misspell(&name.name, |wrong| shape.names().any(|name| name == wrong)) {
                let mutant = Mutant::new("misspelt attribute", text.source, name.span, wrong);
                // Without it something may be missing.
                out.push(if known.required { mutant } else { mutant.alone() });
            }
        }
    });
}

fn block(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_block(text, |_, block, shape| {
        if shape.free_form {
            return;
        }
        for inner in block.body.blocks() {
            let (Some(_), Some(last)) = (shape.block(&inner.full_name()), inner.name.last()) else {
                continue;
            };
            let head = &inner.full_name()[..inner.full_name().len() - last.name.len()];
            let is_name = |wrong: &str| shape.names().any(|name| name == format!("{head}{wrong}"));
            if let Some(wrong) = misspell(&last.name, is_name) {
                out.push(Mutant::new("misspelt block", text.source, last.span, wrong));
            }
        }
    });
}

fn id(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_reference(text, |scope, _, traversal| {
        let Some((_, count)) = text.target(scope, &traversal.parts) else {
            return;
        };
        let mut parts = traversal.parts.clone();
        let wrong = misspell(&parts[count - 1], |wrong| {
            let mut other = parts.clone();
            other[count - 1] = wrong.to_owned();
            text.target(scope, &other).is_some()
        });
        if let Some(wrong) = wrong.filter(|_| count > 1) {
            parts[count - 1] = wrong;
            out.push(Mutant::new("misspelt id", text.source, traversal.span, parts.join(".")).alone());
        }
    });
}

fn export(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_reference(text, |scope, _, traversal| {
        let Some((node, count)) = text.target(scope, &traversal.parts) else {
            return;
        };
        let exports = node.exports();
        let Some(field) = traversal.parts.get(count).filter(|field| exports.contains(field)) else {
            return;
        };
        if let Some(wrong) = misspell(field, |wrong| exports.iter().any(|name| name == wrong)) {
            let mut parts = traversal.parts.clone();
            parts[count] = wrong;
            out.push(Mutant::new("misspelt export", text.source, traversal.span, parts.join(".")).alone());
        }
    });
}

fn scalar(text: &Text<'_>, out: &mut Vec<Mutant>) {
    types(text, "wrong scalar", out, |ty| match ty {
        Type::Bool => &["\"yes\"", "1", "[]"],
        Type::Number => &["\"many\"", "true", "{}"],
        Type::String => &["[]", "{}", "true"],
        Type::Duration => &["\"soon\"", "\"5 parsecs\"", "[]"],
        Type::ByteSize => &["\"big\"", "true", "\"7 apples\""],
        Type::Choice(_) => &["\"no such choice\"", "true"],
        Type::Secret | Type::OptionalSecret => &["[]", "true", "{}"],
        _ => &[],
    });
}

fn collection(text: &Text<'_>, out: &mut Vec<Mutant>) {
    types(text, "wrong collection", out, |ty| match ty {
        Type::List(inner) => match **inner {
            Type::String => &["\"x\"", "[{}]", "{a = 1}"],
            Type::Number => &["1", "[\"many\"]"],
            Type::Capsule(_) => &["\"x\"", "[\"x\"]", "[1]"],
            Type::Map(_) => &["\"x\"", "{}", "[1]"],
            _ => &["\"x\"", "1"],
        },
        Type::Map(inner) => match **inner {
            Type::String => &["\"x\"", "[\"x\"]", "{a = []}"],
            _ => &["\"x\"", "[]"],
        },
        Type::Capsule(_) => &["1", "\"x\""],
        _ => &[],
    });
}

fn types(text: &Text<'_>, kind: &'static str, out: &mut Vec<Mutant>, wrong: fn(&Type) -> &'static [&'static str]) {
    each_block(text, |_, block, shape| {
        for attribute in block.body.attributes() {
            let Some(known) = shape.attribute(&attribute.name.name) else {
                continue;
            };
            for with in wrong(&known.ty) {
                // What is on lines of its own is put on the line of the attribute.
                let span = Span::new(attribute.name.span.start, attribute.value.span.end);
                let with = format!("{} = {with}", attribute.name.name);
                out.push(Mutant::new(kind, text.source, span, with));
            }
        }
    });
}

fn missing_attribute(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_block(text, |_, block, shape| {
        let line = text.source.line(block.span().start);
        for attribute in block.body.attributes() {
            if shape
                .attribute(&attribute.name.name)
                .is_some_and(|known| known.required)
            {
                let mutant = Mutant::new("missing attribute", text.source, attribute.span(), "");
                out.push(mutant.blamed_on(vec![(line, line)]));
            }
        }
    });
}

fn missing_block(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_block(text, |_, block, shape| {
        let line = text.source.line(block.span().start);
        for known in shape.blocks.iter().filter(|known| known.required) {
            remove(text, block, &known.name, line, out);
        }
    });
    for (_, node) in nodes(text).filter(|(_, node)| node.block.full_name() == "foreach") {
        remove(text, node.block, "template", node.head(text.source).0, out);
    }
}

fn remove(text: &Text<'_>, block: &Block, name: &str, line: u32, out: &mut Vec<Mutant>) {
    let written = block.body.blocks().filter(|inner| inner.full_name() == name);
    let edits: Vec<(Span, String)> = written.map(|inner| (inner.span(), String::new())).collect();
    if let Some((span, _)) = edits.first() {
        let mut mutant = Mutant::new("missing block", text.source, *span, "").blamed_on(vec![(line, line)]);
        mutant.edits = edits;
        out.push(mutant);
    }
}

fn label(text: &Text<'_>, out: &mut Vec<Mutant>) {
    for (_, node) in nodes(text) {
        let Some(span) = node.block.label_span else { continue };
        if !matches!(node.kind, Kind::Custom(_)) {
            out.push(Mutant::new("label", text.source, span, ""));
        }
    }
    each_block(text, |_, block, shape| {
        for inner in block.body.blocks() {
            let known = shape.block(&inner.full_name());
            match (known, inner.label_span) {
                (Some(known), Some(span)) if known.labelled => {
                    out.push(Mutant::new("label", text.source, span, ""));
                }
                (Some(known), None) if !known.labelled => {
                    let end = inner.name_span().end;
                    let mutant = Mutant::new("label", text.source, Span::new(end, end), " \"mutant\"");
                    // Without it something is missing.
                    out.push(if known.required { mutant } else { mutant.alone() });
                }
                _ => {}
            }
        }
    });
}

fn duplicate(text: &Text<'_>, out: &mut Vec<Mutant>) {
    let mut copy = |span: Span| {
        let written = String::from_utf8_lossy(text.source.slice(span)).into_owned();
        let at = Span::new(span.end, span.end);
        let first = text.source.line(span.end - 1) + 1;
        let mutant = Mutant::new("duplicate", text.source, at, format!("\n{written}"));
        out.push(mutant.blamed_on(vec![(first, first)]));
    };
    for (_, node) in nodes(text) {
        copy(node.block.span());
    }
    each_block(text, |_, block, shape| {
        block.body.attributes().map(Attribute::span).for_each(&mut copy);
        for inner in block.body.blocks() {
            if shape.block(&inner.full_name()).is_some_and(|known| !known.repeated) {
                copy(inner.span());
            }
        }
    });
}

/// Replaces a reference in a component by one to its own export of the same name.
fn self_reference(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_reference(text, |scope, node, traversal| {
        let Some((_, count)) = text.target(scope, &traversal.parts) else {
            return;
        };
        let field = traversal
            .parts
            .get(count)
            .filter(|field| node.exports().contains(field));
        if let Some(field) = field {
            let with = format!("{}.{field}", node.id);
            let mutant = Mutant::new("self reference", text.source, traversal.span, with);
            out.push(mutant.blamed_on(vec![node.head(text.source)]).alone());
        }
    });
    for declare in nodes(text)
        .map(|(_, node)| node)
        .filter(|node| matches!(node.kind, Kind::Declare))
    {
        let after = declare.block.lcurly + 1;
        let with = format!("\n{} \"mutant\" {{ }}\n", declare.block.label_text());
        let mutant = Mutant::new("self reference", text.source, Span::new(after, after), with);
        out.push(mutant.blamed_on(vec![declare.head(text.source)]));
    }
}

/// Where A refers to B, makes a reference of B one to A.
fn cycle(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_reference(text, |scope, first, traversal| {
        let Some((second, _)) = text.target(scope, &traversal.parts) else {
            return;
        };
        let same_scope = |id: &str| text.scopes[scope].nodes.iter().any(|node| node.id == id);
        if first.id == second.id || !same_scope(&second.id) {
            return;
        }
        for back in text.references(second) {
            let Some((third, count)) = text.target(scope, &back.parts) else {
                continue;
            };
            let field = back.parts.get(count).filter(|field| first.exports().contains(field));
            if let Some(field) = field.filter(|_| third.id != first.id) {
                let with = format!("{}.{field}", first.id);
                let members = between(text, scope, &first.id, &second.id);
                let lines = text.scopes[scope]
                    .nodes
                    .iter()
                    .filter(|node| members.contains(&node.id));
                let lines = lines.map(|node| node.head(text.source)).collect();
                out.push(
                    Mutant::new("cycle", text.source, back.span, with)
                        .blamed_on(lines)
                        .alone(),
                );
            }
        }
    });
}

/// The ids of what `from` refers to, over others or not, and that refers to `to` in this way.
fn between(text: &Text<'_>, scope: usize, from: &str, to: &str) -> HashSet<String> {
    let nodes = &text.scopes[scope].nodes;
    let next = |id: &String| -> Vec<String> {
        let node = nodes.iter().find(|node| node.id == *id);
        let references = node.map(|node| text.references(node)).unwrap_or_default();
        let targets = references.iter().filter_map(|one| text.target(scope, &one.parts));
        targets.map(|(node, _)| node.id.clone()).collect()
    };
    let reach = |start: &str| {
        let (mut seen, mut left) = (HashSet::new(), vec![start.to_owned()]);
        while let Some(id) = left.pop() {
            if seen.insert(id.clone()) {
                left.extend(next(&id));
            }
        }
        seen
    };
    reach(from).into_iter().filter(|id| reach(id).contains(to)).collect()
}

fn wrong_export(text: &Text<'_>, out: &mut Vec<Mutant>) {
    each_block(text, |(scope, owner), block, shape| {
        for attribute in block.body.attributes() {
            let Some(known) = shape.attribute(&attribute.name.name) else {
                continue;
            };
            let (ty, items): (&Type, Vec<&Expr>) = match (&known.ty, &attribute.value.kind) {
                (Type::List(inner), ExprKind::Array(items)) => (inner, items.iter().collect()),
                (ty, _) => (ty, vec![&attribute.value]),
            };
            for item in items.into_iter().filter(|item| is_reference(item)) {
                for seen in text.seen(scope) {
                    for other in text.scopes[seen].nodes.iter().filter(|other| other.id != owner.id) {
                        let Kind::Component(_, exports) = &other.kind else {
                            continue;
                        };
                        let cyclic = between(text, scope, &other.id, &owner.id).contains(&owner.id);
                        let wrong = exports.attributes.iter().find(|export| is_other(ty, &export.ty));
                        if let Some(wrong) = wrong.filter(|_| !cyclic) {
                            let with = format!("{}.{}", other.id, wrong.name);
                            out.push(Mutant::new("export of another type", text.source, item.span, with).alone());
                        }
                    }
                }
                if let (Type::Capsule(_), Place::Root) = (ty, text.scopes[scope].place) {
                    let mut mutant = Mutant::new(
                        "export of another type",
                        text.source,
                        item.span,
                        "local.file.mutant.content",
                    );
                    let end = text.source.text().len() as u32;
                    let file = "\nlocal.file \"mutant\" {\n\tfilename = \"/etc/hostname\"\n}\n";
                    mutant.edits.push((Span::new(end, end), file.to_owned()));
                    out.push(mutant.alone());
                }
            }
        }
    });
}

fn is_reference(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Access { value, .. } => is_reference(value),
        ExprKind::Ident(_) => true,
        _ => false,
    }
}

/// Whether a value of one type never becomes one of the other.
fn is_other(wanted: &Type, got: &Type) -> bool {
    match (wanted, got) {
        (Type::Capsule(wanted), Type::Capsule(got)) => wanted != got,
        (Type::Capsule(_), Type::String | Type::List(_) | Type::OptionalSecret | Type::Number | Type::Bool) => true,
        (Type::List(_), Type::Capsule(_) | Type::String) => true,
        (Type::String, Type::Capsule(_) | Type::List(_)) => true,
        _ => false,
    }
}

fn argument(text: &Text<'_>, out: &mut Vec<Mutant>) {
    for (_, node) in nodes(text) {
        let Kind::Custom(Some(interface)) = &node.kind else {
            continue;
        };
        let head = node.head(text.source);
        let after = Span::new(node.block.lcurly + 1, node.block.lcurly + 1);
        let line = text.source.line(node.block.lcurly) + 1;
        for with in ["\nsurplus = 1\n", "\nsurplus { }\n"] {
            let mutant = Mutant::new("argument of a module", text.source, after, with);
            out.push(mutant.blamed_on(vec![(line, line)]).alone());
        }
        for attribute in node.block.body.attributes() {
            let name = &attribute.name;
            let required = interface.arguments.iter().find(|(known, _)| *known == name.name);
            let Some((_, required)) = required else { continue };
            if let Some(wrong) = misspell(&name.name, |wrong| {
                interface.arguments.iter().any(|(name, _)| name == wrong)
            }) {
                let mutant = Mutant::new("argument of a module", text.source, name.span, wrong);
                out.push(if *required { mutant } else { mutant.alone() });
            }
            if *required {
                let mutant = Mutant::new("argument of a module", text.source, attribute.span(), "");
                out.push(mutant.blamed_on(vec![head]).alone());
            }
        }
    }
}

/// Names that only other scopes know.
fn scope(text: &Text<'_>, out: &mut Vec<Mutant>) {
    let mut all: Vec<(usize, String)> = Vec::new();
    for (scope, node) in nodes(text) {
        let field = match node.block.full_name().as_str() {
            "argument" => Some("value".to_owned()),
            _ => node.exports().into_iter().next(),
        };
        all.extend(field.map(|field| (scope, format!("{}.{field}", node.id))));
    }
    each_reference(text, |scope, _, traversal| {
        for (other, path) in &all {
            let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
            if text.seen(scope).contains(other) || text.target(scope, &parts).is_some() {
                continue;
            }
            out.push(Mutant::new("out of scope", text.source, traversal.span, path).alone());
        }
    });
}

fn each_block<'t>(text: &'t Text<'_>, mut f: impl FnMut((usize, &'t Node<'t>), &'t Block, &'t Shape)) {
    for (scope, found) in text.scopes.iter().enumerate() {
        for node in &found.nodes {
            Text::blocks(node, &mut |block, shape| f((scope, node), block, shape));
        }
    }
}

/// References that mean a node.
fn each_reference<'t>(text: &'t Text<'_>, mut f: impl FnMut(usize, &'t Node<'t>, &eval::Traversal)) {
    for (scope, found) in text.scopes.iter().enumerate() {
        for node in &found.nodes {
            for traversal in text.references(node) {
                if text.target(scope, &traversal.parts).is_some() {
                    f(scope, node, &traversal);
                }
            }
        }
    }
}
