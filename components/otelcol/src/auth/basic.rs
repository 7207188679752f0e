//! `otelcol.auth.basic`

use super::Exports;
use super::htpasswd::Users;
use crate::debug_metrics::DebugMetricsArgs;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use component::prelude::*;
use component::{Auth, AuthHandler, BoxFuture, ClientAuth, ServerAuth};
use std::path::{Path, PathBuf};
use value::{Invalid, Secret};

/// The component.
pub const COMPONENT: Registration = Registration::of::<Basic>("otelcol.auth.basic", Stability::GenerallyAvailable);

/// Authenticates clients and servers with user name and password.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// User name, for clients and servers. Deprecated in favour of `client_auth` and `htpasswd`.
    #[arg(default)]
    pub username: String,
    /// Password, for clients and servers. Deprecated likewise.
    #[arg(default)]
    pub password: Secret,
    /// What clients send.
    #[arg(block)]
    pub client_auth: Option<ClientAuthArgs>,
    /// Whom servers let in.
    #[arg(block)]
    pub htpasswd: Option<HtpasswdArgs>,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
}

/// What clients send.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct ClientAuthArgs {
    /// User name.
    #[arg(default)]
    pub username: String,
    /// File with the user name, which is read for every request; instead of `username` if both are set.
    #[arg(default)]
    pub username_file: String,
    /// Password.
    #[arg(default)]
    pub password: Secret,
    /// File with the password, which is read for every request; instead of `password` if both are set.
    #[arg(default)]
    pub password_file: String,
}

/// Whom servers let in, in the format of Apache's htpasswd: bcrypt, apr1, SHA-1 or plain.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct HtpasswdArgs {
    /// Path of a file with users and hashes of their passwords.
    #[arg(default)]
    pub file: String,
    /// Users and hashes of their passwords; they count before those of the file.
    #[arg(default)]
    pub inline: String,
}

impl Arguments {
    fn validate(&self) -> Result<(), Invalid> {
        let plain = !self.username.is_empty() || !self.password.is_empty();
        if !plain && self.client_auth.is_none() && self.htpasswd.is_none() {
            return Err("one of \"username\", \"client_auth\" and \"htpasswd\" must be set"
                .to_owned()
                .into());
        }
        Ok(())
    }
}

/// An `otelcol.auth.basic`.
pub struct Basic {
    cx: Context<Exports>,
}

/// A text that is given, or read from a file each time.
enum Source {
    Text(String),
    File(PathBuf, host::Host),
}

impl Source {
    fn new(text: String, file: &str, cx: &Context<Exports>) -> Source {
        match file {
            "" => Source::Text(text),
            file => Source::File(file.into(), cx.host().clone()),
        }
    }

    async fn read(&self) -> Result<String, String> {
        let (path, host) = match self {
            Source::Text(text) => return Ok(text.clone()),
            Source::File(path, host) => (path.clone(), host.clone()),
        };
        let read = tokio::task::spawn_blocking(move || {
            let bytes = host
                .fs
                .read(&path)
                .map_err(|error| format!("cannot read {path:?}: {error}"))?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        });
        read.await.map_err(|error| error.to_string())?
    }
}

struct Client {
    user: Source,
    password: Source,
}

impl ClientAuth for Client {
    fn headers<'a>(&'a self, _: &'a [(String, String)]) -> BoxFuture<'a, Result<Vec<(String, String)>, String>> {
        Box::pin(async move {
            let pair = format!("{}:{}", self.user.read().await?, self.password.read().await?);
            Ok(vec![(
                "authorization".to_owned(),
                format!("Basic {}", STANDARD.encode(pair)),
            )])
        })
    }
}

struct Server(Users);

impl ServerAuth for Server {
    fn check(&self, header: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        let value = header("authorization").ok_or("no basic auth provided")?;
        let (scheme, encoded) = value
            .split_once(' ')
            .ok_or("invalid format of the authorization header")?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err("the authorization header is not of the scheme Basic".to_owned());
        }
        let decoded = STANDARD
            .decode(encoded.trim())
            .map_err(|_| "invalid base64 in the authorization header")?;
        let text = String::from_utf8_lossy(&decoded);
        let (user, password) = text
            .split_once(':')
            .ok_or("invalid format of the authorization header")?;
        match self.0.check(user, password) {
            true => Ok(()),
            false => Err("invalid credentials".to_owned()),
        }
    }
}

fn users(cx: &Context<Exports>, args: &HtpasswdArgs) -> Result<Users> {
    let mut text = String::new();
    if !args.file.is_empty() {
        let bytes = cx.host().fs.read(Path::new(&args.file));
        let bytes = bytes
            .map_err(|error| Error::caused(format!("cannot read {:?}", args.file), error).inside("htpasswd", 0))?;
        text.push_str(&String::from_utf8_lossy(&bytes));
        text.push('\n');
    }
    text.push_str(&args.inline);
    Users::parse(&text)
        .map_err(|line| Error::new(format!("line {line} is not of the form user:hash")).inside("htpasswd", 0))
}

fn exports(cx: &Context<Exports>, args: &Arguments) -> Result<Exports> {
    let plain = !args.username.is_empty() || !args.password.is_empty();
    let client = match &args.client_auth {
        Some(client) => Some(Client {
            user: Source::new(client.username.clone(), &client.username_file, cx),
            password: Source::new(client.password.expose_str(), &client.password_file, cx),
        }),
        None if plain => Some(Client {
            user: Source::Text(args.username.clone()),
            password: Source::Text(args.password.expose_str()),
        }),
        None => None,
    };
    let mut server = args.htpasswd.as_ref().map(|args| users(cx, args)).transpose()?;
    if plain {
        let users = server.get_or_insert_default();
        users.add_plain(&args.username, &args.password.expose_str());
    }
    Ok(Exports {
        handler: AuthHandler(Some(Auth {
            owner: cx.id().clone(),
            client: client.map(|client| Arc::new(client) as Arc<dyn ClientAuth>),
            server: server.map(|users| Arc::new(Server(users)) as Arc<dyn ServerAuth>),
        })),
    })
}

impl Component for Basic {
    type Arguments = Arguments;
    type Exports = Exports;

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        cx.export(exports(cx, &args)?);
        Ok(Basic { cx: cx.clone() })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let exports = exports(&self.cx, &args)?;
        Ok(Change::new(move || self.cx.export(exports)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_lets_in_who_has_the_password() {
        let mut users = Users::default();
        users.add_plain("u", "p:w");
        let server = Server(users);
        let check = |value: Option<&str>| server.check(&|_| value.map(str::to_owned));
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(check(Some(&basic("u:p:w"))), Ok(()));
        for wrong in [
            Some(basic("u:p")),
            Some(basic("x:p:w")),
            Some("Bearer x".to_owned()),
            Some("Basic ??".to_owned()),
            None,
        ] {
            assert!(check(wrong.as_deref()).is_err(), "{wrong:?}");
        }
    }
}
