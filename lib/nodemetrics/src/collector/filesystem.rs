//! The space of file systems.

use super::mounts::{Mount, mounts};
use crate::error::{Error, Failure};
use crate::filter::Compiled;
use crate::options::Options;
use crate::paths::Paths;
use crate::sink::Sink;
use rustix::fs::StatFs;
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

type Ask = dyn Fn(&Path) -> Result<StatFs, Errno> + Send + Sync;

/// `filesystem`
pub(super) struct Filesystems {
    mount_points: Compiled,
    fs_types: Compiled,
    prober: Prober,
}

impl Filesystems {
    pub(super) fn new(options: &Options) -> Result<Filesystems, Error> {
        let mut filesystem = options.filesystem.clone();
        // To include is to replace the default of what to exclude, as upstream has it.
        let points = &mut filesystem.mount_points;
        if !points.include.is_empty() && points.exclude == Options::MOUNT_POINTS_EXCLUDED {
            points.exclude.clear();
        }
        let types = &mut filesystem.fs_types;
        if !types.include.is_empty() && types.exclude == Options::FS_TYPES_EXCLUDED {
            types.exclude.clear();
        }
        Ok(Filesystems {
            mount_points: Compiled::exclusive(
                points,
                "filesystem.mount_points_include",
                "filesystem.mount_points_exclude",
            )?,
            fs_types: Compiled::exclusive(types, "filesystem.fs_types_include", "filesystem.fs_types_exclude")?,
            prober: Prober::new(filesystem.mount_timeout, |path| rustix::fs::statfs(path)),
        })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        let mut wanted = Vec::new();
        for mount in mounts(paths)? {
            if self.mount_points.ignores(&mount.point) || self.fs_types.ignores(&mount.fs_type) {
                continue;
            }
            // What was mounted twice at a place is told once: only the later one can be reached.
            if seen.insert((mount.device.clone(), mount.point.clone(), mount.fs_type.clone())) {
                wanted.push(mount);
            }
        }
        let places: Vec<PathBuf> = wanted.iter().map(|mount| paths.root(&mount.point)).collect();
        for (mount, answer) in wanted.iter().zip(self.prober.ask(&places)) {
            emit(sink, mount, &answer);
        }
        Ok(())
    }
}

fn emit(sink: &mut Sink, mount: &Mount, answer: &Answer) {
    let error = match answer {
        Answer::Stats(_) => String::new(),
        Answer::Refused(errno) => refusal(*errno),
        Answer::Stuck => "mountpoint timeout".to_owned(),
    };
    let labels = [
        ("device", mount.device.as_str()),
        ("mountpoint", &mount.point),
        ("fstype", &mount.fs_type),
        ("device_error", &error),
    ];
    sink.gauge(
        "node_filesystem_device_error",
        "Whether an error occurred while getting statistics for the given device.",
        &labels,
        f64::from(!error.is_empty()),
    );
    sink.gauge(
        "node_filesystem_readonly",
        "Filesystem read-only status.",
        &labels,
        // Of a mount that does not answer upstream says nothing but that.
        f64::from(mount.read_only && !matches!(answer, Answer::Stuck)),
    );
    let Answer::Stats(stats) = answer else {
        return;
    };
    let block = stats.f_bsize as f64;
    for (name, help, value) in [
        (
            "node_filesystem_size_bytes",
            "Filesystem size in bytes.",
            stats.f_blocks as f64 * block,
        ),
        (
            "node_filesystem_free_bytes",
            "Filesystem free space in bytes.",
            stats.f_bfree as f64 * block,
        ),
        (
            "node_filesystem_avail_bytes",
            "Filesystem space available to non-root users in bytes.",
            stats.f_bavail as f64 * block,
        ),
        (
            "node_filesystem_files",
            "Filesystem total file nodes.",
            stats.f_files as f64,
        ),
        (
            "node_filesystem_files_free",
            "Filesystem total free file nodes.",
            stats.f_ffree as f64,
        ),
    ] {
        sink.gauge(name, help, &labels, value);
    }
    sink.gauge(
        "node_filesystem_mount_info",
        "Filesystem mount information.",
        &[
            ("device", &mount.device),
            ("major", &mount.major),
            ("minor", &mount.minor),
            ("mountpoint", &mount.point),
        ],
        1.0,
    );
}

/// Go's text of an error of the system, which is libc's that begins with a small letter.
fn refusal(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// What a mount says of its space.
#[derive(Clone, Copy)]
enum Answer {
    Stats(StatFs),
    Refused(Errno),
    Stuck,
}

/// Asks mounts for their space. One whose server is away may not answer before it is back, so another thread asks; a mount that takes
/// longer than the timeout is not asked again until it has answered, else every scrape would leave a thread behind.
struct Prober {
    timeout: Duration,
    stuck: Arc<Mutex<HashSet<PathBuf>>>,
    ask: Arc<Ask>,
}

impl Prober {
    fn new(timeout: Duration, ask: impl Fn(&Path) -> Result<StatFs, Errno> + Send + Sync + 'static) -> Prober {
        Prober {
            timeout,
            stuck: Arc::default(),
            ask: Arc::new(ask),
        }
    }

    fn ask(&self, places: &[PathBuf]) -> Vec<Answer> {
        let stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut open: Vec<PathBuf> = places.iter().filter(|place| !stuck.contains(*place)).cloned().collect();
        open.dedup();
        let mut answers: HashMap<PathBuf, Answer> = HashMap::new();
        while !open.is_empty() {
            let (sender, receiver) = channel();
            let (ask, again, stuck) = (self.ask.clone(), open.clone(), self.stuck.clone());
            let name = "node-filesystem".to_owned();
            let started = thread::Builder::new()
                .name(name)
                .spawn(move || walk(&again, &*ask, &sender, &stuck));
            if started.is_err() {
                // Out of threads: better a scrape without these than one that may hang.
                break;
            }
            let mut answered = 0;
            while let Some(place) = open.get(answered) {
                match receiver.recv_timeout(self.timeout) {
                    Ok(answer) => drop(answers.insert(place.clone(), answer)),
                    Err(RecvTimeoutError::Timeout) => {
                        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
                        // It may have answered just now.
                        match receiver.try_recv() {
                            Ok(answer) => drop(answers.insert(place.clone(), answer)),
                            Err(_) => {
                                stuck.insert(place.clone());
                                answered += 1;
                                break;
                            }
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                answered += 1;
            }
            open.drain(..answered.max(1));
        }
        let of = |place: &PathBuf| answers.get(place).copied().unwrap_or(Answer::Stuck);
        places.iter().map(of).collect()
    }
}

/// Asks one mount after the other until nobody listens any more, which is when one of them took too long.
fn walk(places: &[PathBuf], ask: &Ask, answers: &Sender<Answer>, stuck: &Mutex<HashSet<PathBuf>>) {
    for place in places {
        let answer = match ask(place) {
            Ok(stats) => Answer::Stats(stats),
            Err(errno) => Answer::Refused(errno),
        };
        // The lock is what makes "given up" and "answered" one after the other.
        let mut stuck = stuck.lock().unwrap_or_else(PoisonError::into_inner);
        stuck.remove(place);
        if answers.send(answer).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Condvar;
    use std::time::Instant;

    #[test]
    fn a_stuck_mount_holds_up_neither_the_scrape_nor_the_others() {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let held = gate.clone();
        let prober = Prober::new(Duration::from_millis(50), move |path| {
            if path == Path::new("/nfs") {
                let mut open = held.0.lock().unwrap();
                while !*open {
                    open = held.1.wait(open).unwrap();
                }
            }
            match path.to_str() {
                Some("/secret") => Err(Errno::ACCESS),
                _ => rustix::fs::statfs("/"),
            }
        });
        let places: Vec<PathBuf> = ["/", "/nfs", "/secret"].map(PathBuf::from).to_vec();
        let check = |nfs: bool| {
            let answers = prober.ask(&places);
            assert!(matches!(answers[0], Answer::Stats(_)));
            assert_eq!(matches!(answers[1], Answer::Stuck), nfs);
            assert!(matches!(answers[2], Answer::Refused(Errno::ACCESS)));
        };
        check(true);
        // It is not asked again while it is stuck.
        let start = Instant::now();
        check(true);
        assert!(start.elapsed() < Duration::from_millis(50));
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        let start = Instant::now();
        while prober.stuck.lock().unwrap().len() == 1 {
            assert!(start.elapsed() < Duration::from_secs(10), "it stays stuck");
            thread::yield_now();
        }
        check(false);
    }

    #[test]
    fn a_refusal_is_in_go_s_words() {
        assert_eq!(refusal(Errno::ACCESS), "permission denied");
        assert_eq!(refusal(Errno::NOENT), "no such file or directory");
    }
}
