//! `import.file`

use crate::common::{MOST_BYTES, Reporter, SUFFIX, Trouble, blocking, content_file, fetched, too_large};
use component::{CancellationToken, Content, Error, Fetched, Import, ImportContext, ImportKind, OnFetch, Result};
use host::{FileId, FileKind, Fs};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use value::{Block, Choice, GoDuration};

/// The kind.
pub const IMPORT: ImportKind = ImportKind::of::<File>("import.file", &[]);

/// Quiet after an event before the files are read: writers often write in several steps.
const SETTLE: Duration = Duration::from_millis(30);
/// Where it is never quiet, the files are read nevertheless.
const MOST_SETTLE: Duration = Duration::from_secs(1);

/// How a change is noticed.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detector {
    /// By events of the file system.
    #[choice("fsnotify")]
    FsNotify,
    /// By looking from time to time.
    #[choice("poll")]
    Poll,
}

/// Imports custom components from a file, or from the `*.alloy` files of a directory.
///
/// They are watched and imported again when they change. If they cannot be read any more, the import is unhealthy and the last content
/// stays.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = check)]
pub struct Arguments {
    /// Path of the file or directory.
    #[arg]
    pub filename: PathBuf,
    /// How to notice that something changed: `fsnotify` or `poll`.
    #[arg(default = Detector::FsNotify)]
    pub detector: Detector,
    /// How often to look if `detector` is `poll`; with `fsnotify`, how often to look for changes without an event.
    #[arg(default = GoDuration::minutes(1))]
    pub poll_frequency: GoDuration,
}

fn check(args: &Arguments) -> std::result::Result<(), String> {
    if args.poll_frequency.0 <= 0 {
        return Err("\"poll_frequency\" must be greater than 0".to_owned());
    }
    Ok(())
}

/// An `import.file`.
pub struct File {
    cx: ImportContext,
    args: Arguments,
    trouble: Trouble,
}

fn load(fs: &dyn Fs, path: &Path) -> Result<Content> {
    let unreadable = |error| Error::caused(format!("cannot read {:?}", path.display().to_string()), error);
    if fs.meta(path).map_err(unreadable)?.kind != FileKind::Dir {
        return Ok(Content {
            files: vec![load_file(fs, path)?],
            module_path: parent(path).display().to_string(),
        });
    }
    let mut names: Vec<_> = fs.read_dir(path).map_err(unreadable)?;
    names.retain(|entry| entry.name.to_string_lossy().ends_with(SUFFIX) && entry.kind != Some(FileKind::Dir));
    names.sort_by(|a, b| a.name.cmp(&b.name));
    let mut files = Vec::new();
    for entry in names {
        let file = path.join(&entry.name);
        // A link may lead to a directory.
        if entry.kind.is_none() && fs.meta(&file).is_ok_and(|meta| meta.kind == FileKind::Dir) {
            continue;
        }
        files.push(load_file(fs, &file)?);
    }
    Ok(Content {
        files,
        module_path: path.display().to_string(),
    })
}

fn load_file(fs: &dyn Fs, path: &Path) -> Result<component::ContentFile> {
    let name = path.display().to_string();
    let unreadable = |error| Error::caused(format!("cannot read {name:?}"), error);
    let meta = fs.meta(path).map_err(unreadable)?;
    if meta.kind != FileKind::File {
        // Opening a pipe would wait for a writer.
        return Err(Error::new(format!("{name:?} is neither a file nor a directory")));
    }
    if meta.len > MOST_BYTES {
        return Err(too_large(&name));
    }
    let text = fs.read(path).map_err(unreadable)?;
    content_file(name, text)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Directories that are watched, as they were when that began.
struct Armed {
    dirs: Vec<(PathBuf, FileId)>,
    /// Held: dropping it ends the watching.
    _watcher: Option<RecommendedWatcher>,
}

/// The directories in which something can happen that concerns `path`: the one that holds it, since editors and Kubernetes replace what
/// is in there; it, if it is one; the one where a link leads. One that is not there is stood in for by what is left of the way to it.
fn dirs(fs: &dyn Fs, path: &Path) -> Vec<(PathBuf, FileId)> {
    let mut wanted = vec![parent(path).to_path_buf()];
    if let Ok(target) = fs.resolve(path) {
        wanted.push(parent(&target).to_path_buf());
    }
    if fs.meta(path).is_ok_and(|meta| meta.kind == FileKind::Dir) {
        wanted.push(path.to_path_buf());
    }
    let mut dirs: Vec<(PathBuf, FileId)> = Vec::new();
    for start in wanted {
        let mut dir = start.as_path();
        let found = loop {
            match fs.meta(dir) {
                Ok(meta) if meta.kind == FileKind::Dir => break Some(meta.id),
                _ if parent(dir) == dir => break None,
                _ => dir = parent(dir),
            }
        };
        if let Some(id) = found
            && !dirs.iter().any(|(_, known)| *known == id)
        {
            dirs.push((dir.to_path_buf(), id));
        }
    }
    dirs
}

impl Armed {
    /// Watches what is to be watched now. What was is kept if that is the same.
    fn renew(
        before: Option<Armed>,
        fs: &dyn Fs,
        path: &Path,
        events: &Arc<Notify>,
    ) -> std::result::Result<Armed, String> {
        let dirs = dirs(fs, path);
        if let Some(before) = before
            && before.dirs == dirs
        {
            return Ok(before);
        }
        let events = events.clone();
        let on_event = move |event: notify::Result<notify::Event>| {
            if !event.is_ok_and(|event| event.kind.is_access()) {
                events.notify_one();
            }
        };
        let mut watcher = notify::recommended_watcher(on_event).map_err(|error| error.to_string())?;
        for (dir, _) in &dirs {
            watcher
                .watch(dir, RecursiveMode::NonRecursive)
                .map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        Ok(Armed {
            dirs,
            _watcher: Some(watcher),
        })
    }
}

/// Waits until nothing has happened for a moment.
async fn settle(events: &Notify) {
    let quiet = async { while tokio::time::timeout(SETTLE, events.notified()).await.is_ok() {} };
    let _ = tokio::time::timeout(MOST_SETTLE, quiet).await;
}

impl Import for File {
    type Arguments = Arguments;

    fn open(cx: ImportContext, args: Arguments) -> Result<Self> {
        if args.filename.as_os_str().is_empty() {
            return Err(Error::about(
                "filename",
                "it is empty; give the path of a file or directory",
            ));
        }
        Ok(File {
            cx,
            args,
            trouble: Trouble::default(),
        })
    }

    fn read(&self) -> Option<Result<Content>> {
        Some(load(&*self.cx.host.fs, &self.args.filename))
    }

    async fn fetch(&self) -> Result<Fetched> {
        let (fs, path) = (self.cx.host.fs.clone(), self.args.filename.clone());
        let result = blocking(move || load(&*fs, &path)).await?.map(fetched);
        self.trouble.note(&result);
        result
    }

    async fn watch(self: Arc<Self>, known: Content, report: OnFetch, stop: CancellationToken) -> Result<()> {
        let mut reporter = Reporter::new(&self.trouble, known, report);
        let events = Arc::new(Notify::new());
        let mut armed = None;
        let mut warned = false;
        loop {
            // Watches first: what changes after the files were read is an event then.
            let (fs, path, to) = (self.cx.host.fs.clone(), self.args.filename.clone(), events.clone());
            let before = armed.take();
            let watches = self.args.detector == Detector::FsNotify;
            let (now, result) = blocking(move || {
                let now = watches.then(|| Armed::renew(before, &*fs, &path, &to));
                (now, load(&*fs, &path))
            })
            .await?;
            armed = match now {
                Some(Ok(now)) => {
                    warned = false;
                    Some(now)
                }
                Some(Err(error)) => {
                    if !std::mem::replace(&mut warned, true) {
                        tracing::warn!(
                            parent: &self.cx.span,
                            err = %error,
                            "cannot watch for file events; looking every poll_frequency instead"
                        );
                    }
                    None
                }
                None => None,
            };
            reporter.attempt(result.map(fetched));
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.args.poll_frequency.as_std()) => {}
                () = events.notified() => settle(&events).await,
            }
        }
    }
}
