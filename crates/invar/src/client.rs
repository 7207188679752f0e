//! Asking a running Invar.

use crate::cli::Server;
use host::RealFs;
use net::{BasicAuth, Client, HeaderMap, HttpClientConfig, Method, Request, Url};
use std::sync::Arc;
use std::time::Duration;
use value::{Block, Secret};

/// Most bytes of an answer.
const LIMIT: usize = 256 << 20;

/// The answer's body to a GET request for a path with its query, such as `/api/v0/invar/ledger`.
pub fn get(server: &Server, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let mut url = base(&server.addr)?;
    url.set_path(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut config = HttpClientConfig::defaults();
    config.basic_auth = credentials(&mut url);
    let shown = url.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let client = Client::new(&config, Arc::new(RealFs)).map_err(|error| error.to_string())?;
    let request = Request {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Default::default(),
        timeout: Duration::from_secs(30),
    };
    let answer = runtime.block_on(client.send(request, LIMIT)).map_err(|error| {
        format!(
            "no Invar answers at {}: {error}; is it running, and is --addr its address?",
            server.addr
        )
    })?;
    match answer.status.as_u16() {
        200 => Ok(answer.body.to_vec()),
        401 | 403 => Err(format!(
            "{} wants credentials: give them as --addr http://USER:PASSWORD@HOST:PORT",
            server.addr
        )),
        404 => Err(format!(
            "{shown} is not found: what runs there is not Invar, or an older version of it"
        )),
        _ => Err(format!("{shown} answers {}: {}", answer.status, answer.text())),
    }
}

/// The address as a URL; a missing scheme is `http`.
fn base(addr: &str) -> Result<Url, String> {
    let text = if addr.contains("://") {
        addr.to_owned()
    } else {
        format!("http://{addr}")
    };
    let url = Url::parse(&text).map_err(|error| format!("--addr {addr:?} is not an address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("--addr {addr:?} should look like http://127.0.0.1:12345"));
    }
    Ok(url)
}

/// Takes user and password out of an address.
fn credentials(url: &mut Url) -> Option<BasicAuth> {
    let password = url.password().map(str::to_owned)?;
    let found = BasicAuth {
        username: decode(url.username()),
        password: Secret::new(decode(&password)),
        ..BasicAuth::defaults()
    };
    // Only addresses that cannot have a host refuse this, and ours has one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(found)
}

fn decode(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    let decoded = Url::parse(&format!("http://x/?{pair}"))
        .ok()
        .and_then(|url| url.query_pairs().next().map(|(_, value)| value.into_owned()));
    decoded.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_scheme_and_credentials() {
        assert_eq!(
            base("localhost:12345").map(|url| url.to_string()),
            Ok("http://localhost:12345/".to_owned())
        );
        assert!(base("ftp://x").is_err());
        let mut url = base("https://bob:a%2Bb%40c@host:1").expect("an address");
        let found = credentials(&mut url).expect("credentials");
        assert_eq!(found.username, "bob");
        assert_eq!(found.password, Secret::new("a+b@c"));
        assert_eq!(url.as_str(), "https://host:1/");
        assert!(credentials(&mut url).is_none());
    }
}
