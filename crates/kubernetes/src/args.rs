//! Arguments that all components have which ask the API server.

use crate::access::Access;
use component::Error;
use host::Fs;
use net::HttpClientConfig;
use std::path::PathBuf;
use value::Block;

/// Which API server to ask, and how.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = ClientArguments::validate)]
pub struct ClientArguments {
    /// URL of the API server. Without it and `kubeconfig_file`, the one of the cluster in which Invar runs, as the service account of its pod.
    #[arg(default)]
    pub api_server: String,
    /// File with the API server and the credentials, of which the current context counts.
    #[arg(default)]
    pub kubeconfig_file: PathBuf,
    #[arg(flatten)]
    /// How requests to `api_server` are made.
    pub http: HttpClientConfig,
}

impl Default for ClientArguments {
    fn default() -> Self {
        ClientArguments::defaults()
    }
}

impl ClientArguments {
    /// Checks what concerns more than one argument. A block that flattens this one calls it from its own check.
    pub fn validate(&self) -> Result<(), value::Invalid> {
        self.http.validate()?;
        match self.conflict().into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn conflict(&self) -> Vec<Error> {
        let mut found = Vec::new();
        let file = !self.kubeconfig_file.as_os_str().is_empty();
        if file && !self.api_server.is_empty() {
            let message = "cannot be used together with \"kubeconfig_file\", which names the server";
            found.push(Error::about("api_server", message).with("kubeconfig_file"));
        }
        if !self.api_server.is_empty() {
            found.extend(Access::server(&self.api_server, HttpClientConfig::default()).err());
        }
        found
    }

    /// Everything that is wrong, as far as that shows without files.
    pub fn problems(&self) -> Vec<Error> {
        let http = self.http.problems().into_iter().map(|(block, invalid)| {
            let error = match &invalid.argument {
                Some(argument) => Error::about(argument.clone(), invalid.message.clone()),
                None => Error::new(invalid.message.clone()),
            };
            if block.is_empty() {
                error
            } else {
                error.inside(block, 0)
            }
        });
        self.conflict().into_iter().chain(http).collect()
    }

    /// The server and the identity that are meant.
    ///
    /// # Errors
    /// A kubeconfig file that cannot be read or understood; nothing is given and this does not run in a pod.
    pub fn access(&self, fs: &dyn Fs) -> Result<Access, Error> {
        if !self.kubeconfig_file.as_os_str().is_empty() {
            Access::kubeconfig(&self.kubeconfig_file, fs)
        } else if !self.api_server.is_empty() {
            Access::server(&self.api_server, self.http.clone())
        } else {
            Access::in_cluster(|name| std::env::var(name).ok())
        }
    }
}
