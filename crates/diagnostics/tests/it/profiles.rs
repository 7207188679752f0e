//! `/debug/pprof/`.

use crate::profile;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use diagnostics::Profiles;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;

/// There is one profiler in a process.
pub static ONE: Mutex<()> = Mutex::const_new(());

pub async fn ask(profiles: &Profiles, path: &str) -> (u16, Response<()>, Vec<u8>) {
    let rest = path.strip_prefix("/debug/pprof").unwrap();
    let rest = rest.split('?').next().unwrap();
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = profiles.answer(rest, request).await;
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    (head.status.as_u16(), Response::from_parts(head, ()), body)
}

async fn text(profiles: &Profiles, path: &str) -> (u16, String) {
    let (status, _, body) = ask(profiles, path).await;
    (status, String::from_utf8(body).unwrap())
}

/// Uses CPU time until it is dropped: allocates, computes, and unwinds, on two threads.
pub struct Busy(Arc<AtomicBool>, Vec<std::thread::JoinHandle<()>>);

impl Busy {
    pub fn start() -> Busy {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..2).map(|number| {
            let stop = stop.clone();
            let thread = std::thread::Builder::new().name(format!("busy-{number}"));
            thread.spawn(move || burn_for_the_profile(&stop)).unwrap()
        });
        Busy(stop.clone(), threads.collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        for thread in self.1.drain(..) {
            thread.join().unwrap();
        }
    }
}

#[inline(never)]
fn burn_for_the_profile(stop: &AtomicBool) {
    std::panic::set_hook(Box::new(|_| {}));
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut x = 1u64;
    while !stop.load(Ordering::Relaxed) {
        for i in 0..20_000u64 {
            x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005) ^ i);
        }
        kept.push(vec![1; (x % 5000) as usize]);
        kept.truncate(100);
        let _ = std::panic::catch_unwind(|| panic!("unwinds like a program that has one odd record"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpu_profile_names_what_uses_cpu_time() {
    let _one = ONE.lock().await;
    let profiles = Arc::new(Profiles::new([]));
    let busy = Busy::start();
    // The threads get CPU time however loaded the machine is, but maybe not in the first second.
    for attempt in 0.. {
        let (status, head, body) = ask(&profiles, "/debug/pprof/profile?seconds=1").await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        assert_eq!(head.headers()["content-type"], "application/octet-stream");
        assert_eq!(
            head.headers()["content-disposition"],
            "attachment; filename=\"profile\""
        );
        let profile = profile::read(&body);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(profile.kinds, [pair("samples", "count"), pair("cpu", "nanoseconds")]);
        assert_eq!(profile.period, 10_101_010);
        assert!(profile.duration >= 1_000_000_000);
        for (stack, values) in &profile.samples {
            assert!(!stack.is_empty() || !values.is_empty());
            assert_eq!(values[1], values[0] * profile.period);
        }
        let program = std::env::current_exe().unwrap().display().to_string();
        let found = profile.mappings.iter().any(|(file, _)| *file == program);
        assert!(found, "{:?} without {program}", profile.mappings);
        let libc = profile.mappings.iter().find(|(file, _)| file.contains("libc.so"));
        assert!(
            libc.is_none_or(|(_, id)| id.len() >= 16),
            "the C library is known by its build: {libc:?}"
        );
        let seen = |name: &str| {
            let stacks = profile.samples.iter().map(|(stack, _)| stack);
            stacks.flatten().any(|function| function.contains(name))
        };
        if seen("burn_for_the_profile") && seen("thread_start") {
            assert!(profile.texts.iter().any(|text| text.starts_with("busy-")));
            break;
        }
        assert!(attempt < 60, "not in the profile: {:?}", profile.samples);
    }
    drop(busy);
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_are_taken_one_at_a_time_and_end_with_who_wants_them() {
    let _one = ONE.lock().await;
    let profiles = Profiles::new([]);
    let mut long = Box::pin(ask(&profiles, "/debug/pprof/profile?seconds=300"));
    assert!(futures_util::poll!(&mut long).is_pending());
    let (status, head, body) = ask(&profiles, "/debug/pprof/profile?seconds=1").await;
    assert_eq!((status, &head.headers()["retry-after"]), (503, &"30".parse().unwrap()));
    let text = String::from_utf8(body).unwrap();
    assert_eq!(text, "another CPU profile is being taken; try again when it is done\n");
    // Nobody waits for it any more: it stops, and the next one has its turn.
    drop(long);
    while ask(&profiles, "/debug/pprof/profile?seconds=1").await.0 == 503 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_other_paths_say_what_there_is() {
    let arguments = [
        "invar",
        "run",
        "--cluster.discover-peers=provider=aws secret_access_key=hunter2",
    ];
    let profiles = Profiles::new(arguments.map(str::to_owned));
    let (status, head, _) = ask(&profiles, "/debug/pprof").await;
    assert_eq!((status, &head.headers()["location"]), (301, &"pprof/".parse().unwrap()));
    let (status, head, body) = ask(&profiles, "/debug/pprof/").await;
    assert_eq!(
        (status, &head.headers()["content-type"]),
        (200, &"text/html; charset=utf-8".parse().unwrap())
    );
    let page = String::from_utf8(body).unwrap();
    assert!(page.contains("<a href=\"profile\">profile</a>"), "{page}");
    assert_eq!(
        text(&profiles, "/debug/pprof/cmdline").await,
        (
            200,
            "invar\0run\0--cluster.discover-peers=provider=aws secret_access_key=<redacted>".to_owned()
        )
    );
    let has = if cfg!(feature = "heap-profile") {
        "there is cmdline, profile, heap\n"
    } else {
        "there is cmdline, profile\n"
    };
    for name in [
        "allocs",
        "block",
        "goroutine",
        "mutex",
        "symbol",
        "threadcreate",
        "trace",
    ] {
        let expected = format!("this program has no profile \"{name}\"; {has}");
        assert_eq!(text(&profiles, &format!("/debug/pprof/{name}")).await, (501, expected));
    }
    for path in ["/debug/pprof/nonsense", "/debug/pprof/profile/x"] {
        assert_eq!(
            text(&profiles, path).await,
            (404, format!("unknown profile; {has}")),
            "{path}"
        );
    }
    for seconds in ["0", "301", "-1", "x", "1.5"] {
        let expected = format!("seconds should be a number from 1 to 300, not \"{seconds}\"\n");
        let path = format!("/debug/pprof/profile?seconds={seconds}");
        assert_eq!(text(&profiles, &path).await, (400, expected));
    }
    let (status, heap) = text(&profiles, "/debug/pprof/heap").await;
    assert_eq!(status, 501);
    let expected = if cfg!(feature = "heap-profile") {
        "switched off: start the program with"
    } else {
        "with the feature heap-profile"
    };
    assert!(heap.contains(expected), "{heap}");
}
