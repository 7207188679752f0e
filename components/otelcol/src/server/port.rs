//! The listening port that servers take turns on.

use component::{AuthHandler, Error, Result};
use net::server::Event;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// A year: longer than anything.
pub(crate) const LONG: Duration = Duration::from_secs(365 * 24 * 3600);

/// A port that is held.
pub(crate) struct Port {
    endpoint: String,
    listener: TcpListener,
    address: SocketAddr,
}

/// Host and port of an endpoint.
pub(crate) fn parse(endpoint: &str) -> Result<(&str, u16)> {
    let wrong = || Error::about("endpoint", format!("{endpoint:?} is not of the form HOST:PORT"));
    let (host, port) = endpoint.rsplit_once(':').ok_or_else(wrong)?;
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Err(wrong());
    }
    Ok((host, port.parse().map_err(|_| wrong())?))
}

/// Whether servers can use an authentication.
pub(crate) fn check_auth(auth: &AuthHandler) -> Result<()> {
    match &auth.0 {
        Some(auth) if auth.server.is_none() => Err(Error::about(
            "auth",
            format!("{} does not authenticate the clients of a server", auth.owner),
        )),
        _ => Ok(()),
    }
}

impl Port {
    /// The port that is held if it is the one, else another one.
    pub(crate) fn take(id: &str, block: &str, endpoint: &str, held: Option<&Arc<Port>>) -> Result<Arc<Port>> {
        if let Some(held) = held.filter(|held| held.endpoint == endpoint) {
            return Ok(held.clone());
        }
        let (host, port) = parse(endpoint)?;
        let fail = |error: std::io::Error| {
            let (why, what_to_do) = net::server::bind_failure(&error);
            let what_to_do = match what_to_do {
                "" => format!("set another \"endpoint\" in its {block:?} block"),
                first => format!("{first} set another \"endpoint\" in its {block:?} block"),
            };
            Error::new(format!("{id} cannot listen on {endpoint:?}: {why}; {what_to_do}"))
        };
        let listener = net::server::bind(host, port).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Arc::new(Port {
            endpoint: endpoint.to_owned(),
            listener,
            address,
        }))
    }

    /// The address, with the port that the system chose if it was asked to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A listener on it, for one server.
    pub(crate) fn listener(&self) -> Result<TcpListener> {
        let listener = self.listener.try_clone();
        listener.map_err(|error| Error::caused(format!("cannot listen on {}", self.address), error))
    }
}

/// Tells the log what a server has to say.
pub(crate) fn report(event: Event<'_>) {
    match event {
        Event::NotAccepted(error) => tracing::warn!(err = %error, "cannot accept a connection"),
        Event::Handshake(error) => tracing::debug!(err = %error, "the TLS handshake failed"),
        Event::Ended(error) => tracing::debug!(err = %error, "a connection ended"),
        Event::CutOff(connections) => tracing::warn!(connections, "connections did not end in time and were cut off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_host_and_port() {
        assert_eq!(parse("0.0.0.0:4317").unwrap(), ("0.0.0.0", 4317));
        assert_eq!(parse("[::]:0").unwrap(), ("[::]", 0));
        assert_eq!(parse(":1").unwrap(), ("", 1));
        for wrong in ["localhost", "::1", "a:b", "a:70000", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
