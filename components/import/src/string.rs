//! `import.string`

use crate::common::{content_file, fetched};
use component::{CancellationToken, Content, Fetched, Import, ImportContext, ImportKind, OnFetch, Result};
use std::sync::Arc;
use value::{Block, OptionalSecret};

/// The kind.
pub const IMPORT: ImportKind = ImportKind::of::<Text>("import.string", &[]);

/// Imports custom components from a string, such as the export of another component.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Text of the module. If it is a secret, messages about it name the import and say so, and must show none of it.
    #[arg]
    pub content: OptionalSecret,
}

/// An `import.string`.
pub struct Text {
    content: Content,
}

impl Import for Text {
    type Arguments = Arguments;

    fn open(cx: ImportContext, args: Arguments) -> Result<Self> {
        let name = match args.content.is_secret {
            true => format!("{} (secret)", cx.id),
            false => cx.id.to_string(),
        };
        let text = args.content.expose().as_bytes().to_vec();
        Ok(Text {
            content: Content {
                files: vec![content_file(name, text)?],
                module_path: cx.module_path,
            },
        })
    }

    fn read(&self) -> Option<Result<Content>> {
        Some(Ok(self.content.clone()))
    }

    async fn fetch(&self) -> Result<Fetched> {
        Ok(fetched(self.content.clone()))
    }

    async fn watch(self: Arc<Self>, _: Content, _: OnFetch, stop: CancellationToken) -> Result<()> {
        // It changes with its arguments only.
        stop.cancelled().await;
        Ok(())
    }
}
