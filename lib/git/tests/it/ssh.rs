//! SSH, against a real `sshd`.

use crate::clone::revisions_mean_what_they_should;
use crate::kit::{Work, error, has, sync_as};
use git::{Address, Auth, Repository, Settings};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Server {
    child: Child,
    port: u16,
    user: String,
    dir: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(path: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

fn start(dir: &Path) -> Option<Server> {
    let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(sshd) = sshd else {
        println!("skipped: no sshd is installed (openssh-server)");
        return None;
    };
    if !has("ssh", "-V") || !has("git", "--version") {
        return None;
    }
    let dir = dir.join("ssh");
    fs::create_dir(&dir).unwrap();
    for (name, passphrase) in [("host", ""), ("plain", ""), ("locked", "open sesame"), ("stranger", "")] {
        keygen(&dir.join(name), passphrase);
    }
    let public = |name: &str| fs::read_to_string(dir.join(name).with_extension("pub")).unwrap();
    fs::write(
        dir.join("authorized"),
        format!("{}{}", public("plain"), public("locked")),
    )
    .unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(dir.join("known"), format!("[127.0.0.1]:{port} {}", public("host"))).unwrap();
    let at = dir.display();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nPidFile none\nPermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\n"
    );
    fs::write(dir.join("config"), config).unwrap();
    if Path::new("/run").exists() {
        // Where sshd that is started by root drops its privileges.
        let _ = fs::create_dir_all("/run/sshd");
    }
    let child = Command::new(sshd)
        .args(["-D", "-e", "-f"])
        .arg(dir.join("config"))
        .stderr(fs::File::create(dir.join("log")).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let server = Server {
        child,
        port,
        user: String::from_utf8(user).unwrap().trim().to_owned(),
        dir,
    };
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(server);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    println!(
        "skipped: sshd does not start: {}",
        fs::read_to_string(server.dir.join("log")).unwrap()
    );
    None
}

impl Server {
    fn auth(&self, key: &str, passphrase: Option<&str>) -> Auth {
        Auth::Ssh {
            username: self.user.clone(),
            key: Some(fs::read_to_string(self.dir.join(key)).unwrap()),
            passphrase: passphrase.map(str::to_owned),
        }
    }

    fn address(&self, path: &Path) -> String {
        format!("ssh://nobody-at-all@127.0.0.1:{}{}", self.port, path.display())
    }

    fn repository(&self, path: &Path, data: &Path, known: bool) -> Repository {
        let known = if known { "known" } else { "config" };
        let settings = Settings {
            known_hosts: vec![self.dir.join(known)],
            ..Settings::default()
        };
        Repository::new(Address::parse(&self.address(path)).unwrap(), data, settings)
    }
}

#[test]
fn a_key_opens_the_way_and_its_copy_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(dir.path()) else { return };
    let work = Work::new(&dir.path().join("it's"));
    let data = dir.path().join("data");
    let repo = server.repository(&work.dir, &data, true);
    let left = || {
        let mut names: Vec<_> = fs::read_dir(&data)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // Without its last line break, as from an environment variable.
    let Auth::Ssh { username, key, .. } = server.auth("plain", None) else {
        panic!("it is for ssh")
    };
    let auth = Auth::Ssh {
        username,
        key: key.map(|key| key.trim_end().to_owned()),
        passphrase: None,
    };
    drop(sync_as(&repo, "main", &auth).unwrap());
    assert_eq!(left(), ["repo", "repo.git", "repo.lock"]);

    // An encrypted one.
    drop(sync_as(&repo, "main", &server.auth("locked", Some("open sesame"))).unwrap());
    assert_eq!(left(), ["repo", "repo.git", "repo.lock"]);
    let repo = server.repository(&work.dir, &dir.path().join("b"), true);
    for passphrase in [None, Some("wrong passphrase")] {
        let refused = error(sync_as(&repo, "main", &server.auth("locked", passphrase)));
        assert!(refused.contains("Permission denied"), "{refused}");
        assert!(!refused.contains("wrong passphrase"), "{refused}");
    }

    let refused = error(sync_as(&repo, "main", &server.auth("stranger", None)));
    assert!(refused.starts_with("cannot fetch from ssh://"), "{refused}");
    assert!(refused.contains("Permission denied"), "{refused}");
    let missing = server.repository(Path::new("/nonexistent/x.git"), &dir.path().join("c"), true);
    let missing = error(sync_as(&missing, "main", &server.auth("plain", None)));
    assert!(missing.contains("/nonexistent/x.git"), "{missing}");
    // A host that nobody vouches for.
    let unknown = server.repository(&work.dir, &dir.path().join("d"), false);
    for (key, passphrase) in [("plain", None), ("locked", Some("open sesame"))] {
        let refused = error(sync_as(&unknown, "main", &server.auth(key, passphrase)));
        assert!(refused.contains("Host key verification failed"), "{refused}");
    }
}

#[test]
fn revisions_over_ssh() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(dir.path()) else { return };
    let work = Work::new(&dir.path().join("work"));
    crate::kit::KNOWN_HOSTS.with_borrow_mut(|hosts| hosts.push(server.dir.join("known")));
    let auth = server.auth("plain", None);
    revisions_mean_what_they_should(&work, &server.address(&work.dir), &dir.path().join("data"), &auth);
}
