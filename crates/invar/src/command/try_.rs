//! `invar try`: this machine's logs on the screen, its metrics and traces in a store, without any configuration or server.

mod config;
mod demo;
mod discover;
mod endpoints;
mod header;
mod notices;
pub(super) mod screen;
mod start;
mod stores;

use super::{Failure, Outcome};
use crate::app::{App, AppOptions};
use crate::cli::Try;
use crate::output;
use component::{QueuePolicy, Stability};
use config::Plan;
use demo::Demo;
use discover::{Found, Kind, Places, Target};
use endpoints::Endpoint;
use header::{Header, many};
use memstore::Subscription;
use notices::Notices;
use runtime::registry::Allowed;
use runtime::sources::SourceFile;
use screen::Screen;
use std::fmt::Write;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stores::{OTLP, Stores};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;

/// Where the page is, unless the user says.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3100);
/// How long components may take to stop, and a screen that nobody reads to take the last lines.
const PATIENCE: Duration = Duration::from_secs(5);

/// The demo log in the temporary folder.
const DEMO: &str = "demo/shop.log";

/// What there is to follow and to scrape.
struct Sight {
    found: Found,
    /// Whether a demo log is to be written because there is nothing to follow.
    demo: bool,
    endpoints: Vec<Endpoint>,
}

/// Finds log files, follows them, shows what is written; finds metrics, and keeps them.
pub fn run(options: &Try) -> Outcome {
    let sight = look(options)?;
    let Sight { found, demo, endpoints } = &sight;
    if options.print_config {
        // No file of this name is made: the folder has another name each time.
        let example = std::env::temp_dir().join("invar-try").join(DEMO);
        let targets = if *demo {
            demo_targets(&example)
        } else {
            found.targets.clone()
        };
        let port = if options.address().port() == 0 {
            LISTEN.port()
        } else {
            options.address().port()
        };
        let store = SocketAddr::new(options.address().ip(), port);
        let text = configuration(&targets, endpoints, *demo, store, OTLP);
        return Ok(output::write(text.as_bytes())?);
    }
    if found.files() == 0 && !demo {
        return Err(Failure::Message(nothing(options, found)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(follow(options, sight));
    // A thread that still writes to a stopped terminal must not keep the program.
    runtime.shutdown_background();
    outcome
}

impl Try {
    fn address(&self) -> SocketAddr {
        self.listen.unwrap_or(LISTEN)
    }

    /// The endpoints that the user names: none if only files are named, `None` if nothing is.
    fn endpoints(&self) -> Result<Option<Vec<Endpoint>>, Failure> {
        if self.metrics.is_empty() {
            return Ok((!self.paths.is_empty()).then(Vec::new));
        }
        let endpoints = self.metrics.iter().map(|text| {
            Endpoint::parse(text).ok_or_else(|| {
                Failure::Message(format!(
                    "--metrics {text:?}: an address is HOST:PORT, or http://HOST:PORT/PATH if the path is not /metrics"
                ))
            })
        });
        endpoints.collect::<Result<_, _>>().map(Some)
    }
}

fn look(options: &Try) -> Result<Sight, Failure> {
    let places = Places::of_machine();
    let endpoints = match options.endpoints()? {
        Some(named) => Waiting::Known(named),
        // Programs answer while files are looked for.
        None => Waiting::Thread(std::thread::spawn(endpoints::search)),
    };
    let (found, demo) = if options.paths.is_empty() {
        let found = discover::search(&places);
        let demo = found.files() == 0 && found.unreadable == 0;
        (found, demo)
    } else {
        let found = discover::expand(&options.paths, &std::env::current_dir()?, &places)?;
        (found, false)
    };
    let endpoints = match endpoints {
        Waiting::Known(endpoints) => endpoints,
        // Without what a thread that panicked would have found.
        Waiting::Thread(thread) => thread.join().unwrap_or_default(),
    };
    Ok(Sight { found, demo, endpoints })
}

enum Waiting {
    Known(Vec<Endpoint>),
    Thread(std::thread::JoinHandle<Vec<Endpoint>>),
}

fn nothing(options: &Try, found: &Found) -> String {
    if found.unreadable > 0 {
        let files = many(found.unreadable as u64, "log file");
        return format!(
            "this user may not read the {files} found: use sudo, or name other files with --path '/folder/*.log'"
        );
    }
    format!(
        "no file matches --path {}: a relative pattern starts at the current folder, * matches within one name, ** any number of folders",
        options
            .paths
            .iter()
            .map(|path| format!("{path:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

fn demo_targets(path: &Path) -> Vec<Target> {
    vec![Target {
        pattern: discover::escape(&path.to_string_lossy()),
        job: "demo".to_owned(),
        kind: Kind::Plain,
        files: vec![path.to_path_buf()],
    }]
}

fn configuration(
    targets: &[Target],
    endpoints: &[Endpoint],
    demo: bool,
    store: SocketAddr,
    otlp: [SocketAddr; 2],
) -> String {
    let about = if demo {
        "What invar try runs on this machine. It has no log files, so that a demo log is written while it runs."
    } else {
        "What invar try runs on this machine. Edit it, then run it by itself: invar run FILE"
    };
    config::write(&Plan {
        targets,
        endpoints,
        otlp,
        store: &format!("http://{}", reachable(store)),
        about,
    })
}

/// The address under which this machine reaches what listens on `bound`.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

/// Listens; if the usual port is taken and the user did not ask for it, on a free one.
async fn listen(options: &Try) -> Result<TcpListener, Failure> {
    let address = options.address();
    let bound = match TcpListener::bind(address).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && options.listen.is_none() => {
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await
        }
        other => other,
    };
    bound.map_err(|error| {
        Failure::Message(format!(
            "cannot listen on {address}: {error}; choose another address with --listen"
        ))
    })
}

async fn follow(options: &Try, sight: Sight) -> Outcome {
    let Sight {
        mut found,
        demo,
        endpoints,
    } = sight;
    // From here on, a signal ends the program in order.
    let stop = stop(options.run_for)?;
    tokio::pin!(stop);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Notices))?;
    let folder =
        TempDir::with_prefix("invar-try-").map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let listener = listen(options).await?;
    let address = listener.local_addr()?;

    let writer = if demo {
        let path = folder.path().join(DEMO);
        found.targets = demo_targets(&path);
        Some(Demo::create(&path)?)
    } else {
        None
    };
    let screen = Screen::of_stdout();
    let otlp = stores::free_for_otlp(true).await?;
    let header = Header {
        options,
        found: &found,
        demo,
        endpoints: &endpoints,
        address,
        otlp,
    };
    if !screen::write(&header.text(&screen))? {
        return Ok(());
    }
    let storage = folder.path().join("state");
    if !options.from_beginning {
        start::at_last_lines(&storage, &found.targets)?;
    }

    let stores = Stores::new(usize::try_from(options.keep).unwrap_or(usize::MAX));
    let lines = stores.logs.subscribe(None, None)?;
    let server = tokio::spawn(axum::serve(listener, stores.router()).into_future());
    let app = App::new(AppOptions {
        config: PathBuf::new(),
        storage,
        allowed: Allowed {
            stability: Stability::GenerallyAvailable,
            community: false,
        },
        memory_limit: None,
        shutdown_deadline: Some(PATIENCE),
        inspector: None,
        cluster: None,
        // Nothing is left behind when it ends.
        queue: QueuePolicy {
            max_bytes: 0,
            ..QueuePolicy::default()
        },
    });
    let file = |otlp| SourceFile {
        name: "try.alloy".to_owned(),
        text: configuration(&found.targets, &endpoints, demo, address, otlp).into_bytes(),
    };
    let mut loaded = app.controller.load(&[file(otlp)]).await;
    if loaded.is_err() {
        // Another program may have begun to listen there meanwhile.
        let other = stores::free_for_otlp(false).await?;
        loaded = app.controller.load(&[file(other)]).await;
        if loaded.is_ok() && !screen::write(&format!("note: {}\n", header::otlp(other)))? {
            app.controller.stop().await;
            return Ok(());
        }
    }
    if let Err(error) = loaded {
        app.controller.stop().await;
        output::complain(error.report(output::color()).trim_end());
        return Err("the configuration above was refused: please report this".into());
    }
    let mut show = Show {
        screen,
        lines,
        open: true,
    };
    let outcome = tokio::select! {
        () = &mut stop => Ok(()),
        outcome = show.run() => outcome,
        error = write_demo(writer) => Err(format!("cannot write the demo log: {error}").into()),
    };
    app.controller.stop().await;
    server.abort();
    // What was delivered last is shown, too.
    let rest = async {
        show.rest().await?;
        show.print(closing(&show.screen, &stores)).await
    };
    match tokio::time::timeout(PATIENCE, rest).await {
        Ok(Ok(())) | Err(_) => outcome,
        Ok(Err(error)) => outcome.and(Err(error.into())),
    }
}

/// Resolves when the program is to stop: at SIGINT, SIGTERM or SIGHUP, or when its time is over.
fn stop(after: Option<Duration>) -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        let time = async {
            match after {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = time => {}
        }
    })
}

async fn write_demo(demo: Option<Demo>) -> io::Error {
    match demo {
        Some(demo) => demo.run().await,
        None => std::future::pending().await,
    }
}

/// What goes from the store to the screen.
struct Show {
    screen: Screen,
    lines: Subscription,
    /// Whether somebody reads standard output.
    open: bool,
}

impl Show {
    /// Shows lines until nobody reads them.
    async fn run(&mut self) -> Outcome {
        while self.open
            && let Some(mut batch) = self.lines.recv().await
        {
            let text = self.screen.render(&mut batch);
            self.print(text).await?;
        }
        Ok(())
    }

    /// Shows what is there.
    async fn rest(&mut self) -> io::Result<()> {
        while let Some(mut batch) = self.lines.try_recv() {
            let text = self.screen.render(&mut batch);
            self.print(text).await?;
        }
        Ok(())
    }

    /// Writes on a thread of its own: a terminal that is stopped with Ctrl-S must not keep a signal from being seen.
    async fn print(&mut self, text: String) -> io::Result<()> {
        if self.open {
            self.open = tokio::task::spawn_blocking(move || screen::write(&text))
                .await
                .map_err(io::Error::other)??;
        }
        Ok(())
    }
}

fn closing(screen: &Screen, stores: &Stores) -> String {
    let state = stores.logs.state();
    let delivered = state.received_entries + state.duplicate_entries;
    let mut text = format!("{} shown, {delivered} delivered", many(screen.shown, "line"));
    if screen.skipped > 0 {
        let _ = write!(text, ", {} too fast for the screen", screen.skipped);
    }
    format!("\n{}\n", screen.paint("1", &format!("Invar has stopped: {text}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_reachable() {
        for (bound, expect) in [
            ("127.0.0.1:3100", "127.0.0.1:3100"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            assert_eq!(reachable(bound.parse().expect("an address")).to_string(), expect);
        }
    }

    #[test]
    fn the_configuration_is_valid() {
        let target = |pattern: &str, kind| Target {
            pattern: pattern.to_owned(),
            job: "job".to_owned(),
            kind,
            files: Vec::new(),
        };
        let targets = [
            target("/var/log/*.log", Kind::Plain),
            target("/var/log/pods/*/*/*.log", Kind::Cri),
            target("/var/lib/docker/containers/*/*-json.log", Kind::Docker),
        ];
        let allowed = Allowed {
            stability: Stability::GenerallyAvailable,
            community: false,
        };
        let endpoints = ["127.0.0.1:8080", "https://localhost:9100/x"];
        let endpoints: Vec<Endpoint> = endpoints.iter().filter_map(|text| Endpoint::parse(text)).collect();
        let catalogue = crate::catalogue::catalogue(allowed, Default::default());
        for demo in [false, true] {
            let file = SourceFile {
                name: "try.alloy".to_owned(),
                text: configuration(&targets, &endpoints, demo, LISTEN, OTLP).into_bytes(),
            };
            let validation = runtime::Validation {
                catalogue: &catalogue,
                stdlib: &crate::app::stdlib(allowed.stability),
                host: &host::Host::real(),
                module_path: ".",
            };
            let found = runtime::validate(&validation, &[file]);
            assert!(
                found.diagnostics.is_empty(),
                "{}",
                runtime::report(&found.diagnostics, &found.sources, false)
            );
        }
    }
}
