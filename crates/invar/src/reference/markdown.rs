//! The pages of `docs/reference`.

use super::{Entry, Kind, blocks_of, default_text, how_often, prose};
use std::fmt::Write;
use value::shape::{Attribute, BlockShape, Text};

const HEAD: &str = "<!-- Made by cargo xtask docs; changes go to the doc comments in the code. -->\n\n";

/// Path below `docs/reference`, and content: the list of everything, and a page for each component that runs and each config block.
pub fn pages(entries: &[Entry]) -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), index(entries))];
    pages.extend(entries.iter().filter_map(|entry| Some((path(entry)?, page(entry)))));
    pages
}

fn path(entry: &Entry) -> Option<String> {
    match entry.kind {
        Kind::Component if entry.runs => Some(format!("components/{}.md", entry.name)),
        Kind::Component => None,
        Kind::Block => Some(format!("blocks/{}.md", entry.name)),
    }
}

fn index(entries: &[Entry]) -> String {
    let mut out = HEAD.to_owned();
    let components = || entries.iter().filter(|entry| entry.kind == Kind::Component);
    let _ = writeln!(
        out,
        "# Reference\n\n`invar schema` prints the same, also for the components that this version does not run: of those it knows what they take, \
         and checks it. It runs {} of {} components.",
        components().filter(|entry| entry.runs).count(),
        components().count()
    );
    let mut table = |kind: Kind, title: &str, column: &str| {
        let _ = writeln!(
            out,
            "\n## {title}\n\n| {column} | runs | stability |\n| --- | --- | --- |"
        );
        for entry in entries.iter().filter(|entry| entry.kind == kind) {
            let name = match path(entry) {
                Some(path) => format!("[{}]({path})", entry.name),
                None => entry.name.to_owned(),
            };
            let runs = if entry.runs { "yes" } else { "" };
            let community = if entry.community { ", community" } else { "" };
            let _ = writeln!(out, "| {name} | {runs} | {}{community} |", entry.stability);
        }
    };
    table(Kind::Block, "Config blocks", "block");
    table(Kind::Component, "Components", "component");
    out
}

fn page(entry: &Entry) -> String {
    let mut out = HEAD.to_owned();
    let runs = if entry.runs {
        ""
    } else {
        " This version does not run it."
    };
    let community = if entry.community { ", kept by the community" } else { "" };
    let _ = writeln!(
        out,
        "# {}\n\nA {} ({}{community}).{runs}",
        entry.name,
        entry.kind.as_str(),
        entry.stability
    );
    let arguments = entry.arguments();
    if !arguments.doc.is_empty() {
        let _ = writeln!(out, "\n{}", prose(&arguments.doc));
    }
    let _ = writeln!(out, "\n## Arguments");
    if !arguments.attributes.is_empty() {
        attributes(&mut out, &arguments.attributes);
    } else if arguments.free_form {
        out.push_str("\nNone: it holds blocks of any name.\n");
    } else {
        out.push_str("\nNone.\n");
    }
    if !arguments.blocks.is_empty() {
        let _ = writeln!(out, "\n## Blocks\n\n| block | | |\n| --- | --- | --- |");
        rows(&mut out, "", arguments.blocks.iter());
        sections(&mut out, "", arguments.blocks.iter());
    }
    let exports = entry.exports();
    if !exports.attributes.is_empty() {
        out.push_str("\n## Exports\n\n| name | type | |\n| --- | --- | --- |\n");
        for one in &exports.attributes {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} |",
                one.name,
                code(&one.ty.to_string()),
                cell(&one.doc)
            );
        }
    }
    out
}

fn attributes(out: &mut String, attributes: &[Attribute]) {
    out.push_str("\n| name | type | default | |\n| --- | --- | --- | --- |\n");
    for one in attributes {
        let default = match (one.required, default_text(one)) {
            (true, _) => "required".to_owned(),
            (false, Some(default)) if one.default.is_some() => code(&default),
            (false, Some(words)) => cell(&words),
            (false, None) => String::new(),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {default} | {} |",
            one.name,
            code(&one.ty.to_string()),
            cell(&one.doc)
        );
    }
}

fn join(path: &str, name: &Text) -> String {
    match path {
        "" => name.to_string(),
        path => format!("{path} > {name}"),
    }
}

/// All blocks with those inside of them.
fn rows<'a>(out: &mut String, path: &str, blocks: impl Iterator<Item = &'a BlockShape>) {
    for block in blocks {
        let path = join(path, &block.name);
        let label = if block.labelled { ", with a label" } else { "" };
        let _ = writeln!(out, "| `{path}` | {}{label} | {} |", how_often(block), cell(&block.doc));
        rows(out, &path, blocks_of(block));
    }
}

fn sections<'a>(out: &mut String, path: &str, blocks: impl Iterator<Item = &'a BlockShape>) {
    for block in blocks {
        let path = join(path, &block.name);
        let _ = writeln!(out, "\n### {path}");
        let shape = block.shape();
        if !shape.attributes.is_empty() {
            attributes(out, &shape.attributes);
        }
        if let (true, Some(list)) = (block.recursive, &block.variant_of) {
            let _ = writeln!(out, "\nIt takes the `{list}.*` blocks, too.");
        } else if shape.free_form {
            out.push_str("\nIt takes any block.\n");
        } else if shape.attributes.is_empty() {
            let only = if blocks_of(block).next().is_some() {
                "It holds blocks only."
            } else {
                "It takes nothing."
            };
            let _ = writeln!(out, "\n{only}");
        }
        sections(out, &path, blocks_of(block));
    }
}

/// A text in a table.
fn cell(doc: &str) -> String {
    let text = prose(doc).replace('|', "\\|");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Code in a table.
fn code(text: &str) -> String {
    let line = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|");
    if line.contains('`') {
        format!("`` {line} ``")
    } else {
        format!("`{line}`")
    }
}
