//! What the kinds of import have in common.

use component::{Content, ContentFile, Error, Fetched, OnFetch, Result};
use host::Random;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The largest file that is taken for a module.
pub(crate) const MOST_BYTES: u64 = 16 << 20;
/// How the files of modules are named in a directory.
pub(crate) const SUFFIX: &str = ".alloy";

/// One file, if it is text of a sensible size.
pub(crate) fn content_file(name: String, text: Vec<u8>) -> Result<ContentFile> {
    if text.len() as u64 > MOST_BYTES {
        return Err(too_large(&name));
    }
    if let Err(error) = std::str::from_utf8(&text) {
        return Err(Error::new(format!(
            "{name:?} is not UTF-8 text: byte {} is wrong",
            error.valid_up_to()
        )));
    }
    Ok(ContentFile { name, text })
}

pub(crate) fn too_large(name: &str) -> Error {
    Error::new(format!(
        "{name:?} is larger than {} MiB; is it a module?",
        MOST_BYTES >> 20
    ))
}

/// A pause of about `period`, so that a thousand collectors do not ask at once.
pub(crate) fn about(period: Duration, random: &dyn Random) -> Duration {
    period.mul_f64(0.95 + 0.1 * random.unit())
}

/// Whether the last attempt failed, and how. Outlives a watch: the first attempt comes before it.
#[derive(Default)]
pub(crate) struct Trouble(Mutex<Option<String>>);

impl Trouble {
    /// Takes note of an attempt. True if there was another trouble before, or none where there is one now.
    pub(crate) fn note(&self, result: &Result<Fetched>) -> bool {
        let now = match result {
            Ok(fetched) => fetched.caveat.clone(),
            Err(error) => Some(error.to_string()),
        };
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *before != now;
        *before = now;
        changed
    }
}

/// Tells of attempts that bring something new.
pub(crate) struct Reporter<'a> {
    trouble: &'a Trouble,
    known: Content,
    report: OnFetch,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(trouble: &'a Trouble, known: Content, report: OnFetch) -> Self {
        Reporter { trouble, known, report }
    }

    /// An attempt was made.
    pub(crate) fn attempt(&mut self, result: Result<Fetched>) {
        let mut news = self.trouble.note(&result);
        if let Ok(fetched) = &result
            && fetched.content != self.known
        {
            news = true;
            self.known = fetched.content.clone();
        }
        if news {
            (self.report)(result);
        }
    }
}

/// Content without a caveat.
pub(crate) fn fetched(content: Content) -> Fetched {
    Fetched { content, caveat: None }
}

/// Runs what blocks on a blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::caused("a thread of the import failed", error))
}
