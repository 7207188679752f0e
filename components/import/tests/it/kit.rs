//! Opens imports and collects what they report.

use component::{CancellationToken, Content, ContentFile, Fetched, ImportContext, ImportKind, ImportSource, Result};
use host::{Host, SeededRandom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use value::{Capsule, Secret, Value};

pub fn kind(name: &str) -> &'static ImportKind {
    import::KINDS.iter().find(|kind| kind.name == name).unwrap()
}

pub fn context(id: &str, data: &Path, host: Host) -> ImportContext {
    ImportContext {
        id: Arc::from(id),
        data_path: data.join(id),
        host,
        module_path: "/outer".to_owned(),
        span: tracing::Span::none(),
    }
}

/// The real machine, with the same jitter in each run.
pub fn host() -> Host {
    Host {
        random: Arc::new(SeededRandom::new(7)),
        ..Host::real()
    }
}

/// Opens an import from the text of its block.
pub fn open(name: &str, arguments: &str, data: &Path) -> Result<Arc<dyn ImportSource>, String> {
    open_with(name, arguments, None, data, host())
}

pub fn open_with(
    name: &str,
    arguments: &str,
    secret: Option<(&str, &str)>,
    data: &Path,
    host: Host,
) -> Result<Arc<dyn ImportSource>, String> {
    let text = format!("{name} \"test\" {{\n{arguments}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let mut body = eval::unevaluated_body(file.body.blocks().next().unwrap()).body;
    if let Some((argument, secret)) = secret {
        body.items.push(value::Item::Attr {
            name: argument.to_owned(),
            value: Ok(Some(Value::Capsule(Capsule::new(Secret::new(secret))))),
            place: value::Place(u32::MAX),
        });
    }
    let opened = kind(name).open(context(&format!("{name}.test"), data, host), &body);
    opened.map_err(|error| match error {
        component::BuildError::Decode(error) => format!("{error:?}"),
        component::BuildError::Component(error) => error.to_string(),
    })
}

pub fn content(files: &[(&str, &str)], module_path: &str) -> Content {
    Content {
        files: files
            .iter()
            .map(|(name, text)| ContentFile {
                name: (*name).to_owned(),
                text: text.as_bytes().to_vec(),
            })
            .collect(),
        module_path: module_path.to_owned(),
    }
}

/// The texts of the files.
pub fn texts(content: &Content) -> Vec<String> {
    let text = |file: &ContentFile| String::from_utf8(file.text.clone()).unwrap();
    content.files.iter().map(text).collect()
}

/// A running watch.
pub struct Watch {
    reports: UnboundedReceiver<Result<Fetched>>,
    stop: CancellationToken,
    running: JoinHandle<Result<()>>,
}

/// Waits in real time, also where the clock of the runtime is paused.
pub async fn moment() {
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(5)))
        .await
        .unwrap();
}

pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..4000 {
        if done() {
            return;
        }
        moment().await;
    }
    panic!("not within 20 s: {what}");
}

impl Watch {
    pub fn start(import: Arc<dyn ImportSource>, known: Content) -> Watch {
        let (sender, reports) = unbounded_channel();
        let stop = CancellationToken::new();
        let report = Arc::new(move |result| sender.send(result).unwrap());
        let running = tokio::spawn(import.watch(known, report, stop.clone()));
        Watch { reports, stop, running }
    }

    /// The next report.
    pub async fn next(&mut self) -> Result<Fetched> {
        let mut found = None;
        until("a report", || {
            found = self.reports.try_recv().ok();
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// The next report, which is content without a caveat.
    pub async fn texts(&mut self) -> Vec<String> {
        let fetched = self.next().await.unwrap();
        assert_eq!(fetched.caveat, None);
        texts(&fetched.content)
    }

    /// The next report, which is a failure.
    pub async fn error(&mut self) -> String {
        self.next()
            .await
            .map(|fetched| texts(&fetched.content))
            .unwrap_err()
            .to_string()
    }

    /// There is no report by now.
    pub async fn quiet(&mut self) {
        for _ in 0..10 {
            moment().await;
        }
        let report = self.reports.try_recv().ok();
        assert!(report.is_none(), "{report:?}");
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// Keeps a paused clock from running ahead by itself while something outside of the runtime is waited for. Dropping it ends that.
pub struct Hold(#[allow(dead_code, reason = "dropped")] std::sync::mpsc::Sender<()>);

pub fn hold() -> Hold {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || receiver.recv());
    Hold(sender)
}

/// Lets time pass by `seconds`, in steps small enough for timers that follow one another.
pub async fn pass(seconds: u64) {
    for _ in 0..seconds {
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
}
