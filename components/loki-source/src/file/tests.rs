//! The component between files in a temporary folder and a sink that does what a test wants.

mod sharing;

use super::*;
use component::{Budget, Cluster, ContextParts, Ledger, Services};
use host::Host;
use signals::{Accepting, LogBatch, LogStream, Receiver, Refused, Sink};
use std::fs;
use std::io::Write;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use value::GoDuration;

/// Takes batches in order, if it takes any.
struct Taker {
    open: tokio::sync::watch::Sender<bool>,
    refusals: AtomicU64,
    streams: Mutex<Vec<LogStream>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Taker {
    fn new() -> Arc<Taker> {
        Arc::new(Taker {
            open: tokio::sync::watch::Sender::new(true),
            refusals: AtomicU64::new(0),
            streams: Mutex::default(),
            turn: Arc::default(),
        })
    }

    fn lines(&self) -> Vec<String> {
        let streams = lock(&self.streams);
        let entries = streams.iter().flat_map(|stream| &stream.entries);
        entries
            .map(|entry| String::from_utf8_lossy(&entry.line).into_owned())
            .collect()
    }

    fn labels(&self) -> BTreeSet<String> {
        lock(&self.streams)
            .iter()
            .map(|stream| stream.labels.to_string())
            .collect()
    }
}

impl Sink for Taker {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            let _turn = self.turn.clone().lock_owned().await;
            // The sender of the channel is in here, so waiting cannot fail.
            let _ = self.open.subscribe().wait_for(|open| *open).await;
            let refuse = |left: u64| left.checked_sub(1);
            if self
                .refusals
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse)
                .is_ok()
            {
                return Err(Refused::retry("not now"));
            }
            let (streams, mut custody) = batch.into_parts();
            lock(&self.streams).extend(streams);
            custody.deliver_rest();
            Ok(())
        })
    }
}

struct Rig {
    dir: TempDir,
    sink: Arc<Taker>,
    budget: Budget,
    host: Host,
    cluster: Option<Arc<Cluster>>,
    running: Option<(Arc<File>, CancellationToken, JoinHandle<Result<()>>)>,
}

impl Rig {
    fn new() -> Rig {
        Rig {
            dir: tempfile::tempdir().unwrap(),
            sink: Taker::new(),
            budget: Budget::new(64 << 20),
            host: Host::real(),
            cluster: None,
            running: None,
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn target(&self, name: &str, labels: &[(&str, &str)]) -> Target {
        let path = self.path(name);
        let labels = labels.iter().copied().chain([(PATH, path.as_str())]);
        Target::from(Labels::from_pairs(labels))
    }

    fn args(&self, targets: Vec<Target>) -> Arguments {
        let receiver = Receiver {
            owner: Arc::from("test.sink"),
            sink: self.sink.clone(),
        };
        Arguments {
            targets,
            forward_to: vec![LogsReceiver(Some(receiver))],
            file_watch: args::FileWatch {
                min_poll_frequency: GoDuration::millis(20),
                max_poll_frequency: GoDuration::millis(20),
            },
            ..Arguments::defaults()
        }
    }

    fn start(&mut self, args: Arguments) {
        let cx = Context::new(ContextParts {
            id: Arc::from("loki.source.file.test"),
            data_path: self.dir.path().join("data"),
            host: self.host.clone(),
            budget: self.budget.clone(),
            ledger: Ledger::default(),
            metrics: promtext::Registry::new(),
            services: match &self.cluster {
                Some(cluster) => Services::default().with(cluster.clone()),
                None => Services::default(),
            },
            stability: Stability::GenerallyAvailable,
            span: tracing::Span::none(),
            exported: Arc::new(|| ()),
            inspector: None,
        });
        let file = Arc::new(File::build(&cx, args).unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn(file.clone().run(stop.clone()));
        self.running = Some((file, stop, task));
    }

    fn update(&self, args: Arguments) {
        let (file, _, _) = self.running.as_ref().unwrap();
        file.clone().update(args).unwrap().apply();
    }

    async fn stop(&mut self) {
        let (_, stop, task) = self.running.take().unwrap();
        stop.cancel();
        task.await.unwrap().unwrap();
    }

    /// As after `kill -9`: nothing more is written, also not by a thread that was at it.
    async fn kill(&mut self) {
        let (file, _, task) = self.running.take().unwrap();
        task.abort();
        // It was cancelled.
        let _ = task.await;
        until("nobody works for it any more", || Arc::strong_count(&file.shared) == 1).await;
    }

    async fn expect(&self, lines: &[&str]) {
        until("the lines arrive", || self.sink.lines().len() >= lines.len()).await;
        assert_eq!(self.sink.lines(), lines);
    }

    fn positions(&self) -> String {
        fs::read_to_string(self.dir.path().join("data/positions.yml")).unwrap_or_default()
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 30 s: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_carry_the_targets_labels_and_the_files_name() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n2\r\n\n3");
    rig.start(rig.args(vec![rig.target("a.log", &[("job", "test"), ("__meta", "x")])]));
    rig.expect(&["1", "2", ""]).await;
    let labels = format!("{{filename=\"{}\", job=\"test\"}}", rig.path("a.log"));
    assert_eq!(rig.sink.labels(), BTreeSet::from([labels]));
    rig.append("a.log", "\n4\n");
    rig.expect(&["1", "2", "", "3", "4"]).await;
    rig.stop().await;
    assert!(rig.positions().contains(&format!(
        "path: '{}'\n    labels: '{{job=\"test\"}}'\n  : \"10\"",
        rig.path("a.log")
    )));
    assert_eq!(rig.budget.used(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_committed_only_when_its_lines_are_delivered() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n");
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    until("the first line is committed", || rig.positions().contains(": \"2\"")).await;
    rig.sink.open.send_replace(false);
    rig.append("a.log", "2\n");
    until("the second line is on its way", || rig.budget.used() > 0).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(rig.positions().contains(": \"2\""), "{}", rig.positions());
    rig.kill().await;
    rig.sink.open.send_replace(true);
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    rig.expect(&["1", "2"]).await;
    rig.stop().await;
    assert!(rig.positions().contains(": \"4\""), "{}", rig.positions());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_lines_come_again_in_order() {
    let mut rig = Rig::new();
    rig.sink.refusals.store(3, Ordering::SeqCst);
    rig.append("a.log", "1\n");
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    for n in 2..20 {
        rig.append("a.log", &format!("{n}\n"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all: Vec<String> = (1..20).map(|n| n.to_string()).collect();
    rig.expect(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_labels_do_not_read_the_file_again() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n2\n");
    rig.start(rig.args(vec![rig.target("a.log", &[("env", "old")])]));
    rig.expect(&["1", "2"]).await;
    rig.update(rig.args(vec![rig.target("a.log", &[("env", "new")])]));
    rig.append("a.log", "3\n");
    rig.expect(&["1", "2", "3"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    rig.append("a.log", "4\n");
    rig.expect(&["1", "2", "3", "4"]).await;
    until("the new labels are used", || {
        rig.sink.labels().iter().any(|labels| labels.contains("env=\"new\""))
    })
    .await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_under_two_label_sets_is_read_for_each() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n");
    rig.start(rig.args(vec![
        rig.target("a.log", &[("tenant", "a")]),
        rig.target("a.log", &[("tenant", "b")]),
    ]));
    rig.expect(&["1", "1"]).await;
    assert_eq!(rig.sink.labels().len(), 2);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rotated_during_a_stop_is_read_first() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n");
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    rig.expect(&["1"]).await;
    rig.stop().await;
    rig.append("a.log", "2\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.append("a.log", "3\n");
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    rig.expect(&["1", "2", "3"]).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_deleted_while_the_sink_is_stuck_is_not_lost() {
    let mut rig = Rig::new();
    rig.sink.open.send_replace(false);
    rig.budget = Budget::new(1);
    rig.append("a.log", "1\n");
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    until("the first line is on its way", || rig.budget.used() > 0).await;
    for n in 2..5 {
        rig.append("a.log", &format!("{n}\n"));
        tokio::time::sleep(Duration::from_secs(3)).await;
        fs::remove_file(rig.path("a.log")).unwrap();
    }
    rig.append("a.log", "5\n");
    rig.sink.open.send_replace(true);
    rig.expect(&["1", "2", "3", "4", "5"]).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_finds_new_files_and_reads_rotated_ones_once() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n");
    let mut args = rig.args(vec![rig.target("*.log*", &[])]);
    args.file_match.enabled = true;
    args.file_match.sync_period = GoDuration::millis(50);
    rig.start(args.clone());
    rig.expect(&["1"]).await;
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.append("a.log", "2\n");
    rig.expect(&["1", "2"]).await;
    rig.append("b.log", "3\n");
    rig.expect(&["1", "2", "3"]).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    rig.stop().await;
    fs::rename(rig.path("a.log.1"), rig.path("a.log.2")).unwrap();
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.append("a.log", "4\n");
    rig.start(args);
    rig.expect(&["1", "2", "3", "4"]).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    rig.stop().await;
    assert_eq!(rig.sink.lines(), ["1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_positions_file_is_kept_and_decides_nothing_by_itself() {
    for (choice, expected) in [
        (OnPositionsError::Beginning, &["old", "new"][..]),
        (OnPositionsError::End, &["new"]),
        (OnPositionsError::Skip, &[]),
    ] {
        let mut rig = Rig::new();
        fs::create_dir(rig.dir.path().join("data")).unwrap();
        fs::write(rig.dir.path().join("data/positions.yml"), "positions: [").unwrap();
        rig.append("a.log", "old\n");
        let mut args = rig.args(vec![rig.target("a.log", &[])]);
        args.on_positions_file_error = choice;
        rig.start(args);
        tokio::time::sleep(Duration::from_millis(500)).await;
        rig.append("a.log", "new\n");
        rig.expect(expected).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(rig.sink.lines(), expected, "{choice:?}");
        let names = fs::read_dir(rig.dir.path().join("data")).unwrap();
        let kept = names.filter(|name| {
            name.as_ref()
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .contains("yml.corrupt-")
        });
        assert_eq!(kept.count(), 1);
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_promtail_are_imported() {
    let mut rig = Rig::new();
    rig.append("a.log", "old\nnew\n");
    fs::write(
        rig.path("promtail.yml"),
        format!("positions:\n  {}: \"4\"\n", rig.path("a.log")),
    )
    .unwrap();
    let mut args = rig.args(vec![rig.target("a.log", &[("job", "x")])]);
    args.legacy_positions_file = rig.path("promtail.yml").into();
    rig.start(args);
    rig.expect(&["new"]).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_named_and_read_later() {
    let mut rig = Rig::new();
    fs::create_dir(rig.path("a.log")).unwrap();
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    let health = |rig: &Rig| rig.running.as_ref().and_then(|(file, _, _)| file.health());
    until("it is unhealthy", || health(&rig).is_some()).await;
    let message = health(&rig).unwrap().message;
    assert_eq!(
        message,
        format!("cannot read \"{}\": not a regular file", rig.path("a.log"))
    );
    fs::remove_dir(rig.path("a.log")).unwrap();
    rig.append("a.log", "1\n");
    rig.expect(&["1"]).await;
    until("it is healthy", || health(&rig).is_none()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_target_is_read_to_its_end() {
    let mut rig = Rig::new();
    rig.append("a.log", "1\n");
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    rig.expect(&["1"]).await;
    rig.sink.open.send_replace(false);
    rig.append("a.log", "2\n");
    rig.update(rig.args(Vec::new()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.sink.open.send_replace(true);
    rig.expect(&["1", "2"]).await;
    rig.stop().await;
}

/// A disk on which no position is ever written in time.
struct SlowDisk(host::RealFs);

impl host::Fs for SlowDisk {
    fn open(&self, path: &Path) -> std::io::Result<Box<dyn host::File>> {
        self.0.open(path)
    }

    fn meta(&self, path: &Path) -> std::io::Result<host::Meta> {
        self.0.meta(path)
    }

    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.0.read(path)
    }

    fn read_dir(&self, path: &Path) -> std::io::Result<Vec<host::DirEntry>> {
        self.0.read_dir(path)
    }

    fn resolve(&self, path: &Path) -> std::io::Result<PathBuf> {
        self.0.resolve(path)
    }

    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
        if String::from_utf8_lossy(content).contains("a.log") {
            return Err(std::io::Error::other("not yet"));
        }
        self.0.write_atomic(path, content, mode)
    }

    fn create_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.0.create_dir_all(path)
    }

    fn remove_file(&self, path: &Path) -> std::io::Result<()> {
        self.0.remove_file(path)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rotated_before_its_first_position_is_on_disk_is_read_after_a_kill() {
    let mut rig = Rig::new();
    rig.append("a.log.2", "archive\n");
    let archive = fs::File::options().append(true).open(rig.path("a.log.2")).unwrap();
    archive
        .set_modified(std::time::SystemTime::now() - Duration::from_secs(60))
        .unwrap();
    rig.append("a.log", "1\n");
    rig.host.fs = Arc::new(SlowDisk(host::RealFs));
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    rig.expect(&["1"]).await;
    rig.kill().await;
    rig.append("a.log", "2\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.append("a.log", "3\n");
    rig.host = Host::real();
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    // That the first one had arrived was never written down.
    rig.expect(&["1", "1", "2", "3"]).await;
    rig.stop().await;
    // And what was read is known now.
    rig.start(rig.args(vec![rig.target("a.log", &[])]));
    rig.append("a.log", "4\n");
    rig.expect(&["1", "1", "2", "3", "4"]).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tail_from_end_nothing_old_is_read_that_has_no_position() {
    let mut rig = Rig::new();
    rig.start(rig.args(Vec::new()));
    until("it runs", || rig.positions().contains("invar_complete_at")).await;
    rig.kill().await;
    rig.append("b.log.1", "old\n");
    rig.append("b.log", "also\n");
    let mut args = rig.args(vec![rig.target("b.log", &[])]);
    args.tail_from_end = true;
    rig.start(args);
    tokio::time::sleep(Duration::from_millis(500)).await;
    rig.append("b.log", "new\n");
    rig.expect(&["new"]).await;
    rig.stop().await;
}
