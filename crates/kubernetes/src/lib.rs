//! The API server of Kubernetes as components reach it: where it is, who asks, and kube's requests over the client of [`net`], so that TLS,
//! proxies, credentials and their rotation are the same as everywhere.

mod access;
mod args;

pub use access::{Access, HEADERS, connect, own_namespace};
pub use args::ClientArguments;
pub use k8s_openapi;
pub use kube;

use serde::de::DeserializeOwned;

/// Gets one object by its path.
///
/// # Errors
/// What went wrong and what to do about it.
pub async fn get<T: DeserializeOwned>(client: &kube::Client, path: &str) -> Result<T, String> {
    let request = hyper::Request::get(path)
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let found = client.request(request).await;
    found.map_err(|error| explain(&error, &["get"]))
}

/// What is wrong, and what to do; `verbs` is what the role has to allow.
pub fn explain(error: &kube::Error, verbs: &[&str]) -> String {
    match error {
        kube::Error::Api(status) => {
            let hint = match status.code {
                401 => ": check the token, or the other credentials".to_owned(),
                403 => {
                    let verbs: Vec<String> = verbs.iter().map(|verb| format!("{verb:?}")).collect();
                    format!(": the role of the service account has to allow {}", verbs.join(" and "))
                }
                _ => String::new(),
            };
            format!("{} ({}){hint}", status.message, status.code)
        }
        kube::Error::Service(error) => error.to_string(),
        other => other.to_string(),
    }
}
