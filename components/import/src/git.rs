//! `import.git`

use crate::common::{MOST_BYTES, Reporter, SUFFIX, Trouble, about, blocking, content_file, fetched};
use component::{CancellationToken, Content, Error, Fetched, Import, ImportContext, ImportKind, OnFetch, Result};
use git::{Address, Auth, Entry, Interrupt, Repository, Revision, Settings, Snapshot};
use host::Fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use value::{Block, GoDuration, Secret};

/// The kind.
pub const IMPORT: ImportKind = ImportKind::of::<Git>("import.git", &[]);

/// Imports custom components from a file, or from the `*.alloy` files of a directory, in a git repository.
///
/// It is fetched again and again, and they are imported again when they change. If it cannot be fetched but was before, also before a restart,
/// the old copy is used and the import is unhealthy.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = check)]
pub struct Arguments {
    /// Where the repository is: a path, or a URL with `https`, `http`, `ssh`, `git` or `file`, or `user@host:path`. A relative path is relative
    /// to the working directory of the process. `ssh` needs the program of that name.
    #[arg]
    pub repository: String,
    /// Name of a tag, of a branch, or hash of a commit, or the beginning of one; looked for in this order.
    #[arg(default = "main".to_owned())]
    pub revision: String,
    /// Path of the file or directory in the repository.
    #[arg]
    pub path: String,
    /// How often to fetch; `"0s"` for once.
    #[arg(default = GoDuration::minutes(1))]
    pub pull_frequency: GoDuration,
    /// Name and password, for HTTP.
    #[arg(block)]
    pub basic_auth: Option<BasicAuth>,
    /// Key, for SSH. Without, `ssh` looks for keys and agents as it always does.
    #[arg(block)]
    pub ssh_key: Option<SshKey>,
}

/// Name and password.
#[derive(Block, Clone, Debug, Default, PartialEq)]
#[block(validate = BasicAuth::validate)]
pub struct BasicAuth {
    /// Name.
    #[arg]
    pub username: String,
    /// Password or token.
    #[arg(default)]
    pub password: Secret,
    /// File that holds it; read for each fetch.
    #[arg(default)]
    pub password_file: String,
}

/// A private key.
#[derive(Block, Clone, Debug, Default, PartialEq)]
#[block(validate = SshKey::validate)]
pub struct SshKey {
    /// Name at the other end.
    #[arg]
    pub username: String,
    /// The key.
    #[arg(default)]
    pub key: Secret,
    /// File that holds it; read for each fetch.
    #[arg(default)]
    pub key_file: String,
    /// What the key is encrypted with.
    #[arg(default)]
    pub passphrase: Secret,
}

fn check(args: &Arguments) -> std::result::Result<(), String> {
    if args.pull_frequency.0 < 0 {
        return Err("\"pull_frequency\" must not be negative".to_owned());
    }
    if args.basic_auth.is_some() && args.ssh_key.is_some() {
        return Err("at most one of basic_auth and ssh_key must be configured".to_owned());
    }
    Ok(())
}

impl BasicAuth {
    fn validate(&self) -> std::result::Result<(), String> {
        if !self.password.is_empty() && !self.password_file.is_empty() {
            return Err("at most one of basic_auth password & password_file must be configured".to_owned());
        }
        Ok(())
    }
}

impl SshKey {
    fn validate(&self) -> std::result::Result<(), String> {
        if !self.key.is_empty() && !self.key_file.is_empty() {
            return Err("at most one of ssh_key key & key_file must be configured".to_owned());
        }
        Ok(())
    }
}

/// An `import.git`.
pub struct Git {
    inner: Arc<Inner>,
    trouble: Trouble,
}

struct Inner {
    cx: ImportContext,
    args: Arguments,
    repository: Repository,
    revision: Revision,
    /// The commit about which was said what is left out of it.
    warned: Mutex<Option<String>>,
}

/// Ends what runs on a blocking thread when nobody waits for it any more.
struct EndWithMe(Interrupt);

impl Drop for EndWithMe {
    fn drop(&mut self) {
        self.0.set();
    }
}

fn secret(fs: &dyn Fs, argument: &str, inline: &Secret, file: &str) -> Result<Option<String>> {
    if file.is_empty() {
        return Ok((!inline.is_empty()).then(|| inline.expose_str()));
    }
    let unreadable = |error: String| Error::caused(format!("cannot read {argument} {file:?}"), error);
    let content = fs
        .read(Path::new(file))
        .map_err(|error| unreadable(error.to_string()))?;
    // What the file holds is not repeated.
    let text = String::from_utf8(content).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
    Ok(Some(text.trim().to_owned()))
}

impl Inner {
    fn auth(&self) -> Result<Auth> {
        let fs = &*self.cx.host.fs;
        if let Some(basic) = &self.args.basic_auth {
            let password = secret(fs, "password_file", &basic.password, &basic.password_file)?;
            return Ok(Auth::Basic {
                username: basic.username.clone(),
                password: password.unwrap_or_default(),
            });
        }
        if let Some(ssh) = &self.args.ssh_key {
            return Ok(Auth::Ssh {
                username: ssh.username.clone(),
                key: secret(fs, "key_file", &ssh.key, &ssh.key_file)?,
                passphrase: (!ssh.passphrase.is_empty()).then(|| ssh.passphrase.expose_str()),
            });
        }
        Ok(Auth::None)
    }

    fn sync(&self, interrupt: &Interrupt) -> Result<Fetched> {
        let fetch = || -> Result<Snapshot> {
            let synced = self.repository.sync(&self.revision, &self.auth()?, interrupt);
            synced.map_err(|error| Error::new(error.to_string()))
        };
        let snapshot = fetch()?;
        self.warn(&snapshot);
        let content = self.content(&snapshot)?;
        Ok(Fetched {
            caveat: snapshot.caveat().map(str::to_owned),
            ..fetched(content)
        })
    }

    fn warn(&self, snapshot: &Snapshot) {
        let commit = Some(snapshot.commit());
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if *warned == commit {
            return;
        }
        *warned = commit;
        let skipped = snapshot.skipped();
        if !skipped.is_empty() {
            tracing::warn!(
                parent: &self.cx.span,
                commit = %snapshot.commit(),
                count = skipped.len(),
                first = %skipped[0],
                "parts of the repository are left out"
            );
        }
    }

    fn content(&self, snapshot: &Snapshot) -> Result<Content> {
        let path = self.args.path.as_str();
        let read = |path: &str| {
            let read = snapshot.read(path, MOST_BYTES);
            read.map_err(|error| Error::caused(format!("cannot read {}", self.name(path)), error))
        };
        // The folder in the repository; what leads out of it was refused when it was read.
        let place = |folder: &Path| {
            let plain = folder
                .components()
                .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
            self.repository
                .files()
                .join(plain.collect::<PathBuf>())
                .display()
                .to_string()
        };
        match read(path)? {
            Entry::File(text) => Ok(Content {
                files: vec![content_file(self.name(path), text)?],
                module_path: place(Path::new(path).parent().unwrap_or(Path::new(""))),
            }),
            Entry::Directory(names) => {
                let mut files = Vec::new();
                for name in names.iter().filter(|name| name.ends_with(SUFFIX)) {
                    let path = format!("{}/{name}", path.trim_end_matches('/'));
                    if let Entry::File(text) = read(&path)? {
                        files.push(content_file(self.name(&path), text)?);
                    }
                }
                Ok(Content {
                    files,
                    module_path: place(Path::new(path)),
                })
            }
        }
    }

    fn name(&self, path: &str) -> String {
        format!("{}@{}:{path}", self.repository.address(), self.revision)
    }
}

impl Git {
    async fn sync(&self) -> Result<Fetched> {
        let interrupt = Interrupt::default();
        let _end = EndWithMe(interrupt.clone());
        let inner = self.inner.clone();
        blocking(move || inner.sync(&interrupt)).await?
    }
}

impl Import for Git {
    type Arguments = Arguments;

    fn open(cx: ImportContext, args: Arguments) -> Result<Self> {
        let about = |argument: &str, error: git::Error| Error::about(argument, error.to_string());
        let address = Address::parse(&args.repository).map_err(|error| about("repository", error))?;
        let revision = Revision::parse(&args.revision).map_err(|error| about("revision", error))?;
        if args.path.is_empty() {
            return Err(Error::about(
                "path",
                "it is empty; give the path of a file or directory in the repository",
            ));
        }
        if args.basic_auth.is_some() && address.is_ssh() {
            return Err(Error::about(
                "basic_auth",
                "it is for repositories over HTTP; use \"ssh_key\" for SSH",
            ));
        }
        if args.ssh_key.is_some() && address.is_http() {
            return Err(Error::about(
                "ssh_key",
                "it is for repositories over SSH; use \"basic_auth\" for HTTP",
            ));
        }
        let known_hosts = std::env::var_os("SSH_KNOWN_HOSTS").filter(|list| !list.is_empty());
        let settings = Settings {
            known_hosts: known_hosts
                .map(|list| std::env::split_paths(&list).collect())
                .unwrap_or_default(),
            ..Settings::default()
        };
        Ok(Git {
            inner: Arc::new(Inner {
                repository: Repository::new(address, cx.data_path.clone(), settings),
                revision,
                args,
                cx,
                warned: Mutex::new(None),
            }),
            trouble: Trouble::default(),
        })
    }

    async fn fetch(&self) -> Result<Fetched> {
        let result = self.sync().await;
        self.trouble.note(&result);
        result
    }

    async fn watch(self: Arc<Self>, known: Content, report: OnFetch, stop: CancellationToken) -> Result<()> {
        let period = self.inner.args.pull_frequency.as_std();
        if period.is_zero() {
            stop.cancelled().await;
            return Ok(());
        }
        let mut reporter = Reporter::new(&self.trouble, known, report);
        loop {
            let pause = about(period, &*self.inner.cx.host.random);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                result = self.sync() => reporter.attempt(result),
            }
        }
    }
}
