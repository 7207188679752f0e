//! Who may ask.

use super::answer;
use super::options::{AuthArgs, FilterArgs};
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Authentication of the `http` block. Without credentials everything is open.
#[derive(Default)]
pub(crate) struct Auth {
    basic: Option<Credentials>,
    filter: Option<FilterArgs>,
}

/// Hashes of the name and the password, so that a comparison takes the same time whatever was sent.
struct Credentials {
    username: [u8; 32],
    password: [u8; 32],
}

fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Compares without stopping at the first difference.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b));
    std::hint::black_box(difference) == 0
}

impl Auth {
    pub(crate) fn new(args: Option<&AuthArgs>) -> Self {
        let Some(args) = args else {
            return Auth::default();
        };
        Auth {
            basic: args.basic.as_ref().map(|basic| Credentials {
                username: hash(basic.username.as_bytes()),
                password: hash(basic.password.expose().as_bytes()),
            }),
            filter: args.filter.clone(),
        }
    }

    /// Whether a request for a path may pass.
    pub(crate) fn passes(&self, path: &str, headers: &HeaderMap) -> bool {
        match &self.basic {
            Some(credentials) => !self.covers(path) || credentials.fit(headers),
            None => true,
        }
    }

    fn covers(&self, path: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| {
            let matching = filter.paths.iter().any(|prefix| path.starts_with(prefix.as_str()));
            matching == filter.authenticate_matching_paths
        })
    }
}

/// The answer to a request that may not pass.
pub(crate) fn refusal() -> Response<Body> {
    let mut refusal = answer::empty(StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static("Basic realm=\"Restricted\"");
    refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    refusal
}

impl Credentials {
    fn fit(&self, headers: &HeaderMap) -> bool {
        let Some((username, password)) = headers.get(AUTHORIZATION).and_then(|value| basic(value.as_bytes())) else {
            return false;
        };
        // Both are compared always.
        let username = same(&hash(&username), &self.username);
        let password = same(&hash(&password), &self.password);
        username & password
    }
}

/// Name and password of an `Authorization: Basic` header (RFC 7617).
fn basic(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let password = decoded.split_off(colon + 1);
    decoded.pop();
    Some((decoded, password))
}
