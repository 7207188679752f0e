//! Configurations that people run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use syntax::Source;
use syntax::ast::Stmt;

/// Every configuration below a folder.
fn configurations(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            configurations(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "alloy") {
            found.push(path);
        }
    }
}

/// Blocks of components and the language, also those inside of `declare` and `template`.
fn check(source: &Source, stmts: &[Stmt], blocks: &mut usize, found: &mut Vec<String>) {
    for stmt in stmts {
        let Stmt::Block(block) = stmt else { continue };
        let id = block.full_name();
        if let Some(entry) = upstream::component(&id).or_else(|| upstream::block(&id)) {
            *blocks += 1;
            let diagnostics = eval::check_block(source, block, &entry.arguments());
            found.extend(diagnostics.iter().map(|one| format!("{id}: {one}")));
        }
        if matches!(id.as_str(), "declare" | "foreach" | "template") {
            check(source, &block.body.stmts, blocks, found);
        }
    }
}

/// What Alloy's converter writes though its own receivers require the block: nothing takes what they receive.
const WITHOUT_OUTPUT: [&str; 2] = [
    "otelcol.receiver.filelog: upstream/alloy/convert/otelcol/filelog.alloy:15:1: missing required block \"output\"",
    "otelcol.receiver.tcplog: upstream/alloy/convert/otelcol/tcplog.alloy:1:1: missing required block \"output\"",
];

#[test]
fn nothing_is_wrong_with_them() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    if !shared.exists() {
        eprintln!("skipped: {} is not there", shared.display());
        return;
    }
    let mut paths = Vec::new();
    for folder in ["configs", "upstream/alloy/convert"] {
        configurations(&shared.join(folder), &mut paths);
    }
    paths.sort();
    let (mut blocks, mut found) = (0, Vec::new());
    for path in &paths {
        let name = path.strip_prefix(&shared).unwrap().display().to_string();
        let (parsed, problems) = syntax::parse(&name, &fs::read(path).unwrap());
        // Some are templates of other tools.
        if problems.is_empty() {
            check(&parsed.source, &parsed.body.stmts, &mut blocks, &mut found);
        }
    }
    assert!(blocks > 1000, "{blocks} blocks in {} files", paths.len());
    assert_eq!(found, WITHOUT_OUTPUT, "{blocks} blocks");
}

/// What Alloy's own `validate` says of names, of what is missing and of literals is said here at the same places.
#[test]
fn findings_are_alloys() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream/alloy/validator/default");
    if !dir.exists() {
        eprintln!("skipped: {} is not there", dir.display());
        return;
    }
    let ours_and_theirs = |case: &str| {
        let text = fs::read_to_string(dir.join(format!("{case}.txtar"))).unwrap();
        let (_, config) = text.split_once("-- main.alloy --\n").unwrap();
        let (parsed, problems) = syntax::parse("main.alloy", config.as_bytes());
        assert!(problems.is_empty(), "{case}: {problems:?}");
        let mut found = Vec::new();
        check(&parsed.source, &parsed.body.stmts, &mut 0, &mut found);
        let golden = fs::read_to_string(dir.join(format!("{case}.diags"))).unwrap();
        // Places and messages of the checks made here.
        let kinds = ["missing required ", "unrecognized ", "expected ", "target::ConvertFrom"];
        let theirs = golden.lines().filter_map(|line| line.strip_prefix("Error: "));
        let theirs = theirs.filter(|line| {
            let message = line.splitn(4, ':').nth(3).unwrap_or_default();
            kinds.iter().any(|kind| message.trim_start().starts_with(kind))
        });
        let theirs: BTreeSet<String> = theirs.map(str::to_owned).collect();
        let ours = found.iter().filter_map(|line| line.split_once(": "));
        let ours: BTreeSet<String> = ours.map(|(_, finding)| finding.to_owned()).collect();
        (ours, theirs)
    };
    for (case, count) in [("invalid_properties", 12), ("invalid_foreach", 8)] {
        let (ours, theirs) = ours_and_theirs(case);
        assert_eq!((ours.len(), ours), (count, theirs), "{case}");
    }
    // Alloy says with a name of Go's that a target is no object.
    let (ours, theirs) = ours_and_theirs("invalid_types");
    let ours: Vec<&String> = ours.difference(&theirs).collect();
    assert_eq!(ours, ["main.alloy:3:13: expected object, got number"]);
    assert_eq!(theirs.len(), 3);
}
