//! Proxies.

use crate::config::ProxyConfig;
use crate::credentials;
use crate::error::ConfigError;
use reqwest::{NoProxy, Proxy};

/// The proxies of a configuration, in order. `environment` reads a variable.
pub(crate) fn proxies(
    config: &ProxyConfig,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Proxy>, ConfigError> {
    let headers = credentials::headers(&config.proxy_connect_header)?;
    let finish = |proxy: reqwest::Result<Proxy>, what: &str, no_proxy: &str| {
        // The address may hold a password and is not repeated.
        let proxy = proxy.map_err(|error| ConfigError::caused(format!("{what} is unusable"), error.without_url()))?;
        let except = if no_proxy.is_empty() {
            None
        } else {
            NoProxy::from_string(no_proxy)
        };
        Ok(proxy.no_proxy(except).headers(headers.clone()))
    };
    if !config.proxy_url.is_empty() {
        return Ok(vec![finish(
            Proxy::all(config.proxy_url.as_str()),
            "proxy_url",
            &config.no_proxy,
        )?]);
    }
    if !config.proxy_from_environment {
        return Ok(Vec::new());
    }
    let variable = |name: &str| {
        let value = environment(name).or_else(|| environment(&name.to_lowercase()));
        value.filter(|value| !value.is_empty())
    };
    let no_proxy = variable("NO_PROXY").unwrap_or_default();
    let mut proxies = Vec::new();
    if let Some(url) = variable("HTTPS_PROXY") {
        proxies.push(finish(
            Proxy::https(url),
            "the environment variable HTTPS_PROXY",
            &no_proxy,
        )?);
    }
    if let Some(url) = variable("HTTP_PROXY") {
        proxies.push(finish(
            Proxy::http(url),
            "the environment variable HTTP_PROXY",
            &no_proxy,
        )?);
    }
    Ok(proxies)
}
