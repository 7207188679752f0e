//! CPU profiles.

mod encode;
mod mappings;
mod room;

use super::NoProfile;
use encode::{Samples, Stack};
use nix::sys::signal::{Signal, raise};
use pprof::{ProfilerGuard, ProfilerGuardBuilder};
use std::sync::OnceLock;

/// Why there are none.
pub(crate) const MISSING: Option<&str> = None;

/// Interruptions in a second of CPU time. Not 100, so that it does not keep step with what happens each so many milliseconds.
const FREQUENCY: i32 = 99;
/// The same while the unwinder is got ready: none comes by itself before a second of CPU time.
const RARE: i32 = 1;

/// Whether the unwinder has read the tables of all libraries.
static READY: OnceLock<()> = OnceLock::new();

/// A profile that is being taken.
pub(crate) struct Sampler(ProfilerGuard<'static>);

impl Sampler {
    /// Starts. Takes some ten milliseconds.
    pub(crate) fn start() -> Result<Sampler, NoProfile> {
        room::check()?;
        if READY.get().is_none() {
            get_ready()?;
            READY.get_or_init(|| ());
        }
        guard(FREQUENCY).map(Sampler)
    }

    /// Stops; nobody wants the profile.
    pub(crate) fn give_up(self) {}

    /// Stops; gives the profile in pprof's format, gzipped.
    pub(crate) fn finish(self) -> Result<Vec<u8>, NoProfile> {
        let report = self.0.report().build_unresolved().map_err(failed)?;
        drop(self);
        let stacks = report.data.into_iter().map(|(frames, count)| Stack {
            thread: String::from_utf8_lossy(&frames.thread_name[..frames.thread_name_length]).into_owned(),
            addresses: frames.frames.iter().map(|frame| frame.ip as u64).collect(),
            count: count as u64,
        });
        let samples = Samples {
            stacks: stacks.collect(),
            period: std::time::Duration::from_secs(1) / report.timing.frequency.max(1).unsigned_abs(),
            started: report.timing.start_time,
            duration: report.timing.duration,
        };
        encode::profile(&samples).map_err(|error| NoProfile::Failed(format!("cannot write the CPU profile: {error}")))
    }
}

fn guard(frequency: i32) -> Result<ProfilerGuard<'static>, NoProfile> {
    ProfilerGuardBuilder::default()
        .frequency(frequency)
        .build()
        .map_err(failed)
}

/// The unwinder reads the tables of all libraries when it is used for the first time, and allocates for it. A signal to this thread, which is not in the
/// middle of an allocation, sees to it that this happens here and not wherever the first tick of the clock falls.
fn get_ready() -> Result<(), NoProfile> {
    let _guard = guard(RARE)?;
    raise(Signal::SIGPROF).map_err(|error| NoProfile::Failed(format!("cannot take CPU profiles: {error}")))
}

fn failed(error: pprof::Error) -> NoProfile {
    match error {
        pprof::Error::Running => NoProfile::Busy,
        error => NoProfile::Failed(format!("cannot take a CPU profile: {error}")),
    }
}
