//! Rotations that happen while the follower looks: a writer takes its next step between any two calls of the file system.
//!
//! On a busy machine a look at the directory takes longer than a rotation. What was listed has another name by the time
//! it is opened, a copy is empty when it is seen and whole when it is read, a file is truncated between its size and its bytes.

use crate::world::{Collector, PATH, gzip, rotated, zipped};
use fastrand::Rng;
use host::{Clock, DirEntry, File, Fs, ManualClock, MemFs, Meta};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tail::{Follower, Options, Registry};

/// Short form; `TAIL_SEEDS` asks for more, `TAIL_SEED` for one.
const SEEDS: u64 = 8_000;
/// Bytes of a line, about.
const LINE: usize = 40;

/// What no other program can see half done.
#[derive(Clone, Debug)]
enum Step {
    Append(String),
    /// `.n` becomes `.n+1`, if it is there.
    Shift(usize),
    /// The copy appears, empty.
    Touch,
    /// It grows to a share of the original, in 16ths.
    Copy(usize),
    Truncate,
    Rename,
    Create,
    /// The compressed form of `.1` appears, whole or not.
    Pack(usize),
    /// The plain one goes.
    Packed,
    Pass(i64),
}

struct Writer {
    fs: MemFs,
    clock: Arc<ManualClock>,
    steps: VecDeque<Step>,
    rng: Rng,
    /// Steps a call takes at most; 0 while the follower has the machine for itself.
    haste: usize,
    log: Vec<String>,
}

impl Writer {
    fn step(&mut self) -> bool {
        let Some(step) = self.steps.pop_front() else {
            return false;
        };
        match &step {
            Step::Append(text) => {
                self.log.push(format!("append {}", text.lines().count()));
                self.fs.append(PATH, text.as_bytes());
                return true;
            }
            Step::Shift(n) => {
                for (from, to) in [(rotated(*n), rotated(n + 1)), (zipped(*n), zipped(n + 1))] {
                    if self.fs.meta(&from).is_ok() {
                        self.fs.rename(from, to).expect("it exists");
                    }
                }
            }
            Step::Touch => self.fs.create(rotated(1), b""),
            Step::Copy(share) => {
                let content = self.fs.read(Path::new(PATH)).expect("it exists");
                let have = self.fs.read(&rotated(1)).expect("it exists").len();
                let until = (content.len() * share / 16).max(have);
                self.fs.append(rotated(1), &content[have..until]);
            }
            Step::Truncate => self.fs.truncate(PATH, 0).expect("it exists"),
            Step::Rename => self.fs.rename(PATH, rotated(1)).expect("it exists"),
            Step::Pack(share) => {
                let packed = gzip(&self.fs.read(&rotated(1)).expect("it exists"));
                let have = self.fs.read(&zipped(1)).map_or(0, |have| have.len());
                let until = (packed.len() * share / 16).max(have);
                self.fs.append(zipped(1), &packed[have..until]);
            }
            Step::Packed => self.fs.remove_file(&rotated(1)).expect("it exists"),
            Step::Create => self.fs.create(PATH, b""),
            Step::Pass(nanoseconds) => self.clock.advance(*nanoseconds),
        }
        self.log.push(format!("{step:?}"));
        true
    }

    fn meddle(&mut self, call: &str) {
        if self.haste == 0 || self.rng.u32(0..3) > 0 {
            return;
        }
        let most = self.haste;
        let before = self.log.len();
        for _ in 0..self.rng.usize(0..=most) {
            self.step();
        }
        if self.log.len() > before {
            self.log.push(format!("  before {call}"));
        }
    }
}

/// A file system on which the writer works whenever it is asked something.
#[derive(Clone)]
struct Racing {
    inner: MemFs,
    writer: Arc<Mutex<Writer>>,
}

struct RacingFile {
    inner: Box<dyn File>,
    writer: Arc<Mutex<Writer>>,
}

fn meddle(writer: &Mutex<Writer>, call: &str) {
    writer.lock().expect("the writer does not panic").meddle(call);
}

impl File for RacingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        meddle(&self.writer, &format!("read {offset}"));
        self.inner.read_at(buf, offset)
    }

    fn meta(&self) -> io::Result<Meta> {
        meddle(&self.writer, "fstat");
        self.inner.meta()
    }
}

impl Fs for Racing {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        meddle(&self.writer, &format!("open {}", path.display()));
        Ok(Box::new(RacingFile {
            inner: self.inner.open(path)?,
            writer: self.writer.clone(),
        }))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        meddle(&self.writer, &format!("stat {}", path.display()));
        self.inner.meta(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.inner.read(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        meddle(&self.writer, "list");
        self.inner.read_dir(path)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.resolve(path)
    }

    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        self.inner.write_atomic(path, content, mode)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path)
    }
}

/// What the writer will do, and all lines in their order.
fn program(rng: &mut Rng, pack: bool) -> (VecDeque<Step>, Vec<String>) {
    let mut steps = VecDeque::new();
    let mut lines = Vec::new();
    // As one machine does it: all by copying, all by renaming, or a bit of both.
    let style = rng.u32(0..4);
    let coarse = rng.bool();
    let pass = |steps: &mut VecDeque<Step>, rng: &mut Rng| {
        // The clock of a file system may stand still for four milliseconds.
        if !coarse || rng.u32(0..8) == 0 {
            steps.push_back(Step::Pass(rng.i64(1..4_000_000)));
        }
    };
    let short = rng.bool();
    let write = |steps: &mut VecDeque<Step>, lines: &mut Vec<String>, rng: &mut Rng| {
        let count = if short { rng.usize(1..4) } else { rng.usize(1..80) };
        let mut text = String::new();
        for _ in 0..count {
            let line = format!("signal {} {}", lines.len(), "x".repeat(rng.usize(0..LINE)));
            text.push_str(&line);
            text.push('\n');
            lines.push(line);
        }
        steps.push_back(Step::Append(text));
    };
    for _ in 0..rng.usize(1..7) {
        for _ in 0..rng.usize(1..3) {
            write(&mut steps, &mut lines, rng);
            pass(&mut steps, rng);
        }
        for n in (1..12).rev() {
            steps.push_back(Step::Shift(n));
        }
        let copy = match style {
            0 | 1 => true,
            2 => false,
            _ => rng.bool(),
        };
        if copy {
            steps.push_back(Step::Touch);
            pass(&mut steps, rng);
            if rng.bool() {
                let share = rng.usize(0..16);
                steps.push_back(Step::Copy(share));
                pass(&mut steps, rng);
            }
            steps.push_back(Step::Copy(16));
            pass(&mut steps, rng);
            steps.push_back(Step::Truncate);
        } else {
            steps.push_back(Step::Rename);
            pass(&mut steps, rng);
            steps.push_back(Step::Create);
            if pack && rng.bool() {
                if rng.bool() {
                    write(&mut steps, &mut lines, rng);
                }
                for share in [rng.usize(0..16), 16] {
                    steps.push_back(Step::Pack(share));
                    pass(&mut steps, rng);
                }
                steps.push_back(Step::Packed);
            }
        }
        pass(&mut steps, rng);
        if rng.bool() {
            write(&mut steps, &mut lines, rng);
        }
    }
    write(&mut steps, &mut lines, rng);
    (steps, lines)
}

/// A directory with somebody who writes between the calls of whoever reads, and the lines that are written in the end.
fn world(seed: u64, rng: &mut Rng, pack: bool) -> (Arc<ManualClock>, Racing, Vec<String>) {
    let clock = Arc::new(ManualClock::at(1_700_000_000_000_000_000));
    let fs = MemFs::new(clock.clone());
    let (steps, lines) = program(rng, pack);
    let writer = Arc::new(Mutex::new(Writer {
        fs: fs.clone(),
        clock: clock.clone(),
        steps,
        rng: rng.fork(),
        haste: 0,
        log: vec![format!("seed {seed}")],
    }));
    (clock, Racing { inner: fs, writer }, lines)
}

fn check(seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let (clock, racing, lines) = world(seed, &mut rng, false);
    let writer = racing.writer.clone();
    let follower = Follower::new(Arc::new(racing), &Registry::new(), PATH, Options::default(), None);
    let mut collector = Collector {
        follower,
        clock: clock.clone(),
        flying: Vec::new(),
        delivered: Vec::new(),
        events: Vec::new(),
    };
    writer.lock().expect("no panic").step();
    collector.look();
    writer.lock().expect("no panic").haste = [1, 3, 12, 40][rng.usize(0..4)];
    loop {
        {
            let mut writer = writer.lock().expect("no panic");
            for _ in 0..rng.usize(0..12) {
                writer.step();
            }
            if writer.steps.is_empty() {
                break;
            }
            writer.log.push("look".to_owned());
        }
        // Looks may fail while files come and go: the owner looks again.
        let _ = collector.follower.observe(clock.now());
        for _ in 0..rng.usize(0..4) {
            if let Ok(Some(chunk)) = collector.follower.next(clock.now()) {
                let read = format!("read to {} of generation {}", chunk.end, chunk.generation);
                writer.lock().expect("no panic").log.push(read);
                collector.flying.push(chunk);
            }
        }
        collector.events.extend(collector.follower.take_events());
        if rng.bool() {
            collector.ack_one();
        }
    }
    writer.lock().expect("no panic").haste = 0;
    for _ in 0..12 {
        clock.advance(700_000_000);
        collector.drain();
    }
    if collector.delivered == lines {
        return Ok(());
    }
    let at = (0..lines.len())
        .find(|&i| collector.delivered.get(i) != lines.get(i))
        .unwrap_or(lines.len());
    let lost = lines.iter().filter(|line| !collector.delivered.contains(line)).count();
    let log = writer.lock().expect("no panic").log.join("\n");
    Err(format!(
        "line {at} of {}: got {:.20?}, expected {:.20?}; {lost} lost, {} delivered\n{log}\nevents: {:#?}",
        lines.len(),
        collector.delivered.get(at),
        lines.get(at),
        collector.delivered.len(),
        collector.events,
    ))
}

#[test]
fn rotations_during_a_look_lose_and_repeat_nothing() {
    crate::world::seeds(SEEDS, check);
}

/// The same with crashes: what is known then is the state that was saved some time before.
fn check_crashes(seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let (clock, racing, lines) = world(seed, &mut rng, true);
    let writer = racing.writer.clone();
    let began = clock.now();
    let start = |state| Collector {
        follower: Follower::new(
            Arc::new(racing.clone()),
            &Registry::new(),
            PATH,
            Options {
                written_since: Some(began),
                ..Options::default()
            },
            state,
        ),
        clock: clock.clone(),
        flying: Vec::new(),
        delivered: Vec::new(),
        events: Vec::new(),
    };
    let mut saved = None;
    let mut delivered = Vec::new();
    let mut collector = start(None);
    writer.lock().expect("no panic").step();
    writer.lock().expect("no panic").haste = [1, 3, 12, 40][rng.usize(0..4)];
    let note = |collector: &mut Collector, what: String| {
        collector.events.append(&mut collector.follower.take_events());
        let mut log = writer.lock().expect("no panic");
        log.log
            .extend(collector.events.drain(..).map(|event| format!("    {event}")));
        log.log.push(what);
    };
    loop {
        {
            let mut writer = writer.lock().expect("no panic");
            for _ in 0..rng.usize(0..12) {
                writer.step();
            }
            if writer.steps.is_empty() {
                break;
            }
        }
        note(&mut collector, "look".to_owned());
        let _ = collector.follower.observe(clock.now());
        for _ in 0..rng.usize(0..4) {
            if let Ok(Some(chunk)) = collector.follower.next(clock.now()) {
                note(
                    &mut collector,
                    format!("read to {} of generation {}", chunk.end, chunk.generation),
                );
                collector.flying.push(chunk);
            }
            if rng.bool() {
                collector.ack_one();
            }
        }
        if rng.u32(0..3) == 0 {
            saved = collector.follower.state().or(saved);
            note(&mut collector, format!("saved {saved:?}"));
        }
        if rng.u32(0..4) == 0 {
            note(&mut collector, "crash".to_owned());
            delivered.append(&mut collector.delivered);
            collector = start(saved.clone());
        }
    }
    writer.lock().expect("no panic").haste = 0;
    if rng.bool() {
        delivered.append(&mut collector.delivered);
        note(&mut collector, "last crash".to_owned());
        collector = start(saved);
    }
    for _ in 0..12 {
        clock.advance(700_000_000);
        collector.drain();
    }
    delivered.append(&mut collector.delivered);
    note(&mut collector, "end".to_owned());
    let Some(at) = lines.iter().position(|line| !delivered.contains(line)) else {
        return Ok(());
    };
    let lost = lines.iter().filter(|line| !delivered.contains(line)).count();
    let log = writer.lock().expect("no panic").log.join("\n");
    Err(format!(
        "line {at} of {} and {} more lost\n{log}",
        lines.len(),
        lost - 1
    ))
}

#[test]
fn rotations_and_crashes_during_a_look_lose_nothing() {
    crate::world::seeds(SEEDS / 2, check_crashes);
}
