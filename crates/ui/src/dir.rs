//! Pages served from a folder while they are edited.

use crate::{Asset, pack, with_prefix};
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Larger than any file of the pages; more is not read into memory.
const LARGEST: u64 = 8 << 20;

/// A folder laid out as `web/` is. Files are read at each request, so that an edit is seen as soon as the page is loaded again.
#[derive(Clone, Debug)]
pub struct Dir(PathBuf);

impl Dir {
    /// Takes the folder, which has to have an `index.html`.
    ///
    /// # Errors
    /// There is no such folder, or it has no such file.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        let dir = Self(path.as_ref().canonicalize()?);
        dir.read(Path::new("index.html"))?;
        Ok(dir)
    }

    /// As [`crate::asset`]. `None` too for what lies outside of the folder: a path with `..`, an absolute one, a link that leads out.
    #[must_use]
    pub fn asset(&self, path: &str) -> Option<Asset> {
        let content_type = pack::content_type(path)?;
        let relative = Path::new(path);
        let mut parts = relative.components();
        let Some(Component::Normal(first)) = parts.next() else {
            return None;
        };
        if !pack::FOLDERS.iter().any(|folder| first == *folder)
            || !parts.all(|part| matches!(part, Component::Normal(_)))
            || path.contains('\0')
        {
            return None;
        }
        let content = self.read(relative).ok()?;
        Some(Asset {
            content_type,
            gzip: Cow::Owned(pack::gzip(&content, 1).ok()?),
            etag: Cow::Owned(pack::etag(&content)),
        })
    }

    /// As [`crate::index`].
    ///
    /// # Errors
    /// The file cannot be read, or is not UTF-8.
    pub fn index(&self, prefix: &str) -> io::Result<String> {
        let content = String::from_utf8(self.read(Path::new("index.html"))?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(with_prefix(&content, prefix))
    }

    fn read(&self, relative: &Path) -> io::Result<Vec<u8>> {
        let path = self.0.join(relative).canonicalize()?;
        // What is a link inside of the folder may lead out of it.
        if !path.starts_with(&self.0) || !fs::metadata(&path)?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut content = Vec::new();
        File::open(&path)?.take(LARGEST + 1).read_to_end(&mut content)?;
        if content.len() as u64 > LARGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }
}
