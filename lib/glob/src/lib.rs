//! File patterns as Alloy's users write them: `/var/log/**/*.{log,txt}`.
//!
//! `*` and `?` do not match `/`; `**` as a whole path segment matches any number of directories and follows links to directories;
//! `[a-z]`, `[^a-z]` are classes; `{a,b}` are alternatives, which may nest and may hold `/`; a backslash takes the next
//! character as it is. Names that begin with a dot match like any other.

use globset::{GlobBuilder, GlobMatcher};
use host::{FileId, FileKind, Fs};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Alternatives that one pattern may expand to.
const MAX_ALTERNATIVES: usize = 1024;
/// Directories below each other that `**` follows.
const MAX_DEPTH: usize = 64;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    alternatives: Vec<Vec<Segment>>,
    whole: Vec<GlobMatcher>,
}

#[derive(Clone, Debug)]
enum Segment {
    /// A name without special characters, or the root.
    Name(PathBuf),
    /// `**`
    AnyDepth,
    /// A name with special characters.
    Glob(GlobMatcher),
}

/// A pattern that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Pattern {
    /// Compiles a pattern.
    pub fn new(text: &str) -> Result<Pattern, Error> {
        let fail = |message: &str| Error(format!("pattern {text:?}: {message}"));
        let mut plain = Vec::new();
        expand_braces(text, &mut plain).map_err(fail)?;
        let mut alternatives = Vec::with_capacity(plain.len());
        let mut whole = Vec::with_capacity(plain.len());
        for pattern in &plain {
            let compile = |part: &str| {
                GlobBuilder::new(part)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()
                    .map(|glob| glob.compile_matcher())
                    .map_err(|error| fail(&error.kind().to_string()))
            };
            whole.push(compile(pattern)?);
            let mut segments = Vec::new();
            if pattern.starts_with('/') {
                segments.push(Segment::Name(PathBuf::from("/")));
            }
            for part in pattern.split('/').filter(|part| !part.is_empty()) {
                segments.push(match part {
                    "**" => Segment::AnyDepth,
                    part if part.contains(['*', '?', '[']) => Segment::Glob(compile(part)?),
                    part => Segment::Name(PathBuf::from(unescape(part))),
                });
            }
            alternatives.push(segments);
        }
        Ok(Pattern {
            text: text.to_owned(),
            alternatives,
            whole,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a path matches, without looking at any file.
    pub fn matches(&self, path: &Path) -> bool {
        self.whole.iter().any(|glob| glob.is_match(path))
    }

    /// The existing paths that match, in the order of alternatives and then of names, each once. `unreadable` hears of directories that
    /// cannot be read.
    pub fn expand(&self, fs: &dyn Fs, unreadable: &mut dyn FnMut(&Path, io::Error)) -> Vec<PathBuf> {
        let mut found = Found::default();
        for segments in &self.alternatives {
            let mut walk = Walk {
                fs,
                unreadable,
                found: &mut found,
                above: Vec::new(),
            };
            walk.go(PathBuf::new(), segments);
        }
        found.paths
    }
}

#[derive(Default)]
struct Found {
    paths: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
}

struct Walk<'a> {
    fs: &'a dyn Fs,
    unreadable: &'a mut dyn FnMut(&Path, io::Error),
    found: &'a mut Found,
    /// Directories that `**` is inside of: a link that leads back to one of them is not followed.
    above: Vec<FileId>,
}

impl Walk<'_> {
    fn go(&mut self, base: PathBuf, segments: &[Segment]) {
        let Some((first, rest)) = segments.split_first() else {
            if !base.as_os_str().is_empty() && self.fs.meta(&base).is_ok() && self.found.seen.insert(base.clone()) {
                self.found.paths.push(base);
            }
            return;
        };
        match first {
            Segment::Name(name) => self.go(base.join(name), rest),
            Segment::Glob(glob) => {
                for name in self.names(&base) {
                    if glob.is_match(&name) {
                        self.go(base.join(name), rest);
                    }
                }
            }
            Segment::AnyDepth => {
                self.go(base.clone(), rest);
                let dir = if base.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    &base
                };
                let Ok(meta) = self.fs.meta(dir) else { return };
                if self.above.len() >= MAX_DEPTH || self.above.contains(&meta.id) {
                    return;
                }
                self.above.push(meta.id);
                for name in self.names(&base) {
                    let below = base.join(name);
                    if self.fs.meta(&below).is_ok_and(|meta| meta.kind == FileKind::Dir) {
                        self.go(below, segments);
                    }
                }
                self.above.pop();
            }
        }
    }

    fn names(&mut self, base: &Path) -> Vec<PathBuf> {
        let dir = if base.as_os_str().is_empty() {
            Path::new(".")
        } else {
            base
        };
        match self.fs.read_dir(dir) {
            Ok(entries) => {
                let mut names: Vec<PathBuf> = entries.into_iter().map(|entry| PathBuf::from(entry.name)).collect();
                names.sort();
                names
            }
            Err(error) => {
                // A path that is not there, or is a file, has nothing below it: that is an answer.
                if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
                    (self.unreadable)(dir, error);
                }
                Vec::new()
            }
        }
    }
}

fn unescape(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// Writes out the alternatives of the first pair of braces, and of all others in turn.
fn expand_braces(pattern: &str, out: &mut Vec<String>) -> Result<(), &'static str> {
    let mut depth = 0_usize;
    let mut open = None;
    let mut commas = Vec::new();
    let mut chars = pattern.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '{' => {
                depth += 1;
                open.get_or_insert(at);
            }
            ',' if depth == 1 => commas.push(at),
            '}' if depth == 0 => return Err("a closing brace without an opening one"),
            '}' => {
                depth -= 1;
                if depth > 0 {
                    continue;
                }
                let Some(open) = open else { continue };
                let mut start = open + 1;
                for end in commas.iter().copied().chain([at]) {
                    let one = format!("{}{}{}", &pattern[..open], &pattern[start..end], &pattern[at + 1..]);
                    expand_braces(&one, out)?;
                    start = end + 1;
                }
                return Ok(());
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("an opening brace without a closing one");
    }
    if out.len() >= MAX_ALTERNATIVES {
        return Err("too many alternatives");
    }
    out.push(pattern.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::RealFs;
    use std::fs;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    fn check(files: &[&str], pattern: &str, expected: &[&str]) {
        let dir = tree(files);
        let pattern = Pattern::new(&format!("{}/{pattern}", dir.path().display())).unwrap();
        let found: Vec<String> = pattern
            .expand(&RealFs, &mut |path, error| panic!("{}: {error}", path.display()))
            .iter()
            .map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(found, expected, "{}", pattern.as_str());
        for name in found {
            assert!(pattern.matches(&dir.path().join(&name)), "{name}");
        }
    }

    const FILES: &[&str] = &[
        "a.log",
        "b.log",
        ".c.log",
        "d.txt",
        "sub/e.log",
        "sub/deep/f.log",
        "x[1].log",
    ];

    #[test]
    fn stars_stop_at_slashes() {
        check(FILES, "*.log", &[".c.log", "a.log", "b.log", "x[1].log"]);
        check(FILES, "?.log", &["a.log", "b.log"]);
        check(FILES, "*/*.log", &["sub/e.log"]);
        check(FILES, "nothing/*.log", &[]);
        check(FILES, "a.log", &["a.log"]);
    }

    #[test]
    fn double_stars_go_down() {
        check(
            FILES,
            "**/*.log",
            &[".c.log", "a.log", "b.log", "x[1].log", "sub/e.log", "sub/deep/f.log"],
        );
        check(FILES, "sub/**/f.log", &["sub/deep/f.log"]);
    }

    #[test]
    fn classes_alternatives_and_escapes() {
        check(FILES, "[ab].log", &["a.log", "b.log"]);
        check(FILES, "[^a].log", &["b.log"]);
        check(
            FILES,
            "{d.txt,sub/{e,deep/f}.log,a.log}",
            &["d.txt", "sub/e.log", "sub/deep/f.log", "a.log"],
        );
        check(FILES, "x\\[1\\].log", &["x[1].log"]);
    }

    #[test]
    fn a_link_that_leads_back_ends_the_walk() {
        let dir = tree(&["sub/a.log"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("sub/loop")).unwrap();
        let pattern = Pattern::new(&format!("{}/**/*.log", dir.path().display())).unwrap();
        let found = pattern.expand(&RealFs, &mut |path, error| panic!("{}: {error}", path.display()));
        assert!(found.contains(&dir.path().join("sub/a.log")));
        assert!(found.len() < 5, "{found:?}");
    }

    #[test]
    fn what_cannot_be_understood_says_why() {
        assert_eq!(
            Pattern::new("/a/{b").unwrap_err().to_string(),
            "pattern \"/a/{b\": an opening brace without a closing one"
        );
        assert!(Pattern::new("/a/[b").unwrap_err().to_string().contains("/a/[b"));
    }
}
