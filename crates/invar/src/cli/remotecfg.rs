//! `invar remotecfg-server`

use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Args)]
pub struct RemotecfgServer {
    /// Folder with the configurations: ID.alloy or NAME.alloy for one collector, default.alloy for those without a file of their own.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8888", value_name = "ADDR")]
    pub listen: SocketAddr,
}
