//! What an operator asks a running collector for when something is wrong with it: profiles of the process, and the support bundle.
//!
//! [`Profiles`] answers below `/debug/pprof/`, [`Support`] answers `/-/support`. Both take what they show from whoever makes them, so that this crate knows
//! neither the runtime nor the HTTP server.
//!
//! # What a CPU profile costs
//!
//! `pprof` keeps 16,384 stacks of 128 addresses in memory that it never gives back: with the unwinder that is used here 25 MiB from the first profile on, and
//! 75 MiB for a moment when one ends. (With libgcc's unwinder it is 115 MiB and 196 MiB.) While one runs, each thread is interrupted 99 times in a second
//! of its CPU time. A process that is never profiled pays nothing. In a container whose memory limit leaves less than 96 MiB a profile is refused.
//!
//! # What is safe in a signal handler
//!
//! The handler must not allocate, since it may have interrupted an allocation, and must not read an address that is not there. The unwinder does
//! neither, but for its first use, when it reads the tables of all libraries: that one is provoked where it does no harm (`profiles::cpu`).

mod bundle;
mod profiles;
mod reply;

pub use bundle::{BundleSource, LogBuffer, LogCapture, Support, SupportParts};
pub use profiles::{NoProfile, Profiles};
/// The allocator that heap profiles are of: `#[global_allocator] static ALLOCATOR: diagnostics::Jemalloc = diagnostics::Jemalloc;`
#[cfg(feature = "heap-profile")]
pub use tikv_jemallocator::Jemalloc;
