//! SSH, by the system's `ssh`: it knows the user's configuration, agents, hardware keys and known hosts.

use crate::Error;
use crate::address::Ssh as Place;
use crate::error::one_line;
use crate::repository::{Auth, Interrupt};
use gix_transport::Protocol;
use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How much of what `ssh` says is kept.
const MOST_SAID: usize = 4096;
/// How often it is looked whether the connection is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// Prints the passphrase; `ssh` runs it and reads the first line.
const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$GIT_SSH_PASSPHRASE\"\n";

/// A running `ssh`. Dropping it ends the program and removes the key's copy.
pub(crate) struct Session {
    child: Arc<Mutex<Child>>,
    said: Option<JoinHandle<String>>,
    over: Interrupt,
    _files: Files,
}

/// Files that are removed when this is dropped.
#[derive(Default)]
struct Files(Vec<PathBuf>);

impl Drop for Files {
    fn drop(&mut self) {
        for file in &self.0 {
            // What cannot be removed is overwritten by the next session.
            let _ = fs::remove_file(file);
        }
    }
}

/// Starts `ssh`. Its files, such as the key's copy, lie in `dir` as long as the session lasts.
pub(crate) fn connect(
    place: &Place,
    auth: &Auth,
    known_hosts: &[PathBuf],
    dir: &Path,
    interrupt: &Interrupt,
) -> Result<(Connection<ChildStdout, ChildStdin>, Session), Error> {
    let mut command = Command::new("ssh");
    let mut files = Files::default();
    let mut user = place.user.as_deref().unwrap_or_default();
    command.args([
        "-o",
        "ConnectTimeout=20",
        "-o",
        "ServerAliveInterval=15",
        "-o",
        "ServerAliveCountMax=4",
    ]);
    command.args(["-o", "SendEnv=GIT_PROTOCOL", "-a", "-x", "-T"]);
    if !known_hosts.is_empty() {
        let list: Vec<_> = known_hosts
            .iter()
            .map(|path| format!("\"{}\"", path.display()))
            .collect();
        command.args(["-o", &format!("UserKnownHostsFile={}", list.join(" "))]);
    }
    let mut asks = false;
    if let Auth::Ssh {
        username,
        key,
        passphrase,
    } = auth
    {
        if !username.is_empty() {
            user = username;
        }
        if let Some(key) = key {
            // A copy, also of a key that is in a file already: `ssh` refuses files that others may read, as mounted secrets are.
            let path = dir.join("ssh-key");
            files.0.push(path.clone());
            write_private(&path, key.as_bytes(), 0o600)?;
            command.arg("-i").arg(&path).args(["-o", "IdentitiesOnly=yes"]);
        }
        if let Some(passphrase) = passphrase.as_ref().filter(|passphrase| !passphrase.is_empty()) {
            let path = dir.join("ssh-askpass");
            files.0.push(path.clone());
            write_private(&path, ASKPASS.as_bytes(), 0o700)?;
            command
                .env("SSH_ASKPASS", &path)
                .env("SSH_ASKPASS_REQUIRE", "force")
                .env("GIT_SSH_PASSPHRASE", passphrase);
            asks = true;
        }
    }
    if asks {
        // In batch mode `ssh` would not ask for the passphrase. This leaves nothing else that it could ask for.
        command.args([
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "PreferredAuthentications=publickey",
        ]);
        command.args(["-o", "NumberOfPasswordPrompts=1"]);
    } else {
        command.args(["-o", "BatchMode=yes"]).env_remove("SSH_ASKPASS");
    }
    if let Some(port) = place.port {
        command.args(["-p", &port.to_string()]);
    }
    if user.starts_with('-') {
        return Err(Error::new("the user name for ssh starts with \"-\""));
    }
    if !user.is_empty() {
        command.args(["-l", user]);
    }
    command.arg("--").arg(&place.host);
    command.arg(format!(
        "git-upload-pack {}",
        gix::quote::single(place.path.as_str().into())
    ));
    command
        .env("GIT_PROTOCOL", "version=2")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        Error::caused(
            "cannot start the program ssh, which repositories over SSH need; install it (openssh-client)",
            error,
        )
    })?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let child = Arc::new(Mutex::new(child));
    let over = Interrupt::default();
    let said = stderr.map(|stderr| std::thread::spawn(move || listen(stderr)));
    let session = Session {
        child: child.clone(),
        said,
        over: over.clone(),
        _files: files,
    };
    let interrupt = interrupt.clone();
    std::thread::spawn(move || {
        while !over.is_set() {
            if interrupt.is_set() {
                kill(&child);
                return;
            }
            std::thread::sleep(LOOK);
        }
    });
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(Error::new("ssh has no standard streams"));
    };
    let connection = Connection::new(
        stdout,
        stdin,
        Protocol::V2,
        place.path.as_str(),
        None::<(String, Option<u16>)>,
        ConnectMode::Process,
        false,
    );
    Ok((connection, session))
}

/// Reads to the end and keeps the beginning.
fn listen(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    let mut buf = [0; 1024];
    while let Ok(n) = from.read(&mut buf) {
        if n == 0 {
            break;
        }
        let room = MOST_SAID.saturating_sub(kept.len());
        kept.extend_from_slice(&buf[..n.min(room)]);
    }
    one_line(&String::from_utf8_lossy(&kept))
}

fn kill(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have ended by itself.
    let _ = child.kill();
}

fn write_private(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let cannot = |error| Error::caused(format!("cannot write {}", path.display()), error);
    // What a session left that was killed; its mode may be another.
    let _ = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(cannot)?;
    file.write_all(content).map_err(cannot)?;
    if !content.ends_with(b"\n") {
        // `ssh` does not read a key whose last line is not ended.
        file.write_all(b"\n").map_err(cannot)?;
    }
    Ok(())
}

impl Session {
    /// What `ssh` said, after it is over.
    pub(crate) fn said(&mut self) -> String {
        // The pipe is broken; it has a moment to say why.
        for _ in 0..20 {
            let ended = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            if !matches!(ended, Ok(None)) {
                break;
            }
            std::thread::sleep(LOOK / 2);
        }
        kill(&self.child);
        self.said.take().and_then(|said| said.join().ok()).unwrap_or_default()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.over.set();
        kill(&self.child);
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}
