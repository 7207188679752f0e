//! A program without CPU profiles.

use super::NoProfile;

const WHY: &str =
    "this program was built without CPU profiles: build it for Linux with the feature cpu-profile, or use perf record";

/// Why there are none.
pub(crate) const MISSING: Option<&str> = Some(WHY);

/// There is none.
pub(crate) enum Sampler {}

impl Sampler {
    /// Says why not.
    pub(crate) fn start() -> Result<Sampler, NoProfile> {
        Err(NoProfile::Missing(WHY.to_owned()))
    }

    /// Never happens.
    pub(crate) fn give_up(self) {
        match self {}
    }

    /// Never happens.
    pub(crate) fn finish(self) -> Result<Vec<u8>, NoProfile> {
        match self {}
    }
}
