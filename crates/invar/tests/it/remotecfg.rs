//! Remote configuration: the program, and `invar remotecfg-server` beside it.

use crate::support::{PATIENCE, Running, binary, eventually, free_port, request};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `invar remotecfg-server`. Killed when it goes out of scope.
struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    /// Serves `configs` in `dir`, and waits until it answers.
    fn start(dir: &Path, port: u16) -> Server {
        let log = dir.join("server.log");
        let open = fs::OpenOptions::new().create(true).append(true).open(&log);
        let child = Command::new(binary())
            .arg("remotecfg-server")
            .arg(dir.join("configs"))
            .arg(format!("--listen=127.0.0.1:{port}"))
            .stdout(open.expect("the log can be written"))
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        let server = Server { child, port, log };
        eventually("the server answers", || request(port, "GET", "/").is_some());
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn collector(&self, id: &str) -> Value {
        let answer = request(self.port, "GET", "/collectors.json").expect("the server answers");
        let json: Value = serde_json::from_str(&answer.body).expect("JSON");
        let collectors = json["collectors"].as_array().cloned().unwrap_or_default();
        let found = collectors.into_iter().find(|one| one["id"] == id);
        found.unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the server:\n{}", self.log());
        }
    }
}

/// A folder with a configuration that asks a server.
struct Bench {
    dir: tempfile::TempDir,
    port: u16,
    changes: u32,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("configs")).expect("a folder");
        let bench = Bench {
            dir,
            port: free_port(),
            changes: 0,
        };
        bench.configure();
        bench
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn config(&self) -> PathBuf {
        self.path().join("config.alloy")
    }

    fn configure(&self) {
        let text = format!(
            "remotecfg {{\n\turl = \"http://127.0.0.1:{}/\"\n\tid = \"me\"\n\tpoll_frequency = \"10s\"\n\tattributes = {{\"changes\" = \"{}\"}}\n}}\n",
            self.port, self.changes
        );
        fs::write(self.config(), text).expect("the configuration can be written");
    }

    fn server(&self) -> Server {
        Server::start(self.path(), self.port)
    }

    fn run(&self, grace: &str) -> Running {
        Running::start(
            self.path(),
            &self.config(),
            &[&format!("--remotecfg.grace-period={grace}")],
        )
    }

    fn serve(&self, text: &str) {
        fs::write(self.path().join("configs/me.alloy"), text).expect("the configuration can be written");
    }

    /// Lets the program ask at once, without waiting for its next poll.
    fn nudge(&mut self, running: &Running) {
        self.changes += 1;
        self.configure();
        let answer = running.post("/-/reload").expect("the program answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// What is kept on disk, whoever keeps it.
    fn kept(&self) -> Vec<String> {
        let files = fs::read_dir(self.path().join("state/remotecfg"));
        let files = files.into_iter().flatten().map(|entry| entry.expect("an entry").path());
        let files = files.filter(|path| path.is_file());
        files.map(|path| fs::read_to_string(path).expect("a text")).collect()
    }
}

fn json(running: &Running, path: &str) -> Value {
    let answer = running.get(path).expect("the program answers");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).expect("JSON")
}

fn status(running: &Running) -> Value {
    json(running, "/api/v0/invar/remotecfg")
}

/// Ids of the components that run.
fn components(running: &Running) -> Vec<String> {
    let all = json(running, "/api/v0/web/remotecfg/components");
    let all = all.as_array().cloned().unwrap_or_default();
    let ids = all.iter().filter_map(|one| one["localID"].as_str().map(str::to_owned));
    ids.collect()
}

/// Waits for a state of the configuration, and gives everything that is said of it.
fn wait_for(running: &Running, state: &str, message: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(running);
        let said = status["message"].as_str().unwrap_or_default();
        if status["status"] == state && said.contains(message) {
            return status;
        }
        assert!(Instant::now() < deadline, "not {state} with {message:?}: {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const WRITE: &str = r#"prometheus.remote_write "w" {
    endpoint {
        url = "http://127.0.0.1:1/push"
        basic_auth {
            username = "user"
            password = "hunter2"
        }
    }
}
"#;
const RELABEL: &str = "prometheus.relabel \"r\" {\n    forward_to = []\n}\n";

#[test]
fn what_is_served_runs_and_what_is_bad_changes_nothing() {
    let mut bench = Bench::new();
    bench.serve(WRITE);
    let server = bench.server();
    let running = bench.run("0s");
    let applied = wait_for(&running, "applied", "");
    assert_eq!(components(&running), ["prometheus.remote_write.w"]);
    let source = applied["source"].as_str().unwrap_or_default();
    assert!(
        source.contains("\"(secret)\"") && source.contains("\"user\"") && !applied.to_string().contains("hunter2"),
        "{applied}"
    );
    let one = json(
        &running,
        "/api/v0/web/remotecfg/components/remotecfg/prometheus.remote_write.w",
    );
    assert_eq!(one["moduleID"], "remotecfg");
    assert_eq!(
        running.metric(
            "alloy_component_controller_running_components",
            &[("controller_id", "remotecfg"), ("controller_path", "/")]
        ),
        Some(1.0)
    );
    assert_eq!(running.metric("remotecfg_last_load_successful", &[]), Some(1.0));
    // It is asked again by itself.
    bench.serve(RELABEL);
    eventually("the change runs", || components(&running) == ["prometheus.relabel.r"]);
    eventually("the server knows", || server.collector("me")["status"] == "applied");
    let bad = [
        ("prometheus.relabel \"r\" {", "expected }"),
        (
            "prometheus.relable \"r\" { }",
            "cannot find the definition of component name \"prometheus.relable\"",
        ),
        ("local.file \"f\" { filename = \"/no/such/file\" }", "/no/such/file"),
        ("http { }", "http block not allowed inside a module"),
    ];
    for (text, message) in bad {
        bench.serve(text);
        bench.nudge(&running);
        wait_for(&running, "failed", message);
        assert_eq!(components(&running), ["prometheus.relabel.r"], "{text}");
        eventually("the server knows", || {
            let collector = server.collector("me");
            let said = collector["message"].as_str().unwrap_or_default();
            collector["status"] == "failed" && said.contains(message) && said.contains("remote.alloy:1:")
        });
    }
    assert!(bench.kept().iter().all(|text| text == RELABEL || text == WRITE));
    assert_eq!(running.metric("remotecfg_last_load_successful", &[]), Some(0.0));
    // Without the block, what came from the server goes.
    fs::write(bench.config(), "").expect("the configuration can be written");
    let answer = running.post("/-/reload").expect("the program answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
    eventually("it is unloaded", || components(&running).is_empty());
    eventually("the server knows", || server.collector("me")["registered"] == false);
    assert_eq!(status(&running)["configured"], false);
    assert_eq!(running.stop(), 0);
}

#[test]
fn components_that_become_unhealthy_bring_back_what_ran_before() {
    let mut bench = Bench::new();
    bench.serve(RELABEL);
    let server = bench.server();
    let running = bench.run("4s");
    wait_for(&running, "applied", "");
    eventually("it is kept", || bench.kept() == [RELABEL]);
    // Nobody answers there.
    let ill = format!(
        "{RELABEL}discovery.http \"ill\" {{\n    url = \"http://127.0.0.1:1/\"\n    refresh_interval = \"1s\"\n}}\n"
    );
    bench.serve(&ill);
    bench.nudge(&running);
    let failed = wait_for(
        &running,
        "failed",
        "component remotecfg/discovery.http.ill is unhealthy",
    );
    assert!(failed["message"].to_string().contains("runs again"), "{failed}");
    assert_eq!(components(&running), ["prometheus.relabel.r"]);
    assert!(!bench.kept().contains(&ill));
    eventually("the server knows", || {
        server.collector("me")["status"] == "failed" && server.collector("me")["effectiveBytes"] == RELABEL.len()
    });
    let log = server.log();
    assert!(log.contains("status id=\"me\" applying"), "{log}");
    assert_eq!(running.stop(), 0);
    assert!(server.log().contains("unregistered id=\"me\""), "{}", server.log());
}

#[test]
fn without_the_server_it_runs_what_it_ran_before() {
    let bench = Bench::new();
    bench.serve(RELABEL);
    let server = bench.server();
    let running = bench.run("1s");
    wait_for(&running, "applied", "");
    eventually("it is kept", || bench.kept() == [RELABEL]);
    drop(server);
    running.kill();
    let running = bench.run("1s");
    wait_for(&running, "applied", "the server cannot be reached");
    assert_eq!(components(&running), ["prometheus.relabel.r"]);
    // It comes back, and has forgotten everything.
    let server = bench.server();
    eventually("the server knows", || {
        let collector = server.collector("me");
        collector["status"] == "applied" && collector["effectiveBytes"] == RELABEL.len()
    });
    // The server knows with the question, and the program with the answer to it.
    eventually("nothing is wrong any more", || status(&running)["message"] == "");
    assert_eq!(wait_for(&running, "applied", "")["message"], "");
    assert_eq!(running.stop(), 0);
}
