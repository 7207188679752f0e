//! Errors of calls, as Connect writes them.

use std::fmt;

/// Codes of errors that this crate makes or looks at. Others are kept by their name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request is not what it should be.
    InvalidArgument,
    /// There is no such thing.
    NotFound,
    /// Who asks has to say who it is.
    Unauthenticated,
    /// There is no such call.
    Unimplemented,
    /// It does not work now.
    Unavailable,
    /// The server is at fault.
    Internal,
    /// Any other, by its name.
    Other(String),
}

impl Code {
    /// Its name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Code::InvalidArgument => "invalid_argument",
            Code::NotFound => "not_found",
            Code::Unauthenticated => "unauthenticated",
            Code::Unimplemented => "unimplemented",
            Code::Unavailable => "unavailable",
            Code::Internal => "internal",
            Code::Other(name) => name,
        }
    }

    /// The status of the HTTP answer.
    pub fn status(&self) -> u16 {
        match self {
            Code::InvalidArgument => 400,
            Code::NotFound => 404,
            Code::Unauthenticated => 401,
            Code::Unimplemented => 501,
            Code::Unavailable => 503,
            Code::Internal | Code::Other(_) => 500,
        }
    }

    fn named(name: &str) -> Code {
        let known = [
            Code::InvalidArgument,
            Code::NotFound,
            Code::Unauthenticated,
            Code::Unimplemented,
            Code::Unavailable,
            Code::Internal,
        ];
        let found = known.into_iter().find(|code| code.as_str() == name);
        found.unwrap_or_else(|| Code::Other(name.to_owned()))
    }

    /// What an answer without a code means.
    fn of_status(status: u16) -> Code {
        match status {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::Other("permission_denied".to_owned()),
            404 => Code::Unimplemented,
            429 | 502..=504 => Code::Unavailable,
            _ => Code::Other("unknown".to_owned()),
        }
    }
}

/// An error that a server answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// What kind of error.
    pub code: Code,
    /// What happened, for people.
    pub message: String,
}

/// Longest part of an answer that is no error of Connect and is repeated, in characters.
const MOST_REPEATED: usize = 200;
/// Longest text of an error that is kept, in characters.
const MOST_MESSAGE: usize = 4096;

impl CallError {
    /// An error.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        CallError {
            code,
            message: message.into(),
        }
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Vec<u8> {
        let json = serde_json::json!({"code": self.code.as_str(), "message": self.message});
        json.to_string().into_bytes()
    }

    /// The error of an answer whose status is not 200. Proxies answer with anything; the beginning of that is the message.
    pub fn of_answer(status: u16, body: &[u8]) -> Self {
        let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let text = |name: &str| json.as_ref()?.get(name)?.as_str().map(str::to_owned);
        if let Some(code) = text("code") {
            let cut = |text: String| text.chars().take(MOST_MESSAGE).collect::<String>();
            return CallError::new(Code::named(&cut(code)), cut(text("message").unwrap_or_default()));
        }
        let words = String::from_utf8_lossy(body);
        let line: Vec<&str> = words.split_whitespace().collect();
        let line: String = line.join(" ").chars().take(MOST_REPEATED).collect();
        let message = match line.as_str() {
            "" => format!("HTTP status {status}"),
            line => format!("HTTP status {status}: {line}"),
        };
        CallError::new(Code::of_status(status), message)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => f.write_str(self.code.as_str()),
            message => write!(f, "{}: {message}", self.code.as_str()),
        }
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_round_trip_and_anything_else_is_one_too() {
        let error = CallError::new(Code::NotFound, "no \"x\"");
        assert_eq!(CallError::of_answer(404, &error.to_json()), error);
        let other = CallError::new(Code::Other("aborted".to_owned()), "");
        assert_eq!(CallError::of_answer(409, &other.to_json()), other);
        assert_eq!(other.to_string(), "aborted");
        assert_eq!(
            CallError::of_answer(502, b"<html>\n bad  gateway").to_string(),
            "unavailable: HTTP status 502: <html> bad gateway"
        );
        assert_eq!(
            CallError::of_answer(401, b"{}").to_string(),
            "unauthenticated: HTTP status 401: {}"
        );
    }
}
