//! This process as a member of a cluster, or alone.

use crate::app::hostname;
use crate::cli;
use axum::body::Body;
use axum::http::{Request, Response};
use cluster::{Options, Service, SystemDns};
use component::{BoxFuture, CancellationToken, Cluster};
use host::Host;
use promtext::Registry;
use services::http::Handler;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What this process is among others.
pub struct Member {
    /// As components see it.
    pub cluster: Cluster,
    service: Option<Service>,
}

impl Member {
    /// A member as the flags say, whose HTTP server listens on `listen`.
    pub async fn new(
        flags: &cli::Cluster,
        listen: SocketAddr,
        host: &Host,
        registry: &Registry,
    ) -> Result<Member, component::Error> {
        let name = flags.node_name.clone().unwrap_or_else(hostname);
        if !flags.enabled {
            return Ok(Member {
                cluster: Cluster::alone(&name, &listen.to_string()),
                service: None,
            });
        }
        let list = |text: &str| -> Vec<String> {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(str::to_owned).collect()
        };
        let options = Options {
            node_name: name,
            advertise_address: flags.advertise_address.clone(),
            advertise_interfaces: list(&flags.advertise_interfaces),
            join_addresses: list(&flags.join_addresses),
            discover_peers: flags.discover_peers.clone(),
            rejoin_interval: flags.rejoin_interval,
            max_join_peers: flags.max_join_peers as usize,
            name: flags.name.clone(),
            enable_tls: flags.enable_tls,
            tls_ca_path: flags.tls_ca_path.clone(),
            tls_cert_path: flags.tls_cert_path.clone(),
            tls_key_path: flags.tls_key_path.clone(),
            tls_server_name: flags.tls_server_name.clone(),
            wait_for_size: flags.wait_for_size as usize,
            wait_timeout: flags.wait_timeout,
            ..Options::default()
        };
        let service = Service::new(
            &options,
            listen,
            host,
            Arc::new(SystemDns::new(host.fs.clone())),
            registry,
        )
        .await?;
        Ok(Member {
            cluster: service.cluster(),
            service: Some(service),
        })
    }

    /// Joins the others, and stays with them until `stop`.
    pub fn join(&self, stop: CancellationToken) -> Option<JoinHandle<()>> {
        let service = self.service.clone()?;
        Some(tokio::spawn(async move { service.run(stop).await }))
    }

    /// Takes its share from now on.
    pub fn participate(&self) {
        if let Some(service) = &self.service {
            service.participate();
        }
    }

    /// Lets the others take over, and says goodbye.
    pub async fn leave(&self) {
        if let Some(service) = &self.service {
            service.leave().await;
        }
    }

    /// What answers the others; nothing without a cluster.
    pub fn handler(&self) -> Option<Arc<dyn Handler>> {
        let service = self.service.clone()?;
        Some(Arc::new(Transport(service)))
    }
}

struct Transport(Service);

impl Handler for Transport {
    fn answer(&self, _: String, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        self.0.answer(request)
    }
}
