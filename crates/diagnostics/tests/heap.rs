//! A heap profile, in a program whose allocator can take one.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[path = "it/profile.rs"]
mod profile;

use diagnostics::Profiles;
use std::process::Command;

#[global_allocator]
static ALLOCATOR: diagnostics::Jemalloc = diagnostics::Jemalloc;

const INSIDE: &str = "HEAP_PROFILE_TEST";

#[inline(never)]
fn hold_for_the_profile() -> Vec<Vec<u8>> {
    (0..64).map(|_| vec![1; 1 << 20]).collect()
}

#[test]
fn a_heap_profile_is_there_if_it_was_switched_on() {
    // The allocator is told when the process starts.
    if std::env::var_os(INSIDE).is_none() {
        let program = std::env::current_exe().unwrap();
        let again = Command::new(program)
            .env(INSIDE, "1")
            .env("_RJEM_MALLOC_CONF", "prof:true,lg_prof_sample:12")
            .output()
            .unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
        return;
    }
    let held = hold_for_the_profile();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let zipped = runtime.block_on(Profiles::new([]).heap()).unwrap();
    if let Some(path) = std::env::var_os("HEAP_PROFILE_OUT") {
        std::fs::write(path, &zipped).unwrap();
    }
    let profile = profile::read(&zipped);
    assert_eq!(profile.kinds, [("inuse_space".to_owned(), "bytes".to_owned())]);
    let total: u64 = profile.samples.iter().map(|(_, values)| values[0]).sum();
    assert!(total >= 60 << 20, "{total} of {} bytes", held.len() << 20);
    // Functions have no names in it: whoever looks at it finds them in these files.
    let program = std::env::current_exe().unwrap().display().to_string();
    let found = profile.mappings.iter().any(|(file, _)| *file == program);
    assert!(found, "{:?} without {program}", profile.mappings);
    assert!(profile.texts.iter().any(|text| text == "space"), "{:?}", profile.texts);
    // It is of one moment: it has neither a period nor a duration.
    assert_eq!((profile.period, profile.duration), (0, 0));
}
