//! What is wrong with the arguments that endpoints of all protocols have, and what of them may be shown.

use component::Error;
use net::{HeaderName, HeaderValue, HttpClientConfig, Url};
use std::collections::BTreeMap;
use value::{Invalid, Seg};

/// An address without credentials and parameters, which may hold some as well: for metrics, messages, the queue and the ledger.
pub fn public_url(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            // Only addresses without a host refuse this, and they have no credentials.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        Err(_) => "?".to_owned(),
    }
}

/// What is wrong with the argument `url`, which should look like `example`. The text may hold a password and is not repeated as a whole.
pub fn url_problem(url: &str, example: &str) -> Option<Error> {
    let message = match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => return None,
        Ok(url) => format!("has the scheme {:?}; use \"http\" or \"https\"", url.scheme()),
        Err(error) => format!("should look like {example:?}: {error}"),
    };
    Some(Error::about("url", message))
}

/// Everything that is wrong with the argument `headers`.
pub fn header_problems(headers: &BTreeMap<String, String>) -> Vec<Error> {
    let mut found = Vec::new();
    for (name, value) in headers {
        let wrong = |message: String| Error::about("headers", message).at([Seg::Field(name.clone())]);
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            found.push(wrong(format!("has {name:?}, which is not the name of a header")));
        }
        if HeaderValue::from_str(value).is_err() {
            found.push(wrong(format!(
                "has line breaks or control characters in the value of {name:?}"
            )));
        }
    }
    found
}

/// Everything that is wrong with the arguments of a client.
pub fn client_problems(http: &HttpClientConfig) -> Vec<Error> {
    let problems = http.problems().into_iter();
    problems
        .map(|(block, Invalid { argument, message })| {
            let error = match argument {
                Some(argument) => Error::about(argument, message),
                // Which blocks there are is known.
                None if block.is_empty() && http.conflict().is_err() => Error::new(message).certain(),
                None => Error::new(message),
            };
            match block {
                "" => error,
                block => error.inside(block, 0),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::BasicAuth;
    use value::Block;

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(public_url("https://u:p@host:1/x?token=s"), "https://host:1/x");
        assert_eq!(public_url("no address"), "?");
    }

    #[test]
    fn each_problem_is_told_once() {
        let http = HttpClientConfig {
            basic_auth: Some(BasicAuth::defaults()),
            bearer_token_file: "/token".to_owned(),
            ..HttpClientConfig::defaults()
        };
        let found = client_problems(&http);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(url_problem("ftp://x", "http://x").is_some_and(|error| error.to_string().contains("\"ftp\"")));
        assert!(url_problem("https://x", "http://x").is_none());
        let headers = BTreeMap::from([("a b".to_owned(), "1".to_owned()), ("c".to_owned(), "\n".to_owned())]);
        assert_eq!(header_problems(&headers).len(), 2);
    }
}
