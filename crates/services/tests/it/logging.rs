//! Lines as they come out, and where they go.

use crate::support::{NOW, attr, block};
use component::{CancellationToken, LogsReceiver};
use host::ManualClock;
use services::logging::{Destination, Format, Level, Logging, LoggingArgs, NotForwarded};
use signals::{Accepting, Budget, FanOut, Labels, Ledger, LogBatch, Receiver, Refused, Sink};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::{debug, error, info, info_span, trace, warn};
use tracing_subscriber::layer::SubscriberExt;
use value::{FromValue, Secret, Value};

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

struct Fixture {
    log: Logging,
    out: Output,
    ledger: Ledger,
    _default: tracing::subscriber::DefaultGuard,
}

/// A log of this thread's own.
fn fixture() -> Fixture {
    let (out, ledger) = (Output::default(), Ledger::default());
    let clock = Arc::new(ManualClock::at(NOW));
    let log = Logging::new(clock, Box::new(out.clone()), &ledger, &Budget::new(1 << 20));
    let subscriber = tracing_subscriber::registry().with(log.layer());
    Fixture {
        _default: tracing::subscriber::set_default(subscriber),
        log,
        out,
        ledger,
    }
}

fn args(level: Level, format: Format, write_to: Vec<LogsReceiver>) -> LoggingArgs {
    LoggingArgs {
        level,
        format,
        destination: Destination::Stderr,
        write_to,
    }
}

#[test]
fn lines_carry_their_spans_and_come_in_both_forms() {
    let fixture = fixture();
    fixture.log.apply(&args(Level::Info, Format::Logfmt, Vec::new()));
    let span = info_span!(
        "component",
        component_path = "/",
        component_id = "loki.write.default",
        tenant = tracing::field::Empty
    );
    let _entered = span.enter();
    info!(attempts = 3, ok = true, err = %"it broke", "sent a batch");
    span.record("tenant", "t1");
    warn!(password = ?Secret::new("hunter2"), "two  words");
    debug!("not seen");
    trace!("never seen");
    info!(answer = 42);
    assert_eq!(
        fixture.out.take(),
        concat!(
            "ts=2026-01-02T03:04:05.123456789Z level=info msg=\"sent a batch\" component_path=/ ",
            "component_id=loki.write.default attempts=3 ok=true err=\"it broke\"\n",
            "ts=2026-01-02T03:04:05.123456789Z level=warn msg=\"two  words\" component_path=/ ",
            "component_id=loki.write.default tenant=t1 password=(secret)\n",
            "ts=2026-01-02T03:04:05.123456789Z level=info component_path=/ component_id=loki.write.default tenant=t1 answer=42\n",
        )
    );
    fixture.log.apply(&args(Level::Debug, Format::Json, Vec::new()));
    debug!(service = "http", size = 1.5, "seen \"now\"\n");
    trace!("never seen");
    assert_eq!(
        fixture.out.take(),
        concat!(
            r#"{"ts":"2026-01-02T03:04:05.123456789Z","level":"debug","msg":"seen \"now\"\n","component_path":"/","#,
            r#""component_id":"loki.write.default","tenant":"t1","service":"http","size":1.5}"#,
            "\n"
        )
    );
}

#[test]
fn an_error_keeps_its_span_whatever_the_level() {
    let fixture = fixture();
    fixture.log.apply(&args(Level::Error, Format::Logfmt, Vec::new()));
    let span = info_span!("component", component_path = "/", component_id = "a.b");
    let _entered = span.enter();
    warn!("not seen");
    error!("seen");
    assert_eq!(
        fixture.out.take(),
        "ts=2026-01-02T03:04:05.123456789Z level=error msg=seen component_path=/ component_id=a.b\n"
    );
}

#[test]
fn early_lines_wait_for_the_configuration() {
    let fixture = fixture();
    debug!("one");
    info!("two");
    error!("three");
    assert_eq!(fixture.out.take(), "");
    fixture.log.apply(&args(Level::Error, Format::Json, Vec::new()));
    assert_eq!(
        fixture.out.take(),
        "{\"ts\":\"2026-01-02T03:04:05.123456789Z\",\"level\":\"error\",\"msg\":\"three\"}\n"
    );
    fixture.log.flush_defaults();
    info!("four");
    assert_eq!(fixture.out.take(), "", "the configuration stays");
}

#[test]
fn without_a_configuration_the_defaults_hold_in_the_end() {
    let fixture = fixture();
    debug!("one");
    info!("two");
    fixture.log.flush_defaults();
    info!("three");
    assert_eq!(
        fixture.out.take(),
        concat!(
            "ts=2026-01-02T03:04:05.123456789Z level=info msg=two\n",
            "ts=2026-01-02T03:04:05.123456789Z level=info msg=three\n"
        )
    );
}

#[test]
fn early_lines_that_do_not_fit_are_counted() {
    let fixture = fixture();
    let long = "x".repeat(1 << 20);
    for _ in 0..5 {
        info!("{long}");
    }
    fixture.log.apply(&LoggingArgs::default());
    let text = fixture.out.take();
    assert_eq!(text.lines().count(), 4);
    assert!(
        text.ends_with(
            "level=warn msg=\"lines before the configuration was read did not fit and are missing\" count=2\n"
        ),
        "{}",
        &text[text.len() - 200..]
    );
}

#[test]
fn dependencies_are_quiet_below_info() {
    let fixture = fixture();
    fixture.log.apply(&args(Level::Debug, Format::Logfmt, Vec::new()));
    let span = info_span!(target: "h2::proto", "frame", stream = 1);
    let _entered = span.enter();
    debug!(target: "hyper::proto::h1", "not seen");
    info!(target: "hyper::proto::h1", "seen");
    debug!(target: "hyperion", "seen too");
    assert_eq!(
        fixture.out.take(),
        concat!(
            "ts=2026-01-02T03:04:05.123456789Z level=info msg=seen\n",
            "ts=2026-01-02T03:04:05.123456789Z level=debug msg=\"seen too\"\n"
        )
    );
}

#[test]
fn the_block_decodes_and_says_what_it_does_not_know() {
    assert_eq!(
        block::<LoggingArgs>(Vec::new()).unwrap(),
        args(Level::Info, Format::Logfmt, Vec::new())
    );
    let receiver = LogsReceiver(Some(Receiver {
        owner: "loki.echo.a".into(),
        sink: Arc::new(Kept::default()),
    }));
    let decoded: LoggingArgs = block(vec![
        attr("level", Value::string("warn")),
        attr("format", Value::string("json")),
        attr("destination", Value::string("stderr")),
        attr("write_to", Value::array(vec![receiver.to_value()])),
    ])
    .unwrap();
    assert_eq!(decoded, args(Level::Warn, Format::Json, vec![receiver]));
    for (name, message) in [
        ("level", "unrecognized log level \"loud\""),
        ("format", "unrecognized log format \"loud\""),
        ("destination", "unrecognized log destination \"loud\""),
    ] {
        let error = block::<LoggingArgs>(vec![attr(name, Value::string("loud"))]).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    let elsewhere = LoggingArgs {
        destination: Destination::WindowsEventLog,
        ..LoggingArgs::default()
    };
    assert_eq!(fixture().log.prepare(elsewhere).is_err(), !cfg!(windows));
}

#[derive(Default)]
struct Kept {
    lines: Mutex<Vec<(Labels, i64, String)>>,
    /// Logs a line and a warning for each that it gets, as a component that is behind `write_to` might.
    talks: AtomicBool,
    refuses: AtomicBool,
    hangs: AtomicBool,
    offers: AtomicUsize,
}

impl Sink for Kept {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            self.offers.fetch_add(1, Ordering::SeqCst);
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.refuses.load(Ordering::SeqCst) {
                return Err(Refused::retry("not now"));
            }
            let (streams, mut custody) = batch.into_parts();
            for stream in streams {
                for entry in stream.entries {
                    if self.talks.load(Ordering::SeqCst) {
                        let span = info_span!("component", component_path = "/", component_id = "loki.echo.a");
                        let _entered = span.enter();
                        info!("got a line");
                        error!("got a line");
                    }
                    let line = String::from_utf8(entry.line.to_vec()).unwrap();
                    self.lines
                        .lock()
                        .unwrap()
                        .push((stream.labels.clone(), entry.timestamp, line));
                }
            }
            custody.deliver_rest();
            Ok(())
        })
    }
}

impl Kept {
    fn receiver(self: &Arc<Self>, owner: &str) -> Receiver {
        Receiver {
            owner: owner.into(),
            sink: self.clone(),
        }
    }

    fn texts(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .map(|(_, _, line)| line.clone())
            .collect()
    }

    async fn wait_for(&self, count: usize) {
        for _ in 0..500 {
            if self.lines.lock().unwrap().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} lines of {count}", self.lines.lock().unwrap().len());
    }
}

#[tokio::test(start_paused = true)]
async fn lines_go_to_write_to_as_they_are_printed() {
    let (fixture, sink) = (fixture(), Arc::new(Kept::default()));
    info!("early");
    let write_to = vec![LogsReceiver(Some(sink.receiver("loki.echo.a"))), LogsReceiver(None)];
    fixture.log.apply(&args(Level::Info, Format::Logfmt, write_to));
    let stop = CancellationToken::new();
    let task = tokio::spawn(fixture.log.clone().run(stop.clone()));
    // Refused for now: offered again until it is taken.
    sink.refuses.store(true, Ordering::SeqCst);
    info!(n = 1, "late");
    while sink.offers.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sink.refuses.store(false, Ordering::SeqCst);
    sink.wait_for(2).await;
    let printed = fixture.out.take();
    assert_eq!(sink.texts().concat(), printed);
    assert_eq!(printed.lines().count(), 2);
    let (labels, timestamp, _) = sink.lines.lock().unwrap()[1].clone();
    assert_eq!((labels, timestamp), (Labels::from_pairs([("component", "alloy")]), NOW));
    info!("last");
    stop.cancel();
    task.await.unwrap();
    assert_eq!(sink.texts().len(), 3, "what waits at the end is sent");
    assert_eq!(fixture.log.not_forwarded(), NotForwarded::default());
    let edge = &fixture.ledger.snapshot()[0];
    assert_eq!(
        (edge.from.as_str(), edge.to.as_str(), edge.delivered.items),
        ("logging", "loki.echo.a", 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_component_that_carries_the_log_cannot_feed_it() {
    let (fixture, sink) = (fixture(), Arc::new(Kept::default()));
    // The one that talks is behind another.
    let relay = Arc::new(FanOut::new(&fixture.ledger, "loki.process.a"));
    relay.set(vec![sink.receiver("loki.echo.a")]);
    let first = Receiver {
        owner: "loki.process.a".into(),
        sink: Arc::new(Relay(relay)),
    };
    sink.talks.store(true, Ordering::SeqCst);
    fixture
        .log
        .apply(&args(Level::Info, Format::Logfmt, vec![LogsReceiver(Some(first))]));
    let stop = CancellationToken::new();
    let task = tokio::spawn(fixture.log.clone().run(stop.clone()));
    info!("the one line");
    sink.wait_for(11).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    sink.talks.store(false, Ordering::SeqCst);
    let texts = sink.texts();
    assert!(
        (11..=12).contains(&texts.len()),
        "a burst of errors and no more: {}",
        texts.len()
    );
    assert!(texts[1..].iter().all(|line| line.contains("level=error")));
    assert!(fixture.log.not_forwarded().own >= 11);
    stop.cancel();
    task.await.unwrap();
}

struct Relay(Arc<FanOut>);

impl Sink for Relay {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            let (streams, mut custody) = batch.into_parts();
            FanOut::accept(&self.0, LogBatch::derived(streams, &custody)).await?;
            custody.deliver_rest();
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_makes_nobody_wait_and_what_does_not_fit_is_counted() {
    let (fixture, sink) = (fixture(), Arc::new(Kept::default()));
    sink.hangs.store(true, Ordering::SeqCst);
    fixture.log.apply(&args(
        Level::Info,
        Format::Logfmt,
        vec![LogsReceiver(Some(sink.receiver("a")))],
    ));
    let stop = CancellationToken::new();
    let task = tokio::spawn(fixture.log.clone().run(stop.clone()));
    let long = "x".repeat(64 << 10);
    for _ in 0..100 {
        info!("{long}");
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.out.take().lines().count(), 100);
    let lost = fixture.log.not_forwarded();
    assert!(lost.queue_full > 40 && lost.queue_full < 100, "{lost:?}");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), task)
        .await
        .unwrap()
        .unwrap();
    let lost = fixture.log.not_forwarded();
    assert_eq!(lost.queue_full + lost.refused, 100, "{lost:?}");
}
