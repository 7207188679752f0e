//! How many processes and threads there are, and what they are doing.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// `processes`
pub(super) fn processes(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let (mut processes, mut all_threads) = (0_u64, 0_u64);
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    let mut thread_states: BTreeMap<String, u64> = BTreeMap::new();
    for process in numbered(&paths.proc(""))? {
        let Some((state, threads)) = stat(&process)? else {
            continue;
        };
        processes += 1;
        all_threads = all_threads.saturating_add(threads);
        *states.entry(state).or_default() += 1;
        for thread in numbered(&process.join("task")).unwrap_or_default() {
            if let Some((state, _)) = stat(&thread)? {
                *thread_states.entry(state).or_default() += 1;
            }
        }
    }
    sink.gauge(
        "node_processes_threads",
        "Allocated threads in system",
        &[],
        all_threads as f64,
    );
    let limit = |name: &str| read::u64(&paths.proc("sys/kernel").join(name));
    sink.gauge(
        "node_processes_max_threads",
        "Limit of threads in the system",
        &[],
        limit("threads-max")? as f64,
    );
    for (state, count) in &states {
        sink.gauge(
            "node_processes_state",
            "Number of processes in each state.",
            &[("state", state)],
            *count as f64,
        );
    }
    for (state, count) in &thread_states {
        sink.gauge(
            "node_processes_threads_state",
            "Number of threads in each state.",
            &[("thread_state", state)],
            *count as f64,
        );
    }
    sink.gauge("node_processes_pids", "Number of PIDs", &[], processes as f64);
    sink.gauge(
        "node_processes_max_processes",
        "Number of max PIDs limit",
        &[],
        limit("pid_max")? as f64,
    );
    Ok(())
}

/// The directories whose names are numbers.
fn numbered(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let names = read::names(dir)?;
    let numbers = names
        .iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    Ok(numbers.map(|name| dir.join(name)).collect())
}

/// The state and the number of threads of a process; `None` if it is gone.
fn stat(dir: &Path) -> Result<Option<(String, u64)>, Failure> {
    let path = dir.join("stat");
    let text = match read::text(&path) {
        Ok(text) => text,
        Err(failure) if failure.kind() == Some(ErrorKind::NotFound) || gone(&failure) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    // The name is in parentheses and may have any character, so what follows is counted from the last one.
    let (_, fields) = text.rsplit_once(')').ok_or_else(|| Failure::parse(&path, &text))?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let (Some(state), Some(threads)) = (fields.first(), fields.get(17)) else {
        return Err(Failure::parse(&path, &text));
    };
    Ok(Some(((*state).to_owned(), read::number(&path, threads)?)))
}

/// A process that ends between opening and reading its file says that it does not exist.
fn gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Read { error, .. } if error.raw_os_error() == Some(libc::ESRCH))
}
