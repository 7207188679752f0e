//! Names of peers.

use component::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use host::Fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Answers questions about names. The error says why there is no answer; a name without records has an empty one.
pub trait Dns: Send + Sync + 'static {
    /// The addresses of a name.
    fn addresses(&self, name: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, String>>;
    /// The targets of a name's SRV records.
    fn targets(&self, name: &str) -> BoxFuture<'static, Result<Vec<String>, String>>;
}

/// Where the system says which servers to ask.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The system's: addresses as other programs find them, SRV records from the servers of `/etc/resolv.conf`.
pub struct SystemDns(Arc<dyn Fs>);

impl SystemDns {
    /// Reads its configuration from these files.
    pub fn new(fs: Arc<dyn Fs>) -> Self {
        SystemDns(fs)
    }
}

impl Dns for SystemDns {
    fn addresses(&self, name: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, String>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|error| error.to_string())?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }

    fn targets(&self, name: &str) -> BoxFuture<'static, Result<Vec<String>, String>> {
        let (fs, name) = (self.0.clone(), name.to_owned());
        Box::pin(async move {
            let text = fs.read(Path::new(RESOLV_CONF));
            let text = text.map_err(|error| format!("cannot read {RESOLV_CONF}: {error}"))?;
            let (config, mut options) = hickory_resolver::system_conf::parse_resolv_conf(text)
                .map_err(|error| format!("cannot understand {RESOLV_CONF}: {error}"))?;
            // Each time the peers of now are wanted.
            options.cache_size = 0;
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            *builder.options_mut() = options;
            let resolver = builder.build().map_err(|error| error.to_string())?;
            match resolver.lookup(name.as_str(), RecordType::SRV).await {
                Ok(lookup) => {
                    let records = lookup.answers().iter();
                    let targets = records.filter_map(|record| match &record.data {
                        RData::SRV(record) => Some(record.target.to_ascii().trim_end_matches('.').to_owned()),
                        _ => None,
                    });
                    Ok(targets.collect())
                }
                Err(error) if error.is_no_records_found() => Ok(Vec::new()),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}
