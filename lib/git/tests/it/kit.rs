//! Repositories to fetch from.

use git::{Address, Auth, Entry, Error, Interrupt, Repository, Revision, Settings, Snapshot};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether a program is there; says so once a test if it is not.
pub fn has(program: &str, argument: &str) -> bool {
    let there = Command::new(program)
        .arg(argument)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok();
    if !there {
        println!("skipped: the program {program:?} is not installed");
    }
    there
}

/// A repository with files, as somebody works in it.
pub struct Work {
    pub dir: PathBuf,
}

impl Work {
    /// A new one with `a.alloy` on branch `main`.
    pub fn new(dir: &Path) -> Work {
        fs::create_dir_all(dir).unwrap();
        let work = Work { dir: dir.to_owned() };
        work.git(&["init", "-q", "-b", "main", "."]);
        work.commit("modules/a.alloy", "one");
        work
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        run(&self.dir, arguments)
    }

    /// Writes a file and commits it; gives the hash.
    pub fn commit(&self, path: &str, text: &str) -> String {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self.commit_all()
    }

    pub fn commit_all(&self) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Runs git without the machine's configuration.
pub fn run(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "safe.directory=*",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
        ])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

thread_local! {
    /// Where the keys of hosts are, for the repositories that this test makes.
    pub static KNOWN_HOSTS: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
}

pub fn repository(address: &str, dir: &Path) -> Repository {
    let settings = Settings {
        known_hosts: KNOWN_HOSTS.with_borrow(Clone::clone),
        ..Settings::default()
    };
    Repository::new(Address::parse(address).unwrap(), dir, settings)
}

pub fn sync(repository: &Repository, revision: &str) -> Result<Snapshot, Error> {
    sync_as(repository, revision, &Auth::None)
}

pub fn sync_as(repository: &Repository, revision: &str, auth: &Auth) -> Result<Snapshot, Error> {
    repository.sync(&Revision::parse(revision).unwrap(), auth, &Interrupt::default())
}

/// The text of a file.
pub fn text(snapshot: &Snapshot, path: &str) -> String {
    match snapshot.read(path, 1 << 20) {
        Ok(Entry::File(text)) => String::from_utf8(text).unwrap(),
        other => panic!("{path}: {other:?}"),
    }
}

/// Why it failed.
pub fn error(result: Result<Snapshot, Error>) -> String {
    match result {
        Ok(snapshot) => panic!("it should fail, and gives {}", snapshot.commit()),
        Err(error) => error.to_string(),
    }
}
