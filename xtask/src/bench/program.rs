//! Programs that are measured.

use anyhow::{Context, Result};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A program that runs, and is killed in the end: a run that fails leaves nothing behind.
pub(super) struct Program(Child);

impl Program {
    /// Starts a command that writes its messages to `log` in a folder.
    pub(super) fn spawn(mut command: Command, dir: &Path) -> Result<Program> {
        let log = fs::File::create(dir.join("log"))?;
        let child = command.stdout(Stdio::null()).stderr(log).spawn();
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(child.into())
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }
}

impl From<Child> for Program {
    fn from(child: Child) -> Self {
        Program(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Invar on a configuration, with its state in a folder and its HTTP server on a port.
pub(super) fn invar(binary: &Path, config: &Path, dir: &Path, port: u16) -> Command {
    let mut command = Command::new(binary);
    command.arg("run").arg(config).args([
        format!("--storage.path={}", dir.join("state").display()),
        format!("--server.http.listen-addr=127.0.0.1:{port}"),
    ]);
    command
}
