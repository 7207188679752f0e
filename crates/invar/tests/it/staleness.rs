//! What Prometheus answers of series whose target, or the program that scrapes it, went away: `scrape.staleness` in `docs/differences.md`.

use crate::prometheus::Prometheus;
use crate::support::{Running, eventually};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// A target that exposes what it is told to.
struct Target {
    port: u16,
    /// None for a status of 503.
    body: Arc<Mutex<Option<String>>>,
}

impl Target {
    fn start(body: &str) -> Target {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        let body = Arc::new(Mutex::new(Some(body.to_owned())));
        let exposed = body.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let body = exposed.lock().expect("no test panics with it").clone();
                let (status, body) = match body {
                    Some(body) => ("200 OK", body),
                    None => ("503 Service Unavailable", String::new()),
                };
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        Target { port, body }
    }

    fn expose(&self, body: Option<&str>) {
        *self.body.lock().expect("no test panics with it") = body.map(str::to_owned);
    }
}

fn config(dir: &Path, prometheus: &Prometheus, targets: &[(&str, &Target)]) -> PathBuf {
    let mut list = String::new();
    for (instance, target) in targets {
        let port = target.port;
        let _ = writeln!(
            list,
            "\t\t{{\"__address__\" = \"127.0.0.1:{port}\", \"instance\" = \"{instance}\"}},"
        );
    }
    let path = dir.join("config.alloy");
    let text = format!(
        r#"
prometheus.scrape "all" {{
	targets = [
{list}	]
	job_name        = "test"
	scrape_interval = "1s"
	scrape_timeout  = "1s"
	forward_to      = [prometheus.remote_write.local.receiver]
}}

prometheus.remote_write "local" {{
	endpoint {{
		url = "http://127.0.0.1:{}/api/v1/write"
		queue_config {{
			batch_send_deadline = "100ms"
		}}
	}}
}}
"#,
        prometheus.port
    );
    fs::write(&path, text).expect("the configuration can be written");
    path
}

/// Values of what a query finds, in order.
fn values(prometheus: &Prometheus, query: &str) -> Vec<f64> {
    let mut values: Vec<f64> = prometheus.query(query).into_values().collect();
    values.sort_by(f64::total_cmp);
    values
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970")
        .as_secs_f64()
}

#[test]
fn a_restart_leaves_no_mark_on_series_that_go_on() {
    let dir = tempfile::tempdir().expect("there is room");
    let Some(prometheus) = Prometheus::start(&dir.path().join("p"), |_| String::new()) else {
        return;
    };
    let target = Target::start("things 1\n");
    let config = config(dir.path(), &prometheus, &[("a", &target)]);
    let mut running = Running::start(dir.path(), &config, &[]);
    eventually("the first value is there", || values(&prometheus, "things") == [1.0]);
    let begin = now();
    for round in 2..6 {
        match round % 2 {
            0 => assert_eq!(running.stop(), 0),
            _ => running.kill(),
        }
        // Whoever asks now gets what was there.
        assert_eq!(values(&prometheus, "things"), [f64::from(round - 1)]);
        assert_eq!(values(&prometheus, "up"), [1.0]);
        target.expose(Some(&format!("things {round}\n")));
        running = Running::start(dir.path(), &config, &[]);
        eventually("the next value is there", || {
            values(&prometheus, "things") == [f64::from(round)]
        });
    }
    // A stale marker anywhere would leave steps without a value.
    let seconds = (now() - begin).floor();
    let range = format!("count_over_time(things[{seconds}s:100ms])");
    let steps = (seconds * 10.0) as u64;
    let counted = values(&prometheus, &range);
    assert!(
        counted.len() == 1 && counted[0] as u64 + 1 >= steps,
        "{counted:?} of {steps} steps"
    );
    assert_eq!(running.stop(), 0);
}

#[test]
fn what_goes_while_the_program_runs_is_stale_and_what_went_before_it_started_ends_with_the_lookback() {
    let dir = tempfile::tempdir().expect("there is room");
    let lookback = ["--query.lookback-delta=8s"];
    let Some(prometheus) = Prometheus::start_with(&dir.path().join("p"), &lookback, |_| String::new()) else {
        return;
    };
    let names = ["gone", "down", "fewer"];
    let targets = names.map(|_| Target::start("things 1\nmore 1\n"));
    let all: Vec<(&str, &Target)> = names.into_iter().zip(&targets).collect();
    let config_of = |targets: &[(&str, &Target)]| config(dir.path(), &prometheus, targets);
    for kill in [false, true] {
        let running = Running::start(dir.path(), &config_of(&all), &[]);
        eventually("all series are there", || {
            values(&prometheus, "things") == [1.0; 3] && values(&prometheus, "up") == [1.0; 3]
        });
        match kill {
            true => running.kill(),
            false => assert_eq!(running.stop(), 0),
        }
        targets[1].expose(None);
        targets[2].expose(Some("things 1\n"));
        let running = Running::start(dir.path(), &config_of(&all[1..]), &[]);
        eventually("a target that is down is known to be", || {
            values(&prometheus, "up{instance=\"down\"}") == [0.0]
        });
        // Nobody knows any more what they exposed: as with every scraper, Prometheus finds what was there until its lookback is over.
        eventually("series of before end", || {
            values(&prometheus, "{instance=\"gone\"}").is_empty()
                && values(&prometheus, "things{instance=\"down\"}").is_empty()
                && values(&prometheus, "more").is_empty()
        });
        assert_eq!(values(&prometheus, "up{instance=\"down\"}"), [0.0]);
        assert_eq!(values(&prometheus, "things{instance=\"fewer\"}"), [1.0]);
        targets
            .iter()
            .for_each(|target| target.expose(Some("things 1\nmore 1\n")));
        assert_eq!(running.stop(), 0);
    }
}

#[test]
fn a_target_that_a_reload_takes_away_is_stale_before_the_lookback_is_over() {
    let dir = tempfile::tempdir().expect("there is room");
    // Longer than the test waits for anything.
    let lookback = ["--query.lookback-delta=1h"];
    let Some(prometheus) = Prometheus::start_with(&dir.path().join("p"), &lookback, |_| String::new()) else {
        return;
    };
    let targets = [Target::start("things 1\n"), Target::start("things 1\n")];
    let all = [("stays", &targets[0]), ("goes", &targets[1])];
    let running = Running::start(dir.path(), &config(dir.path(), &prometheus, &all), &[]);
    eventually("all series are there", || values(&prometheus, "things") == [1.0; 2]);
    config(dir.path(), &prometheus, &all[..1]);
    let answer = running.post("/-/reload").expect("the program answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
    eventually("the series of the target that went are stale", || {
        values(&prometheus, "{instance=\"goes\"}").is_empty()
    });
    // Those of one that is down are so at once.
    targets[0].expose(None);
    eventually("the other one is down", || {
        values(&prometheus, "things").is_empty() && values(&prometheus, "up") == [0.0]
    });
    assert_eq!(running.stop(), 0);
}
