//! 200 reloads under load that add, change and remove components, modules and listeners, good ones and bad ones.

use crate::support::{PATIENCE, Running, alone, eventually, free_port};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use testkit::loki_sink::LokiSink;

const RELOADS: u64 = 200;
/// Clients that push all the time.
const CLIENTS: usize = 8;
/// By then everything that is made once has been made.
const SETTLED: u64 = 60;

/// A small generator, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Ports and places of one run.
struct Ground<'a> {
    dir: &'a Path,
    url: String,
    /// The listener that is in every configuration.
    stays: u16,
    /// Listeners that come and go.
    others: [u16; 3],
}

impl Ground<'_> {
    /// The content of the import: the stages between a file and the sink.
    fn module(&self, dice: &mut Dice) -> String {
        let mut stages = String::new();
        for n in 0..dice.roll(3) {
            let _ = write!(
                stages,
                "\t\tstage.static_labels {{\n\t\t\tvalues = {{ m{n} = \"{}\" }}\n\t\t}}\n",
                dice.roll(4)
            );
        }
        let renamed = if dice.roll(2) == 0 { "a" } else { "b" };
        format!(
            r#"declare "stages" {{
	argument "to" {{ }}

	loki.process "{renamed}" {{
{stages}		forward_to = argument.to.value
	}}

	export "receiver" {{
		value = loki.process.{renamed}.receiver
	}}
}}
"#
        )
    }

    fn config(&self, dice: &mut Dice) -> String {
        let Ground {
            dir,
            url,
            stays,
            others,
        } = self;
        let dir = dir.display();
        let mut text = format!(
            r#"import.file "lib" {{
	filename = "{dir}/lib.alloy"
}}

lib.stages "shared" {{
	to = [loki.write.out.receiver]
}}

declare "follow" {{
	argument "path" {{ }}
	argument "to" {{ }}

	local.file_match "logs" {{
		path_targets = [{{ __path__ = argument.path.value }}]
	}}

	loki.source.file "logs" {{
		targets    = local.file_match.logs.targets
		forward_to = argument.to.value
	}}
}}

follow "kept" {{
	path = "{dir}/kept.log"
	to   = [lib.stages.shared.receiver]
}}

loki.source.api "stays" {{
	http {{
		listen_address = "127.0.0.1"
		listen_port    = {stays}
	}}
	labels     = {{ version = "{}" }}
	forward_to = [{}]
}}

loki.write "out" {{
	endpoint {{
		url        = "{url}"
		batch_wait = "20ms"
		batch_size = "{}KiB"
	}}
}}
"#,
            dice.roll(1000),
            ["loki.write.out.receiver", "lib.stages.shared.receiver"][dice.roll(2) as usize],
            128 + dice.roll(8) * 64,
        );
        for (n, port) in others.iter().enumerate() {
            if dice.roll(2) == 0 {
                let _ = write!(
                    text,
                    "\nloki.source.api \"other{n}\" {{\n\thttp {{\n\t\tlisten_address = \"127.0.0.1\"\n\t\tlisten_port    = \
                     {port}\n\t}}\n\tforward_to = [loki.process.extra{n}.receiver]\n}}\n\nloki.process \"extra{n}\" {{\n\tforward_to \
                     = [loki.write.extra{n}.receiver]\n}}\n\nloki.write \"extra{n}\" {{\n\tendpoint {{\n\t\turl = \
                     \"{url}\"\n\t}}\n}}\n"
                );
            }
        }
        let children: Vec<String> = (0..dice.roll(4)).map(|n| format!("\"{n}\"")).collect();
        let _ = write!(
            text,
            "\nforeach \"each\" {{\n\tcollection = [{}]\n\tvar        = \"name\"\n\n\ttemplate {{\n\t\tfollow \"child\" {{\n\t\t\tpath \
             = \"{dir}/child-\" + name + \".log\"\n\t\t\tto   = [loki.write.out.receiver]\n\t\t}}\n\t}}\n}}\n",
            children.join(", ")
        );
        text
    }

    /// A configuration that is refused, after much of it was built.
    fn broken(&self, dice: &mut Dice) -> String {
        let text = self.config(dice);
        match dice.roll(4) {
            0 => format!(
                "{text}\nloki.process \"bad\" {{\n\tstage.regex {{ expression = \"(\" }}\n\tforward_to = []\n}}\n"
            ),
            1 => format!("{text}\nlib.nothing \"bad\" {{ }}\n"),
            2 => text.replace(
                "argument \"path\" { }",
                "argument \"path\" { }\n\targument \"more\" { }",
            ),
            _ => format!("{text}\nloki.write \"bad\" {{"),
        }
    }
}

/// Does something again and again until told to stop; gives how often.
fn again(stop: &Arc<AtomicBool>, mut work: impl FnMut(usize) + Send + 'static) -> (JoinHandle<()>, Arc<AtomicUsize>) {
    let (stop, count) = (stop.clone(), Arc::new(AtomicUsize::new(0)));
    let done = count.clone();
    let thread = std::thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            work(done.load(Ordering::SeqCst));
            done.fetch_add(1, Ordering::SeqCst);
        }
    });
    (thread, count)
}

/// Pushes one line; fails unless it was taken.
fn push(stream: &mut Option<TcpStream>, port: u16, line: &str) -> String {
    let body = format!("{{\"streams\":[{{\"stream\":{{\"job\":\"push\"}},\"values\":[[\"1\",{line:?}]]}}]}}");
    let request = format!(
        "POST /loki/api/v1/push HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // A kept connection may be closed between two requests, as HTTP allows; a request that was sent on it is not lost.
    let stream = stream.get_or_insert_with(|| {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the listener that stays is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream
    });
    stream.write_all(request.as_bytes()).expect("the request goes out");
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).expect("the request is answered") {
            0 => break,
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 204"),
        "line {line:?} was answered with {answer:?}"
    );
    answer
}

/// What the system holds for the program.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    tasks: f64,
    rss: u64,
}

fn held(running: &Running) -> Held {
    Held {
        descriptors: fs::read_dir(format!("/proc/{}/fd", running.pid()))
            .expect("it runs")
            .count(),
        tasks: running.metric("invar_tasks", &[]).expect("the metric is there"),
        rss: running.rss(),
    }
}

#[test]
fn two_hundred_reloads_under_load() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let ground = Ground {
        dir: dir.path(),
        url: sink.url(),
        stays: free_port(),
        others: [free_port(), free_port(), free_port()],
    };
    let (config, library) = (dir.path().join("config.alloy"), dir.path().join("lib.alloy"));
    let calm = || (ground.config(&mut Dice(1)), ground.module(&mut Dice(1)));
    let put = |(text, module): (String, String)| {
        fs::write(&library, module).expect("the module can be written");
        fs::write(&config, text).expect("the configuration can be written");
    };
    put(calm());
    let running = Running::start(dir.path(), &config, &["--stability.level=experimental"]);

    let stop = Arc::new(AtomicBool::new(false));
    let mut log = fs::File::create(dir.path().join("kept.log")).expect("the log can be written");
    let (writer, written) = again(&stop, move |n| {
        writeln!(log, "kept {n}").expect("the log can be written");
        std::thread::sleep(Duration::from_micros(500));
    });
    let port = ground.stays;
    let mut threads = vec![writer];
    let mut sent: Vec<(String, Arc<AtomicUsize>)> = vec![("kept".to_owned(), written)];
    for n in 0..CLIENTS {
        // Half of them keep their connection, the others make one for each request.
        let (name, keeps) = (format!("pushed by {n}:"), n % 2 == 0);
        let mut connection = None;
        let (thread, count) = again(&stop, {
            let name = name.clone();
            move |n| {
                let answer = push(&mut connection, port, &format!("{name} {n}"));
                if !keeps || answer.to_ascii_lowercase().contains("connection: close") {
                    connection = None;
                }
            }
        });
        threads.push(thread);
        sent.push((name, count));
    }
    eventually("delivery begins", || sink.totals().entries > 100);

    let mut dice = Dice(42);
    let mut settled = None;
    for round in 0..RELOADS {
        let bad = dice.roll(8) == 0;
        let module = ground.module(&mut dice);
        // The module changes on its own as well, behind the back of the next reload.
        put((
            if bad {
                ground.broken(&mut dice)
            } else {
                ground.config(&mut dice)
            },
            module,
        ));
        if dice.roll(3) == 0 {
            std::thread::sleep(Duration::from_millis(dice.roll(60)));
        }
        let answer = running.post("/-/reload").expect("the program answers");
        let expected = if bad { 400 } else { 200 };
        assert_eq!(answer.status, expected, "round {round}: {}", answer.body);
        if round == SETTLED {
            put(calm());
            assert_eq!(running.post("/-/reload").expect("the program answers").status, 200);
            std::thread::sleep(Duration::from_millis(300));
            settled = Some(held(&running));
        }
    }
    put(calm());
    assert_eq!(running.post("/-/reload").expect("the program answers").status, 200);
    std::thread::sleep(Duration::from_millis(300));
    let (before, after) = (settled.expect("there were enough rounds"), held(&running));

    stop.store(true, Ordering::SeqCst);
    for thread in threads {
        thread.join().expect("every push was taken");
    }
    let sent: Vec<(String, usize)> = sent
        .into_iter()
        .map(|(name, count)| (name, count.load(Ordering::SeqCst)))
        .collect();
    let expected: usize = sent.iter().map(|(_, count)| count).sum();
    let arrived = || -> BTreeSet<String> {
        let lines = sink.entries().into_iter();
        lines
            .map(|entry| String::from_utf8_lossy(&entry.line).into_owned())
            .collect()
    };
    eventually("every line arrives", || arrived().len() >= expected);
    let arrived = arrived();
    for (name, count) in &sent {
        let missing: Vec<usize> = (0..*count)
            .filter(|n| !arrived.contains(&format!("{name} {n}")))
            .collect();
        assert!(
            missing.is_empty(),
            "{name}: {} of {count} are lost: {missing:?}",
            missing.len()
        );
    }
    let totals = sink.totals().entries;
    eprintln!("{sent:?}, arrived {totals}; after {SETTLED} reloads {before:?}, after {RELOADS} {after:?}");
    // A connection more or less is open at any moment.
    assert!(after.descriptors <= before.descriptors + 4, "{before:?} {after:?}");
    assert!(after.tasks <= before.tasks + 8.0, "{before:?} {after:?}");
    // 140 reloads that kept 100 KiB each would show.
    assert!(after.rss < before.rss + (12 << 20), "{before:?} {after:?}");
    assert_eq!(running.stop(), 0);
}
