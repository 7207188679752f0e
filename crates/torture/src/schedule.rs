//! When what happens.

use crate::options::Options;
use std::collections::VecDeque;
use std::time::Duration;

/// How long the destination is down before bytes are changed, so that there is a queue.
const HOLD: Duration = Duration::from_secs(4);

/// Something that is done to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `kill -9`, then it is started again.
    Kill,
    /// SIGTERM, then it is started again.
    Term,
    /// No space is left for its state.
    Fill,
    /// There is space again.
    Free,
    /// The destination goes down.
    Hold,
    /// It is killed, bytes of its queue are changed, the destination comes back, and it is started again.
    Flip,
}

impl Event {
    /// Whether there must be a running program.
    pub fn needs_program(self) -> bool {
        matches!(self, Event::Kill | Event::Term | Event::Flip)
    }
}

/// Events in their order, with the time from the start of the run.
pub fn events(options: &Options, random: &mut fastrand::Rng) -> VecDeque<(Duration, Event)> {
    let length = options.length();
    let mut events = Vec::new();
    let mut anywhere = |event, count| {
        for _ in 0..count {
            events.push((length.mul_f64(random.f64()), event));
        }
    };
    anywhere(Event::Kill, options.kill9);
    anywhere(Event::Term, options.sigterm);
    if let Some(time) = options.disk_full {
        let from = length.mul_f64(0.1 + 0.3 * random.f64());
        events.push((from, Event::Fill));
        events.push((from + time, Event::Free));
    }
    if options.flip > 0 {
        let from = length.mul_f64(0.3 + 0.4 * random.f64());
        events.push((from, Event::Hold));
        events.push((from + HOLD, Event::Flip));
    }
    events.sort_by_key(|(at, _)| *at);
    events.into()
}
