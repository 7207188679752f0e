//! For a terminal.

use super::{Entry, Kind, blocks_of, default_text, fields, how_often, prose};
use std::fmt::Write;
use value::shape::{Attribute, BlockShape, Shape};

/// All components and config blocks, one line each.
pub fn list(entries: &[Entry]) -> String {
    let mut out = String::new();
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    let mut table = |kind: Kind, title: &str| {
        let _ = writeln!(out, "{title:width$}  {:19}  {:9}  RUNS", "STABILITY", "COMMUNITY");
        for entry in entries.iter().filter(|entry| entry.kind == kind) {
            let yes = |fact: bool| if fact { "yes" } else { "-" };
            let _ = writeln!(
                out,
                "{:width$}  {:19}  {:9}  {}",
                entry.name,
                entry.stability.as_str(),
                yes(entry.community),
                yes(entry.runs)
            );
        }
    };
    table(Kind::Component, "COMPONENT");
    table(Kind::Block, "CONFIG BLOCK");
    out
}

/// Everything about one.
pub fn page(entry: &Entry) -> String {
    let mut out = String::new();
    let community = if entry.community { ", kept by the community" } else { "" };
    let runs = if entry.runs {
        "this version runs it"
    } else {
        "this version does not run it"
    };
    let _ = writeln!(
        out,
        "{}: {}, {}{community}; {runs}",
        entry.name,
        entry.kind.as_str(),
        entry.stability
    );
    if let Some(note) = entry.note {
        let _ = writeln!(out, "{note}");
    }
    let arguments = entry.arguments();
    if !arguments.doc.is_empty() {
        let _ = writeln!(out, "\n{}", prose(&arguments.doc));
    }
    if !arguments.attributes.is_empty() {
        out.push_str("\nArguments\n");
        attributes(&mut out, &arguments.attributes, 1);
    }
    if !arguments.blocks.is_empty() {
        out.push_str("\nBlocks\n");
        arguments.blocks.iter().for_each(|one| block(&mut out, one, 1));
    }
    if arguments.free_form {
        out.push_str("\nIt takes any block.\n");
    } else if arguments.names().next().is_none() {
        out.push_str("\nIt takes nothing.\n");
    }
    let exports = entry.exports();
    if !exports.attributes.is_empty() {
        out.push_str("\nExports\n");
        let width = exports.attributes.iter().map(|one| one.name.len()).max();
        for one in &exports.attributes {
            let _ = writeln!(out, "  {:1$}  {2}", one.name, width.unwrap_or_default(), one.ty);
            text(&mut out, &one.doc, 3);
        }
    }
    out
}

fn attributes(out: &mut String, attributes: &[Attribute], depth: usize) {
    let indent = "  ".repeat(depth);
    let width = attributes.iter().map(|one| one.name.len()).max().unwrap_or_default();
    for one in attributes {
        let _ = write!(out, "{indent}{:width$}  {}", one.name, one.ty);
        if one.required {
            out.push_str(", required");
        } else if let Some(default) = default_text(one) {
            let sign = if one.default.is_some() { "=" } else { "by default:" };
            let _ = write!(out, " {sign} {}", default.replace('\n', &format!("\n{indent}")));
        }
        out.push('\n');
        text(out, &one.doc, depth + 2);
        if let Some(inner) = fields(&one.ty) {
            shape(out, &inner, depth + 1);
        }
    }
}

fn block(out: &mut String, block: &BlockShape, depth: usize) {
    let indent = "  ".repeat(depth);
    let label = if block.labelled { " \"LABEL\"" } else { "" };
    let _ = writeln!(out, "{indent}{}{label} {{ }}  {}", block.name, how_often(block));
    text(out, &block.doc, depth + 2);
    attributes(out, &block.shape().attributes, depth + 1);
    blocks_of(block).for_each(|inner| self::block(out, inner, depth + 1));
    if let (true, Some(list)) = (block.recursive, &block.variant_of) {
        let _ = writeln!(out, "{indent}  and {list}.* blocks again");
    }
    if block.shape().free_form {
        let _ = writeln!(out, "{indent}  and any block");
    }
}

fn shape(out: &mut String, shape: &Shape, depth: usize) {
    attributes(out, &shape.attributes, depth);
    shape.blocks.iter().for_each(|inner| block(out, inner, depth));
}

fn text(out: &mut String, doc: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    for line in prose(doc).lines() {
        let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
    }
}
