//! A file with failures of scrapes, a line of JSON each.

use host::Host;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// The file `scrape_failure_log_file`. It is opened anew with each configuration, so that it can be rotated.
pub(super) struct FailureLog {
    file: Option<Mutex<File>>,
}

impl FailureLog {
    /// Opens the file, at its end. An empty path is none.
    pub(super) fn open(path: &str) -> std::io::Result<FailureLog> {
        let open = |path: &str| OpenOptions::new().append(true).create(true).open(path);
        let file = (!path.is_empty()).then(|| open(path)).transpose()?;
        Ok(FailureLog {
            file: file.map(Mutex::new),
        })
    }

    /// Appends a failure.
    pub(super) fn note(&self, host: &Host, job: &str, target: &str, message: &str) {
        let Some(file) = &self.file else { return };
        let line = serde_json::json!({
            "time": gotime::format_rfc3339_nano(host.clock.now()),
            "level": "ERROR",
            "msg": message,
            "job_name": job,
            "target": target,
        });
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{line}") {
            tracing::warn!(err = %error, "a failure of a scrape cannot be written to scrape_failure_log_file");
        }
    }
}
