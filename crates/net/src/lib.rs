//! HTTP as components speak it: one block of arguments for credentials, TLS and proxies, and the client that follows it.
//!
//! [`HttpClientConfig`] is flattened into the arguments of whatever sends requests; [`Client`] sends them. Files with
//! credentials and certificates are read again when they change. Neither errors nor `Debug` output show a secret.
//! [`cloud`] is what Amazon, Microsoft and Google want of requests. [`Backoff`] and [`retry_after`] say when to try again. [`server`] is the other side: listeners for components that are sent things.

mod body;
mod channel;
mod client;
pub mod cloud;
mod config;
mod credentials;
mod error;
mod line;
mod oauth2;
mod proxy;
mod quiet;
mod retry;
pub mod server;
mod tls;
mod transport;

pub use body::Body;
pub use channel::{Channel, ChannelConfig, Reply};
pub use client::{Answer, Client, Head, Opened, Request};
pub use config::{Authorization, BasicAuth, HttpClientConfig, OAuth2, ProxyConfig, TlsConfig};
pub use error::{ConfigError, SendError};
pub use line::Line;
pub use retry::{Backoff, retry_after};

pub use tls::TlsExtras;

pub use hyper::http::uri::PathAndQuery;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Method, StatusCode};
pub use url::Url;
