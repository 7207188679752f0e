//! A log for machines that have none: a service that handles requests, and now and then fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Time between two lines.
const PAUSE: Duration = Duration::from_millis(400);
/// Lines until the file is rotated.
const ROTATE_AFTER: u64 = 250;
/// Lines that are there from the start.
const AT_ONCE: u64 = 5;

const LINES: [&str; 8] = [
    r#"level=info msg="request handled" method=GET path=/cart status=200 duration=12ms"#,
    r#"level=debug msg="cache hit" key=cart:1207"#,
    r#"level=info msg="request handled" method=POST path=/orders status=201 duration=48ms"#,
    r#"level=info msg="request handled" method=GET path=/health status=200 duration=1ms"#,
    r#"level=warn msg="slow query" table=orders duration=1.8s"#,
    r#"level=info msg="request handled" method=GET path=/items/42 status=200 duration=9ms"#,
    r#"level=info msg="payment accepted" order=7731 amount=19.90"#,
    r#"level=error msg="upstream did not answer" service=stock timeout=2s"#,
];

/// Writes the demo log.
pub struct Demo {
    path: PathBuf,
    file: File,
    written: u64,
}

impl Demo {
    /// A demo log at `path`, with its first lines and its folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut demo = Demo {
            path: path.to_path_buf(),
            file: File::create_new(path)?,
            written: 0,
        };
        for _ in 0..AT_ONCE {
            demo.line()?;
        }
        Ok(demo)
    }

    fn line(&mut self) -> io::Result<()> {
        if self.written > 0 && self.written.is_multiple_of(ROTATE_AFTER) {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = File::create_new(&self.path)?;
        }
        let line = LINES[(self.written % LINES.len() as u64) as usize];
        self.written += 1;
        writeln!(self.file, "{line} request={}", self.written)
    }

    /// Goes on writing; returns only with an error.
    pub async fn run(mut self) -> io::Error {
        let mut ticks = tokio::time::interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.line() {
                return error;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_rotated() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("demo.log");
        let mut demo = Demo::create(&path).expect("it can be written");
        let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count() as u64);
        assert_eq!(lines(&path), AT_ONCE);
        for _ in AT_ONCE..2 * ROTATE_AFTER + 3 {
            demo.line().expect("it can be written");
        }
        assert_eq!((lines(&path), lines(&dir.path().join("demo.log.1"))), (3, ROTATE_AFTER));
        assert!(Demo::create(&path).is_err(), "it writes over nothing");
    }
}
