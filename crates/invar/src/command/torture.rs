//! `invar torture [FILE|DIR]`

use super::{Failure, Outcome};
use crate::cli::Torture;
use crate::{app, output};
use component::Stability;
use eval::Scope;
use host::Host;
use std::io::{self, IsTerminal, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use torture::config::ConfigFile;
use torture::push::PushOptions;
use torture::{Options, Progress};

/// Set in the environment of a process that has a mount namespace of its own.
const APART: &str = "INVAR_TORTURE_APART";

/// Does harm to this program and prints what was lost.
pub fn run(options: &Torture) -> Outcome {
    if options.disk_full.is_some()
        && std::env::var_os(APART).is_none()
        && let Some(outcome) = run_apart()
    {
        return outcome;
    }
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    output::complain(&format!("seed {seed}"));
    let stop = Arc::new(AtomicBool::new(false));
    if let Some(signal) = options.push {
        let harm = PushOptions {
            program: std::env::current_exe()?,
            signal,
            clients: options.files as usize,
            records: options.lines,
            rate: options.rate,
            kill9: options.kill9,
            outage: options.outage,
            overload: options.overload,
            memory_limit: options.memory_limit,
            patience: options.patience,
            seed,
            stop: stop.clone(),
        };
        let verdict = until_interrupted(stop, move || torture::push::run(&harm))??;
        return report(options.json, &verdict.json(), &verdict.table(), verdict.passed());
    }
    let harm = Options {
        program: std::env::current_exe()?,
        config: match &options.config {
            Some(path) => read(path)?,
            None => Vec::new(),
        },
        kill9: options.kill9,
        sigterm: options.sigterm,
        rotate: options.rotate.clone(),
        rotate_every: options.rotate_every,
        lines: options.lines,
        files: options.files,
        rate: options.rate,
        outage: options.outage,
        disk_full: options.disk_full,
        flip: options.flip,
        refuse: options.refuse,
        memory_limit: options.memory_limit,
        patience: options.patience,
        seed,
        keep: options.keep,
        stop: stop.clone(),
    };
    let terminal = io::stderr().is_terminal();
    let verdict = until_interrupted(stop, move || {
        let mut show = |progress: &Progress| {
            if terminal {
                line(progress);
            }
        };
        torture::run(&harm, &evaluate, &mut show)
    })??;
    if terminal {
        // Nothing can be done if this fails.
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    report(options.json, &verdict.json(), &verdict.table(), verdict.passed())
}

/// Does the harm on a thread of its own, so that an interrupt can end it and everything is cleared up.
fn until_interrupted<T: Send + 'static>(
    stop: Arc<AtomicBool>,
    harm: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let verdict = runtime.block_on(async {
        let work = tokio::task::spawn_blocking(harm);
        tokio::pin!(work);
        tokio::select! {
            verdict = &mut work => verdict,
            _ = tokio::signal::ctrl_c() => {
                stop.store(true, Ordering::Relaxed);
                work.await
            }
        }
    });
    Ok(verdict?)
}

fn report(json: bool, value: &serde_json::Value, table: &str, passed: bool) -> Outcome {
    let text = if json { format!("{value:#}\n") } else { table.to_owned() };
    output::write(text.as_bytes())?;
    if passed { Ok(()) } else { Err(Failure::Reported) }
}

/// Shows how far a run is, in place.
fn line(progress: &Progress) {
    // Nothing can be done if this fails.
    let _ = write!(
        io::stderr(),
        "\r\x1b[K{}: {} of {} lines written, {} arrived, killed {} times, destination {}",
        progress.phase,
        progress.written,
        progress.lines,
        progress.arrived,
        progress.kills,
        progress.destination
    );
}

/// The configuration's files.
fn read(path: &Path) -> Result<Vec<ConfigFile>, Failure> {
    let files = runtime::sources::read(&*Host::real().fs, path)?;
    Ok(files
        .into_iter()
        .map(|file| ConfigFile {
            file: Path::new(&file.name)
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            name: file.name,
            text: file.text,
        })
        .collect())
}

/// The string that an expression without references stands for.
fn evaluate(text: &str) -> Option<String> {
    let source = syntax::Source::new("", text.as_bytes());
    let (expression, problems) = syntax::parse_expression(text.as_bytes());
    if !problems.is_empty() {
        return None;
    }
    let stdlib = app::stdlib(Stability::GenerallyAvailable);
    let value = eval::evaluate_expr(&source, &expression, &Scope::new(value::Object::new(), &stdlib)).ok()?;
    match serde_json::from_str(&eval::to_plain_json(&value).ok()?).ok()? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    }
}

/// Runs the same command in a user and mount namespace, in which a small file system may be mounted that nobody else sees; `None` if
/// this machine does not allow it.
fn run_apart() -> Option<Outcome> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--"]);
        command
    };
    let possible = unshare()
        .arg("true")
        .output()
        .is_ok_and(|output| output.status.success());
    if !possible {
        return None;
    }
    let status = unshare()
        .arg(std::env::current_exe().ok()?)
        .args(std::env::args_os().skip(1))
        .env(APART, "1")
        .status();
    Some(match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => match status.signal() {
            Some(signal) => Err(Failure::Message(format!("ended by signal {signal}"))),
            None => Err(Failure::Reported),
        },
        Err(error) => Err(Failure::from(error)),
    })
}
