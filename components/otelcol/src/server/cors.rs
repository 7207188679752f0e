//! Which web pages may send: the `cors` block at work. Source: the Fetch standard, and rs/cors, which Alloy uses, for what it leaves open.

use super::http_args::CorsArgs;
use net::{HeaderMap, HeaderValue, Method};

/// The rules of a `cors` block.
#[derive(Clone, Debug)]
pub(crate) struct Cors {
    origins: Vec<String>,
    headers: Vec<String>,
    exposed: String,
    max_age: i64,
}

impl Cors {
    pub(crate) fn new(args: &CorsArgs) -> Option<Cors> {
        if args.allowed_origins.is_empty() {
            return None;
        }
        let mut headers: Vec<String> = args.allowed_headers.iter().map(|name| name.to_lowercase()).collect();
        headers.extend(["accept", "content-type", "origin"].map(str::to_owned));
        Some(Cors {
            origins: args
                .allowed_origins
                .iter()
                .map(|origin| origin.to_lowercase())
                .collect(),
            headers,
            exposed: args.exposed_headers.join(", "),
            max_age: args.max_age,
        })
    }

    fn allows(&self, origin: &str) -> bool {
        let origin = origin.to_lowercase();
        self.origins.iter().any(|pattern| match pattern.split_once('*') {
            None => *pattern == origin,
            Some((before, after)) => {
                origin.len() >= before.len() + after.len() && origin.starts_with(before) && origin.ends_with(after)
            }
        })
    }

    /// Whether a request asks what a page may do, and the headers that answer it.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
        let asked = headers.get("access-control-request-method")?;
        if method != Method::OPTIONS {
            return None;
        }
        let mut answer = HeaderMap::new();
        answer.insert(
            "vary",
            HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        );
        let wanted = headers.get("access-control-request-headers");
        let names = wanted.and_then(|wanted| wanted.to_str().ok()).unwrap_or_default();
        let mut names = names
            .split(',')
            .map(|name| name.trim().to_lowercase())
            .filter(|name| !name.is_empty());
        let known = self.headers.iter().any(|name| name == "*") || names.all(|name| self.headers.contains(&name));
        let allowed = ["GET", "POST", "HEAD"].contains(&asked.to_str().unwrap_or_default());
        if known && allowed && self.origin(headers, &mut answer) {
            answer.insert("access-control-allow-methods", asked.clone());
            if let Some(wanted) = wanted {
                answer.insert("access-control-allow-headers", wanted.clone());
            }
            if self.max_age > 0 {
                answer.insert("access-control-max-age", HeaderValue::from(self.max_age));
            }
        }
        Some(answer)
    }

    /// Adds what the answer to a page's request needs.
    pub(crate) fn answer(&self, headers: &HeaderMap, answer: &mut HeaderMap) {
        answer.append("vary", HeaderValue::from_static("Origin"));
        if self.origin(headers, answer)
            && !self.exposed.is_empty()
            && let Ok(exposed) = HeaderValue::from_str(&self.exposed)
        {
            answer.insert("access-control-expose-headers", exposed);
        }
    }

    fn origin(&self, headers: &HeaderMap, answer: &mut HeaderMap) -> bool {
        let Some(origin) = headers.get("origin") else {
            return false;
        };
        if !origin.to_str().is_ok_and(|origin| self.allows(origin)) {
            return false;
        }
        answer.insert("access-control-allow-origin", origin.clone());
        answer.insert("access-control-allow-credentials", HeaderValue::from_static("true"));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn pages_of_allowed_origins_may_send() {
        let cors = Cors::new(&CorsArgs {
            allowed_origins: vec!["https://*.example.com".to_owned()],
            allowed_headers: vec!["X-Token".to_owned()],
            exposed_headers: vec![],
            max_age: 60,
        })
        .unwrap();
        let ask = |origin, asked| {
            let asked = headers(&[
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", asked),
            ]);
            let answer = cors.preflight(&Method::OPTIONS, &asked).unwrap();
            answer.contains_key("access-control-allow-origin")
        };
        assert!(ask("https://a.example.com", "content-type, x-token"));
        assert!(!ask("https://a.example.com", "x-other"));
        assert!(!ask("https://example.org", "content-type"));
        assert!(cors.preflight(&Method::POST, &headers(&[])).is_none());
        let mut answer = HeaderMap::new();
        cors.answer(&headers(&[("origin", "https://b.example.com")]), &mut answer);
        assert_eq!(answer["access-control-allow-origin"], "https://b.example.com");
    }
}
