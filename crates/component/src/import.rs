//! Where modules come from: the contract of `import.file`, `import.string`, `import.http`, `import.git`.

use crate::error::BuildError;
use crate::{BoxFuture, CancellationToken, Result};
use host::Host;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use value::{Block, Body, Schema};

/// One file of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFile {
    /// Name for diagnostics: a path, a URL, or what else tells a person where to look.
    pub name: String,
    /// Text of the file.
    pub text: Vec<u8>,
}

/// What an import brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The files, in the order of their names.
    pub files: Vec<ContentFile>,
    /// What `module_path` is inside: the folder that the content comes from.
    pub module_path: String,
}

/// Content, and what a person should know about how it was come by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The content.
    pub content: Content,
    /// Why it may be old, if it may: the repository could not be reached and the local copy is used. Makes the import unhealthy.
    pub caveat: Option<String>,
}

/// What an import may ask of the world.
#[derive(Clone)]
pub struct ImportContext {
    /// Global id: `import.git.default`, `module.x/import.git.default`.
    pub id: Arc<str>,
    /// Where it may keep files; it creates the directory itself when it needs it.
    pub data_path: PathBuf,
    /// Time, files, randomness.
    pub host: Host,
    /// What `module_path` is where the block stands.
    pub module_path: String,
    /// The span in which it logs.
    pub span: tracing::Span,
}

/// Told of every attempt to fetch that brought something new, or that failed.
pub type OnFetch = Arc<dyn Fn(Result<Fetched>) + Send + Sync>;

/// A kind of import block.
pub trait Import: Send + Sync + Sized + 'static {
    /// What its block takes.
    type Arguments: Block;

    /// Checks the arguments. No side effects.
    fn open(cx: ImportContext, args: Self::Arguments) -> Result<Self>;

    /// The content, if it is at hand without waiting for anything but a local disk. `None` where it has to be fetched.
    fn read(&self) -> Option<Result<Content>> {
        None
    }

    /// Gets the content. Called where [`Import::read`] gives none, before [`Import::watch`], with nothing locked.
    fn fetch(&self) -> impl Future<Output = Result<Fetched>> + Send;

    /// Fetches again and again, as its arguments say, until `stop` is cancelled. Reports content that differs from `known`
    /// and from what was reported last, failures, and the first success after a failure.
    fn watch(
        self: Arc<Self>,
        known: Content,
        report: OnFetch,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// An opened import with its type erased, as the runtime drives it.
pub trait ImportSource: Send + Sync + 'static {
    /// See [`Import::read`].
    fn read(&self) -> Option<Result<Content>>;
    /// See [`Import::fetch`].
    fn fetch(self: Arc<Self>) -> BoxFuture<'static, Result<Fetched>>;
    /// See [`Import::watch`].
    fn watch(
        self: Arc<Self>,
        known: Content,
        report: OnFetch,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<()>>;
}

struct Opened<I>(Arc<I>);

impl<I: Import> ImportSource for Opened<I> {
    fn read(&self) -> Option<Result<Content>> {
        self.0.read()
    }

    fn fetch(self: Arc<Self>) -> BoxFuture<'static, Result<Fetched>> {
        let import = self.0.clone();
        Box::pin(async move { import.fetch().await })
    }

    fn watch(
        self: Arc<Self>,
        known: Content,
        report: OnFetch,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<()>> {
        Box::pin(self.0.clone().watch(known, report, stop))
    }
}

type OpenFn = fn(ImportContext, &Body) -> Result<Arc<dyn ImportSource>, BuildError>;

/// What the catalogue knows of one kind of import. A constant in the import's file.
#[derive(Clone, Copy)]
pub struct ImportKind {
    /// Name of the block, such as `import.file`.
    pub name: &'static str,
    /// Schema of the arguments.
    pub arguments: fn() -> &'static Schema,
    /// Kinds of import that its content may not hold: `import.file` has no meaning in what came from a URL.
    pub refuses: &'static [&'static str],
    open: OpenFn,
}

impl ImportKind {
    /// The kind that `I` is.
    pub const fn of<I: Import>(name: &'static str, refuses: &'static [&'static str]) -> Self {
        ImportKind {
            name,
            arguments: I::Arguments::schema,
            refuses,
            open: open::<I>,
        }
    }

    /// Decodes a block and opens the import that it describes.
    pub fn open(&self, cx: ImportContext, body: &Body) -> Result<Arc<dyn ImportSource>, BuildError> {
        (self.open)(cx, body)
    }
}

fn open<I: Import>(cx: ImportContext, body: &Body) -> Result<Arc<dyn ImportSource>, BuildError> {
    let args: I::Arguments = value::decode(body)?;
    Ok(Arc::new(Opened(Arc::new(I::open(cx, args)?))))
}
