//! Where a repository is.

use crate::Error;
use gix::url::Scheme;
use std::fmt;
use std::path::PathBuf;

/// Where a repository is: a path, `file://`, `http(s)://`, `ssh://`, `user@host:path` or `git://`. Prints without password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub(crate) Kind);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory on this machine.
    Local(PathBuf),
    Http(Http),
    Ssh(Ssh),
    /// git's own protocol, without encryption or authentication.
    Daemon {
        host: String,
        port: u16,
        path: String,
    },
}

/// A web address, its credentials taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Http {
    /// Without credentials.
    pub(crate) url: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Ssh {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// As the shell at the other end is told it.
    pub(crate) path: String,
}

impl Address {
    /// Reads an address. A relative path is relative to the working directory of the process.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::new("the repository is empty; give a path or a URL"));
        }
        // The text may hold a password, which an error of the parser would repeat.
        let unreadable = || Error::new("the repository is no path and no URL that git knows");
        let url = gix::url::parse(text.as_bytes()).map_err(|_| unreadable())?;
        let path = String::from_utf8(url.path.to_vec()).map_err(|_| unreadable())?;
        let host = || {
            let host = url.host().filter(|host| !host.is_empty()).ok_or_else(unreadable)?;
            if host.starts_with('-') {
                return Err(Error::new("the host of the repository starts with \"-\""));
            }
            Ok(host.to_owned())
        };
        let kind = match url.scheme {
            Scheme::File => Kind::Local(PathBuf::from(path)),
            Scheme::Http | Scheme::Https => {
                host()?;
                let mut clean = url.clone();
                clean.set_user(None);
                clean.set_password(None);
                Kind::Http(Http {
                    url: clean.to_bstring().to_string(),
                    user: url.user().map(str::to_owned),
                    password: url.password().map(str::to_owned),
                })
            }
            Scheme::Ssh => Kind::Ssh(Ssh {
                user: url.user().filter(|user| !user.is_empty()).map(str::to_owned),
                host: host()?,
                port: url.port,
                path: match path.strip_prefix('/') {
                    // `/~name/path` means a home directory, which only the shell at the other end knows.
                    Some(home) if home.starts_with('~') => home.to_owned(),
                    _ => path,
                },
            }),
            Scheme::Git => Kind::Daemon {
                host: host()?,
                port: url.port.unwrap_or(9418),
                path,
            },
            _ => {
                return Err(Error::new(
                    "the scheme of the repository is not supported; use https, http, ssh, git or a path",
                ));
            }
        };
        Ok(Address(kind))
    }
}

impl Address {
    /// Whether it is reached over HTTP, where name and password are of use.
    pub fn is_http(&self) -> bool {
        matches!(self.0, Kind::Http(_))
    }

    /// Whether it is reached over SSH, where a key is of use.
    pub fn is_ssh(&self) -> bool {
        matches!(self.0, Kind::Ssh(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Local(path) => write!(f, "{}", path.display()),
            Kind::Http(http) => f.write_str(&http.url),
            Kind::Ssh(ssh) => {
                f.write_str("ssh://")?;
                if let Some(user) = &ssh.user {
                    write!(f, "{user}@")?;
                }
                f.write_str(&ssh.host)?;
                if let Some(port) = ssh.port {
                    write!(f, ":{port}")?;
                }
                let slash = if ssh.path.starts_with('/') { "" } else { "/" };
                write!(f, "{slash}{}", ssh.path)
            }
            Kind::Daemon { host, port, path } => write!(f, "git://{host}:{port}{path}"),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_without_credentials() {
        let shown = |text: &str| Address::parse(text).map(|address| address.to_string());
        for (text, expected) in [
            ("./repo.git", "./repo.git"),
            ("/srv/repo", "/srv/repo"),
            ("file:///srv/repo", "/srv/repo"),
            ("https://example.org/a/b.git", "https://example.org/a/b.git"),
            ("https://me:hunter2@example.org/a", "https://example.org/a"),
            ("http://token@localhost:8080/a", "http://localhost:8080/a"),
            ("git@example.org:a/b.git", "ssh://git@example.org/a/b.git"),
            ("ssh://git@example.org:2222/srv/b", "ssh://git@example.org:2222/srv/b"),
            ("git://example.org/b", "git://example.org:9418/b"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
            assert!(!format!("{:?}", Address::parse(text)).contains("hunter2"));
        }
    }

    #[test]
    fn addresses_that_are_none_are_errors_without_credentials() {
        for text in [
            "",
            "ext::sh -c id",
            "https://",
            "ssh://-oProxyCommand=id/x",
            "ftp://me:hunter2@h/x",
            "https://me:hunter2@:x/",
        ] {
            let error = Address::parse(text).map(|address| address.to_string());
            let error = error.expect_err(text).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
