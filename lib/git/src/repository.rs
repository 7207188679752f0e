//! A repository and its place on this machine.

use crate::address::Address;
use crate::fetch::{self, Failure};
use crate::files::Files;
use crate::revision::BRANCHES;
use crate::tree::Snapshot;
use crate::{Error, Revision};
use gix::ObjectId;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked whether the lock is free.
const LOOK: Duration = Duration::from_millis(50);
/// Each fetch may leave a pack; there is nobody to repack, so from here on it is cloned afresh.
const MOST_PACKS: usize = 50;
/// The same for single objects, counted in one of the 256 directories that they are spread over.
const MOST_LOOSE: usize = 64;
/// In the repository: the address that it was cloned from.
const ORIGIN: &str = "origin-address";

/// How to prove who fetches.
#[derive(Clone, Default)]
pub enum Auth {
    /// As the address says, or the system's `ssh` by itself.
    #[default]
    None,
    /// Name and password, for HTTP.
    Basic {
        /// Name.
        username: String,
        /// Password or token.
        password: String,
    },
    /// For SSH.
    Ssh {
        /// Name at the other end; if empty, the one in the address.
        username: String,
        /// Private key in PEM or OpenSSH's format; without, the system's `ssh` chooses.
        key: Option<String>,
        /// What the key is encrypted with.
        passphrase: Option<String>,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Auth::None => "None",
            Auth::Basic { .. } => "Basic",
            Auth::Ssh { .. } => "Ssh",
        })
    }
}

/// Asks what is running to end early. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(pub(crate) Arc<AtomicBool>);

impl Interrupt {
    /// Asks.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What a revision may hold at most to be written out.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Number of files.
    pub files: usize,
    /// Sum of their sizes, in bytes.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            files: 100_000,
            bytes: 1 << 30,
        }
    }
}

/// What concerns all fetches of a repository.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What a revision may hold.
    pub limits: Limits,
    /// Files with the keys of SSH hosts; if empty, `ssh` looks where it always does.
    pub known_hosts: Vec<PathBuf>,
}

/// A repository that is copied to a directory. See the crate's description.
pub struct Repository {
    address: Address,
    dir: PathBuf,
    settings: Settings,
    /// The tree that this process has written out; what an earlier process left is not trusted.
    written: Mutex<Option<(ObjectId, Vec<String>)>>,
}

impl Repository {
    /// A copy of `address` in `dir`, which is created when it is needed. No side effects.
    pub fn new(address: Address, dir: impl Into<PathBuf>, settings: Settings) -> Self {
        Repository {
            address,
            dir: dir.into(),
            settings,
            written: Mutex::new(None),
        }
    }

    /// Where the files of the revision lie.
    pub fn files(&self) -> PathBuf {
        self.dir.join("repo")
    }

    /// Where it is copied from.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn store(&self) -> PathBuf {
        self.dir.join("repo.git")
    }

    /// Fetches the revision, writes its files out, and gives it to read from. If it cannot be fetched but was before, the old one is given, and
    /// [`Snapshot::caveat`] says why. Waits for others that use the directory.
    pub fn sync(&self, revision: &Revision, auth: &Auth, interrupt: &Interrupt) -> Result<Snapshot, Error> {
        fs::create_dir_all(&self.dir)
            .map_err(|error| Error::caused(format!("cannot create {}", self.dir.display()), error))?;
        let lock = self.lock(interrupt)?;
        let job = fetch::Job {
            address: &self.address,
            revision,
            auth,
            known_hosts: &self.settings.known_hosts,
            dir: &self.dir,
            interrupt,
        };
        let failure = match self.existing() {
            None => return self.clone(&job, lock).map_err(Failure::into_error),
            Some(_) if is_full(&self.store()) => match self.clone(&job, lock.clone()) {
                Ok(snapshot) => return Ok(snapshot),
                Err(failure) => failure,
            },
            Some(repo) => {
                let updated = job.update(&repo).and_then(|commit| {
                    // An object may be missing or damaged.
                    let snapshot = self.snapshot(repo, commit, None, lock.clone());
                    snapshot.map_err(Failure::of_snapshot)
                });
                match updated {
                    Ok(snapshot) => return Ok(snapshot),
                    Err(Failure::Here(_)) if !interrupt.is_set() => match self.clone(&job, lock.clone()) {
                        Ok(snapshot) => return Ok(snapshot),
                        Err(failure) => failure,
                    },
                    Err(failure) => failure,
                }
            }
        };
        let error = match failure {
            Failure::NotThere(error) => return Err(error),
            Failure::There(error) | Failure::Here(error) => error,
        };
        // Opened again: what was read of it before may be what went wrong.
        let old = self.existing().and_then(|repo| {
            revision
                .resolve(&repo, BRANCHES)
                .ok()
                .flatten()
                .map(|commit| (repo, commit))
        });
        match old {
            Some((repo, commit)) if !interrupt.is_set() => {
                let caveat = format!("{error}; the copy of an earlier fetch is used, commit {commit}");
                self.snapshot(repo, commit, Some(caveat), lock).map_err(|_| error)
            }
            _ => Err(error),
        }
    }

    /// Reads what an earlier [`Repository::sync`] fetched, without asking the other side. `None` if that is not there.
    pub fn local(&self, revision: &Revision) -> Option<Snapshot> {
        if !self.store().exists() {
            return None;
        }
        let lock = self.lock(&Interrupt::default()).ok()?;
        let repo = self.existing()?;
        let commit = revision.resolve(&repo, BRANCHES).ok().flatten()?;
        self.snapshot(repo, commit, None, lock).ok()
    }

    fn lock(&self, interrupt: &Interrupt) -> Result<Arc<File>, Error> {
        let path = self.dir.join("repo.lock");
        let cannot = |error| Error::caused(format!("cannot lock {}", path.display()), error);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(cannot)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Arc::new(file)),
                Err(TryLockError::WouldBlock) if interrupt.is_set() => return Err(Error::new("interrupted")),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
        }
    }

    /// The repository that is there already, if it is what it should be. What it should not be is removed when it is cloned.
    fn existing(&self) -> Option<gix::Repository> {
        let store = self.store();
        let origin = fs::read_to_string(store.join(ORIGIN)).ok()?;
        if origin != self.address.to_string() {
            return None;
        }
        open(&store).ok()
    }

    /// Clones beside what is there, and takes its place.
    fn clone(&self, job: &fetch::Job<'_>, lock: Arc<File>) -> Result<Snapshot, Failure> {
        let (store, new) = (self.store(), self.dir.join("repo.git.new"));
        let cannot =
            |path: &Path, error| Failure::Here(Error::caused(format!("cannot write {}", path.display()), error));
        remove(&new).map_err(|error| cannot(&new, error))?;
        let made = gix::ThreadSafeRepository::init_opts(
            &new,
            gix::create::Kind::Bare,
            gix::create::Options::default(),
            gix::open::Options::isolated(),
        );
        made.map_err(|error| {
            Failure::Here(Error::git(
                format!("cannot make a repository in {}", new.display()),
                &error,
            ))
        })?;
        let fetched = open(&new).map_err(Failure::Here).and_then(|repo| job.update(&repo));
        let commit = match fetched {
            Ok(commit) => commit,
            Err(failure) => {
                // The next attempt removes it too.
                let _ = remove(&new);
                return Err(failure);
            }
        };
        fs::write(new.join(ORIGIN), self.address.to_string()).map_err(|error| cannot(&new, error))?;
        remove(&store)
            .and_then(|()| fs::rename(&new, &store))
            .map_err(|error| cannot(&store, error))?;
        let repo = open(&store).map_err(Failure::Here)?;
        self.snapshot(repo, commit, None, lock).map_err(Failure::of_snapshot)
    }

    fn snapshot(
        &self,
        repo: gix::Repository,
        commit: ObjectId,
        caveat: Option<String>,
        lock: Arc<File>,
    ) -> Result<Snapshot, Error> {
        let tree = repo
            .find_commit(commit)
            .and_then(|commit| Ok(commit.tree_id()?.detach()))
            .map_err(|error| Error::git(format!("cannot read commit {commit}"), &error))?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.files();
        let skipped = match &*written {
            Some((old, skipped)) if *old == tree && place.is_dir() => skipped.clone(),
            _ => {
                *written = None;
                let skipped = Files::new(&repo, self.settings.limits).write(tree, &place)?;
                *written = Some((tree, skipped.clone()));
                skipped
            }
        };
        Ok(Snapshot::new(repo, commit, tree, caveat, skipped, lock))
    }
}

/// Opens a repository without heeding the configuration of the user, the system or the environment.
pub(crate) fn open(path: &Path) -> Result<gix::Repository, Error> {
    let mut repo = gix::open_opts(path, gix::open::Options::isolated().open_path_as_is(true))
        .map_err(|error| Error::git(format!("cannot open the repository in {}", path.display()), &error))?;
    repo.committer_or_set_generic_fallback()
        .map_err(|error| Error::git("cannot write references", &error))?;
    Ok(repo)
}

/// Removes whatever is there.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether so much has gathered that a fresh clone is better.
fn is_full(store: &Path) -> bool {
    let count = |dir: &str| fs::read_dir(store.join("objects").join(dir)).map_or(0, Iterator::count);
    // A pack is two files, or three.
    count("pack") > 2 * MOST_PACKS || count("17") > MOST_LOOSE
}
