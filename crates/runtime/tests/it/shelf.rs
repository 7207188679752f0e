//! An import whose content tests put on a shelf.

use component::{
    CancellationToken, Content, ContentFile, Error, Fetched, Import, ImportContext, ImportKind, OnFetch, Result,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use value::Block;

/// Content by name, for one test. Tests run in threads of one process, so each has a number that is part of the names.
#[derive(Default)]
pub struct Shelf {
    content: Mutex<HashMap<String, String>>,
    fetches: AtomicUsize,
    watchers: AtomicUsize,
}

impl Shelf {
    pub fn put(&self, name: &str, text: &str) {
        let mut content = self.content.lock().expect("no test panics while it holds this");
        content.insert(name.to_owned(), text.to_owned());
    }

    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    pub fn watchers(&self) -> usize {
        self.watchers.load(Ordering::SeqCst)
    }

    fn get(&self, name: &str) -> Result<Content> {
        let content = self.content.lock().expect("no test panics while it holds this");
        let text = content
            .get(name)
            .ok_or_else(|| Error::new(format!("nothing is called {name}")))?;
        Ok(Content {
            files: vec![ContentFile {
                name: format!("shelf/{name}"),
                text: text.as_bytes().to_vec(),
            }],
            module_path: "shelf".to_owned(),
        })
    }
}

/// The shelves by the storage folder of their controller, which is all that an import sees of the test it is in.
static SHELVES: LazyLock<Mutex<HashMap<String, Arc<Shelf>>>> = LazyLock::new(Mutex::default);

/// A new shelf, and the storage folder of the controller that uses it.
pub fn shelf() -> (Arc<Shelf>, String) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let folder = format!("shelf-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    let shelf = Arc::new(Shelf::default());
    let mut shelves = SHELVES.lock().expect("no test panics while it holds this");
    shelves.insert(folder.clone(), shelf.clone());
    (shelf, folder)
}

#[derive(Block, Clone, PartialEq)]
pub struct Arguments {
    /// Name on the shelf.
    #[arg]
    pub name: String,
}

pub struct Shelved {
    shelf: Arc<Shelf>,
    name: String,
}

pub const KIND: ImportKind = ImportKind::of::<Shelved>("import.test", &[]);

impl Import for Shelved {
    type Arguments = Arguments;

    fn open(cx: ImportContext, args: Arguments) -> Result<Self> {
        let folder = cx
            .data_path
            .iter()
            .next()
            .map(|first| first.to_string_lossy().into_owned());
        let shelves = SHELVES.lock().expect("no test panics while it holds this");
        Ok(Shelved {
            shelf: shelves[&folder.unwrap_or_default()].clone(),
            name: args.name,
        })
    }

    async fn fetch(&self) -> Result<Fetched> {
        self.shelf.fetches.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(Fetched {
            content: self.shelf.get(&self.name)?,
            caveat: None,
        })
    }

    async fn watch(self: Arc<Self>, known: Content, report: OnFetch, stop: CancellationToken) -> Result<()> {
        self.shelf.watchers.fetch_add(1, Ordering::SeqCst);
        let mut last = known;
        while stop
            .run_until_cancelled(tokio::time::sleep(Duration::from_secs(1)))
            .await
            .is_some()
        {
            match self.shelf.get(&self.name) {
                Ok(content) if content == last => {}
                Ok(content) => {
                    last = content.clone();
                    report(Ok(Fetched { content, caveat: None }));
                }
                Err(error) => report(Err(error)),
            }
        }
        self.shelf.watchers.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}
