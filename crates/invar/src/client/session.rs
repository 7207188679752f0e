//! Asking one Invar again and again, over connections that stay open.

use super::{ANSWER_LIMIT, LIMIT, base, credentials};
use crate::cli::Server;
use host::RealFs;
use net::{Answer, Client, HeaderMap, HeaderName, HeaderValue, HttpClientConfig, Method, Opened, Request, Url};
use std::sync::Arc;
use std::time::Duration;
use value::Block;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Invar.
pub struct Session {
    client: Client,
    base: Url,
    addr: String,
}

impl Session {
    /// For the address that the user gives.
    pub fn new(server: &Server) -> Result<Session, String> {
        Session::at("--addr", &server.addr, "http://127.0.0.1:12345")
    }

    /// For the URL that an option gives, whose path [`Session::post_here`] uses.
    pub fn at(option: &str, url: &str, example: &str) -> Result<Session, String> {
        let mut base = base(option, url, example)?;
        let mut config = HttpClientConfig::defaults();
        config.basic_auth = credentials(&mut base);
        let client = Client::new(&config, Arc::new(RealFs)).map_err(|error| error.to_string())?;
        Ok(Session {
            client,
            addr: base.to_string(),
            base,
        })
    }

    /// The address, without credentials.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The body of the answer to a GET request for a path with its query; every other status than 200 is an error.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>, String> {
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let shown = url.to_string();
        let answer = self.send(Method::GET, url, HeaderMap::new(), Vec::new()).await?;
        match answer.status.as_u16() {
            200 => Ok(answer.body.to_vec()),
            404 => Err(format!(
                "{shown} is not found: what runs there is not Invar, or an older version of it"
            )),
            _ => Err(format!("{shown} answers {}: {}", answer.status, answer.text())),
        }
    }

    /// The answer to JSON that is sent to the session's own URL; credentials that are wrong or missing are an error.
    pub async fn post_here(&self, json: Vec<u8>) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        let content = HeaderValue::from_static("application/json");
        headers.insert(HeaderName::from_static("content-type"), content);
        self.send(Method::POST, self.base.clone(), headers, json).await
    }

    /// An answer that is read while it arrives, to a GET request for a path with its query; every other status than 200 is an error.
    pub async fn open(&self, path: &str, query: &[(&str, String)]) -> Result<Opened, String> {
        let mut url = self.base.clone();
        url.set_path(path);
        url.query_pairs_mut().extend_pairs(query);
        let request = Request {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Default::default(),
            timeout: PATIENCE,
        };
        let mut answer = self.client.open(request).await.map_err(|error| self.silent(&error))?;
        match answer.status().as_u16() {
            200 => Ok(answer),
            401 => Err(self.closed()),
            404 => Err(format!(
                "{}{} is not found: what runs there is not Invar, or an older version of it",
                self.addr,
                path.trim_start_matches('/')
            )),
            status => {
                let mut body = Vec::new();
                let read = async {
                    while let Ok(Some(chunk)) = answer.chunk().await
                        && body.len() < ANSWER_LIMIT
                    {
                        body.extend_from_slice(&chunk);
                    }
                };
                // What there is of it is shown.
                let _ = tokio::time::timeout(PATIENCE, read).await;
                let why = String::from_utf8_lossy(&body);
                Err(format!("{} answers {status}: {}", self.addr, why.trim_end()))
            }
        }
    }

    fn silent(&self, error: &impl std::fmt::Display) -> String {
        format!(
            "no Invar answers at {}: {error}; is it running, and is --addr its address?",
            self.addr
        )
    }

    fn closed(&self) -> String {
        format!(
            "{} wants credentials: give them as --addr http://USER:PASSWORD@HOST:PORT",
            self.addr
        )
    }

    async fn send(&self, method: Method, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, String> {
        let request = Request {
            method,
            url,
            headers,
            body: std::iter::once(body.into()).collect(),
            timeout: PATIENCE,
        };
        let sent = self.client.send(request, LIMIT).await;
        let answer = sent.map_err(|error| self.silent(&error))?;
        if matches!(answer.status.as_u16(), 401 | 403) {
            return Err(self.closed());
        }
        if answer.broken {
            return Err(format!("the answer of {} broke off", self.addr));
        }
        Ok(answer)
    }
}
