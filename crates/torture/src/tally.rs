//! What arrived, compared with what was written, in one bit a line.

use crate::line::{Lines, Number};
use foldhash::HashMap;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use testkit::loki_sink::Stored;

/// Arrivals are counted in buckets of this length ...
const BUCKET: Duration = Duration::from_millis(50);
/// ... and those of so many buckets in which something arrived may be unknown to a process that is killed: what it had on the way and
/// what it had not written down yet.
const UNCERTAIN: usize = 20;
/// Most ranges of lost lines that are named.
const NAMED: usize = 10;

/// A set of line numbers.
#[derive(Clone, Debug, Default)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Adds a number; `false` if it was there.
    pub fn insert(&mut self, n: u64) -> bool {
        let (word, bit) = ((n / 64) as usize, 1_u64 << (n % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Whether a number is there.
    pub fn contains(&self, n: u64) -> bool {
        self.words
            .get((n / 64) as usize)
            .is_some_and(|word| word & (1 << (n % 64)) != 0)
    }
}

/// Which lines of each file have to arrive at an endpoint.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Those that the destination does not refuse.
    All,
    /// Those that arrived when nothing was disturbed.
    AsInCalm(Vec<Bits>),
}

/// Lines lost one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The file.
    pub file: u32,
    /// First line.
    pub from: u64,
    /// Last line.
    pub to: u64,
}

/// What became of the lines at one endpoint.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Different lines that arrived.
    pub arrived: u64,
    /// Lines that had to arrive and did not.
    pub lost: u64,
    /// The first ranges of them.
    pub ranges: Vec<Lost>,
    /// Arrivals of lines that had arrived before.
    pub repeated: u64,
    /// Most arrivals that can be repeated without a fault: what was on its way at each kill, and what was stored without an answer.
    pub repeatable: u64,
    /// Lines that arrived for the first time after a later line of the same file in the same stream.
    pub out_of_order: u64,
    /// Lines that arrived with a broken number, or, where no rule may change them, other than they were written.
    pub altered: u64,
    /// Lines without a number.
    pub unknown: u64,
    /// Lines that arrived although the rules of the configuration drop them.
    pub unexpected: u64,
    /// Lines that did not arrive and need not.
    pub excused: u64,
}

/// Watches one endpoint.
pub struct Tally {
    lines: Lines,
    /// Lines must arrive exactly as they were written.
    exact: bool,
    state: Mutex<State>,
}

struct State {
    expected: Expected,
    files: Vec<FileState>,
    /// The line after the last, by stream and file.
    last: HashMap<(u64, u32), u64>,
    counts: Counts,
    recent: VecDeque<u64>,
    bucket: Instant,
    /// Nothing can be written down: what arrived since then stays uncertain through every kill.
    unwritable: bool,
    /// Lines that need not arrive, by file and number.
    excused: HashSet<(u32, u64)>,
    /// No process runs: whatever arrives was on its way.
    stopped: bool,
    scratch: Vec<u8>,
}

#[derive(Default)]
struct FileState {
    arrived: Bits,
    /// All lines before have arrived that have to.
    prefix: u64,
}

impl Tally {
    /// Nothing has arrived yet.
    pub fn new(lines: Lines, files: u32, expected: Expected, exact: bool) -> Self {
        Tally {
            lines,
            exact,
            state: Mutex::new(State {
                expected,
                files: (0..files).map(|_| FileState::default()).collect(),
                last: HashMap::default(),
                counts: Counts::default(),
                recent: VecDeque::new(),
                bucket: Instant::now(),
                unwritable: false,
                excused: HashSet::new(),
                stopped: false,
                scratch: Vec::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line was stored.
    pub fn see(&self, entry: Stored<'_>) {
        let mut state = self.lock();
        let state = &mut *state;
        state.note_time();
        if state.stopped || !entry.answered {
            state.counts.repeatable += 1;
        }
        let stream = foldhash::fast::FixedState::default().hash_one(entry.labels);
        let mut seen = None;
        // A line may name its number in several fields; a line of several lines holds several.
        let broken = self.lines.find(entry.line, |number| {
            if seen != Some(number) {
                seen = Some(number);
                state.arrive(stream, number);
            }
        });
        state.counts.altered += broken;
        match seen {
            None if broken == 0 => state.counts.unknown += 1,
            Some(number) if self.exact && broken == 0 => {
                state.scratch.clear();
                self.lines.write(number, &mut state.scratch);
                if state.scratch.strip_suffix(b"\n") != Some(entry.line) {
                    state.counts.altered += 1;
                }
            }
            _ => {}
        }
    }

    /// These lines were destroyed on their way; how many of them have not arrived yet.
    pub fn excuse(&self, destroyed: &[Vec<u8>]) -> u64 {
        let mut state = self.lock();
        let state = &mut *state;
        let mut count = 0;
        for line in destroyed {
            self.lines.find(line, |number| {
                let arrived = state
                    .files
                    .get(number.file as usize)
                    .is_some_and(|file| file.arrived.contains(number.line));
                if !arrived && state.excused.insert((number.file, number.line)) {
                    count += 1;
                }
            });
        }
        count
    }

    /// The process was killed: what arrived last may come again, and so may so many lines that it had read and not yet written down.
    pub fn killed(&self, unsaved: u64) {
        let mut state = self.lock();
        state.counts.repeatable += unsaved;
        state.counts.repeatable += state.recent.iter().sum::<u64>();
        if !state.unwritable {
            state.recent.clear();
        }
        state.stopped = true;
    }

    /// Whether the program can write down how far it is.
    pub fn writable(&self, can: bool) {
        self.lock().unwritable = !can;
    }

    /// A process runs again.
    pub fn started(&self) {
        self.lock().stopped = false;
    }

    /// Different lines that arrived.
    pub fn arrived(&self) -> u64 {
        self.lock().counts.arrived
    }

    /// Lines of a file up to which all have arrived that have to, of so many.
    pub fn delivered(&self, file: u32, written: u64) -> u64 {
        let mut state = self.lock();
        let state = &mut *state;
        let file_state = &mut state.files[file as usize];
        while file_state.prefix < written
            && (file_state.arrived.contains(file_state.prefix)
                || state.excused.contains(&(file, file_state.prefix))
                || !expected(&state.expected, &self.lines, file, file_state.prefix))
        {
            file_state.prefix += 1;
        }
        file_state.prefix
    }

    /// What arrived, by file.
    pub fn into_bits(&self) -> Vec<Bits> {
        let mut state = self.lock();
        state
            .files
            .iter_mut()
            .map(|file| std::mem::take(&mut file.arrived))
            .collect()
    }

    /// The counts, if so many lines of each file were written.
    pub fn counts(&self, written: &[u64]) -> Counts {
        let state = self.lock();
        let mut counts = state.counts.clone();
        for (file, lines) in (0..).zip(written) {
            let arrived = &state.files[file as usize].arrived;
            for line in 0..*lines {
                match (
                    expected(&state.expected, &self.lines, file, line),
                    arrived.contains(line),
                ) {
                    (true, false) if state.excused.contains(&(file, line)) => counts.excused += 1,
                    (true, false) => {
                        counts.lost += 1;
                        let room = counts.ranges.len() < NAMED;
                        match counts.ranges.last_mut() {
                            Some(range) if range.file == file && range.to + 1 == line => range.to = line,
                            _ if room => counts.ranges.push(Lost {
                                file,
                                from: line,
                                to: line,
                            }),
                            _ => {}
                        }
                    }
                    (false, true) => counts.unexpected += 1,
                    _ => {}
                }
            }
        }
        counts
    }
}

fn expected(expected: &Expected, lines: &Lines, file: u32, line: u64) -> bool {
    match expected {
        Expected::All => !lines.is_refused(line),
        Expected::AsInCalm(files) => {
            !lines.is_refused(line) && files.get(file as usize).is_some_and(|bits| bits.contains(line))
        }
    }
}

impl State {
    fn note_time(&mut self) {
        let now = Instant::now();
        match self.recent.back_mut() {
            Some(count) if now < self.bucket + BUCKET => *count += 1,
            _ => {
                self.bucket = now;
                self.recent.push_back(1);
                if !self.unwritable {
                    let surplus = self.recent.len().saturating_sub(UNCERTAIN);
                    self.recent.drain(..surplus);
                }
            }
        }
    }

    fn arrive(&mut self, stream: u64, number: Number) {
        let Some(file) = self.files.get_mut(number.file as usize) else {
            self.counts.altered += 1;
            return;
        };
        let last = self.last.entry((stream, number.file)).or_default();
        if file.arrived.insert(number.line) {
            self.counts.arrived += 1;
            // What was destroyed on its way may have been read once more, and comes behind what was not.
            let destroyed = self.excused.contains(&(number.file, number.line));
            self.counts.out_of_order += u64::from(number.line < *last && !destroyed);
        } else {
            self.counts.repeated += 1;
        }
        *last = (*last).max(number.line + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Form;

    fn tally(expected: Expected) -> (Tally, impl Fn(&Tally, u64, &str)) {
        let lines = Lines {
            seed: 1,
            form: Form::Logfmt,
            start: 0,
            refuse: None,
        };
        let send = move |tally: &Tally, line: u64, labels: &str| {
            let mut text = Vec::new();
            lines.write(Number { file: 0, line }, &mut text);
            text.pop();
            tally.see(Stored {
                labels: labels.as_bytes(),
                line: &text,
                answered: true,
            });
        };
        (Tally::new(lines, 1, expected, true), send)
    }

    #[test]
    fn lost_repeated_and_out_of_order_are_told_apart() {
        let (tally, send) = tally(Expected::All);
        for line in [0, 1, 2, 2, 5, 4] {
            send(&tally, line, "{}");
        }
        // Order is that of a stream.
        send(&tally, 3, "{other=\"1\"}");
        let counts = tally.counts(&[8]);
        assert_eq!((counts.arrived, counts.lost, counts.repeated), (6, 2, 1));
        assert_eq!((counts.out_of_order, counts.altered, counts.unknown), (1, 0, 0));
        assert_eq!(
            counts.ranges,
            [Lost {
                file: 0,
                from: 6,
                to: 7
            }]
        );
        assert_eq!(tally.delivered(0, 8), 6);
    }

    #[test]
    fn a_repeat_after_a_restart_is_not_out_of_order() {
        let (tally, send) = tally(Expected::All);
        (0..10).for_each(|line| send(&tally, line, "{}"));
        tally.killed(0);
        tally.started();
        (4..12).for_each(|line| send(&tally, line, "{}"));
        let counts = tally.counts(&[12]);
        assert_eq!((counts.lost, counts.repeated, counts.out_of_order), (0, 6, 0));
        assert_eq!(counts.repeatable, 10);
    }

    #[test]
    fn while_nothing_can_be_written_down_every_kill_may_repeat_everything() {
        let (tally, send) = tally(Expected::All);
        tally.writable(false);
        (0..10).for_each(|line| send(&tally, line, "{}"));
        for repeatable in [10, 20] {
            tally.killed(0);
            tally.started();
            assert_eq!(tally.counts(&[10]).repeatable, repeatable);
        }
        tally.writable(true);
        tally.killed(0);
        tally.started();
        tally.killed(0);
        assert_eq!(tally.counts(&[10]).repeatable, 30);
    }

    #[test]
    fn what_rules_drop_is_not_lost_and_what_is_altered_is_seen() {
        let mut bits = Bits::default();
        assert!([0, 2].iter().all(|line| bits.insert(*line)));
        let (tally, send) = tally(Expected::AsInCalm(vec![bits]));
        (0..2).for_each(|line| send(&tally, line, "{}"));
        for text in ["other", "torture-000-cut"] {
            tally.see(Stored {
                labels: b"{}",
                line: text.as_bytes(),
                answered: false,
            });
        }
        let counts = tally.counts(&[4]);
        assert_eq!((counts.lost, counts.unexpected), (1, 1));
        assert_eq!((counts.unknown, counts.altered, counts.repeatable), (1, 1, 2));
    }
}
