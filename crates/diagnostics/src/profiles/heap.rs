//! Heap profiles.

use super::NoProfile;

/// What a program without them says.
pub(crate) const NOT_BUILT_IN: &str = "this program was built without heap profiles: build it with the feature heap-profile, or look at invar_budget_* in /metrics for what records take";

/// Whether this program can take them.
pub(crate) const BUILT_IN: bool = cfg!(feature = "heap-profile");

/// Which code holds how much memory.
#[cfg(not(feature = "heap-profile"))]
pub(crate) async fn profile() -> Result<Vec<u8>, NoProfile> {
    Err(NoProfile::Missing(NOT_BUILT_IN.to_owned()))
}

/// Which code holds how much memory.
#[cfg(feature = "heap-profile")]
pub(crate) async fn profile() -> Result<Vec<u8>, NoProfile> {
    const OFF: &str = "heap profiles are switched off: start the program with the environment variable _RJEM_MALLOC_CONF=prof:true,lg_prof_sample:19";
    let control = jemalloc_pprof::PROF_CTL
        .as_ref()
        .ok_or_else(|| NoProfile::Missing(OFF.to_owned()))?
        .clone();
    let mut control = control.lock_owned().await;
    if !control.activated() {
        return Err(NoProfile::Missing(OFF.to_owned()));
    }
    super::blocking(move || {
        control
            .dump_pprof()
            .map_err(|error| NoProfile::Failed(format!("cannot take a heap profile: {error}")))
    })
    .await
}
