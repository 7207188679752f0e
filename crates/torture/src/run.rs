//! Does the harm, and keeps the program running through it.

use crate::calm;
use crate::child::Child;
use crate::destination::{Trouble, Window, windows};
use crate::options::Options;
use crate::schedule::{Event, events};
use crate::setup::Setup;
use crate::storage::{self, SmallDisk};
use crate::tally::{Counts, Expected, Tally};
use crate::verdict::{Arrivals, Verdict};
use crate::writer::{Load, Writer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use testkit::loki_sink::Mode;

/// Time between two looks.
const TICK: Duration = Duration::from_millis(5);
/// Time between two samples of memory and progress.
const SAMPLE: Duration = Duration::from_millis(200);
/// What the program counts lines under that it has read.
const READ: &str = "loki_source_file_read_lines_total";
/// How long it may take until a line that was read is safe and its position is saved: a second until an endpoint is given up, and a
/// second for batches, the disk and the busy machine.
const UNSAVED: Duration = Duration::from_secs(2);
/// How long the program may take to stop.
const STOP: Duration = Duration::from_secs(60);
/// How long repeated lines may still come in the end.
const AFTERMATH: Duration = Duration::from_secs(2);
/// Ends of the program by itself after which the run is given up.
const MOST_DEATHS: u32 = 20;

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: &'static str,
    /// Lines written.
    pub written: u64,
    /// Lines of all.
    pub lines: u64,
    /// Lines that arrived, at the endpoint that has the fewest.
    pub arrived: u64,
    /// Kills so far.
    pub kills: u32,
    /// What the destination does.
    pub destination: &'static str,
}

/// Runs everything. `evaluate` gives the string that an expression of the configuration stands for.
///
/// # Errors
/// What keeps the run from being made; what the program does wrong is in the verdict.
pub fn run(
    options: &Options,
    evaluate: &dyn Fn(&str) -> Option<String>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Verdict, String> {
    options.check()?;
    let started = Instant::now();
    let mut random = fastrand::Rng::with_seed(options.seed);
    let setup = Setup::new(options, evaluate)?;
    let calm = if options.config.is_empty() {
        None
    } else {
        let mut say = |arrived| {
            progress(&Progress {
                phase: "in peace",
                written: options.lines,
                lines: options.lines,
                arrived,
                kills: 0,
                destination: "healthy",
            });
        };
        Some(calm::run(&setup, options, &mut random, &mut say)?)
    };
    let (counts, bits): (Vec<Option<Counts>>, Vec<_>) = match calm {
        None => setup.endpoints.iter().map(|_| (None, Expected::All)).unzip(),
        Some(calm) => calm
            .into_iter()
            .map(|one| (Some(one.counts), Expected::AsInCalm(one.bits)))
            .unzip(),
    };
    let mut bits: Vec<Option<Expected>> = bits.into_iter().map(Some).collect();
    let tallies = setup.watch(|n| bits[n].take().unwrap_or(Expected::All), options.config.is_empty());
    let mut disk = None;
    let mut notes = setup.notes.clone();
    let mut skipped = Vec::new();
    if options.disk_full.is_some() {
        match SmallDisk::mount(&setup.start.storage) {
            Ok(mounted) => disk = Some(mounted),
            Err(error) => skipped.push(format!("full disk: {error}; needs root or user namespaces")),
        }
    }
    let mut harm = Harm {
        options,
        setup: &setup,
        tallies: &tallies,
        windows: windows(options.outage, options.length(), options.refuse.is_some(), &mut random),
        events: events(options, &mut random),
        random: random.fork(),
        disk,
        hold: false,
        filled: false,
        current: Vec::new(),
        began: Instant::now(),
        least: Duration::ZERO,
        phase: Phase::Down { until: Instant::now() },
        verdict: Verdict {
            seed: options.seed,
            memory_limit: options.memory_limit,
            skipped,
            ..Verdict::default()
        },
        read: VecDeque::new(),
    };
    let writer = Writer::start(Load {
        lines: setup.lines,
        files: setup.files.clone(),
        rate: options.rate,
        rotate: options.rotate.clone(),
        every: options.rotate_every,
        random: random.fork(),
        tallies: tallies.clone(),
    })?;
    let outcome = harm.go(&writer, progress);
    let written = writer.finish()?;
    outcome?;
    let mut verdict = harm.end(&written.lines, progress)?;
    drop(harm);
    for ((endpoint, tally), calm) in setup.endpoints.iter().zip(&tallies).zip(counts) {
        let arrivals = Arrivals {
            endpoint: endpoint.name.clone(),
            counts: tally.counts(&written.lines),
            calm,
        };
        arrivals.note(&mut notes);
        verdict.arrivals.push(arrivals);
    }
    verdict.files = setup
        .files
        .iter()
        .map(|(path, _)| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    verdict.written = written.lines.iter().sum();
    verdict.bytes = written.bytes;
    verdict.rotations = written.rotations;
    verdict.notes = notes;
    verdict.refused = (0..)
        .zip(&written.lines)
        .map(|(_, lines): (u32, _)| (0..*lines).filter(|line| setup.lines.is_refused(*line)).count() as u64)
        .sum();
    verdict.duration = started.elapsed();
    if options.keep || !verdict.passed() {
        verdict.kept = Some(setup.dir.keep());
    }
    Ok(verdict)
}

enum Phase {
    Running(Child),
    Stopping {
        child: Child,
        since: Instant,
        healthy: bool,
    },
    Down {
        until: Instant,
    },
}

struct Harm<'a> {
    options: &'a Options,
    setup: &'a Setup,
    tallies: &'a [Arc<Tally>],
    windows: Vec<Window>,
    events: VecDeque<(Duration, Event)>,
    random: fastrand::Rng,
    disk: Option<SmallDisk>,
    /// The destination is down, whatever the windows say.
    hold: bool,
    filled: bool,
    /// What each endpoint does.
    current: Vec<Option<Trouble>>,
    began: Instant,
    /// How long the program runs at least before it is killed again.
    least: Duration,
    phase: Phase,
    verdict: Verdict,
    /// Lines read by the process, lately.
    read: VecDeque<(Instant, u64)>,
}

impl Harm<'_> {
    /// Until everything is written and done.
    fn go(&mut self, writer: &Writer, progress: &mut dyn FnMut(&Progress)) -> Result<(), String> {
        self.began = Instant::now();
        self.current = vec![None; self.setup.endpoints.len()];
        for endpoint in &self.setup.endpoints {
            endpoint.sink.set_mode(self.setup.health());
        }
        let mut sampled = Instant::now();
        while !writer.is_done()
            || !self.events.is_empty()
            || !matches!(self.phase, Phase::Running(_))
            || self.current.iter().any(Option::is_some)
        {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err("interrupted".to_owned());
            }
            self.destination();
            self.keep_running()?;
            self.next_event()?;
            if sampled.elapsed() > SAMPLE {
                sampled = Instant::now();
                self.sample();
                progress(&self.progress("under torture", writer.written()));
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn progress(&self, phase: &'static str, written: u64) -> Progress {
        Progress {
            phase,
            written,
            lines: self.options.lines,
            arrived: self.tallies.iter().map(|tally| tally.arrived()).min().unwrap_or(0),
            kills: self.verdict.kills,
            destination: self.current.iter().flatten().next().map_or("healthy", |one| one.name()),
        }
    }

    fn sample(&mut self) {
        if let Phase::Running(child) | Phase::Stopping { child, .. } = &self.phase {
            self.verdict.peak_rss = self.verdict.peak_rss.max(child.peak_rss());
            if let Some(lines) = child.metric(READ) {
                self.read.push_back((Instant::now(), lines as u64));
                while self.read.get(1).is_some_and(|(at, _)| at.elapsed() > UNSAVED) {
                    self.read.pop_front();
                }
            }
        }
    }

    /// Lines that the program has read so recently that it may not have written down that they are safe in its queue.
    fn unsaved(&mut self) -> u64 {
        self.sample();
        let newest = self.read.back().map_or(0, |(_, lines)| *lines);
        // The oldest sample is from before the time that counts, or from the start of the program.
        let oldest = self.read.front().filter(|(at, _)| at.elapsed() > UNSAVED);
        let before = oldest.map_or(0, |(_, lines)| *lines);
        self.read.clear();
        newest.saturating_sub(before)
    }

    /// Gives each endpoint the trouble of the moment: in turns one of them and all.
    fn destination(&mut self) {
        let now = self.began.elapsed();
        let count = self.current.len();
        let window = self
            .windows
            .iter()
            .enumerate()
            .find(|(_, window)| window.from <= now && now < window.to);
        for n in 0..count {
            let wanted = match window {
                _ if self.hold => Some(Trouble::Down),
                Some((turn, window)) if count == 1 || turn % (count + 1) == n || turn % (count + 1) == count => {
                    Some(window.trouble)
                }
                _ => None,
            };
            if self.current[n] == wanted {
                continue;
            }
            self.current[n] = wanted;
            let mode = wanted.map_or_else(|| self.setup.health(), Trouble::mode);
            self.setup.endpoints[n].sink.set_mode(mode);
            if let Some(trouble) = wanted {
                *self.verdict.troubles.entry(trouble.name().to_owned()).or_default() += 1;
            }
        }
    }

    fn healthy(&self) -> bool {
        !self.filled && self.current.iter().all(Option::is_none)
    }

    /// Starts the program when it is time to, and sees whether it has ended.
    fn keep_running(&mut self) -> Result<(), String> {
        let now = Instant::now();
        self.phase = match std::mem::replace(&mut self.phase, Phase::Down { until: now }) {
            Phase::Down { until } if until > now => Phase::Down { until },
            Phase::Down { .. } => {
                self.tallies.iter().for_each(|tally| tally.started());
                self.least = Duration::from_millis(self.random.u64(10..400));
                Phase::Running(self.setup.start.spawn()?)
            }
            Phase::Running(mut child) => match child.ended()? {
                None => Phase::Running(child),
                Some(status) => self.died(&status.to_string())?,
            },
            Phase::Stopping {
                mut child,
                since,
                healthy,
            } => match child.ended()? {
                Some(status) => {
                    if !status.success() {
                        self.verdict.bad_exits.push(format!("{status} after SIGTERM"));
                    }
                    if !healthy || !self.healthy() {
                        self.tallies.iter().for_each(|tally| tally.killed(0));
                    }
                    Phase::Down { until: now }
                }
                None if since.elapsed() > STOP => {
                    self.verdict
                        .bad_exits
                        .push(format!("still running {STOP:?} after SIGTERM"));
                    child.kill();
                    self.tallies.iter().for_each(|tally| tally.killed(0));
                    Phase::Down { until: now }
                }
                None => {
                    let healthy = healthy && self.healthy();
                    Phase::Stopping { child, since, healthy }
                }
            },
        };
        Ok(())
    }

    fn died(&mut self, how: &str) -> Result<Phase, String> {
        self.tallies.iter().for_each(|tally| tally.killed(0));
        self.verdict.deaths.push(how.to_owned());
        if self.verdict.deaths.len() as u32 > MOST_DEATHS {
            return Err(format!(
                "the program ended by itself {} times, the last time with {how}:\n{}",
                self.verdict.deaths.len(),
                self.setup.start.last_words()
            ));
        }
        Ok(Phase::Down {
            until: Instant::now() + Duration::from_millis(500),
        })
    }

    fn next_event(&mut self) -> Result<(), String> {
        let Some((at, event)) = self.events.front().copied() else {
            return Ok(());
        };
        if self.began.elapsed() < at {
            return Ok(());
        }
        if event.needs_program() {
            match &self.phase {
                Phase::Running(child)
                    if child.started.elapsed() >= self.least
                        && (!matches!(event, Event::Term) || child.answers_sigterm()) => {}
                _ => return Ok(()),
            }
        }
        self.events.pop_front();
        match event {
            Event::Kill => {
                self.kill();
                self.verdict.kills += 1;
            }
            Event::Term => {
                let running = std::mem::replace(&mut self.phase, Phase::Down { until: Instant::now() });
                if let Phase::Running(child) = running {
                    self.verdict.peak_rss = self.verdict.peak_rss.max(child.peak_rss());
                    child.terminate();
                    self.phase = Phase::Stopping {
                        child,
                        since: Instant::now(),
                        healthy: self.healthy(),
                    };
                    self.verdict.terms += 1;
                }
            }
            Event::Fill => {
                if let Some(disk) = &self.disk {
                    disk.fill()?;
                    self.filled = true;
                    self.tallies.iter().for_each(|tally| tally.writable(false));
                }
            }
            Event::Free => {
                if let Some(disk) = &self.disk {
                    disk.free()?;
                    self.filled = false;
                    self.tallies.iter().for_each(|tally| tally.writable(true));
                    self.verdict.disk_full = self.options.disk_full;
                }
            }
            Event::Hold => self.hold = true,
            Event::Flip => {
                self.kill();
                self.verdict.kills += 1;
                self.flip()?;
                self.hold = false;
            }
        }
        Ok(())
    }

    fn kill(&mut self) {
        let until = Instant::now() + Duration::from_millis(self.random.u64(0..150));
        let unsaved = self.unsaved();
        if let Phase::Running(child) = std::mem::replace(&mut self.phase, Phase::Down { until }) {
            self.verdict.peak_rss = self.verdict.peak_rss.max(child.kill());
            self.tallies.iter().for_each(|tally| tally.killed(unsaved));
        }
    }

    fn flip(&mut self) -> Result<(), String> {
        let segments = storage::segments(&self.setup.start.storage);
        if segments.is_empty() {
            self.verdict
                .skipped
                .push("changed bytes: there is no queue on disk (no *.seg below the storage path)".to_owned());
            return Ok(());
        }
        let flipped = crate::flip::segments(&segments, self.options.flip, &mut self.random)?;
        for tally in self.tallies {
            let excused = tally.excuse(&flipped.lines);
            self.verdict.hit_lines += excused;
        }
        self.verdict.hit_records = flipped.records;
        self.verdict.flipped = flipped.places;
        self.verdict.unnamed = flipped.faults;
        Ok(())
    }

    /// Waits until everything has arrived or nothing comes any more, and stops the program.
    fn end(&mut self, written: &[u64], progress: &mut dyn FnMut(&Progress)) -> Result<Verdict, String> {
        let total = written.iter().sum();
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err("interrupted".to_owned());
            }
            self.keep_running()?;
            let arrived = self.tallies.iter().map(|tally| tally.arrived()).sum::<u64>();
            if arrived != last {
                (last, moved) = (arrived, Instant::now());
            }
            let complete = self.tallies.iter().all(|tally| {
                (0..)
                    .zip(written)
                    .all(|(file, lines)| tally.delivered(file, *lines) == *lines)
            });
            self.sample();
            progress(&self.progress("catching up", total));
            if complete || moved.elapsed() > self.options.patience {
                break;
            }
            std::thread::sleep(SAMPLE / 2);
        }
        let until = Instant::now() + AFTERMATH;
        while Instant::now() < until {
            self.keep_running()?;
            self.sample();
            std::thread::sleep(SAMPLE / 2);
        }
        if let Phase::Running(child) = &self.phase {
            if self.verdict.kills + self.verdict.terms == 0 && self.verdict.deaths.is_empty() {
                self.verdict.rejected = child.rejected();
            }
            child.terminate();
        }
        let asked = Instant::now();
        if let Phase::Running(child) = &mut self.phase {
            let exit = loop {
                if let Some(status) = child.ended()? {
                    break (!status.success()).then(|| format!("{status} after SIGTERM"));
                }
                if asked.elapsed() > STOP {
                    break Some(format!("still running {STOP:?} after SIGTERM"));
                }
                std::thread::sleep(TICK);
            };
            self.verdict.bad_exits.extend(exit);
        }
        Ok(std::mem::take(&mut self.verdict))
    }
}

impl Drop for Harm<'_> {
    fn drop(&mut self) {
        // The folder can be removed only when nothing is mounted or written in it.
        self.phase = Phase::Down { until: Instant::now() };
        self.disk = None;
        for endpoint in &self.setup.endpoints {
            endpoint.sink.set_mode(Mode::Ok);
        }
    }
}
