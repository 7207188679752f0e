//! One log file: lines are appended to it, and it is rotated as logrotate does.

use crate::line::{Lines, Number};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Old generations that always stay, as `rotate 5` does; those beyond go once their lines have arrived.
const KEPT: usize = 5;

/// Ways to rotate a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// The file gets another name, and a new one is made.
    Rename,
    /// The file is copied and truncated.
    Copytruncate,
    /// The file gets another name, a new one is made, and the old one is compressed.
    Gzip,
}

impl FromStr for Rotation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rename" => Ok(Rotation::Rename),
            "copytruncate" => Ok(Rotation::Copytruncate),
            "gzip" => Ok(Rotation::Gzip),
            other => Err(format!("{other:?} is no rotation; use rename, copytruncate or gzip")),
        }
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rotation::Rename => "rename",
            Rotation::Copytruncate => "copytruncate",
            Rotation::Gzip => "gzip",
        })
    }
}

/// A log file and its old generations.
pub struct Log {
    /// Its number.
    pub index: u32,
    path: PathBuf,
    file: File,
    /// The next line.
    next: u64,
    /// Lines that it gets.
    goal: u64,
    /// The first line of the file that is written.
    first: u64,
    /// The youngest first.
    old: Vec<Generation>,
}

#[derive(Clone, Copy)]
struct Generation {
    /// The line after its last.
    end: u64,
    packed: bool,
}

impl Log {
    /// An empty file, which gets `goal` lines.
    pub fn create(index: u32, path: &Path, goal: u64) -> io::Result<Log> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(Log {
            index,
            path: path.to_path_buf(),
            file: open(path)?,
            next: 0,
            goal,
            first: 0,
            old: Vec::new(),
        })
    }

    /// Lines that are still to be written.
    pub fn left(&self) -> u64 {
        self.goal - self.next
    }

    /// Lines written so far.
    pub fn written(&self) -> u64 {
        self.next
    }

    /// Appends so many lines, or what is left, in two writes of which the first may end within a line. Gives the bytes.
    pub fn append(&mut self, lines: &Lines, count: u64, random: &mut fastrand::Rng) -> io::Result<u64> {
        let mut text = Vec::new();
        for _ in 0..count.min(self.left()) {
            let number = Number {
                file: self.index,
                line: self.next,
            };
            lines.write(number, &mut text);
            self.next += 1;
        }
        let (first, second) = text.split_at(random.usize(0..=text.len()));
        self.file.write_all(first)?;
        self.file.write_all(second)?;
        Ok(text.len() as u64)
    }

    /// Rotates the file unless it is empty; says whether it did.
    pub fn rotate(&mut self, how: Rotation) -> io::Result<bool> {
        if self.first == self.next {
            return Ok(false);
        }
        for n in (0..self.old.len()).rev() {
            fs::rename(
                self.name(n + 1, self.old[n].packed),
                self.name(n + 2, self.old[n].packed),
            )?;
        }
        let plain = self.name(1, false);
        match how {
            Rotation::Rename | Rotation::Gzip => {
                fs::rename(&self.path, &plain)?;
                self.file = open(&self.path)?;
            }
            Rotation::Copytruncate => {
                fs::copy(&self.path, &plain)?;
                self.file.set_len(0)?;
            }
        }
        if how == Rotation::Gzip {
            pack(&plain, &self.name(1, true))?;
        }
        self.first = self.next;
        let young = Generation {
            end: self.next,
            packed: how == Rotation::Gzip,
        };
        self.old.insert(0, young);
        Ok(true)
    }

    /// Removes old generations beyond those that always stay, as long as all their lines come before `delivered`.
    pub fn prune(&mut self, delivered: u64) -> io::Result<()> {
        while self.old.len() > KEPT
            && let Some(oldest) = self.old.last()
            && oldest.end <= delivered
        {
            fs::remove_file(self.name(self.old.len(), oldest.packed))?;
            self.old.pop();
        }
        Ok(())
    }

    fn name(&self, n: usize, packed: bool) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{n}{}", if packed { ".gz" } else { "" }));
        PathBuf::from(name)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// As gzip does: the compressed file grows beside the plain one, gets its time, and then the plain one goes.
fn pack(plain: &Path, packed: &Path) -> io::Result<()> {
    let mut from = File::open(plain)?;
    let mut to = flate2::write::GzEncoder::new(File::create(packed)?, flate2::Compression::fast());
    io::copy(&mut from, &mut to)?;
    to.finish()?.set_modified(from.metadata()?.modified()?)?;
    fs::remove_file(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Form;
    use std::io::Read;

    #[test]
    fn no_line_goes_in_any_rotation_and_old_files_go_once_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        let lines = Lines {
            seed: 1,
            form: Form::Logfmt,
            start: 0,
            refuse: None,
        };
        let mut random = fastrand::Rng::with_seed(1);
        let mut log = Log::create(0, &path, 900).unwrap();
        assert!(!log.rotate(Rotation::Rename).unwrap());
        for how in [Rotation::Rename, Rotation::Copytruncate, Rotation::Gzip].repeat(3) {
            log.append(&lines, 100, &mut random).unwrap();
            assert!(log.rotate(how).unwrap());
        }
        let numbers = |dir: &Path| {
            let mut found = Vec::new();
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let mut text = fs::read(&path).unwrap();
                if path.extension().is_some_and(|extension| extension == "gz") {
                    let packed = std::mem::take(&mut text);
                    flate2::read::GzDecoder::new(&packed[..])
                        .read_to_end(&mut text)
                        .unwrap();
                }
                assert_eq!(lines.find(&text, |number| found.push(number.line)), 0);
            }
            found.sort_unstable();
            found
        };
        assert_eq!(numbers(dir.path()), (0..900).collect::<Vec<_>>());
        // The two oldest are delivered; a third one is not.
        log.prune(250).unwrap();
        assert_eq!(numbers(dir.path()), (200..900).collect::<Vec<_>>());
        log.prune(900).unwrap();
        assert_eq!(numbers(dir.path()), (400..900).collect::<Vec<_>>());
    }
}
