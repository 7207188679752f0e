//! What ran last, on disk: used while the server does not answer.

use crate::args::RemotecfgArgs;
use host::Host;
use std::io;
use std::path::{Path, PathBuf};

/// Folder below that of the state; components of the remote configuration have theirs in it, too.
const FOLDER: &str = "remotecfg";
/// Larger files are not read.
const MOST_BYTES: u64 = crate::server::MOST_BYTES as u64;

/// One file, of one server and one collector.
#[derive(Clone)]
pub(crate) struct Cache {
    host: Host,
    file: PathBuf,
}

impl Cache {
    /// The cache of what these arguments, with the id that follows from them, fetch. Credentials do not count: they change.
    pub(crate) fn new(host: &Host, storage: &Path, args: &RemotecfgArgs, id: &str) -> Self {
        let mut text = format!("{:?} {id:?} {:?}", args.url, args.name);
        for (name, value) in &args.attributes {
            text.push_str(&format!(" {name:?}={value:?}"));
        }
        Cache {
            host: host.clone(),
            file: storage.join(FOLDER).join(fnv(text.as_bytes())),
        }
    }

    /// Its content, if there is any.
    pub(crate) async fn read(&self) -> Option<String> {
        let Cache { host, file } = self.clone();
        let read = move || {
            let size = host.fs.meta(&file)?.len;
            if size > MOST_BYTES {
                return Err(io::Error::other(format!("{size} bytes are too many")));
            }
            let bytes = host.fs.read(&file)?;
            String::from_utf8(bytes).map_err(io::Error::other)
        };
        match blocking(read).await {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let file = self.file.display();
                tracing::warn!(service = "remotecfg", %file, err = %error, "the kept remote configuration cannot be read");
                None
            }
        }
    }

    /// Notes that a configuration is on trial, so that one with which the process does not live long enough to say what it is worth is found out. Gives
    /// how often in a row its trial has begun, this time included.
    pub(crate) async fn begin_trial(&self, text: &str) -> u32 {
        let hash = format!("{} {}", fnv(text.as_bytes()), text.len());
        let (host, file) = (self.host.clone(), self.trial());
        let note = move || {
            let noted = host.fs.read(&file).unwrap_or_default();
            let noted = String::from_utf8_lossy(&noted).into_owned();
            let before = noted.rsplit_once(' ').filter(|(of, _)| *of == hash);
            let before: u32 = before.and_then(|(_, tries)| tries.parse().ok()).unwrap_or_default();
            let tries = before.saturating_add(1);
            if let Some(folder) = file.parent() {
                create(folder)?;
            }
            host.fs
                .write_atomic(&file, format!("{hash} {tries}").as_bytes(), 0o600)?;
            Ok(tries)
        };
        // Where nothing can be noted, every time is the first.
        blocking(note).await.unwrap_or(1)
    }

    /// The trial is over, with whatever outcome.
    pub(crate) async fn end_trial(&self) {
        let (host, file) = (self.host.clone(), self.trial());
        // Mostly there is none.
        let _ = blocking(move || host.fs.remove_file(&file)).await;
    }

    fn trial(&self) -> PathBuf {
        self.file.with_extension("trial")
    }

    /// Replaces its content.
    pub(crate) async fn write(&self, text: &str) {
        let Cache { host, file } = self.clone();
        let text = text.as_bytes().to_vec();
        let write = move || {
            if let Some(folder) = file.parent() {
                create(folder)?;
            }
            host.fs.write_atomic(&file, &text, 0o600)
        };
        if let Err(error) = blocking(write).await {
            let file = self.file.display();
            tracing::warn!(service = "remotecfg", %file, err = %error, "the remote configuration cannot be kept on disk");
        }
    }
}

/// Creates a folder for the owner and the group.
fn create(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o750);
    }
    builder.create(folder)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error)),
    }
}

/// FNV-1 of 32 bits in hexadecimal digits, as Alloy names configurations.
pub(crate) fn fnv(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        hash.wrapping_mul(0x0100_0193) ^ u32::from(*byte)
    });
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use value::Block;

    #[test]
    fn hashes_are_fnv_1() {
        assert_eq!(
            [fnv(b""), fnv(b"a"), fnv(b"foobar")],
            ["811c9dc5", "050c5d7e", "31f0b262"]
        );
    }

    #[tokio::test]
    async fn what_is_written_is_read_by_the_same_arguments_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = RemotecfgArgs::defaults();
        let at = |args: &RemotecfgArgs, id: &str| Cache::new(&Host::real(), folder.path(), args, id);
        assert_eq!(at(&args, "i").read().await, None);
        at(&args, "i").write("text").await;
        assert_eq!(at(&args, "i").read().await.as_deref(), Some("text"));
        assert_eq!(at(&args, "j").read().await, None);
        args.client.bearer_token = value::Secret::new("new");
        assert_eq!(at(&args, "i").read().await.as_deref(), Some("text"));
        args.url = "http://h".to_owned();
        assert_eq!(at(&args, "i").read().await, None);
        let cache = at(&args, "i");
        let tries = [
            cache.begin_trial("x").await,
            cache.begin_trial("x").await,
            cache.begin_trial("y").await,
            cache.begin_trial("x").await,
        ];
        assert_eq!(tries, [1, 2, 1, 1]);
        cache.end_trial().await;
        assert_eq!(cache.begin_trial("x").await, 1);
        cache.end_trial().await;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
            let inside = folder.path().join(FOLDER);
            let file = std::fs::read_dir(&inside).unwrap().next().unwrap().unwrap().path();
            assert_eq!((mode(&inside) & !0o750, mode(&file)), (0, 0o600));
        }
    }
}
