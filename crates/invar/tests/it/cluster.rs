//! Three processes that share targets and files: they come, die, are stopped for a while, and go.

use crate::support::{PATIENCE, Running, alone};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::loki_sink::LokiSink;

const TARGETS: usize = 30;
const FILES: usize = 12;
/// How often a line is appended to each file.
const PACE: Duration = Duration::from_millis(20);
/// Lines that were written so long before or after somebody vanished may arrive twice.
const IN_FLIGHT: Duration = Duration::from_secs(5);

/// What is settled for so long stays so.
const LASTING: Duration = Duration::from_millis(2500);

/// A server with metrics, at any path.
fn serve_metrics() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has ports");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(stream));
        }
    });
    port
}

/// Answers the requests of a connection until it is closed.
fn answer_all(mut stream: TcpStream) -> Option<()> {
    let mut pending = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while let Some(end) = pending.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            pending.drain(..end + 4);
            let answer =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 5\r\n\r\nup 1\n";
            stream.write_all(answer.as_bytes()).ok()?;
        }
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        pending.extend_from_slice(&buffer[..length]);
    }
}

/// Appends numbered lines to all files.
struct Writer {
    stop: Arc<AtomicBool>,
    /// When each line was written, the same for all files.
    written: std::thread::JoinHandle<Vec<Instant>>,
}

impl Writer {
    fn start(files: Vec<PathBuf>) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let written = std::thread::spawn(move || {
            let open = |path| fs::OpenOptions::new().create(true).append(true).open(path);
            let mut files: Vec<fs::File> = files
                .iter()
                .map(|path| open(path).expect("the file can be written"))
                .collect();
            let mut written = Vec::new();
            while !stopped.load(Ordering::Acquire) {
                for (number, file) in files.iter_mut().enumerate() {
                    let line = format!("{number} {}\n", written.len());
                    file.write_all(line.as_bytes()).expect("the file can be written");
                }
                written.push(Instant::now());
                std::thread::sleep(PACE);
            }
            written
        });
        Writer { stop, written }
    }

    fn stop(self) -> Vec<Instant> {
        self.stop.store(true, Ordering::Release);
        self.written.join().expect("the writer does not panic")
    }
}

/// How often each line arrived: by file and number.
type Arrived = Arc<Mutex<BTreeMap<(usize, usize), u32>>>;

fn count(arrived: &Arrived, line: &[u8]) -> Option<()> {
    let (file, number) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let line = (file.parse().ok()?, number.parse().ok()?);
    *arrived.lock().ok()?.entry(line).or_default() += 1;
    Some(())
}

/// What all processes share.
struct World {
    dir: tempfile::TempDir,
    config: PathBuf,
    metrics_port: u16,
    files: Vec<PathBuf>,
    arrived: Arrived,
    _sink: LokiSink,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let arrived = Arrived::default();
        let counted = arrived.clone();
        let sink = LokiSink::start_watching(Box::new(move |stored| {
            count(&counted, stored.line).expect("each line is one of the writer's");
        }));
        let metrics_port = serve_metrics();
        let files: Vec<PathBuf> = (0..FILES).map(|file| dir.path().join(format!("{file}.log"))).collect();
        let (mut targets, mut logs) = (String::new(), String::new());
        for target in 0..TARGETS {
            writeln!(
                targets,
                "\t\t{{\"__address__\" = \"127.0.0.1:{metrics_port}\", \"__metrics_path__\" = \"/t{target}\"}},"
            )
            .expect("writing to a string");
        }
        for file in &files {
            writeln!(logs, "\t\t{{\"__path__\" = \"{}\", \"job\" = \"x\"}},", file.display())
                .expect("writing to a string");
        }
        let text = format!(
            r#"
prometheus.scrape "x" {{
	targets = [
{targets}	]
	scrape_interval = "2s"
	scrape_timeout  = "2s"
	forward_to      = []
	clustering {{ enabled = true }}
}}

loki.source.file "x" {{
	targets = [
{logs}	]
	forward_to = [loki.write.x.receiver]
	clustering {{ enabled = true }}
}}

loki.write "x" {{
	endpoint {{
		url        = "{}"
		batch_wait = "100ms"
	}}
}}
"#,
            sink.url()
        );
        let config = dir.path().join("config.alloy");
        fs::write(&config, text).expect("the configuration can be written");
        World {
            dir,
            config,
            metrics_port,
            files,
            arrived,
            _sink: sink,
        }
    }

    fn start(&self, name: &'static str, join: &[&Node]) -> Node {
        let dir = self.dir.path().join(name);
        fs::create_dir(&dir).expect("a folder for its state");
        let join: Vec<String> = join
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.running.port()))
            .collect();
        let running = Running::start(
            &dir,
            &self.config,
            &[
                "--cluster.enabled",
                &format!("--cluster.node-name={name}"),
                "--cluster.advertise-address=127.0.0.1",
                &format!("--cluster.join-addresses={}", join.join(",")),
            ],
        );
        Node { name, running }
    }

    /// Who does what, if everything is done by one and all see the same members; otherwise why not.
    fn owners(&self, nodes: &[&Node]) -> Result<(), String> {
        let members: Vec<String> = nodes.iter().map(|node| format!("{} participant", node.name)).collect();
        let targets = (0..TARGETS).map(|target| format!("http://127.0.0.1:{}/t{target}", self.metrics_port));
        let files = self.files.iter().map(|path| path.display().to_string());
        let mut owners: BTreeMap<String, usize> = targets.chain(files).map(|key| (key, 0)).collect();
        for node in nodes {
            let peers = node.peers();
            if peers != members {
                return Err(format!("{} sees {peers:?}", node.name));
            }
            for target in node.debug("prometheus.scrape.x", "target") {
                *owners.entry(text(&target["url"])).or_insert(0) += 1;
            }
            for file in node.debug("loki.source.file.x", "targets_info") {
                let path = text(&file["path"]);
                if file["is_running"] != true {
                    return Err(format!("{} does not read {path} yet", node.name));
                }
                *owners.entry(path).or_insert(0) += 1;
            }
        }
        let wrong = owners.iter().find(|(_, owners)| **owners != 1);
        wrong.map_or(Ok(()), |(key, owners)| Err(format!("{key} has {owners} owners")))
    }

    /// Waits until that is so and stays so, and says since when.
    fn settle(&self, what: &str, since: Instant, nodes: &[&Node]) {
        let mut settled = None;
        loop {
            match self.owners(nodes) {
                Ok(()) => {
                    let at = *settled.get_or_insert_with(Instant::now);
                    if at.elapsed() > LASTING {
                        break println!("{what}: settled after {:?}", at.duration_since(since));
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(why) if since.elapsed() > PATIENCE => {
                    let logs: Vec<String> = nodes.iter().map(|node| node.running.log()).collect();
                    panic!(
                        "{what}: not settled after {PATIENCE:?}: {why}\n{}",
                        logs.join("\n---\n")
                    );
                }
                Err(_) => {
                    settled = None;
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }

    /// Waits until a line of each file arrived that was written from now on.
    fn flowing(&self, what: &str) {
        let last = |file| {
            let arrived = self.arrived.lock().expect("nobody panics with the lock");
            let mut lines = arrived.range((file, 0)..(file + 1, 0));
            lines.next_back().map(|((_, number), _)| *number)
        };
        let before: Vec<_> = (0..FILES).map(last).collect();
        crate::support::eventually(what, || (0..FILES).all(|file| last(file) > before[file]));
    }
}

struct Node {
    name: &'static str,
    running: Running,
}

impl Node {
    /// Names and states of the members, as it sees them.
    fn peers(&self) -> Vec<String> {
        let answer = self.running.get("/api/v0/web/peers").map(|answer| answer.body);
        let peers: Vec<serde_json::Value> = serde_json::from_str(&answer.unwrap_or_default()).unwrap_or_default();
        peers
            .iter()
            .map(|peer| format!("{} {}", text(&peer["name"]), text(&peer["state"])))
            .collect()
    }

    /// The objects in a list of what a component tells of itself.
    fn debug(&self, component: &str, list: &str) -> Vec<serde_json::Map<String, serde_json::Value>> {
        let answer = self.running.get(&format!("/api/v0/web/components/{component}"));
        let body = answer.map(|answer| answer.body).unwrap_or_default();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let items = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
        let told = items(&body["debugInfo"]);
        let told = told.iter().filter(|attribute| attribute["name"] == list);
        let objects = told.flat_map(|attribute| items(&attribute["value"]["value"]));
        objects
            .map(|object| {
                let fields = items(&object["value"]);
                let field = |field: &serde_json::Value| (text(&field["key"]), field["value"]["value"].clone());
                fields.iter().map(field).collect()
            })
            .collect()
    }
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn three_processes_share_targets_and_files_whatever_happens_to_one() {
    let _alone = alone();
    let world = World::new();
    let writer = Writer::start(world.files.clone());
    let start = Instant::now();
    let since = |what: &str| {
        println!("{:?} {what}", start.elapsed());
        Instant::now()
    };
    let mut events: Vec<(&str, Instant)> = Vec::new();

    let at = since("a starts");
    let a = world.start("a", &[]);
    world.settle("one", at, &[&a]);
    let at = since("b joins");
    let b = world.start("b", &[&a]);
    world.settle("two", at, &[&a, &b]);
    let at = since("c joins");
    let c = world.start("c", &[&a, &b]);
    world.settle("three", at, &[&a, &b, &c]);
    world.flowing("lines of all files arrive through three");

    let at = since("b is killed");
    events.push(("kill", at));
    b.running.kill();
    world.settle("killed", at, &[&a, &c]);
    world.flowing("lines of all files arrive after one was killed");

    let at = since("d joins");
    let d = world.start("d", &[&a, &c]);
    world.settle("another", at, &[&a, &c, &d]);
    world.flowing("lines of all files arrive through three again");

    let at = since("c is stopped");
    events.push(("stop", at));
    c.running.signal("STOP");
    world.settle("stopped", at, &[&a, &d]);
    world.flowing("lines of all files arrive without the stopped one");
    let at = since("c goes on");
    events.push(("return", at));
    c.running.signal("CONT");
    world.settle("returned", at, &[&a, &c, &d]);
    world.flowing("lines of all files arrive through the one that returned");

    let at = since("a leaves");
    assert_eq!(a.running.stop(), 0);
    println!("left: ended after {:?}", at.elapsed());
    world.settle("left", at, &[&c, &d]);
    world.flowing("lines of all files arrive after one has left");

    let written = writer.stop();
    println!("{:?} {} lines of each file", start.elapsed(), written.len());
    let lines = FILES * written.len();
    crate::support::eventually("every line arrives", || {
        world.arrived.lock().expect("nobody panics with the lock").len() == lines
    });
    let arrived = world.arrived.lock().expect("nobody panics with the lock");
    let mut twice = BTreeMap::<&str, usize>::new();
    for ((file, number), times) in arrived.iter().filter(|(_, times)| **times > 1) {
        let distance = |at: &Instant| at.max(&written[*number]).duration_since(*at.min(&written[*number]));
        let near = events.iter().min_by_key(|(_, at)| distance(at));
        let (event, at) = near.expect("there are events");
        *twice.entry(event).or_default() += 1;
        assert!(
            distance(at) < IN_FLIGHT,
            "line {number} of file {file} arrived {times} times; it was written at {:?}, the nearest event was at {:?}",
            written[*number].duration_since(start),
            at.duration_since(start)
        );
    }
    println!("of {lines} lines arrived more than once, by what happened: {twice:?}");
    assert_eq!((c.running.stop(), d.running.stop()), (0, 0));
}
