//! What servers of the family share: blocks, ports, bodies, compression.

pub(crate) mod compression;
pub(crate) mod cors;
pub(crate) mod grpc;
pub(crate) mod grpc_args;
pub(crate) mod http_args;
pub(crate) mod port;
pub(crate) mod tls_args;
