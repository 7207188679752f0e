//! Configurations with one mistake each: checks find it where it was made, and nothing panics on it.

mod kinds;
mod model;
mod texts;

use super::{ALLOWED, Checker, configs, shared};
use crate::app::{App, AppOptions, module_path};
use component::QueuePolicy;
use kinds::KINDS;
use model::{Imported, Mutant, Text};
use runtime::sources::SourceFile;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use testkit::txtar::Archive;

/// Mistakes of each kind.
const EACH: usize = 15;
/// How many of them in configurations of ours, which have the things that few of the others have.
const OURS: usize = 9;

const SEEDS: &[(&str, &str)] = &[
    ("pipeline", include_str!("../../tests/data/seeds/pipeline.txtar")),
    ("modules", include_str!("../../tests/data/seeds/modules.txtar")),
    ("templates", include_str!("../../tests/data/seeds/templates.txtar")),
];

/// A configuration that is right: its own file first, then those that it imports.
struct Seed {
    name: String,
    files: Vec<SourceFile>,
    module_path: String,
    /// Where the files are that it imports.
    _folder: Option<TempDir>,
}

impl Seed {
    fn ours(name: &str, text: &str) -> Seed {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = Archive::parse(text).files.into_iter().map(|file| {
            let path = folder.path().join(&file.name);
            std::fs::create_dir_all(path.parent().unwrap_or(folder.path())).expect("a temporary folder");
            std::fs::write(&path, &file.content).expect("a temporary folder");
            SourceFile {
                name: path.display().to_string(),
                text: file.content.into_bytes(),
            }
        });
        Seed {
            name: name.to_owned(),
            files: files.collect(),
            module_path: folder.path().display().to_string(),
            _folder: Some(folder),
        }
    }

    fn theirs(folder: &Path, path: &PathBuf) -> Seed {
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let file = SourceFile {
            name: name.clone(),
            text: std::fs::read(path).expect("the file can be read"),
        };
        Seed {
            name,
            files: vec![file],
            module_path: module_path(path),
            _folder: None,
        }
    }

    /// Every mistake that can be made, with the number of its file.
    fn mutants(&self, checker: &Checker) -> Vec<(usize, Mutant)> {
        let parsed: Vec<_> = self
            .files
            .iter()
            .map(|file| syntax::parse(&file.name, &file.text).0)
            .collect();
        let mut imported = Imported::new();
        for file in parsed.iter().skip(1) {
            let name = file
                .name()
                .trim_start_matches(&self.module_path)
                .trim_start_matches('/');
            model::modules(&mut imported, name, &file.body);
        }
        let mut all = Vec::new();
        for (number, file) in parsed.iter().enumerate() {
            let text = Text::new(checker, file, &imported);
            for (_, make) in KINDS {
                let mut found = Vec::new();
                make(&text, &mut found);
                all.extend(found.into_iter().map(|mutant| (number, mutant)));
            }
        }
        all
    }
}

/// Up to so many of a kind, evenly from the configurations.
fn choose<'s>(
    seeds: &[(&'s Seed, Vec<(usize, Mutant)>)],
    kind: &str,
    count: usize,
    random: &mut fastrand::Rng,
) -> Vec<(&'s Seed, usize, usize)> {
    let mut rows: Vec<(usize, Vec<usize>)> = Vec::new();
    for (number, (_, mutants)) in seeds.iter().enumerate() {
        let mut row: Vec<usize> = (0..mutants.len()).filter(|n| mutants[*n].1.kind == kind).collect();
        random.shuffle(&mut row);
        rows.push((number, row));
    }
    random.shuffle(&mut rows);
    let mut chosen = Vec::new();
    while chosen.len() < count && rows.iter().any(|(_, row)| !row.is_empty()) {
        for (number, row) in &mut rows {
            if chosen.len() < count
                && let Some(mutant) = row.pop()
            {
                chosen.push((seeds[*number].0, *number, mutant));
            }
        }
    }
    chosen
}

#[derive(Default)]
struct Row {
    made: usize,
    found: usize,
}

#[test]
fn checks_find_every_mistake_where_it_was_made() {
    let checker = Checker::new();
    let ours: Vec<Seed> = SEEDS.iter().map(|(name, text)| Seed::ours(name, text)).collect();
    let theirs: Vec<Seed> = match shared("configs") {
        None => Vec::new(),
        Some(folder) => {
            let files = configs::files(&folder);
            let seeds = files.iter().map(|path| Seed::theirs(&folder, path));
            let faulty = |name: &str| configs::FAULTY.iter().any(|(faulty, ..)| *faulty == name);
            seeds.filter(|seed| !faulty(&seed.name)).collect()
        }
    };
    for seed in &ours {
        let found = checker.validate(&seed.files[..1], &seed.module_path);
        assert!(
            found.diagnostics.is_empty() && found.notes.is_empty(),
            "{}: {}",
            seed.name,
            found.diagnostics.joined()
        );
    }
    let ours: Vec<_> = ours.iter().map(|seed| (seed, seed.mutants(&checker))).collect();
    let theirs: Vec<_> = theirs.iter().map(|seed| (seed, seed.mutants(&checker))).collect();
    let mut random = fastrand::Rng::with_seed(20_261_123);
    let bench = Bench::new();
    let (mut table, mut wrong, mut total) = (String::new(), Vec::new(), 0);
    for (kind, _) in KINDS {
        let mut row = Row::default();
        let own = if theirs.is_empty() { EACH } else { OURS };
        let mut chosen: Vec<_> = choose(&ours, kind, own, &mut random)
            .into_iter()
            .map(|one| (&ours, one))
            .collect();
        let rest = EACH - chosen.len();
        chosen.extend(
            choose(&theirs, kind, rest, &mut random)
                .into_iter()
                .map(|one| (&theirs, one)),
        );
        for (seeds, (seed, number, mutant)) in chosen {
            let (file, mutant) = &seeds[number].1[mutant];
            row.made += 1;
            match bench.attempt(&checker, seed, *file, mutant) {
                Ok(()) => row.found += 1,
                Err(error) => wrong.push(format!("{kind} in {}: {error}", seed.name)),
            }
        }
        total += row.made;
        let _ = writeln!(table, "{kind:<24} {:>4} made {:>4} found", row.made, row.found);
        // Our own configurations have few places for some.
        let least = if theirs.is_empty() { 1 } else { EACH };
        if row.made < least {
            wrong.push(format!("{kind}: only {} could be made", row.made));
        }
    }
    if total < 200 && !theirs.is_empty() {
        wrong.push(format!("only {total} could be made"));
    }
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n\n"));
}

/// What mistakes are tried on.
struct Bench {
    runtime: tokio::runtime::Runtime,
    storage: TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
            storage: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Makes one mistake, looks whether it is found, and puts things right again.
    fn attempt(&self, checker: &Checker, seed: &Seed, file: usize, mutant: &Mutant) -> Result<(), String> {
        let right = &seed.files[file];
        let text = mutant.apply(&String::from_utf8_lossy(&right.text));
        let mut root = seed.files[0].clone();
        if file == 0 {
            root.text = text.clone().into_bytes();
        } else {
            std::fs::write(&right.name, &text).map_err(|error| error.to_string())?;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.harmless(checker, seed, &root, &text);
            judge(checker, seed, file, mutant, &root)
        }));
        if file > 0 {
            std::fs::write(&right.name, &right.text).map_err(|error| error.to_string())?;
        }
        let changed = differing(&String::from_utf8_lossy(&right.text), &text);
        outcome
            .unwrap_or_else(|_| Err("it panics".to_owned()))
            .map_err(|error| format!("{error}\n{}\n{changed}", right.name))
    }

    /// What must not panic, whatever it makes of the mistake.
    fn harmless(&self, checker: &Checker, seed: &Seed, root: &SourceFile, text: &str) {
        let _ = syntax::format::format("mutant.alloy", text.as_bytes());
        let validation = checker.validation(&seed.module_path);
        let files = std::slice::from_ref(root);
        if let (Ok(old), Ok(new)) = (
            runtime::expand(&validation, &seed.files[..1]),
            runtime::expand(&validation, files),
        ) {
            runtime::plan(&old.plan, &new.plan);
            runtime::plan(&new.plan, &old.plan);
        }
        let options = AppOptions {
            config: Path::new(&seed.module_path).join("main.alloy"),
            storage: self.storage.path().to_path_buf(),
            allowed: ALLOWED,
            memory_limit: None,
            shutdown_deadline: Some(Duration::from_secs(1)),
            inspector: None,
            cluster: None,
            queue: QueuePolicy::default(),
        };
        self.runtime.block_on(async {
            let app = App::new(options);
            if let Ok(loaded) = app.controller.load(files).await {
                // `run` may accept what can only be wrong while it runs.
                drop(loaded);
            }
            app.controller.stop().await;
        });
    }
}

/// Whether the mistake is found where it was made, and nothing else is said that does not follow from it.
fn judge(checker: &Checker, seed: &Seed, file: usize, mutant: &Mutant, root: &SourceFile) -> Result<(), String> {
    let found = checker.validate(std::slice::from_ref(root), &seed.module_path);
    let here = |one: &&syntax::Diagnostic| {
        let line = one.start.line;
        *one.file == *seed.files[file].name
            && mutant
                .lines
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&line))
    };
    let said = || {
        found
            .diagnostics
            .iter()
            .map(|one| format!("  {one}\n"))
            .collect::<String>()
    };
    if !found.diagnostics.iter().any(|one| here(&one)) {
        return Err(format!("nothing is said at {:?}:\n{}", mutant.lines, said()));
    }
    if mutant.alone && found.diagnostics.len() > 1 {
        return Err(format!("more is said than at {:?}:\n{}", mutant.lines, said()));
    }
    Ok(())
}

/// The lines that differ.
fn differing(old: &str, new: &str) -> String {
    let mut out = String::new();
    let same = old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count();
    for (sign, text) in [('-', old), ('+', new)] {
        for line in text.lines().skip(same).take(3) {
            let _ = writeln!(out, "{sign}{:>4} {line}", same + 1);
        }
    }
    out
}
