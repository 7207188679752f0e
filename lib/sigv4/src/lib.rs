//! Amazon's Signature Version 4, in the `Authorization` header.
//!
//! The rules: "Create a signed AWS API request" in the IAM user guide
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>), with a path that is encoded twice, as
//! all services but S3 expect it. Time and credentials are handed in; nothing is asked of the machine.

mod canonical;

pub use canonical::clean_path;

use canonical::{canonical_headers, canonical_path, canonical_query};
use jiff::Timestamp;
use ring::{digest, hmac};
use std::fmt::{self, Write as _};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What a scope, and the derivation of its key, ends with.
const END: &str = "aws4_request";

/// Headers that are not signed, because something on the way may change them: those that Amazon's SDK for Go leaves out.
const UNSIGNED: [&str; 5] = [
    "authorization",
    "expect",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Who signs.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Id of the access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// The session's token; empty for keys that are not of a session.
    pub session_token: String,
}

/// Shows the id of the key and nothing else.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        shown.field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method, in capitals.
    pub method: &'a str,
    /// The value of the `Host` header.
    pub host: &'a str,
    /// Path as it is sent, without the query; empty means `/`. It is signed as it is: see [`clean_path`].
    pub path: &'a str,
    /// Query as it is sent, without its question mark.
    pub query: &'a str,
    /// The other headers; several values of one name in the order in which they are sent. Those that are not to be signed are left out here: see
    /// [`is_signed`].
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Body.
    pub body: &'a [u8],
}

/// For what a signature is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Region: `eu-central-1`.
    pub region: &'a str,
    /// Service: `aps`, `sts`.
    pub service: &'a str,
}

/// Headers that make a request a signed one.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// `X-Amz-Date`.
    pub date: String,
    /// `X-Amz-Security-Token`, for keys of a session.
    pub security_token: Option<String>,
    /// `Authorization`.
    pub authorization: String,
}

/// Whether a header of this name, in lower case, is part of the signature.
pub fn is_signed(name: &str) -> bool {
    !UNSIGNED.contains(&name)
}

/// The SHA-256 of bytes, in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Signs a request that is sent at `nanos` since the Unix epoch. Signatures are valid for a few minutes around their time.
pub fn sign(request: &Request<'_>, scope: Scope<'_>, credentials: &Credentials, nanos: i64) -> Signed {
    let time = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &date[..8];
    let token = Some(&credentials.session_token).filter(|token| !token.is_empty());

    let mut headers: Vec<(&str, &[u8])> = request.headers.to_vec();
    headers.push(("host", request.host.as_bytes()));
    headers.push(("x-amz-date", date.as_bytes()));
    if let Some(token) = token {
        headers.push(("x-amz-security-token", token.as_bytes()));
    }
    let (lines, names) = canonical_headers(&headers);

    let mut canonical = Vec::new();
    for part in [
        request.method.as_bytes(),
        canonical_path(request.path).as_bytes(),
        canonical_query(request.query).as_bytes(),
        &lines,
        names.as_bytes(),
    ] {
        canonical.extend_from_slice(part);
        canonical.push(b'\n');
    }
    canonical.extend_from_slice(sha256_hex(request.body).as_bytes());

    let scope_text = format!("{day}/{}/{}/{END}", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope_text}\n{}", sha256_hex(&canonical));
    let key = [day, scope.region, scope.service, END]
        .into_iter()
        .fold(format!("AWS4{}", credentials.secret_key).into_bytes(), |key, part| {
            mac(&key, part.as_bytes())
        });
    let signature = hex(&mac(&key, to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key
    );
    Signed {
        authorization,
        security_token: token.cloned(),
        date,
    }
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
