//! Getting what a revision needs.

use crate::address::{Address, Kind};
use crate::repository::{Auth, Interrupt};
use crate::revision::{BRANCHES, TAGS};
use crate::{Error, Revision, http, local, ssh};
use gix::ObjectId;
use gix::refs::transaction::{Change, PreviousValue, RefEdit, RefLog};
use gix::remote::Direction;
use gix::remote::fetch::{Shallow, Tags};
use gix_transport::client::blocking_io::Transport;
use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;
use std::net::{TcpStream, ToSocketAddrs};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);

/// Why there is no commit.
pub(crate) enum Failure {
    /// The other side cannot be reached, or refuses.
    There(Error),
    /// It was reached and does not have the revision, or one that cannot be used.
    NotThere(Error),
    /// Something is wrong on this side, or went wrong on the way.
    Here(Error),
}

impl Failure {
    /// A revision that was fetched cannot be read or written out.
    pub(crate) fn of_snapshot(error: Error) -> Self {
        match error.is_limit() {
            true => Failure::NotThere(error),
            false => Failure::Here(error),
        }
    }

    pub(crate) fn into_error(self) -> Error {
        match self {
            Failure::There(error) | Failure::NotThere(error) | Failure::Here(error) => error,
        }
    }
}

/// A fetch.
pub(crate) struct Job<'a> {
    pub(crate) address: &'a Address,
    pub(crate) revision: &'a Revision,
    pub(crate) auth: &'a Auth,
    pub(crate) known_hosts: &'a [PathBuf],
    pub(crate) dir: &'a Path,
    pub(crate) interrupt: &'a Interrupt,
}

impl Job<'_> {
    /// Brings `repo` up to date as far as the revision needs it, and says which commit it is.
    pub(crate) fn update(&self, repo: &gix::Repository) -> Result<ObjectId, Failure> {
        if let Kind::Local(path) = &self.address.0 {
            return local::copy(path, repo, self.revision);
        }
        // A commit does not change, and neither does its hash.
        if let Some(hash) = self.revision.hash()
            && self.revision.hashed(repo).map_err(Failure::Here)? == Some(hash)
        {
            return Ok(hash);
        }
        let name = self.revision.as_str();
        let specs = [
            format!("+{TAGS}{name}:{TAGS}{name}"),
            format!("+refs/heads/{name}:{BRANCHES}{name}"),
        ];
        let found = self.fetch(repo, &specs, Shallow::DepthAtRemote(NonZeroU32::MIN))?;
        for (prefix, theirs) in [(TAGS, TAGS), (BRANCHES, "refs/heads/")] {
            if !found.contains(&format!("{theirs}{name}")) {
                forget(repo, &format!("{prefix}{name}")).map_err(Failure::Here)?;
            }
        }
        let local = |repo: &gix::Repository| self.revision.resolve(repo, BRANCHES).map_err(Failure::Here);
        if let Some(commit) = local(repo)? {
            return Ok(commit);
        }
        if self.revision.may_be_hash() {
            let all = [format!("+{TAGS}*:{TAGS}*"), format!("+refs/heads/*:{BRANCHES}*")];
            let shallow = if repo.is_shallow().unwrap_or(false) {
                Shallow::undo()
            } else {
                Shallow::NoChange
            };
            self.fetch(repo, &all, shallow)?;
            // The references are those of this moment and would be taken for those of later ones; the objects are what was wanted.
            if let Some(commit) = local(repo)? {
                return Ok(commit);
            }
        }
        Err(Failure::NotThere(self.revision.not_found(self.address)))
    }

    /// Fetches and gives the names of what matched at the other side.
    fn fetch(&self, repo: &gix::Repository, specs: &[String], shallow: Shallow) -> Result<Vec<String>, Failure> {
        match &self.address.0 {
            Kind::Local(_) => Ok(Vec::new()),
            Kind::Http(place) => {
                let (user, password) = match self.auth {
                    Auth::Basic { username, password } => (username.as_str(), password.as_str()),
                    _ => (
                        place.user.as_deref().unwrap_or_default(),
                        place.password.as_deref().unwrap_or_default(),
                    ),
                };
                let transport = http::transport(place, user, password, self.interrupt).map_err(Failure::There)?;
                self.receive(repo, transport, specs, shallow, String::new)
            }
            Kind::Ssh(place) => {
                let (connection, mut session) =
                    ssh::connect(place, self.auth, self.known_hosts, self.dir, self.interrupt)
                        .map_err(Failure::There)?;
                self.receive(repo, connection, specs, shallow, || session.said())
            }
            Kind::Daemon { host, port, path } => {
                let stream = self.dial(host, *port).map_err(Failure::There)?;
                let reader = stream.try_clone();
                let reader = reader.map_err(|error| Failure::There(Error::caused("cannot read", error)))?;
                let connection = Connection::new(
                    reader,
                    stream,
                    gix_transport::Protocol::V2,
                    path.as_str(),
                    Some((host.as_str(), Some(*port))),
                    ConnectMode::Daemon,
                    false,
                );
                self.receive(repo, connection, specs, shallow, String::new)
            }
        }
    }

    fn dial(&self, host: &str, port: u16) -> Result<TcpStream, Error> {
        let cannot = |error: std::io::Error| Error::caused(format!("cannot connect to {}", self.address), error);
        let mut last = std::io::Error::other("the host has no address");
        for address in (host, port).to_socket_addrs().map_err(cannot)? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(SILENCE)).map_err(cannot)?;
                    stream.set_write_timeout(Some(SILENCE)).map_err(cannot)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(cannot(last))
    }

    fn receive<T: Transport>(
        &self,
        repo: &gix::Repository,
        transport: T,
        specs: &[String],
        shallow: Shallow,
        mut said: impl FnMut() -> String,
    ) -> Result<Vec<String>, Failure> {
        let here = |error: gix::Error| Failure::Here(Error::git("cannot prepare the fetch", &error));
        // Only a name: the transport knows where to go, and with what credentials.
        let url = match &self.address.0 {
            Kind::Http(place) => place.url.clone(),
            other => other.to_string(),
        };
        let remote = repo
            .remote_at_without_url_rewrite(url.as_str())
            .map_err(here)?
            .with_fetch_tags(Tags::None)
            .with_refspecs(specs.iter().map(|spec| spec.as_str()), Direction::Fetch)
            .map_err(here)?;
        let mut connection = remote.to_connection_with_transport(transport);
        // No helper programs and no questions on a terminal.
        connection.set_credentials(|_| Ok(None));
        let prepared = match connection.prepare_fetch(gix::progress::Discard, Default::default()) {
            Ok(prepared) => prepared,
            Err(error) => {
                let message = format!("cannot fetch from {}", self.address);
                let said = said();
                return Err(Failure::There(if said.is_empty() {
                    Error::git(message, &error)
                } else {
                    Error::caused(message, format!("ssh: {said}"))
                }));
            }
        };
        let found: Vec<String> = prepared
            .ref_map()
            .mappings
            .iter()
            .filter_map(|mapping| Some(mapping.remote.as_name()?.to_string()))
            .collect();
        if found.is_empty() {
            return Ok(found);
        }
        prepared
            .with_shallow(shallow)
            .with_reflog_message(gix::remote::fetch::RefLogMessage::Prefixed { action: "fetch".into() })
            .receive(gix::progress::Discard, &self.interrupt.0)
            .map_err(|error| Failure::Here(Error::git(format!("cannot fetch from {}", self.address), &error)))?;
        Ok(found)
    }
}

/// Removes a reference, if it is there.
pub(crate) fn forget(repo: &gix::Repository, name: &str) -> Result<(), Error> {
    let cannot = |error: gix::Error| Error::git(format!("cannot remove {name}"), &error);
    if repo.try_find_reference(name).map_err(cannot)?.is_none() {
        return Ok(());
    }
    edit(
        repo,
        name,
        Change::Delete {
            expected: PreviousValue::Any,
            log: RefLog::AndReference,
        },
    )
}

pub(crate) fn edit(repo: &gix::Repository, name: &str, change: Change) -> Result<(), Error> {
    let full = gix::refs::FullName::try_from(name).map_err(|error| Error::caused(format!("{name:?}"), error))?;
    repo.edit_reference(RefEdit {
        change,
        name: full,
        deref: false,
    })
    .map_err(|error| Error::git(format!("cannot write {name}"), &error))?;
    Ok(())
}
