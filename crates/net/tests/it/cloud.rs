//! What clouds are sent, and what the services that give credentials are asked.

mod aws;
mod azure;
mod google;

use crate::kit;
use host::{FixedEnv, Fs, Host, ManualClock, MemFs, SystemClock};
use net::cloud::{CloudAuth, CloudConfig, Places};
use net::{Client, HttpClientConfig};
use std::sync::Arc;

/// 2015-08-30T12:36:00Z.
const NOW: i64 = 1_440_938_160_000_000_000;
const AN_HOUR_LATER: &str = "2015-08-30T13:36:00Z";

/// A machine with these files and variables.
#[derive(Default)]
struct Machine<'a> {
    files: &'a [(&'a str, &'a str)],
    env: &'a [(&'a str, &'a str)],
    places: Places,
}

impl Machine<'_> {
    fn client(&self, config: CloudConfig) -> Client {
        let fs = MemFs::new(Arc::new(SystemClock));
        for (path, content) in self.files {
            fs.create(path, content.as_bytes());
        }
        let host = Host {
            clock: Arc::new(ManualClock::at(NOW)),
            fs: Arc::new(fs.clone()),
            env: Arc::new(FixedEnv::new(self.env.iter().copied())),
            ..Host::real()
        };
        let cloud = CloudAuth::at(config, &host, self.places.clone());
        let fs: Arc<dyn Fs> = Arc::new(fs);
        let client = Client::pushing(&HttpClientConfig::default(), fs).unwrap();
        client.authorized_by(Arc::new(cloud))
    }
}

/// The error of a client that finds nothing to send a request with.
async fn failure(client: &Client) -> String {
    let error = kit::send(client, "http://127.0.0.1:9/").await.unwrap_err();
    assert!(!error.is_timeout());
    error.to_string()
}
