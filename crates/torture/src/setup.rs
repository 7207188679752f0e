//! The folder, the harmless configuration, the files to write and the endpoints.

use crate::child::{Start, free_port};
use crate::config::{Harmless, Pattern, built_in, rewrite};
use crate::line::{Form, Lines};
use crate::options::Options;
use crate::tally::{Expected, Tally};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use testkit::loki_sink::{LokiSink, Mode};

/// An endpoint of a `loki.write`, with a sink of its own.
pub struct Endpoint {
    /// Name in reports.
    pub name: String,
    /// Where it pushes to.
    pub sink: LokiSink,
    tally: Arc<RwLock<Option<Arc<Tally>>>>,
}

impl Endpoint {
    fn new(name: String) -> Self {
        let tally: Arc<RwLock<Option<Arc<Tally>>>> = Arc::default();
        let current = tally.clone();
        let sink = LokiSink::start_watching(Box::new(move |entry| {
            if let Some(tally) = &*current.read().unwrap_or_else(PoisonError::into_inner) {
                tally.see(entry);
            }
        }));
        Endpoint { name, sink, tally }
    }

    /// Counts anew from here on.
    pub fn watch(&self, tally: Arc<Tally>) {
        *self.tally.write().unwrap_or_else(PoisonError::into_inner) = Some(tally);
    }
}

/// Everything that a run needs.
pub struct Setup {
    /// The folder of the run.
    pub dir: TempDir,
    /// Folder below which logs are.
    pub root: PathBuf,
    /// How the program is started.
    pub start: Start,
    /// The destinations.
    pub endpoints: Vec<Endpoint>,
    /// The lines.
    pub lines: Lines,
    /// Files and how many lines each gets.
    pub files: Vec<(PathBuf, u64)>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Setup {
    /// Makes the folder and writes the configuration.
    pub fn new(options: &Options, evaluate: &dyn Fn(&str) -> Option<String>) -> Result<Setup, String> {
        let dir = tempfile::Builder::new()
            .prefix("invar-torture-")
            .tempdir()
            .map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let root = dir.path().join("root");
        let folder = dir.path().join("config");
        let storage = dir.path().join("state");
        for folder in [&root, &folder, &storage] {
            fs::create_dir(folder).map_err(|error| cannot_write(folder, &error))?;
        }
        let root_text = root
            .to_str()
            .ok_or("the path of the temporary folder is not UTF-8")?
            .to_owned();
        let mut endpoints = Vec::new();
        let (config, patterns, excluded, form, notes) = if options.config.is_empty() {
            endpoints.push(Endpoint::new("loki.write.sink".to_owned()));
            let config = folder.join("built-in.alloy");
            let text = built_in(&root_text, &endpoints[0].sink.url());
            fs::write(&config, text).map_err(|error| cannot_write(&config, &error))?;
            let pattern = Pattern::below(&root_text, "/var/log/*.log")?;
            (config, vec![pattern], Vec::new(), Form::Logfmt, Vec::new())
        } else {
            let mut endpoint = |name| {
                endpoints.push(Endpoint::new(name));
                endpoints.last().map(|one| one.sink.url()).unwrap_or_default()
            };
            let mut port = free_port;
            let mut how = Harmless {
                root: &root_text,
                endpoint: &mut endpoint,
                evaluate,
                port: &mut port,
            };
            let rewritten = rewrite(&options.config, &mut how)?;
            for (name, text) in &rewritten.files {
                let path = folder.join(name);
                fs::write(&path, text).map_err(|error| cannot_write(&path, &error))?;
            }
            let form = rewritten.form.unwrap_or(Form::Logfmt);
            (folder, rewritten.patterns, rewritten.excluded, form, rewritten.notes)
        };
        if endpoints.is_empty() {
            return Err("the configuration sends nothing: there is no endpoint of a \"loki.write\"".to_owned());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Setup {
            root,
            start: Start {
                program: options.program.clone(),
                config,
                storage,
                log: dir.path().join("invar.log"),
                memory_limit: options.memory_limit,
            },
            endpoints,
            lines: Lines {
                seed: options.seed,
                form,
                start: now.as_secs() as i64,
                refuse: options.refuse,
            },
            files: files(&patterns, &excluded, options)?,
            notes,
            dir,
        })
    }

    /// A tally for each endpoint, which count from now on.
    pub fn watch(&self, mut expected: impl FnMut(usize) -> Expected, exact: bool) -> Vec<Arc<Tally>> {
        let files = self.files.len() as u32;
        let tallies = self.endpoints.iter().enumerate().map(|(n, endpoint)| {
            let tally = Arc::new(Tally::new(self.lines, files, expected(n), exact));
            endpoint.watch(tally.clone());
            tally
        });
        tallies.collect()
    }

    /// What a healthy destination does.
    pub fn health(&self) -> Mode {
        match self.lines.refuse {
            None => Mode::Ok,
            Some(_) => Mode::reject_containing(400, crate::line::REFUSED),
        }
    }
}

/// Names that match the patterns, and how many lines each file gets.
fn files(patterns: &[Pattern], excluded: &[Pattern], options: &Options) -> Result<Vec<(PathBuf, u64)>, String> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for n in 0..options.files {
        for pattern in patterns {
            // Each pattern gets a file, even if there are more patterns than files wanted.
            if n > 0 && paths.len() >= options.files as usize {
                break;
            }
            if let Some(path) = pattern.example(n)
                && !excluded.iter().any(|pattern| pattern.matches(&path))
                && !paths.contains(&path)
            {
                paths.push(path);
            }
        }
    }
    if paths.is_empty() {
        let patterns: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
        return Err(format!("no file name was found that matches {}", patterns.join(", ")));
    }
    let count = paths.len() as u64;
    let files = (0..).zip(paths).map(|(n, path)| {
        let more = u64::from(n < options.lines % count);
        (path, options.lines / count + more)
    });
    Ok(files.collect())
}

/// An error about a path.
pub fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {:?}: {error}", path.display().to_string())
}
