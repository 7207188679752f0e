//! The `tls` block of clients.

use crate::tpm::TpmArgs;
use component::Error;
use net::{TlsConfig, TlsExtras};
use value::{Block, GoDuration, Invalid, Secret};

/// Encryption on the way to a server.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = TlsArgs::validate)]
pub struct TlsArgs {
    /// Whether there is none: gRPC without TLS. Over HTTP the scheme of the endpoint decides.
    #[arg(default)]
    pub insecure: bool,
    /// Whether any certificate of the server is accepted.
    #[arg(default)]
    pub insecure_skip_verify: bool,
    /// Name that the server's certificate must have, instead of the one in the endpoint.
    #[arg(default)]
    pub server_name: String,
    /// Certificates to trust instead of the system's, as PEM text.
    #[arg(default)]
    pub ca_pem: String,
    /// File of certificates to trust instead of the system's.
    #[arg(default)]
    pub ca_file: String,
    /// Certificate of this client, as PEM text.
    #[arg(default)]
    pub cert_pem: String,
    /// File of this client's certificate.
    #[arg(default)]
    pub cert_file: String,
    /// Key of this client, as PEM text.
    #[arg(default)]
    pub key_pem: Secret,
    /// File of this client's key.
    #[arg(default)]
    pub key_file: String,
    /// Lowest version: `TLS 1.2` or `TLS 1.3`. `TLS 1.0` and `TLS 1.1` are accepted and mean `TLS 1.2`.
    #[arg(default = "TLS 1.2".to_owned())]
    pub min_version: String,
    /// Highest version: `TLS 1.2` or `TLS 1.3`.
    #[arg(default = "TLS 1.3".to_owned())]
    pub max_version: String,
    /// Has no effect: files are read again when they change.
    #[arg(default)]
    pub reload_interval: GoDuration,
    /// Has no effect: all suites are secure.
    #[arg(default)]
    pub cipher_suites: Vec<String>,
    /// Has no effect: there are no insecure ones.
    #[arg(default)]
    pub include_insecure_cipher_suites: bool,
    /// Has no effect.
    #[arg(default)]
    pub curve_preferences: Vec<String>,
    /// Whether the system's certificates are trusted beside those of `ca_pem` or `ca_file`.
    #[arg(default)]
    pub include_system_ca_certs_pool: bool,
    /// Keys in a trusted platform module, which is not supported.
    #[arg(block, default)]
    pub tpm: TpmArgs,
}

const VERSIONS: [&str; 4] = ["TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"];

/// A version as Alloy's users write it: `TLS 1.2`, `1.2`.
fn version(text: &str) -> Option<usize> {
    let number = text.strip_prefix("TLS").unwrap_or(text).trim();
    VERSIONS
        .iter()
        .position(|version| version.ends_with(number) && number.len() == 3)
}

impl TlsArgs {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong.
    pub(crate) fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        let bounds = [("min_version", &self.min_version), ("max_version", &self.max_version)];
        for (name, text) in bounds {
            if !text.is_empty() && version(text).is_none() {
                let message = format!("is {text:?}; use \"TLS 1.2\" or \"TLS 1.3\"");
                found.push(Error::about(name, message));
            }
        }
        if let (Some(min), Some(max)) = (version(&self.min_version), version(&self.max_version)) {
            if max < min {
                found.push(Error::about("max_version", "must not be less than min_version").with("min_version"));
            } else if max < 2 {
                found.push(Error::about(
                    "max_version",
                    "is not secure; use \"TLS 1.2\" or \"TLS 1.3\"",
                ));
            }
        }
        if self.tpm.enabled {
            let message = "keys in a trusted platform module are not supported; use key_file";
            found.push(Error::about("enabled", message).inside("tpm", 0));
        }
        if let Err(error) = self.config().check() {
            found.push(Error::new(error.to_string()));
        }
        found
    }

    /// The same as `net` takes it.
    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig {
            ca_pem: self.ca_pem.clone(),
            ca_file: self.ca_file.clone(),
            cert_pem: self.cert_pem.clone(),
            cert_file: self.cert_file.clone(),
            key_pem: self.key_pem.clone(),
            key_file: self.key_file.clone(),
            server_name: self.server_name.clone(),
            insecure_skip_verify: self.insecure_skip_verify,
            min_version: match version(&self.min_version) {
                Some(3) => "TLS13".to_owned(),
                _ => String::new(),
            },
        }
    }

    /// What `net` wants to know beyond that.
    pub(crate) fn extras(&self) -> TlsExtras {
        TlsExtras {
            system_roots: self.include_system_ca_certs_pool,
            only_tls12: version(&self.max_version) == Some(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        assert_eq!(
            [version("TLS 1.2"), version("1.3"), version("1.0")],
            [Some(2), Some(3), Some(0)]
        );
        assert_eq!([version("TLS 2"), version(""), version(".2")], [None, None, None]);
        let mut args = TlsArgs::defaults();
        assert!(args.problems().is_empty());
        args.max_version = "1.2".to_owned();
        assert!(args.problems().is_empty() && args.extras().only_tls12);
        args.min_version = "TLS 1.3".to_owned();
        assert_eq!(args.problems().len(), 1);
    }
}
