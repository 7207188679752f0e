//! The pages of `web/`, ready to be served: embedded in the program, or read from a folder while they are edited.
//!
//! A page is [`index`] at every path that is no file; its files are [`asset`]s below `{prefix}/assets/`. Both forms give the same
//! types, so that a server need not know which one it has:
//!
//! ```
//! let page = ui::index("/ui");
//! assert!(page.contains("/ui/assets/src/main.js"));
//! let script = ui::asset("src/main.js").expect("the pages have a script");
//! assert_eq!(script.content_type, "text/javascript; charset=utf-8");
//! ```

mod dir;
mod pack;

pub use dir::Dir;

use flate2::read::GzDecoder;
use std::borrow::Cow;
use std::io::{self, Read};

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

struct Embedded {
    content_type: &'static str,
    gzip: &'static [u8],
    etag: &'static str,
}

/// A file that the pages load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The content, compressed: for `Content-Encoding: gzip`.
    pub gzip: Cow<'static, [u8]>,
    /// Value of `ETag`, with its quotes. It names the content, whatever its encoding.
    pub etag: Cow<'static, str>,
}

impl Asset {
    /// The content as it is, for the rare client that takes no gzip.
    ///
    /// # Errors
    /// The compressed form is damaged, which an embedded file's cannot be.
    pub fn plain(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        GzDecoder::new(&*self.gzip).read_to_end(&mut content)?;
        Ok(content)
    }
}

/// An embedded file by its path below `assets/`, for example `src/main.js`. It costs nothing but a search in a table.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let at = ASSETS.binary_search_by(|(name, _)| order(name, path)).ok()?;
    let (_, found) = &ASSETS[at];
    Some(Asset {
        content_type: found.content_type,
        gzip: Cow::Borrowed(found.gzip),
        etag: Cow::Borrowed(found.etag),
    })
}

/// Paths of all embedded files.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|(name, _)| *name)
}

/// The page, for the path prefix under which it is served: empty or `/ui`, without a slash at the end.
#[must_use]
pub fn index(prefix: &str) -> String {
    with_prefix(INDEX, prefix)
}

/// Folders are walked part by part, so that a slash comes before every other letter.
fn order(a: &str, b: &str) -> std::cmp::Ordering {
    a.split('/').cmp(b.split('/'))
}

/// The prefix stands in attributes only.
fn with_prefix(page: &str, prefix: &str) -> String {
    let prefix = prefix
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;");
    page.replace("{{prefix}}", &prefix)
}
